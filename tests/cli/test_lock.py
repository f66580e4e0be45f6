"""``customhouse lock`` against a real index with real uv: what it writes, what it says, what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import pytest
from venvs import UV, clean_environment

from customhouse.index.visibility import ChangeVisibility, change_visibility
from locking import ADVISORY, Bench, stocked
from receiver import Reply, Request, receiver, redirect
from world import running

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("locks")
    with running(folder / "data") as server:
        yield stocked(server, folder)
        server.check()


@pytest.fixture
def bench(stock: Bench, tmp_path: Path) -> Bench:
    return stock.at(tmp_path / "work")


def versions(bench: Bench) -> dict[str, str]:
    return {one["name"]: one["version"] for one in tomllib.loads(bench.locked())["packages"]}


def test_a_lock_has_hashes_says_who_asks_and_installs_exactly_that(bench: Bench, tmp_path: Path) -> None:
    bench.asks_for("top", "low")
    done = bench.lock("--index", bench.server.url)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(
        f"pylock.toml: 2 packages through {bench.simple}.\n"
        "added     low 1.1\n"
        "          you ask for low (requirements.in:2)\n"
        "          top 1.0 requires low>=1.0,<2\n"
        "added     top 1.0\n"
        "          you ask for top (requirements.in:1)\n"
    )
    whole = tomllib.loads(bench.locked())
    assert whole["tool"]["customhouse"]["index"] == bench.simple
    assert whole["tool"]["customhouse"]["advisories-from"] == [str(bench.folder / ".osv")]
    assert [one["index"] for one in whole["packages"]] == [bench.simple] * 2
    assert whole["packages"][1]["dependencies"] == [{"name": "low"}]
    assert all(one["wheels"][0]["hashes"]["sha256"] for one in whole["packages"])
    for name, more in (("pylock.toml", []), ("requirements.txt", ["--require-hashes"])):
        assert bench.lock("--index", bench.server.url, "-o", name).returncode == 0
        place = tmp_path / f"into-{name}"
        subprocess.run(
            [str(UV), "pip", "install", "--python", sys.executable, "--target", str(place), *more, "-r", name],
            cwd=bench.folder, env=clean_environment(tmp_path / "home"), check=True, capture_output=True,
        )  # fmt: skip
        assert {one.name for one in place.glob("*.dist-info")} == {"low-1.1.dist-info", "top-1.0.dist-info"}


def test_the_same_again_changes_no_byte_and_check_agrees(bench: Bench) -> None:
    bench.asks_for("top")
    assert bench.lock("--index", bench.server.url).returncode == 0
    first = bench.locked()
    done = bench.lock()
    assert (done.returncode, "Nothing is different" in done.stdout, bench.locked()) == (0, True, first)
    assert bench.lock("--check").returncode == 0
    bench.asks_for("top", "foo")
    done = bench.lock("--check")
    assert (done.returncode, "out of date" in done.stderr, bench.locked()) == (1, True, first)


def test_check_without_a_lock_is_out_of_date_and_writes_none(bench: Bench) -> None:
    bench.asks_for("top")
    assert bench.lock("--check", "--index", bench.server.url).returncode == 1
    assert not (bench.folder / "pylock.toml").exists()


def test_what_changed_is_said_with_the_reason(bench: Bench) -> None:
    bench.knows()
    bench.asks_for("low==1.0", "bar<2")
    assert bench.lock("--index", bench.server.url).returncode == 1, "the advisory counts, and the lock is written"
    assert versions(bench) == {"low": "1.0", "bar": "1.0"}
    bench.asks_for("low>=1.1,<2", "top")
    done = bench.lock()
    assert done.returncode == 0
    assert "removed   bar 1.0\n          nothing asks for it any more\n" in done.stdout
    said = "          mends CVE-2026-7\n          you ask for low>=1.1,<2 (requirements.in:1)\n"
    assert f"raised    low 1.0 → 1.1\n{said}" in done.stdout
    bench.asks_for("low==1.0", "top")
    done = bench.lock()
    assert "lowered   low 1.1 → 1.0\n          you ask for low==1.0 (requirements.in:1)\n" in done.stdout
    assert "customhouse lock -P low" in done.stderr


def test_versions_stay_until_somebody_wants_newer_ones(bench: Bench) -> None:
    bench.asks_for("bar<2")
    assert bench.lock("--index", bench.server.url).returncode == 0
    bench.asks_for("bar")
    assert bench.lock().returncode == 0
    assert versions(bench) == {"bar": "1.0"}
    done = bench.lock("-P", "bar")
    assert "raised    bar 1.0 → 3.0\n          you want newer versions (--upgrade)" in done.stdout
    assert versions(bench) == {"bar": "3.0"}


def test_what_a_view_keeps_back_is_named_with_its_rule(bench: Bench) -> None:
    bench.asks_for("waits")
    done = bench.lock("--view", "waiting", "--index", bench.server.url)
    assert (done.returncode, versions(bench)) == (0, {"waits": "1.5"}), done.stderr
    said = " ".join(done.stdout.split())
    assert f"through the view waiting of {bench.server.url}/." in said
    assert "Held back: waits 2.0 is not let in by the rule 'wait', until 20" in said
    told = tomllib.loads(bench.locked())["tool"]["customhouse"]
    assert (told["view"], told["policy-level"], len(told["policy-sha256"])) == ("waiting", "open", 64)
    # The plain index has it; the view does not let it in any more.
    assert bench.lock("--index", bench.server.url, "-U").returncode == 0
    assert versions(bench) == {"waits": "2.0"}
    done = bench.lock("--view", "waiting", "--index", bench.server.url)
    assert "lowered   waits 2.0 → 1.5\n          2.0 is not let in by the rule 'wait'" in done.stdout


def test_malware_is_never_locked_and_the_old_lock_stays(bench: Bench) -> None:
    bench.asks_for("low<2")
    assert bench.lock("--index", bench.server.url).returncode == 0
    before = bench.locked()
    bench.asks_for("low<2", "bar")
    bench.knows(ADVISORY, malware="bar")
    done = bench.lock()
    assert (done.returncode, bench.locked()) == (1, before)
    assert "bar 3.0: this is malware. Nothing was written." in done.stderr


def test_other_bytes_under_a_locked_name_stop_everything(bench: Bench) -> None:
    bench.asks_for("top")
    assert bench.lock("--index", bench.server.url).returncode == 0
    digest = tomllib.loads(bench.locked())["packages"][0]["wheels"][0]["hashes"]["sha256"]
    forged = bench.locked().replace(digest, digest[::-1])
    (bench.folder / "pylock.toml").write_text(forged)
    done = bench.lock("--upgrade")
    assert (done.returncode, bench.locked()) == (1, forged)
    assert "other bytes under this name" in done.stderr


def test_no_configuration_leads_past_the_index(bench: Bench) -> None:
    with receiver() as evil:
        evil.answer = lambda _request: Reply(404)
        url = f"http://127.0.0.1:{evil.port}/simple/"
        (bench.folder / "pyproject.toml").write_text(
            '[project]\nname = "app"\nversion = "1"\ndependencies = ["top"]\n[[tool.uv.index]]\nname = "evil"\n'
            f'url = "{url}"\ndefault = true\n[tool.uv.sources]\ntop = {{ index = "evil" }}\n'
            f'[tool.uv.pip]\noutput-file = "{bench.folder}/overwritten"\n'
        )
        own = bench.folder / ".home/.config/uv"
        own.mkdir(parents=True)
        (own / "uv.toml").write_text(f'[[index]]\nurl = "{url}"\n')
        bench.asks_for(f"--extra-index-url {url}", "bar", name="more.in")
        done = bench.lock(
            "pyproject.toml", "more.in", "--index", bench.server.url, UV_INDEX=url, UV_DEFAULT_INDEX=url,
            UV_EXTRA_INDEX_URL=url, UV_FIND_LINKS=url, UV_CONFIG_FILE=str(own / "uv.toml"), PIP_INDEX_URL=url,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert not evil.requests
    assert f"The index {url} that a file names does not count" in done.stderr
    assert not (bench.folder / "overwritten").exists()
    assert versions(bench) == {"top": "1.0", "low": "1.1", "bar": "3.0"}


def test_groups_and_extras_are_locked_when_they_are_named(bench: Bench) -> None:
    (bench.folder / "pyproject.toml").write_text(
        '[project]\nname = "app"\nversion = "1"\ndependencies = ["low<2"]\n[project.optional-dependencies]\nall = ["app[one]"]\n'
        'one = ["bar"]\n[dependency-groups]\ndev = ["waits<2"]\n'
    )
    assert bench.lock("--index", bench.server.url).returncode == 0
    assert versions(bench) == {"low": "1.1"}
    assert bench.lock("--group", "dev", "--extra", "all").returncode == 0
    assert versions(bench) == {"low": "1.1", "waits": "1.5", "bar": "3.0"}
    done = bench.lock("--group", "nope")
    assert (done.returncode, "nope" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    "line", ["top @ http://127.0.0.1:1/top-1.0-py3-none-any.whl", "-e .", "./folder", "git+https://h/x"]
)
def test_what_comes_from_an_address_is_refused(bench: Bench, line: str) -> None:
    bench.asks_for("low", line)
    done = bench.lock("--index", bench.server.url)
    assert (done.returncode, (bench.folder / "pylock.toml").exists()) == (2, False)
    assert "requirements.in:2" in done.stderr


def test_an_output_that_is_no_lock_is_not_written_over(bench: Bench) -> None:
    bench.asks_for("low")
    (bench.folder / "requirements.txt").write_text("low>=1\n")
    done = bench.lock("-o", "requirements.txt", "--index", bench.server.url)
    assert (done.returncode, bench.locked("requirements.txt")) == (2, "low>=1\n")
    assert "it would be lost" in done.stderr
    assert bench.lock("-o", "requirements.in", "--index", bench.server.url).returncode == 2
    assert bench.lock("requirements.txt", "-o", "requirements.txt", "--index", bench.server.url).returncode == 2


def test_what_cannot_be_solved_is_said_and_the_lock_stays(bench: Bench) -> None:
    bench.asks_for("top")
    assert bench.lock("--index", bench.server.url).returncode == 0
    before = bench.locked()
    bench.asks_for("top", "low>=2")
    done = bench.lock()
    assert (done.returncode, bench.locked()) == (2, before)
    assert "No solution" in done.stderr
    assert bench.lock("--index", "http://127.0.0.1:1/simple/").returncode == 4
    assert bench.locked() == before


def test_an_amendment_that_narrows_counts_by_default(stock: Bench, bench: Bench) -> None:
    bench.asks_for("foo")
    assert bench.lock("--index", bench.server.url).returncode == 0
    assert versions(bench) == {"foo": "1.0", "bar": "3.0"}
    stock.say("foo", "==1.0", "bar>=1,<3")
    done = bench.lock()
    assert done.returncode == 0, done.stderr
    assert versions(bench) == {"foo": "1.0", "bar": "2.0"}
    said = " ".join(done.stdout.split())
    assert "lowered bar 3.0 → 2.0 foo 1.0 is amended to bar>=1,<3 (owner, 20" in said
    assert "bar 3 has moved its API" in said
    assert tomllib.loads(bench.locked())["tool"]["customhouse"]["amendments"] == 1


def test_an_amendment_that_widens_counts_when_it_is_wanted(stock: Bench, bench: Bench) -> None:
    stock.say("strict-foo", "==1.0", "bar")
    bench.asks_for("strict-foo", "bar>=3")
    flags = ("--view", "waiting", "--index", bench.server.url)
    assert bench.lock(*flags).returncode == 2
    done = bench.lock(*flags, "--widen")
    assert done.returncode == 0, done.stderr
    assert versions(bench) == {"strict-foo": "1.0", "bar": "3.0"}


def test_a_private_project_is_locked_and_verified_with_a_token(stock: Bench, bench: Bench) -> None:
    stock.release("inner", "1.0")
    with stock.server.opened() as app:
        app.do(change_visibility, ChangeVisibility("inner", "private", "inner"))
    bench.asks_for("inner", "bar<2")
    flags = ("--index", bench.server.url)
    assert bench.lock(*flags).returncode == 2
    done = bench.lock(*flags, CUSTOMHOUSE_TOKEN=bench.token)
    assert done.returncode == 0, done.stderr
    assert versions(bench) == {"inner": "1.0", "bar": "1.0"}
    assert bench.token not in bench.locked() + done.stdout + done.stderr
    assert bench.run("verify", "pylock.toml", *flags, CUSTOMHOUSE_TOKEN=bench.token).returncode == 0
    around = {"CUSTOMHOUSE_TOKEN": bench.token, "CUSTOMHOUSE_INDEX": bench.server.url}
    assert bench.run("verify", "pylock.toml", **around).returncode == 0
    done = bench.run("verify", "pylock.toml")
    assert (done.returncode, "or not for you (CUSTOMHOUSE_TOKEN)" in " ".join(done.stdout.split())) == (1, True)


def test_a_token_is_shown_to_its_index_alone(bench: Bench) -> None:
    """Attack A52: a redirect to another host gets no credential."""
    with receiver() as stranger, receiver() as index:
        stranger.answer = lambda _request: Reply(404)
        index.answer = lambda _request: redirect(f"http://127.0.0.1:{stranger.port}/stolen")
        bench.asks_for("low")
        bench.run("lock", "--index", f"http://127.0.0.1:{index.port}/simple/", CUSTOMHOUSE_TOKEN="ch1.secret")
        (bench.folder / "requirements.txt").write_text(f"low==1.0 --hash=sha256:{'a' * 64}\n")
        bench.run(
            "verify",
            "requirements.txt",
            "--index",
            f"http://127.0.0.1:{index.port}/simple/",
            CUSTOMHOUSE_TOKEN="ch1.secret",
        )
        assert any("authorization" in one.headers for one in index.requests)
        assert stranger.requests
        assert not any("authorization" in one.headers for one in stranger.requests)


def test_a_token_is_not_shown_to_an_index_that_only_a_lock_names(bench: Bench) -> None:
    """A pull request brings a lock with its author's own index: what the builder's token opens is not for him."""
    bench.asks_for("low")
    with receiver() as stranger:
        stranger.answer = lambda _request: Reply(404)
        theirs = f"http://127.0.0.1:{stranger.port}/simple/"
        (bench.folder / "pylock.toml").write_text(
            'lock-version = "1.0"\ncreated-by = "x"\n[[packages]]\nname = "low"\nversion = "1.0"\n'
            f'index = "{theirs}"\nwheels = [{{ name = "low-1.0-py3-none-any.whl", hashes = {{ sha256 = "{"a" * 64}" }} }}]\n'
            f'[tool.customhouse]\nindex = "{theirs}"\n'
        )
        done = bench.run("verify", "pylock.toml", CUSTOMHOUSE_TOKEN="ch1.secret")
        assert "CUSTOMHOUSE_TOKEN is not shown to" in done.stderr
        bench.lock(CUSTOMHOUSE_TOKEN="ch1.secret")
        assert len({one.path for one in stranger.requests}) >= 1
        assert not [one for one in stranger.requests if "authorization" in one.headers]
        bench.run("verify", "pylock.toml", CUSTOMHOUSE_TOKEN="ch1.secret", CUSTOMHOUSE_INDEX=theirs)
        assert [one for one in stranger.requests if "authorization" in one.headers]


def through(bench: Bench, request: Request) -> Reply:
    """What the index answers, whoever stands before it."""
    kept = {name: text for name, text in request.headers.items() if name in ("accept", "range")}
    answer = httpx.get(f"{bench.server.url}{request.path}", headers=kept | {"accept-encoding": "identity"})
    names = ("content-type", "content-range", "accept-ranges")
    headers = {name: answer.headers[name] for name in names if name in answer.headers}
    return Reply(answer.status_code, answer.content, headers)


def test_a_lock_whose_amendments_nobody_could_see_says_so_and_is_no_success(bench: Bench) -> None:
    """uv gets every page; whoever asks for amendments gets none of them."""

    def answer(request: Request) -> Reply:
        of_ours = request.headers.get("user-agent") == "Customhouse-audit"
        return Reply(503) if of_ours and request.path == "/simple/bar/" else through(bench, request)

    with receiver() as index:
        index.answer = answer
        bench.asks_for("bar<3", "low>=2")
        done = bench.lock("--index", f"http://127.0.0.1:{index.port}/simple/")
    assert (done.returncode, "Nobody knows what is amended of bar: " in done.stderr) == (3, True), done
    assert "amended of low" not in done.stderr


def test_a_policy_that_changes_meanwhile_is_not_the_one_that_a_lock_was_checked_against(bench: Bench) -> None:
    asked = []

    def answer(request: Request) -> Reply:
        found = through(bench, request)
        if request.path == "/api/views/waiting":
            asked.append(request)
            told = json.loads(found.body)
            if len(asked) > 1:
                told["policy-sha256"] = "f" * 64
            return Reply(found.status, json.dumps(told).encode(), found.headers)
        return found

    with receiver() as index:
        index.answer = answer
        bench.asks_for("low>=2")
        done = bench.lock("--index", f"http://127.0.0.1:{index.port}/view/waiting/simple/")
    assert (done.returncode, "its policy was changed while this lock was made" in done.stderr) == (4, True), done
    assert not (bench.folder / "pylock.toml").exists()


def test_what_an_old_lock_holds_beside_versions_is_no_line_for_uv(bench: Bench) -> None:
    with receiver() as evil:
        evil.answer = lambda _request: Reply(404)
        (bench.folder / "pylock.toml").write_text(
            'lock-version = "1.0"\ncreated-by = "x"\n[[packages]]\nname = "low"\n'
            f'version = "1.0\\n-r http://127.0.0.1:{evil.port}/more.txt"\n'
            f'wheels = [{{ name = "low-1.0-py3-none-any.whl", hashes = {{ sha256 = "{"a" * 64}" }} }}]\n'
        )
        bench.asks_for("low>=2")
        done = bench.lock("--index", bench.server.url)
        assert (done.returncode, versions(bench)) == (0, {"low": "2.0"}), done.stderr
        assert not evil.requests


@pytest.mark.parametrize("remembers", [True, False])
def test_a_lock_does_not_choose_who_judges_it_where_somebody_has_chosen(bench: Bench, *, remembers: bool) -> None:
    """A pull request brings other bytes, and the address of an index that finds them good."""
    file, sha256 = "low-1.0-py3-none-any.whl", "e" * 64
    page = {"meta": {"api-version": "1.1"}, "name": "low", "files": [
        {"filename": file, "url": f"../../files/low/{file}", "hashes": {"sha256": sha256}}]}  # fmt: skip
    bench.asks_for("low<2")
    with receiver() as stranger:
        stranger.answer = lambda _request: Reply(body=json.dumps(page).encode())
        theirs = f"http://127.0.0.1:{stranger.port}/simple/"
        record = f'[tool.customhouse]\nindex = "{theirs}"\n' if remembers else ""
        (bench.folder / "pylock.toml").write_text(
            'lock-version = "1.0"\ncreated-by = "x"\n[[packages]]\nname = "low"\nversion = "1.0"\n'
            f'index = "{theirs}"\nwheels = [{{ name = "{file}", hashes = {{ sha256 = "{sha256}" }} }}]\n{record}'
        )
        assert bench.run("use", "--index", bench.server.url, "--project", ".").returncode == 0
        done = bench.run("verify", "pylock.toml")
        assert (done.returncode, "and packages come from" in done.stderr, stranger.requests) == (2, True, [])
        if remembers:
            done = bench.lock()
            assert (done.returncode, "and packages come from" in done.stderr, stranger.requests) == (2, True, [])
        assert "differs" in bench.run("verify", "pylock.toml", "--index", bench.server.url, "--json").stdout
        assert bench.run("use", "--undo", "--project", ".").returncode == 0
        bench.run("verify", "pylock.toml")
        assert stranger.requests


def test_nobody_has_named_an_index(bench: Bench) -> None:
    bench.asks_for("low")
    done = bench.lock()
    assert (done.returncode, "customhouse use VIEW --index URL" in done.stderr) == (2, True)
    assert bench.lock("--index", f"http://alice:secret@127.0.0.1:{bench.server.port}/").returncode == 2
    assert bench.lock("--view", "Not A View", "--index", bench.server.url).returncode == 2
