"""Where advisories come from: archives, folders, repositories, addresses; what is damaged there is not forgotten."""

from __future__ import annotations

import io
import json
import os
import subprocess
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from advisory_records import pypa_files
from customhouse.advisories import queries
from customhouse.advisories.import_source import Imported, import_source
from customhouse.advisories.refresh import READ_JOB, REFRESH_JOB
from customhouse.advisories.sources import address, rows
from customhouse.advisories.sources.address import read_changes
from customhouse.advisories.sources.model import Source, describe
from customhouse.advisories.sources.rows import AddSource, RemoveSource, add_source, remove_source
from customhouse.formats.osv import zipped
from customhouse.infra.fetch import Outbound
from customhouse.infra.reach import Reach
from customhouse.ledger.tables import ledger_event
from customhouse.terms.errors import Refused, Rejected, Unavailable
from customhouse.work import run_due_job, seed_periodic_jobs
from receiver import Behaviour, Receiver, Reply, Request, receiver
from world import World

LOOPBACK = Outbound(Reach.parse(["127.0.0.0/8"]))


def document(advisory_id: str, day: int = 1, package: str = "demo", **more: Any) -> dict[str, Any]:
    events = [{"introduced": "0"}, {"fixed": "2.0"}]
    package_ = {"ecosystem": "PyPI", "name": package}
    affected = [{"package": package_, "ranges": [{"type": "ECOSYSTEM", "events": events}]}]
    return {"id": advisory_id, "modified": f"2026-01-{day:02}T00:00:00Z", "affected": affected, **more}


def text(advisory_id: str, day: int = 1, package: str = "demo", **more: Any) -> bytes:
    return json.dumps(document(advisory_id, day, package, **more)).encode()


def added(world: World, source: Source) -> Source:
    world.app.do(add_source, AddSource(source))
    return known(world, source.name)


def known(world: World, name: str) -> Source:
    with world.app.database.read() as sql:
        found = rows.find_source(sql, name)
    assert found is not None
    return found


def read(world: World, name: str, *, again: bool = False) -> Imported:
    return import_source(world.app.deeds, LOOPBACK, known(world, name), again=again)


def ids(world: World) -> list[str]:
    return [one.id for one in queries.every(world.app.database)]


def problems(world: World, name: str) -> dict[str, str]:
    with world.app.database.read() as sql:
        return {one.place: one.reason for one in rows.problems(sql, name)}


def kinds(world: World) -> list[str]:
    with world.app.database.read() as sql:
        return [row.kind for row in sql.execute(ledger_event.select().order_by(ledger_event.c.serial))]


def zip_of(files: Mapping[str, bytes], **how: Any) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, **how)
    return packed.getvalue()


# --- what a place is


@pytest.fixture
def records(tmp_path: Path) -> Path:
    """A folder of its own: the index's own files lie beside it."""
    folder = tmp_path / "records"
    folder.mkdir()
    return folder


def test_a_place_says_what_kind_it_is_and_what_it_is_called(tmp_path: Path) -> None:
    (tmp_path / "vulns").mkdir()
    (tmp_path / "all.zip").write_bytes(zip_of({}))
    (tmp_path / "one.json").write_bytes(b"{}")
    assert describe(str(tmp_path / "vulns")).kind == "folder"
    assert describe(str(tmp_path / "all.zip")).kind == "zip"
    assert describe(str(tmp_path / "one.json")).kind == "file"
    found = describe("https://osv.test/PyPI/all.zip?x=1")
    assert (found.kind, found.name) == ("url", "pypi-all.zip")
    assert describe(str(tmp_path), name="mine").name == "mine"
    with pytest.raises(Rejected, match="nothing there"):
        describe(str(tmp_path / "none"))
    with pytest.raises(Rejected, match="no name for a source"):
        describe(str(tmp_path), name="here")


@pytest.mark.parametrize(
    "bad", [{"name": "Ä"}, {"kind": "ftp"}, {"place": ""}, {"trust": 1000}, {"ecosystems": ("",)}, {"place": "a\0b"}]
)
def test_a_source_that_is_described_badly_is_refused(small_world: World, bad: dict[str, Any]) -> None:
    with pytest.raises(Rejected, match="Accepted"):
        small_world.app.do(add_source, AddSource(replace(Source("x", "folder", "/x"), **bad)))


# --- folders and files


@pytest.mark.slow
def test_the_whole_database_of_the_pypa_is_read_from_a_folder(world: World, tmp_path: Path) -> None:
    for name, content in pypa_files().items():
        path = tmp_path / "db" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    added(world, Source("pypa", "folder", str(tmp_path / "db")))
    done = read(world, "pypa")
    assert (done.written.new, done.faults, done.files) == (2461, 0, 2461)
    assert read(world, "pypa").unchanged
    assert read(world, "pypa", again=True).written.same == 2461
    with world.app.database.read() as sql:
        assert len(queries.of_names(sql, ["django"])["django"]) > 80


def test_a_damaged_record_stops_no_other_and_is_told_until_it_is_mended(world: World, records: Path) -> None:
    (records / "a.json").write_bytes(text("X-1"))
    (records / "b.json").write_bytes(b'{"id": "X-2"')
    (records / "c.yaml").write_bytes(b"a: &x 1\nb: *x")
    (records / "d.json").write_bytes(text("X-4"))
    source = added(world, Source("mine", "folder", str(records)))
    done = read(world, source.name)
    assert (ids(world), done.faults) == (["X-1", "X-4"], 2)
    assert sorted(problems(world, "mine")) == ["b.json", "c.yaml"]
    assert "cannot be read" in problems(world, "mine")["b.json"]
    assert known(world, "mine").error == "2 records could not be read"
    assert read(world, "mine").faults == 2, "an unchanged source is as damaged as it was"
    (records / "b.json").write_bytes(text("X-2"))
    assert read(world, "mine").faults == 1
    assert list(problems(world, "mine")) == ["c.yaml"]
    (records / "c.yaml").unlink()
    assert read(world, "mine").faults == 0
    assert known(world, "mine").error == ""
    assert kinds(world).count("advisory-source-failed") == 1


def test_links_hidden_files_and_files_that_are_too_large_are_not_read(small_world: World, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / ".git").mkdir(parents=True)
    (folder / ".git" / "x.json").write_bytes(text("X-0"))
    (folder / "a.json").write_bytes(text("X-1"))
    (tmp_path / "outside.json").write_bytes(text("X-2"))
    (folder / "link.json").symlink_to(tmp_path / "outside.json")
    (folder / "huge.json").write_bytes(b" " * (8 * 2**20 + 1))
    os.mkfifo(folder / "pipe.json")
    added(small_world, Source("mine", "folder", str(folder)))
    assert read(small_world, "mine").faults == 1
    assert ids(small_world) == ["X-1"]
    assert list(problems(small_world, "mine")) == ["huge.json"]


def test_a_place_that_is_gone_is_a_failure_that_is_noted(small_world: World, tmp_path: Path) -> None:
    for kind in ("folder", "zip", "file", "git"):
        added(small_world, replace(describe(str(tmp_path)), name=kind, kind=kind, place=str(tmp_path / "gone")))
        with pytest.raises(Unavailable, match="nothing there"):
            read(small_world, kind)
        assert "nothing there" in known(small_world, kind).error
        assert known(small_world, kind).succeeded_at is None
    assert kinds(small_world).count("advisory-source-failed") == 4


def test_a_file_may_hold_many_records(small_world: World, tmp_path: Path) -> None:
    path = tmp_path / "many.json"
    path.write_text(json.dumps([document("X-1"), {"id": 7}, document("X-3")]))
    added(small_world, Source("many", "file", str(path)))
    assert read(small_world, "many").faults == 1
    assert list(problems(small_world, "many")) == ["many.json[1]"]
    assert ids(small_world) == ["X-1", "X-3"]


def test_only_the_ecosystems_that_are_asked_for_count(small_world: World, records: Path) -> None:
    npm = document("X-2")
    npm["affected"][0]["package"]["ecosystem"] = "npm"
    (records / "a.json").write_text(json.dumps([document("X-1"), npm]))
    added(small_world, Source("mine", "folder", str(records), ecosystems=("PyPI",)))
    assert read(small_world, "mine").left_out == 1
    assert ids(small_world) == ["X-1"]


# --- archives


def test_an_archive_is_read_and_read_again_only_when_it_has_changed(world: World, tmp_path: Path) -> None:
    path = tmp_path / "all.zip"
    path.write_bytes(zip_of({"X-1.json": text("X-1"), "X-2.json": b"{", "LICENSE": b"free"}))
    added(world, describe(str(path), name="osv"))
    assert (read(world, "osv").faults, ids(world)) == (1, ["X-1"])
    assert read(world, "osv").unchanged
    path.write_bytes(zip_of({"X-1.json": text("X-1", 2, "other"), "X-2.json": text("X-2")}))
    done = read(world, "osv")
    assert (done.written.changed, done.written.new, done.faults, problems(world, "osv")) == (1, 1, 0, {})


def _bomb() -> bytes:
    return zip_of({"X-1.json": text("X-1"), "bomb.json": b" " * (64 * 2**20)})


def _lzma() -> bytes:
    return zip_of({"X-1.json": text("X-1"), "lzma.json": text("X-2")}, compress_type=zipfile.ZIP_LZMA)


def _damaged_member() -> bytes:
    good = bytearray(zip_of({"X-1.json": text("X-1"), "X-2.json": text("X-2" * 30)}))
    at = good.index(b"X-2.json") + len("X-2.json")
    good[at + 4 : at + 12] = b"\xff" * 8
    return bytes(good)


@pytest.mark.parametrize(
    ("packed", "stays", "damaged"),
    [(_bomb, ["X-1"], ["bomb.json"]), (_damaged_member, ["X-1"], ["X-2.json"]), (_lzma, [], ["X-1.json", "lzma.json"])],
)
def test_a_hostile_member_is_damaged_and_nothing_else(
    small_world: World, tmp_path: Path, packed: Callable[[], bytes], stays: list[str], damaged: list[str]
) -> None:
    (tmp_path / "all.zip").write_bytes(packed())
    added(small_world, describe(str(tmp_path / "all.zip"), name="osv"))
    assert read(small_world, "osv").faults == len(damaged)
    assert (ids(small_world), list(problems(small_world, "osv"))) == (stays, damaged)


@pytest.mark.parametrize("content", [b"", b"PK", b"no zip at all" * 100, zip_of({"a.json": b"{}"})[:-5]])
def test_what_is_no_archive_is_refused_and_noted(small_world: World, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "all.zip").write_bytes(content)
    added(small_world, describe(str(tmp_path / "all.zip"), name="osv"))
    with pytest.raises(Rejected, match="ZIP archive"):
        read(small_world, "osv")
    assert "ZIP archive" in known(small_world, "osv").error


def test_an_archive_of_many_bombs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipped, "MAX_EXPANDED_BYTES", 10_000)
    path = tmp_path / "all.zip"
    path.write_bytes(zip_of({f"{number}.json": b" " * 4_000 for number in range(9)}))
    with path.open("rb") as file, zipped.open_zip(file, "all.zip") as archive:
        taken = zipped.files_in(archive, zipped.names_in(archive), "all.zip")
        with pytest.raises(Rejected, match="expands to more"):
            list(taken)


# --- repositories


def git(folder: Path, *arguments: str) -> str:
    who = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b.test", "GIT_COMMITTER_NAME": "a"}
    environment = {**os.environ, **who, "GIT_COMMITTER_EMAIL": "a@b.test", "GIT_CONFIG_GLOBAL": os.devnull}
    done = subprocess.run(["git", "-C", str(folder), *arguments], env=environment, check=True, capture_output=True)
    return done.stdout.decode().strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q")
    return folder


def commit(folder: Path, files: Mapping[str, bytes | None]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            path.unlink()
        else:
            path.write_bytes(content)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "x")


def test_a_repository_is_read_at_its_head_and_then_only_what_has_changed(world: World, repository: Path) -> None:
    first = {"vulns/demo/X-1.json": text("X-1"), "vulns/demo/X-2.json": b"{", "false_positives.yaml": b"- a"}
    commit(repository, first)
    added(world, describe(str(repository), name="pypa"))
    assert known(world, "pypa").kind == "git"
    done = read(world, "pypa")
    assert (done.files, done.written.new, done.faults) == (2, 1, 1)
    # What was damaged is read again even if nothing has changed: a later version of this program may understand it.
    assert read(world, "pypa").faults == 1
    commit(repository, {"vulns/demo/X-3.json": text("X-3", package="Größe"), "vulns/demo/X-2.json": None})
    (repository / "vulns/demo/X-9.json").write_bytes(text("X-9"))
    done = read(world, "pypa")
    assert (done.files, done.written.new, done.faults) == (1, 1, 0)
    assert (ids(world), problems(world, "pypa")) == (["X-1", "X-3"], {})
    assert read(world, "pypa").unchanged


def test_a_bare_repository_and_one_whose_history_was_rewritten(small_world: World, repository: Path) -> None:
    commit(repository, {"a.json": text("X-1")})
    added(small_world, describe(str(repository / ".git"), name="bare"))
    assert (known(small_world, "bare").kind, read(small_world, "bare").written.new) == ("git", 1)
    git(repository, "checkout", "-q", "--orphan", "other")
    commit(repository, {"b.json": text("X-2")})
    for branch in ("master", "main"):
        subprocess.run(["git", "-C", str(repository), "branch", "-D", branch], check=False, capture_output=True)
    git(repository, "reflog", "expire", "--expire=now", "--all")
    git(repository, "gc", "-q", "--prune=now")
    done = read(small_world, "bare")
    assert (done.files, done.written.same, done.written.new) == (2, 1, 1)


def test_a_repository_s_own_programs_are_not_run(small_world: World, repository: Path, tmp_path: Path) -> None:
    commit(repository, {"a.json": text("X-1"), ".gitattributes": b"*.json filter=evil diff=evil\n"})
    trap = tmp_path / "trap"
    for key in ("filter.evil.smudge", "filter.evil.clean", "diff.evil.textconv", "diff.external", "core.fsmonitor"):
        git(repository, "config", key, f"touch {trap}")
    added(small_world, describe(str(repository), name="evil"))
    assert read(small_world, "evil").written.new == 1
    git(repository, "config", "--unset", "core.fsmonitor")
    git(repository, "config", "--unset", "filter.evil.clean")
    trap.unlink(missing_ok=True)
    (repository / "b.json").write_bytes(text("X-2"))
    git(repository, "add", "b.json")
    git(repository, "commit", "-q", "-m", "x")
    git(repository, "config", "core.fsmonitor", f"touch {trap}")
    assert read(small_world, "evil").written.new == 1
    assert not trap.exists()


def test_a_folder_inside_a_repository_is_no_repository(small_world: World, repository: Path) -> None:
    commit(repository, {"inner/a.json": text("X-1")})
    added(small_world, Source("inner", "git", str(repository / "inner")))
    with pytest.raises(Rejected, match="not a git repository"):
        read(small_world, "inner")


def test_an_empty_repository_is_refused(small_world: World, repository: Path) -> None:
    added(small_world, describe(str(repository), name="empty"))
    with pytest.raises(Rejected, match="with commits"):
        read(small_world, "empty")


# --- addresses


class Served:
    """Files at addresses, with an ETag and a date each."""

    def __init__(self, service: Receiver) -> None:
        self.files: dict[str, bytes] = {}
        self.service = service
        self.conditional = 0
        service.answer = self.answer

    def answer(self, request: Request) -> Behaviour:
        content = self.files.get(request.path)
        if content is None:
            return Reply(404, b"")
        tag = f'"{hash(content)}"'
        if request.headers.get("if-none-match") == tag:
            self.conditional += 1
            return Reply(304, b"", {"etag": tag})
        return Reply(200, content, {"etag": tag, "last-modified": "Sat, 10 Jan 2026 00:00:00 GMT"})

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.service.port}{path}"

    def asked(self) -> list[str]:
        found = [one.path for one in self.service.requests]
        self.service.requests.clear()
        return found


@pytest.fixture
def served() -> Any:
    with receiver() as service:
        yield Served(service)


def test_an_archive_at_an_address_is_fetched_again_only_when_it_has_changed(world: World, served: Served) -> None:
    served.files["/PyPI/all.zip"] = zip_of({"X-1.json": text("X-1")})
    added(world, describe(served.url("/PyPI/all.zip"), name="osv"))
    assert read(world, "osv").written.new == 1
    assert read(world, "osv").unchanged
    assert served.conditional == 1
    served.files["/PyPI/all.zip"] = zip_of({"X-1.json": text("X-1"), "X-2.json": text("X-2")})
    assert read(world, "osv").written.new == 1


def test_a_single_record_at_an_address(small_world: World, served: Served) -> None:
    served.files["/X-1.json"] = text("X-1")
    added(small_world, describe(served.url("/X-1.json"), name="one"))
    assert (read(small_world, "one").written.new, ids(small_world)) == (1, ["X-1"])


def test_a_list_of_changes_is_followed_from_everything_to_what_is_new(world: World, served: Served) -> None:
    served.files["/PyPI/all.zip"] = zip_of({"X-1.json": text("X-1"), "X-2.json": text("X-2", 9)})
    served.files["/PyPI/modified_id.csv"] = b"2026-01-09T00:00:00Z,X-2\n2026-01-01T00:00:00Z,X-1\n"
    added(world, describe(served.url("/PyPI/modified_id.csv"), name="osv"))
    assert read(world, "osv").written.new == 2
    assert served.asked() == ["/PyPI/modified_id.csv", "/PyPI/all.zip"]
    # The archive was made on the 10th: whatever has changed since the day before is asked for again.
    served.files["/PyPI/X-2.json"] = text("X-2", 9)
    served.files["/PyPI/X-3.json"] = b"{"
    served.files["/PyPI/modified_id.csv"] = b"2026-01-11T00:00:00.5Z,X-3\n" + served.files["/PyPI/modified_id.csv"]
    done = read(world, "osv")
    assert (done.written.same, done.faults, list(problems(world, "osv"))) == (1, 1, ["X-3.json"])
    assert served.asked() == ["/PyPI/modified_id.csv", "/PyPI/X-2.json", "/PyPI/X-3.json"]
    # A damaged record is asked for again although the list is the same, and is forgotten when it is mended.
    served.files["/PyPI/X-3.json"] = text("X-3", 11)
    assert (read(world, "osv").written.new, problems(world, "osv")) == (1, {})
    assert read(world, "osv").unchanged
    # What stands far down in the list and is not known here is asked for, too.
    served.files["/PyPI/OLD-1.json"] = text("OLD-1")
    served.files["/PyPI/modified_id.csv"] += b"2020-01-01T00:00:00Z,OLD-1\n"
    assert read(world, "osv").written.new == 1
    assert ids(world) == ["OLD-1", "X-1", "X-2", "X-3"]


def test_a_list_that_is_too_long_for_one_run_is_followed_in_several(
    small_world: World, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(address, "MOST_RECORDS", 3)
    times = ["05", "04", "03", "02", "02", "02", "02", "01"]
    lines = [f"2026-01-{day}T00:00:00Z,X-{at}" for at, day in enumerate(times)]
    served.files["/modified_id.csv"] = "\n".join(lines).encode()
    for at, day in enumerate(times):
        served.files[f"/X-{at}.json"] = text(f"X-{at}", int(day))
    added(small_world, describe(served.url("/modified_id.csv"), name="long"))
    # All of one time come together, or it would never get beyond that time.
    assert [read(small_world, "long").files for _ in range(3)] == [5, 7, 0]
    assert len(ids(small_world)) == len(times)


@pytest.mark.parametrize("listing", [b"\xff", b"now,X-1", b"2026-01-01T00:00:00Z", b"2026-01-01T00:00:00Z,../../x"])
def test_a_list_that_is_none_is_refused(listing: bytes) -> None:
    with pytest.raises(Rejected):
        read_changes(listing, "list.csv")


@pytest.mark.parametrize("status", [404, 403, 500, 503])
def test_a_server_that_refuses_is_noted_and_what_was_read_stays(
    small_world: World, served: Served, status: int
) -> None:
    served.files["/all.zip"] = zip_of({"X-1.json": text("X-1")})
    added(small_world, describe(served.url("/all.zip"), name="osv"))
    read(small_world, "osv")
    served.service.answer = lambda _request: Reply(status)
    with pytest.raises(Unavailable, match=str(status)):
        read(small_world, "osv")
    assert str(status) in known(small_world, "osv").error
    assert ids(small_world) == ["X-1"]
    served.service.answer = served.answer
    assert read(small_world, "osv").unchanged
    assert known(small_world, "osv").error == ""


def test_an_address_that_must_not_be_reached_is_refused(small_world: World, served: Served) -> None:
    added(small_world, describe(served.url("/all.zip"), name="inside"))
    with pytest.raises(Refused):
        import_source(small_world.app.deeds, Outbound(Reach()), known(small_world, "inside"))
    assert known(small_world, "inside").error


# --- adding, removing, asking regularly


def test_another_place_is_read_from_its_beginning(small_world: World, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.json").write_bytes(text("X-1"))
    added(small_world, Source("mine", "folder", str(tmp_path / "a")))
    read(small_world, "mine")
    assert known(small_world, "mine").mark.revision
    again = added(small_world, replace(known(small_world, "mine"), place=str(tmp_path / "b")))
    assert again.mark.revision == ""
    added(small_world, again)
    assert kinds(small_world).count("advisory-source-set") == 2


def test_a_source_that_is_removed_leaves_its_records(small_world: World, records: Path) -> None:
    (records / "x.json").write_bytes(b"{")
    (records / "y.json").write_bytes(text("X-1"))
    added(small_world, Source("mine", "folder", str(records)))
    read(small_world, "mine")
    small_world.app.do(remove_source, RemoveSource("mine"))
    assert ids(small_world) == ["X-1"]
    with small_world.app.database.read() as sql:
        assert rows.sources(sql) == []
    with pytest.raises(Refused, match="no source"):
        small_world.app.do(remove_source, RemoveSource("mine"))


def test_the_worker_reads_every_source_that_is_asked_regularly(small_world: World, tmp_path: Path) -> None:
    for name in ("asked", "once"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.json").write_bytes(text(f"X-{name}"))
    added(small_world, Source("asked", "folder", str(tmp_path / "asked"), origin="operator"))
    added(small_world, Source("once", "folder", str(tmp_path / "once"), origin="import"))
    added(small_world, Source("gone", "folder", str(tmp_path / "gone"), origin="operator"))
    _work(small_world)
    assert ids(small_world) == ["X-asked"]
    assert "nothing there" in known(small_world, "gone").error
    (tmp_path / "asked" / "y.json").write_bytes(text("Y-asked"))
    small_world.clock.turn(timedelta(hours=2))
    _work(small_world)
    assert ids(small_world) == ["X-asked", "Y-asked"]


def _work(world: World) -> None:
    seed_periodic_jobs(world.app)
    while run_due_job(world.app, only={REFRESH_JOB, READ_JOB}):
        pass


def test_operators_read_on_a_page_what_could_not_be_read(small_world: World, records: Path) -> None:
    (records / "bad<script>.json").write_bytes(b"{")
    added(small_world, Source("mine", "folder", str(records)))
    read(small_world, "mine")
    page = small_world.operator().get("/admin/sources/").text
    assert "1 records could not be read" in page
    assert "bad&lt;script&gt;.json" in page
    assert "<script>" not in page
