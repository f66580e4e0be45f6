"""``customhouse verify``: every kind of lock against a real index as it is now."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from venvs import UV, clean_environment

from locking import ADVISORY, POLICY, Bench, new_policy, stocked
from receiver import Reply, Request, receiver
from world import running

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("verify")
    with running(folder / "data") as server:
        made = stocked(server, folder)
        made.release("gone", "1.0")
        made.release("old", "1.0")
        made.release("old", "2.0")
        yield made
        server.check()


@pytest.fixture
def bench(stock: Bench, tmp_path: Path) -> Bench:
    return stock.at(tmp_path / "work")


def digest(bench: Bench, name: str, version: str) -> str:
    page = httpx.get(f"{bench.simple}{name}/", headers={"Accept": "application/vnd.pypi.simple.v1+json"}).json()
    found: str = next(one["hashes"]["sha256"] for one in page["files"] if f"-{version}-" in one["filename"])
    return found


def written(bench: Bench, kind: str, name: str, version: str, sha256: str) -> str:
    """A lock of one package as a tool writes it; returns its name."""
    file = f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    texts = {
        "uv.lock": f'version = 1\nrequires-python = ">=3.11"\n\n[[package]]\nname = "{name}"\nversion = "{version}"\n'
        f'source = {{ registry = "{bench.simple}" }}\nwheels = [\n    {{ url = "{bench.server.url}/files/{name}/{file}",'
        f' hash = "sha256:{sha256}" }},\n]\n',
        "poetry.lock": f'[[package]]\nname = "{name}"\nversion = "{version}"\ndescription = ""\noptional = false\n'
        f'python-versions = "*"\ngroups = ["main"]\nfiles = [\n    {{file = "{file}", hash = "sha256:{sha256}"}},\n]\n\n'
        f'[package.source]\ntype = "legacy"\nurl = "{bench.simple}"\nreference = "x"\n\n[metadata]\nlock-version = "2.1"\n',
        "Pipfile.lock": json.dumps({
            "_meta": {"pipfile-spec": 6, "sources": [{"name": "x", "url": bench.simple, "verify_ssl": True}]},
            "default": {name: {"hashes": [f"sha256:{sha256}"], "index": "x", "version": f"=={version}"}},
        }),
        "requirements.txt": f"--index-url {bench.simple}\n{name}=={version} --hash=sha256:{sha256}\n",
        "pylock.toml": f'lock-version = "1.0"\ncreated-by = "x"\n[[packages]]\nname = "{name}"\nversion = "{version}"\n'
        f'index = "{bench.simple}"\nwheels = [{{ url = "{bench.server.url}/files/{name}/{file}",'
        f' hashes = {{ sha256 = "{sha256}" }} }}]\n',
    }  # fmt: skip
    (bench.folder / kind).write_text(texts[kind])
    return kind


def verified(bench: Bench, *words: str) -> tuple[int, dict[str, Any]]:
    done = bench.run("verify", *words, "--json")
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


KINDS = ["uv.lock", "poetry.lock", "Pipfile.lock", "requirements.txt", "pylock.toml"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_lock_is_compared_file_by_file(bench: Bench, kind: str) -> None:
    right = digest(bench, "bar", "2.0")
    code, told = verified(bench, written(bench, kind, "bar", "2.0", right))
    assert (code, told["same"], told["files"], told["faults"]) == (0, 1, 1, [])
    code, told = verified(bench, written(bench, kind, "bar", "2.0", right[::-1]))
    assert (code, [one["kind"] for one in told["faults"]]) == (1, ["differs"])
    code, told = verified(bench, written(bench, kind, "bar", "2.5", right[::-1]))
    assert (code, [one["kind"] for one in told["faults"]]) == (1, ["removed"])
    code, told = verified(bench, written(bench, kind, "never-there", "1.0", right))
    assert (code, [one["kind"] for one in told["faults"]]) == (1, ["removed"])
    code, told = verified(bench, written(bench, kind, "low", "1.0", digest(bench, "low", "1.0")))
    assert (code, told["faults"], told["audit"]["findings"][0]["id"]) == (1, [], "PYSEC-2026-1")


def test_a_lock_that_uv_made_itself(bench: Bench) -> None:
    (bench.folder / "pyproject.toml").write_text(
        '[project]\nname = "app"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["top", "bar"]\n'
    )
    command = [str(UV), "lock", "--default-index", bench.simple, "--python", sys.executable]
    subprocess.run(
        command, cwd=bench.folder, env=clean_environment(bench.folder / "home"), check=True, capture_output=True
    )
    code, told = verified(bench, "uv.lock")
    assert (code, told["packages"], told["same"], told["faults"]) == (0, 3, 3, [])


def test_the_words_fit_a_terminal(bench: Bench) -> None:
    written(bench, "pylock.toml", "bar", "2.0", digest(bench, "bar", "2.0")[::-1])
    done = bench.run("verify", "pylock.toml")
    assert done.returncode == 1
    assert done.stdout.startswith("OTHER BYTES than were locked: do not install this\n  bar 2.0 ")
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "Compared 1 package of pylock.toml with the indexes that it names: 0 of 1 file" in " ".join(
        done.stdout.split()
    )


def test_what_has_no_hash_is_named_and_is_no_success(bench: Bench) -> None:
    (bench.folder / "requirements.txt").write_text(f"--index-url {bench.simple}\nbar==2.0\n")
    code, told = verified(bench, "requirements.txt")
    assert (code, [one["kind"] for one in told["faults"]]) == (3, ["unhashed"])
    done = bench.run("verify", "requirements.txt")
    assert "Not verified: the lock has no hash\n  bar 2.0 " in done.stdout


def test_what_a_view_does_not_let_in_any_more_is_refused_with_the_rule(stock: Bench, bench: Bench) -> None:
    bench.asks_for("waits")
    assert bench.lock("--view", "waiting", "--index", bench.server.url).returncode == 0
    assert verified(bench, "pylock.toml")[0] == 0
    new_policy(stock.server, POLICY.replace('version = "<2"', 'version = "<1.5"'))
    try:
        code, told = verified(bench, "pylock.toml")
        (fault,) = told["faults"]
        assert (code, fault["kind"], told["view"]) == (1, "refused", "waiting")
        assert "(rule 'wait')" in fault["why"]
        # The plain index still has it: a lock is refused by the view that it came through.
        assert verified(bench, "pylock.toml", "--index", bench.server.url)[0] == 0
        done = bench.lock("--check")
        assert done.returncode == 1
        # Requirements hold digests and no names of files: the view itself says which rule it was.
        assert bench.lock("-o", "requirements.txt", "--view", "waiting", "--index", bench.server.url).returncode == 0
        text = (bench.folder / "requirements.txt").read_text()
        sha256 = digest(bench, "waits", "1.5")
        (bench.folder / "requirements.txt").write_text(
            "\n".join(one for one in text.splitlines() if one.startswith(("#", "--index")))
            + f"\nwaits==1.5 --hash=sha256:{sha256}\n"
        )
        code, told = verified(bench, "requirements.txt")
        assert (code, [one["kind"] for one in told["faults"]]) == (1, ["refused"])
        assert "by the rule 'wait'" in told["faults"][0]["why"]
    finally:
        new_policy(stock.server, POLICY)


def test_yanked_and_archived_are_told_and_no_failure(stock: Bench, bench: Bench) -> None:
    written(bench, "pylock.toml", "old", "1.0", digest(bench, "old", "1.0"))
    stock.server.command("project", "yank", "old", "1.0", "--reason", "broken on Tuesdays")
    stock.server.command("project", "status", "old", "archived")
    code, told = verified(bench, "pylock.toml")
    assert (code, sorted(one["kind"] for one in told["faults"])) == (0, ["archived", "yanked"])
    assert "broken on Tuesdays" in bench.run("verify", "pylock.toml").stdout


def test_an_amendment_that_contradicts_the_lock_is_a_fault(stock: Bench, bench: Bench) -> None:
    bench.asks_for("foo")
    assert bench.lock("--index", bench.server.url).returncode == 0
    assert verified(bench, "pylock.toml")[0] == 0
    stock.say("foo", "==1.0", "bar>=1,<3")
    code, told = verified(bench, "pylock.toml")
    assert (code, [(one["kind"], one["package"]) for one in told["faults"]]) == (1, [("contradicted", "bar")])
    assert bench.lock().returncode == 0
    assert verified(bench, "pylock.toml")[0] == 0


def test_an_amendment_without_the_signature_of_the_index_counts_for_nothing(bench: Bench) -> None:
    """A page that somebody has meddled with: the record is there, and nobody has signed it."""
    page = httpx.get(f"{bench.simple}bar/", headers={"Accept": "application/vnd.pypi.simple.v1+json"}).json()
    forged = {"signed": {"format": "customhouse-amendment-1"}, "key": "a" * 32, "signature": "AAAA"}

    def answer(request: Request) -> Reply:
        if request.path == "/simple/bar/":
            return Reply(body=json.dumps({**page, "_customhouse": {"amendments": [forged]}}).encode())
        return Reply(404)

    written(bench, "pylock.toml", "bar", "2.0", digest(bench, "bar", "2.0"))
    with receiver() as meddler:
        meddler.answer = answer
        code, told = verified(bench, "pylock.toml", "--index", f"http://127.0.0.1:{meddler.port}/simple/")
    assert code == 3
    assert "not believed" in told["gaps"][0]["why"]


def pylock(*entries: str, index: str, version: str = 'version = "2.0"') -> str:
    return (
        f'lock-version = "1.0"\ncreated-by = "x"\n[[packages]]\nname = "bar"\n{version}\nindex = "{index}"\n'
        f"wheels = [\n{''.join(f'    {one},{chr(10)}' for one in entries)}]\n"
    )


def test_whatever_else_a_lock_lets_through_beside_a_good_digest_is_no_success(bench: Bench) -> None:
    """Installers take a file that fits any of the digests that a lock has for it."""
    good, bad = digest(bench, "bar", "2.0"), "e" * 64
    file = "bar-2.0-py3-none-any.whl"
    fine = f'{{ name = "{file}", hashes = {{ sha256 = "{good}" }} }}'
    url = f"https://evil.example/{file}?sha256:{good}"
    cases = {
        "the same file twice": (1, pylock(fine, fine.replace(good, bad), index=bench.simple)),
        "by another algorithm too": (
            3, pylock(f'{{ name = "{file}", hashes = {{ sha256 = "{good}", sha512 = "{bad * 2}" }} }}',
                      index=bench.simple)),
        "one without any": (3, pylock(fine, f'{{ name = "{file}", url = "{url}" }}', index=bench.simple)),
        "a good one in the address": (
            3, pylock(f'{{ url = "{url}", hashes = {{ md5 = "{bad[:32]}" }} }}', index=bench.simple)),
        "without the name of its file": (
            1, pylock(fine, f'{{ hashes = {{ sha256 = "{bad}" }} }}', index=bench.simple)),
        "without the version": (
            3, pylock(f'{{ name = "{file}", hashes = {{ sha256 = "{good}", sha512 = "{bad * 2}" }} }}',
                      index=bench.simple, version="")),
        "fine": (0, pylock(fine, index=bench.simple)),
        "fine without the version": (0, pylock(fine, index=bench.simple, version="")),
    }  # fmt: skip
    for name, (wanted, text) in cases.items():
        (bench.folder / "pylock.toml").write_text(text)
        assert (verified(bench, "pylock.toml")[0], name) == (wanted, name)
    for kind in ("requirements.txt", "Pipfile.lock"):
        written(bench, kind, "bar", "2.0", good)
        text = (bench.folder / kind).read_text()
        more = f'", "sha512:{bad * 2}' if kind == "Pipfile.lock" else f" --hash=sha512:{bad * 2}"
        (bench.folder / kind).write_text(text.replace(good, good + more))
        assert (verified(bench, kind)[0], kind) == (3, kind)
    written(bench, "poetry.lock", "bar", "2.0", good)
    text = (bench.folder / "poetry.lock").read_text()
    line = next(one for one in text.splitlines() if "hash = " in one)
    (bench.folder / "poetry.lock").write_text(text.replace(line, f"{line}\n{line.replace(good, bad)}"))
    assert verified(bench, "poetry.lock")[0] == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_of_another_version_is_not_the_one_that_is_locked(bench: Bench, kind: str) -> None:
    """The lock says 2.0, of which nothing is known, and brings the file of 1.0, of which an advisory tells."""
    written(bench, kind, "low", "2.0", digest(bench, "low", "1.0"))
    place = bench.folder / kind
    place.write_text(place.read_text().replace("low-2.0-py3", "low-1.0-py3"))
    code, told = verified(bench, kind)
    assert (code, [one["kind"] for one in told["faults"]]) == (1, ["differs"])


def test_a_view_that_refuses_at_the_door_or_does_not_answer_there_is_heard(bench: Bench) -> None:
    """A page may be some minutes old. What the lock's addresses or a yank say besides keeps nobody from asking."""
    file, sha256 = "bar-2.0-py3-none-any.whl", "a" * 64
    status, yanked = 200, False

    def answer(request: Request) -> Reply:
        if request.path == "/view/v/simple/bar/":
            entry = {"filename": file, "url": f"../../files/bar/{file}", "hashes": {"sha256": sha256}, "yanked": yanked}
            page = {"meta": {"api-version": "1.1"}, "name": "bar", "files": [entry]}
            return Reply(body=json.dumps(page).encode())
        return Reply(status, b'{"reason": "quarantined as malware"}') if "/files/" in request.path else Reply(404)

    with receiver() as view:
        view.answer = answer
        place = ("--index", f"http://127.0.0.1:{view.port}/view/v/simple/")
        written(bench, "uv.lock", "bar", "2.0", sha256)
        assert verified(bench, "uv.lock", *place)[0] == 0
        for yanked in (False, True):
            for status, code, kind in ((403, 1, "quarantined"), (410, 1, "erased"), (404, 1, "removed")):
                found = verified(bench, "uv.lock", *place)
                assert found[0] == code
                assert kind in [one["kind"] for one in found[1]["faults"]], (status, yanked)
            for status in (503, 429, 401):  # noqa: B007 - the view answers it
                code, told = verified(bench, "uv.lock", *place)
                assert (code, [one["why"][:13] for one in told["gaps"]]) == (3, ["bar-2.0-py3-n"])


def test_offline_it_says_that_nobody_was_asked(bench: Bench) -> None:
    written(bench, "pylock.toml", "bar", "2.0", digest(bench, "bar", "2.0"))
    assert verified(bench, "pylock.toml")[0] == 0
    done = bench.run("verify", "pylock.toml", "--offline")
    assert done.returncode == 3
    assert "No index was asked." in done.stdout
    written(bench, "pylock.toml", "low", "1.0", digest(bench, "low", "1.0"))
    assert bench.run("verify", "pylock.toml", "--offline").returncode == 1, ADVISORY


def test_an_index_that_is_away_is_a_gap(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("customhouse.consume.wire.PAUSE_SECONDS", 0.0)
    written(bench, "pylock.toml", "bar", "2.0", digest(bench, "bar", "2.0"))
    code, told = verified(bench, "pylock.toml", "--index", "http://127.0.0.1:1/simple/")
    assert (code, len(told["gaps"]), told["same"]) == (3, 1, 0)


@pytest.mark.parametrize("name", ["pyproject.toml", "nowhere.toml", ".", "broken.lock", "image.tar"])
def test_what_is_no_lock_is_refused(bench: Bench, name: str) -> None:
    (bench.folder / "pyproject.toml").write_text('[project]\nname = "x"\n')
    (bench.folder / "broken.lock").write_text("{")
    done = bench.run("verify", name, "--index", bench.server.url)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done


def test_what_an_index_says_does_not_command_a_terminal(bench: Bench) -> None:
    written(bench, "pylock.toml", "bar", "2.0", digest(bench, "bar", "2.0"))
    page = {"meta": {"api-version": "1.1"}, "name": "bar", "files": [],
            "project-status": {"status": "quarantined", "reason": "\x1b[2J\x07 gone\nOTHER LINE"}}  # fmt: skip
    with receiver() as evil:
        evil.answer = lambda request: Reply(200 if request.method == "GET" else 404, json.dumps(page).encode())
        done = bench.run("verify", "pylock.toml", "--index", f"http://127.0.0.1:{evil.port}/simple/")
    assert done.returncode == 1
    assert "\x1b" not in done.stdout
    assert "\nOTHER" not in done.stdout
