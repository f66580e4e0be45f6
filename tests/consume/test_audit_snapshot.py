"""The advisories on one machine: built, brought up to date, read; never half, never silently less."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from advising import DATA, pypa_records, record
from customhouse.consume.snapshot.build import write_snapshot
from customhouse.consume.snapshot.compact import read_entry, write_entry
from customhouse.consume.snapshot.place import Wanted, default_path, is_old, open_snapshot
from customhouse.consume.snapshot.read import Snapshot
from customhouse.consume.snapshot.sources import write_document
from customhouse.consume.snapshot.update import Changed, update
from customhouse.consume.wire import Wire
from customhouse.formats.osv.matching import affects, read_version
from customhouse.formats.osv.model import Record
from customhouse.formats.osv.severity import Level
from customhouse.terms.errors import Rejected, Unavailable
from osv_store import OsvStore, osv_store

pytestmark = pytest.mark.slow

NOW = datetime(2026, 11, 28, tzinfo=UTC)


@pytest.fixture
def store() -> Iterator[OsvStore]:
    with osv_store() as one:
        yield one


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    monkeypatch.setattr("customhouse.consume.wire.PAUSE_SECONDS", 0.0)
    one = Wire()
    yield one
    one.close()


def documents(count: int) -> list[dict[str, object]]:
    return [dict(record(f"PYSEC-2026-{at}", f"demo-{at}", fixed="2.0").document) for at in range(count)]


def names(path: Path, name: str) -> list[str]:
    snapshot = Snapshot(path)
    try:
        return [one.id for one in snapshot.entries(name)]
    finally:
        snapshot.close()


def same_verdicts(records: Iterator[Record]) -> int:
    compared = 0
    for one in records:
        if one.withdrawn is not None:
            continue
        for name in one.packages():
            entry = read_entry(write_entry(one, name, "PyPI"))
            texts = {text for affected in one.of(name) for text in affected.versions}
            texts |= {event.version for affected in one.of(name) for span in affected.ranges for event in span.events}
            for text in (
                texts | {f"{text}+cu118" for text in list(texts)[:3]} | {f"{text}rc1" for text in list(texts)[:3]}
            ):
                expected = any(affects(affected, text) for affected in one.of(name))
                assert entry.affects(text, read_version(text)) == expected, (one.id, name, text)
                compared += 1
    return compared


@pytest.mark.slow
def test_the_short_form_judges_every_version_that_the_pypa_names_as_the_whole_one() -> None:
    assert same_verdicts(iter(pypa_records())) > 100_000


def test_between_local_edges_a_listed_version_is_kept() -> None:
    one = record("PYSEC-2026-1", "demo", versions=["1.0"], fixed="1.0+b", introduced="1.0+a")
    entry = read_entry(write_entry(one, "demo", "PyPI"))
    assert entry.affects("1.0", read_version("1.0"))
    assert not entry.affects("1.0.1", read_version("1.0.1"))


def test_the_first_run_takes_the_archive_and_later_ones_only_what_has_changed(
    store: OsvStore, wire: Wire, tmp_path: Path
) -> None:
    path = tmp_path / "advisories.sqlite"
    store.put(*documents(30))
    assert update(path, [store.url], lambda: wire) == Changed(whole=True, records=30)
    assert store.asked["/PyPI/all.zip"] == 1
    before = path.stat().st_ino
    assert update(path, [store.url], lambda: wire) is None
    assert path.stat().st_ino == before
    store.put(record("PYSEC-2026-3", "elsewhere", fixed="9", modified="2026-11-27T00:00:00Z").document)
    store.put(record("PYSEC-2026-99", "new", fixed="9").document)
    del store.records["PYSEC-2026-4"]
    assert update(path, [store.url], lambda: wire) == Changed(whole=False, records=2, removed=1)
    assert store.asked["/PyPI/all.zip"] == 1
    # What the list does not name any more is asked for as well: a list may be cut off.
    assert {key for key in store.asked if key.endswith(".json")} == {
        "/PyPI/PYSEC-2026-3.json",
        "/PyPI/PYSEC-2026-4.json",
        "/PyPI/PYSEC-2026-99.json",
    }
    assert (names(path, "demo-3"), names(path, "elsewhere"), names(path, "new"), names(path, "demo-4")) == (
        [], ["PYSEC-2026-3"], ["PYSEC-2026-99"], [],
    )  # fmt: skip
    snapshot = Snapshot(path)
    assert (snapshot.records, snapshot.newest) == (30, "2026-11-27T00:00:00Z")
    snapshot.close()


def test_when_very_much_has_changed_the_archive_is_taken_again(store: OsvStore, wire: Wire, tmp_path: Path) -> None:
    path = tmp_path / "advisories.sqlite"
    store.put(*documents(3))
    update(path, [store.url], lambda: wire)
    store.put(*documents(500))
    assert update(path, [store.url], lambda: wire) == Changed(whole=True, records=500)
    assert not [key for key in store.asked if key.endswith(".json")]


@pytest.mark.parametrize("count", [30, 600])
@pytest.mark.parametrize("kept", [0, 10])
def test_a_list_that_was_cut_off_takes_nothing_away(
    store: OsvStore, wire: Wire, tmp_path: Path, count: int, kept: int
) -> None:
    path = tmp_path / "advisories.sqlite"
    store.put(*documents(count))
    update(path, [store.url], lambda: wire)
    whole = (store.body("/PyPI/modified_id.csv") or b"").splitlines(keepends=True)
    store.raw["/PyPI/modified_id.csv"] = b"".join(whole[:kept])
    update(path, [store.url], lambda: wire)
    assert Snapshot(path).records == count


def test_a_record_that_is_listed_and_nowhere_is_told_and_holds_nothing_else_up(
    store: OsvStore, wire: Wire, tmp_path: Path
) -> None:
    path = tmp_path / "advisories.sqlite"
    store.put(*documents(3))
    update(path, [store.url], lambda: wire)
    listed = b"2026-11-26T00:00:00Z,PYSEC-2026-77\n" + (store.body("/PyPI/modified_id.csv") or b"")
    store.raw["/PyPI/modified_id.csv"] = listed
    update(path, [store.url], lambda: wire)
    snapshot = Snapshot(path)
    assert snapshot.records == 3
    assert [(one.where, one.why) for one in snapshot.unread()] == [
        ("PYSEC-2026-77.json", "it is listed, and there is no such file")
    ]
    del store.raw["/PyPI/modified_id.csv"]
    update(path, [store.url], lambda: wire)
    assert Snapshot(path).unread() == []


def test_what_an_archive_lacks_of_its_list_is_asked_for(store: OsvStore, wire: Wire, tmp_path: Path) -> None:
    path = tmp_path / "advisories.sqlite"
    store.put(*documents(3))
    store.raw["/PyPI/all.zip"] = store.body("/PyPI/all.zip") or b""
    store.put(record("PYSEC-2026-99", "new", fixed="9").document)
    store.put(record("PYSEC-2026-2", "elsewhere", fixed="9", modified="2026-11-27T00:00:00Z").document)
    update(path, [store.url], lambda: wire)
    assert (names(path, "new"), names(path, "elsewhere")) == (["PYSEC-2026-99"], ["PYSEC-2026-2"])
    store.put(*documents(900))
    with pytest.raises(Unavailable, match=r"lacks \d+ of \d+ records"):
        update(tmp_path / "another.sqlite", [store.url], lambda: wire)


def test_what_one_source_gives_up_another_still_has(store: OsvStore, wire: Wire, tmp_path: Path) -> None:
    path, folder = tmp_path / "advisories.sqlite", tmp_path / "vulns"
    folder.mkdir()
    store.put(*documents(3))
    for key, one in store.records.items():
        (folder / f"{key}.json").write_text(json.dumps(one))
    update(path, [store.url, str(folder)], lambda: wire)
    (folder / "PYSEC-2026-1.json").unlink()
    update(path, [store.url, str(folder)], lambda: wire)
    assert names(path, "demo-1") == ["PYSEC-2026-1"]


@pytest.mark.parametrize("failing", ["/PyPI/modified_id.csv", "/PyPI/PYSEC-2026-99.json"])
def test_a_source_that_fails_leaves_the_snapshot_as_it_was(
    store: OsvStore, wire: Wire, tmp_path: Path, failing: str
) -> None:
    path = tmp_path / "advisories.sqlite"
    store.put(*documents(3))
    update(path, [store.url], lambda: wire)
    before = path.read_bytes()
    store.put(record("PYSEC-2026-99", "new", fixed="9").document)
    store.failing.add(failing)
    with pytest.raises(Unavailable, match="answers 500"):
        update(path, [store.url], lambda: wire)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.glob(".*.draft")] == []
    wanted = Wanted(path, (store.url,), refresh=True)
    snapshot, gaps = open_snapshot(wanted, {}, NOW, lambda: wire, lambda *_: None)
    assert snapshot.records == 3
    assert "could not be brought up to date" in gaps[0].why


@pytest.mark.parametrize(
    ("path", "body", "why"),
    [
        ("/PyPI/modified_id.csv", b"\xff\xfe", "cannot be read"),
        ("/PyPI/modified_id.csv", b"yesterday,PYSEC-2026-1\n", "cannot be read"),
        ("/PyPI/modified_id.csv", b"one,two,three\n", "cannot be read"),
        ("/PyPI/all.zip", b"no zip", "all.zip cannot be used"),
        ("/PyPI/all.zip", b"", "all.zip cannot be used"),
    ],
)
def test_an_answer_that_is_none_is_no_empty_list_of_advisories(
    store: OsvStore, wire: Wire, tmp_path: Path, path: str, body: bytes, why: str
) -> None:
    store.put(*documents(3))
    store.raw[path] = body
    with pytest.raises(Unavailable, match=why):
        update(tmp_path / "advisories.sqlite", [store.url], lambda: wire)
    assert not (tmp_path / "advisories.sqlite").exists()


def test_an_archive_without_a_record_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "empty.zip", "w"):
        pass
    with pytest.raises(Rejected, match="no OSV record"):
        update(tmp_path / "s.sqlite", [str(tmp_path / "empty.zip")], Wire)


def test_a_record_that_cannot_be_read_is_remembered_with_its_place(tmp_path: Path) -> None:
    folder = tmp_path / "vulns"
    folder.mkdir()
    good = dict(record("PYSEC-2026-1", "demo", fixed="2.0").document)
    (folder / "good.json").write_text(json.dumps(good))
    bad = {**good, "id": "PYSEC-2026-2", "modified": "never"}
    (folder / "bad.json").write_text(json.dumps(bad))
    (folder / "worse.json").write_text("{")
    update(tmp_path / "s.sqlite", [str(folder)], Wire)
    snapshot = Snapshot(tmp_path / "s.sqlite")
    told = {one.where: (one.why, one.packages) for one in snapshot.unread()}
    assert snapshot.records == 1
    assert told["bad.json"][1] == ("demo",)
    assert "'never' is no time" in told["bad.json"][0]
    assert told["worse.json"][1] == ()


@pytest.mark.parametrize("kind", ["cut", "empty", "text", "foreign", "grown"])
def test_a_damaged_snapshot_is_refused_and_built_anew(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "s.sqlite"
    source = tmp_path / "one.json"
    source.write_text(json.dumps(record("PYSEC-2026-1", "demo", fixed="2.0").document, default=str))
    update(path, [str(source)], Wire)
    whole = path.read_bytes()
    path.write_bytes(
        {"cut": whole[: len(whole) // 2], "empty": b"", "text": b"words " * 100, "grown": whole + b"\0" * 4096,
         "foreign": whole[:68] + b"\0\0\0\0" + whole[72:]}[kind]
    )  # fmt: skip
    with pytest.raises(Rejected, match="cannot be used"):
        Snapshot(path)
    update(path, [str(source)], Wire)
    assert names(path, "demo") == ["PYSEC-2026-1"]


def test_a_build_that_is_killed_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    source = tmp_path / "one.json"
    source.write_text(json.dumps(record("PYSEC-2026-1", "demo", fixed="2.0").document, default=str))
    update(path, [str(source)], Wire)
    before = path.read_bytes()
    program = (
        "import sys; from pathlib import Path; from customhouse.consume.snapshot.update import update\n"
        "def heard(what, done, of): print(done, flush=True); sys.stdin.readline()\n"
        f"update(Path({str(path)!r}), [{str(DATA / 'pypa-advisory-database.tar.xz')!r}], None, heard)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"100\n"
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    assert path.read_bytes() == before
    assert list(tmp_path.glob(".*.draft"))
    update(path, [str(source)], Wire)
    assert not list(tmp_path.glob(".*.draft"))


def test_two_processes_at_once_leave_one_whole_snapshot(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    source = tmp_path / "many.json"
    source.write_text(json.dumps(documents(300), default=str))
    program = (
        "from pathlib import Path; from customhouse.consume.snapshot.update import update\n"
        f"update(Path({str(path)!r}), [{str(source)!r}], None)"
    )
    both = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(2)]
    assert [one.wait(30) for one in both] == [0, 0]
    assert names(path, "demo-299") == ["PYSEC-2026-299"]


def test_offline_nobody_is_asked(store: OsvStore, wire: Wire, tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    with pytest.raises(Rejected, match="no advisories on this machine"):
        open_snapshot(Wanted(path, offline=True), {}, NOW, lambda: wire, lambda *_: None)
    store.put(*documents(2))
    open_snapshot(Wanted(path, (store.url,)), {}, NOW, lambda: wire, lambda *_: None)
    asked = store.asked.total()
    for wanted in (Wanted(path, offline=True), Wanted(path, offline=True, refresh=True), Wanted(path)):
        snapshot, _ = open_snapshot(wanted, {}, datetime.now(UTC), lambda: wire, lambda *_: None)
        assert snapshot.records == 2
    assert store.asked.total() == asked
    os.utime(path, (time.time() - 7200, time.time() - 7200))
    open_snapshot(Wanted(path), {}, datetime.now(UTC), lambda: wire, lambda *_: None)
    assert store.asked.total() == asked + 2, "after an hour it asks for the list, at both places where it may be"


def test_offline_other_advisories_than_were_asked_for_are_told(store: OsvStore, wire: Wire, tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    store.put(*documents(2))
    open_snapshot(Wanted(path, (store.url,)), {}, NOW, lambda: wire, lambda *_: None)
    for wanted, environment in (
        (Wanted(path, ("https://other.example",), offline=True), {}),
        (Wanted(path, offline=True), {"CUSTOMHOUSE_ADVISORIES": "https://other.example"}),
    ):
        _, gaps = open_snapshot(wanted, environment, NOW, lambda: wire, lambda *_: None)
        assert [gap.where for gap in gaps] == ["advisories of https://other.example"]
        assert store.url in gaps[0].why


def test_a_file_that_has_changed_is_read_again_though_nobody_names_it(tmp_path: Path) -> None:
    path, file = tmp_path / "s.sqlite", tmp_path / "one.json"
    file.write_bytes(write_document(record("PYSEC-2026-1", "demo", fixed="2.0")))
    open_snapshot(Wanted(path, (str(file),)), {}, NOW, Wire, lambda *_: None)
    file.write_bytes(write_document(record("PYSEC-2026-2", "demo", fixed="2.0")))
    os.utime(file, (time.time() + 60, time.time() + 60))
    open_snapshot(Wanted(path, offline=True), {}, NOW, Wire, lambda *_: None)
    assert names(path, "demo") == ["PYSEC-2026-2"]


def test_the_snapshot_lies_in_the_cache_of_the_user() -> None:
    assert default_path({"XDG_CACHE_HOME": "/c"}) == Path("/c/customhouse/advisories.sqlite")
    assert default_path({"XDG_CACHE_HOME": "relative"}) == Path.home() / ".cache/customhouse/advisories.sqlite"
    assert default_path({"CUSTOMHOUSE_SNAPSHOT": "/here"}) == Path("/here")


def test_old_advisories_are_called_old(tmp_path: Path) -> None:
    write_snapshot(tmp_path / "s", lambda into: into.put(record("PYSEC-2026-1", "demo", fixed="2"), "test"))
    snapshot = Snapshot(tmp_path / "s")
    assert not is_old(snapshot, datetime(2026, 11, 28, tzinfo=UTC), days=14)
    assert is_old(snapshot, datetime(2026, 11, 28, tzinfo=UTC) + timedelta(days=14), days=14)


def test_the_score_of_a_vulnerability_is_the_worst_that_any_of_its_records_gives(tmp_path: Path) -> None:
    vector = {"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}

    def fill(into: object) -> None:
        into.put(record("PYSEC-2026-1", "demo", fixed="2", aliases=["CVE-2026-1"]), "a")  # type: ignore[attr-defined]
        into.put(record("GHSA-aaaa-bbbb-cccc", "other", fixed="2", aliases=["CVE-2026-1"], severity=[vector]), "b")  # type: ignore[attr-defined]

    write_snapshot(tmp_path / "s", fill)
    snapshot = Snapshot(tmp_path / "s")
    assert snapshot.score(["PYSEC-2026-1"]).level is Level.UNKNOWN
    assert snapshot.score(["PYSEC-2026-1", "CVE-2026-1"]).level is Level.CRITICAL


def kev(*cves: str) -> dict[str, object]:
    """Rows that are made up, in the layout of CISA."""
    return {"count": len(cves), "vulnerabilities": [{"cveID": cve, "dateAdded": "2026-11-01"} for cve in cves]}


EPSS = "#model_version:made-up,score_date:2026-11-27T00:00:00+0000\ncve,epss,percentile\nCVE-2026-1001,0.97,0.999\nCVE-2026-1009,0.1,0.2\n"


def test_exploitation_comes_from_published_lists_and_is_kept_over_updates(
    store: OsvStore, wire: Wire, tmp_path: Path
) -> None:
    """The rows are made up, in the layouts of CISA and FIRST."""
    path = tmp_path / "s.sqlite"
    (tmp_path / "kev.json").write_text(json.dumps(kev("CVE-2026-1001", "CVE-2026-1002")))
    store.put(record("PYSEC-2026-1", "demo", fixed="2.0", aliases=["CVE-2026-1001"]).document, *documents(0))
    store.raw["/epss.csv"] = EPSS.encode()
    lists = (f"kev:{tmp_path / 'kev.json'}", f"epss:{store.url}/epss.csv")
    open_snapshot(Wanted(path, (store.url,), lists), {}, NOW, lambda: wire, lambda *_: None)
    store.put(record("PYSEC-2026-5", "demo", fixed="2.0").document)
    snapshot, _ = open_snapshot(Wanted(path, refresh=True), {}, NOW, lambda: wire, lambda *_: None)
    assert snapshot.sources == (store.url, *lists)
    assert snapshot.exploited(["CVE-2026-1001"])
    assert not snapshot.exploited(["CVE-2026-1002"]), "no record names it"
    assert snapshot.likelihood(["CVE-2026-1001", "CVE-2026-1009"]) == 0.97


def test_a_customhouse_offers_exploitation_beside_its_records(store: OsvStore, wire: Wire, tmp_path: Path) -> None:
    one = record("PYSEC-2026-1", "demo", fixed="2.0", aliases=["CVE-2026-1001"]).document
    store.put(one)
    for name in ("modified_id.csv", "all.zip"):
        store.raw[f"/osv/PyPI/{name}"] = store.body(f"/PyPI/{name}") or b""
    store.raw["/osv/known_exploited_vulnerabilities.json"] = json.dumps(kev("CVE-2026-1001", "CVE-2026-1002")).encode()
    store.raw["/osv/epss_scores.csv"] = EPSS.encode()
    path = tmp_path / "s.sqlite"
    update(path, [store.url], lambda: wire)
    snapshot = Snapshot(path)
    assert (snapshot.exploited(["CVE-2026-1001"]), snapshot.likelihood(["CVE-2026-1001"])) == (True, 0.97)
    assert update(path, [store.url], lambda: wire) is None
    store.raw["/osv/known_exploited_vulnerabilities.json"] = json.dumps(kev("CVE-2026-1002")).encode()
    assert update(path, [store.url], lambda: wire) is not None
    assert not Snapshot(path).exploited(["CVE-2026-1001"])


@pytest.mark.parametrize("body", [b"", b"{}", b'{"vulnerabilities": [{"cveID": "x"}]}'])
def test_a_list_that_is_none_is_refused(tmp_path: Path, body: bytes) -> None:
    (tmp_path / "kev.json").write_bytes(body)
    (tmp_path / "one.json").write_text(json.dumps(record("PYSEC-2026-1", "demo", fixed="2.0").document, default=str))
    with pytest.raises(Rejected):
        update(tmp_path / "s.sqlite", [str(tmp_path / "one.json"), f"kev:{tmp_path / 'kev.json'}"], Wire)
