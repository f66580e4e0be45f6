"""``customhouse publish`` against a real server: what it prints, how it exits, and what is public afterwards."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import webbrowser
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx2 as httpx
import pytest
from reference_server import PARTS, reference_server
from sender import large_wheel

from build_service import BuildService, build_service
from clock import TurnableClock
from command_line import customhouse
from customhouse.accounts.users import AddUser, add_user, find_user
from customhouse.app import open_app
from customhouse.catalog.queries import find_project
from customhouse.catalog.staged import files_of_session, manifest_digest_of, ongoing_sessions
from customhouse.catalog.tables import project_role
from customhouse.cli.publish import publish
from customhouse.index.approving.approve import Approve, approve
from customhouse.index.approving.set_rule import SetRule, set_rule
from customhouse.index.publishing.add import AddPublisher, add_publisher
from customhouse.infra.settings import Settings
from customhouse.terms.errors import Refused, Rejected
from customhouse.trust.described import describe
from customhouse.trust.issuers import issuer_named
from packages import Dist, sdist, wheel
from trust.claims import GITHUB
from world import IDLE, Server, running

pytestmark = pytest.mark.slow
SIMPLE = {"accept": "application/vnd.pypi.simple.v1+json"}


@dataclass
class Shop:
    """A server, a forge that it trusts, and a folder with something to publish."""

    server: Server
    forge: BuildService
    token: str


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with build_service(TurnableClock(datetime.now(UTC))) as forge:
        issuers = {
            "CUSTOMHOUSE_OIDC_ISSUERS": json.dumps([forge.setting()]),
            "CUSTOMHOUSE_OIDC_AUDIENCE": "index.test",
            "CUSTOMHOUSE_PRIVATE_NETWORKS_ALLOWED": '["127.0.0.0/8"]',
        }
        with running(tmp_path_factory.mktemp("shop") / "data", environment=issuers) as server:
            yield Shop(server, forge, server.new_token())


@pytest.fixture(autouse=True)
def _nothing_else_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shop: Shop) -> None:
    """A machine on which nothing is stored but the token, and that is no CI service."""
    for name in [name for name in os.environ if name.startswith(("CUSTOMHOUSE_", "TWINE_", "UV_PUBLISH_", "GITHUB_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CUSTOMHOUSE_INDEX", shop.server.url)
    monkeypatch.setenv("CUSTOMHOUSE_TOKEN", shop.token)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dist").mkdir()


def put(*dists: Dist) -> None:
    for dist in dists:
        (Path("dist") / dist.filename).write_bytes(dist.body)


def test_a_token_is_read_from_standard_input(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the command as it is typed: that ``-`` is no option is for the reader of flags to know."""
    monkeypatch.delenv("CUSTOMHOUSE_TOKEN")
    put(wheel("by-stdin", "1.0"))
    done = customhouse(
        "publish", "--token", "-", environment={"CUSTOMHOUSE_INDEX": shop.server.url}, stdin=f"{shop.token}\n"
    )
    assert done.returncode == 0, done.stderr
    assert shop.token not in done.stdout + done.stderr


def public(shop: Shop, name: str) -> dict[str, str]:
    """The files that everybody sees, and their SHA-256."""
    answer = httpx.get(f"{shop.server.url}/simple/{name}/", headers=SIMPLE)
    files = answer.json()["files"] if answer.status_code == httpx.codes.OK else []
    return {one["filename"]: one["hashes"]["sha256"] for one in files}


def test_a_release_of_small_and_large_files_is_published_and_told(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    dists = [
        wheel("harbour"),
        sdist("harbour"),
        wheel("harbour", tag="cp312-cp312-win_amd64", files={"harbour/data": os.urandom(17_000_000)}),
    ]
    put(*dists)
    assert publish() == 0
    assert public(shop, "harbour") == {one.filename: one.sha256 for one in dists}
    *table, _, last = capsys.readouterr().out.splitlines()
    assert [line.split() for line in table] == [
        ["file", "size", "state"],
        ["harbour-1.0-cp312-cp312-win_amd64.whl", "17.0", "MB", "published"],
        ["harbour-1.0-py3-none-any.whl", str(len(dists[0].body)), "B", "published"],
        ["harbour-1.0.tar.gz", str(len(dists[1].body)), "B", "published"],
    ]
    assert last == f"Published harbour 1.0: {shop.server.url}/project/harbour/1.0/"


def test_the_stage_can_be_read_before_anybody_sees_the_release(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    put(wheel("jetty"))
    assert publish(stage=True) == 0
    out = capsys.readouterr().out
    stage = next(line.split()[3] for line in out.splitlines() if "pip install --extra-index-url" in line)
    listed = httpx.get(f"{stage}jetty/", headers=SIMPLE).json()["files"]
    assert [one["filename"] for one in listed] == ["jetty-1.0-py3-none-any.whl"]
    assert public(shop, "jetty") == {}
    assert publish() == 0
    assert publish() == 0, "to publish it again changes nothing and is no fault"
    assert "jetty 1.0 was published before, with these very files" in capsys.readouterr().out


def test_a_release_that_needs_approval_is_left_staged_and_published_once_it_has_it(
    shop: Shop, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    put(wheel("quay"))
    assert publish() == 0
    with shop.server.opened() as app:
        app.do(add_user, AddUser("bob"))
        with app.database.write() as sql:
            project = find_project(sql, "quay")
            assert project is not None
            bob = find_user(sql, "bob")
            sql.execute(project_role.insert().values(project_id=project.id, account_id=bob.id, role="maintainer"))
        app.do(set_rule, SetRule("quay", approvals=1))
    put(wheel("quay", "2.0"))
    Path("dist/quay-1.0-py3-none-any.whl").unlink()
    assert publish(approve=True) == 3
    told = capsys.readouterr()
    assert "quay 2.0 is staged and waits." in told.out
    assert "waits for people: 1 approval is wanted, with a second factor, from bob." in told.err
    assert len(opened) == 1
    assert opened[0].startswith(f"{shop.server.url}/manage/project/quay/staged/")
    assert "quay-2.0-py3-none-any.whl" not in public(shop, "quay")
    with shop.server.opened() as app:
        with app.database.read() as sql:
            (session,) = ongoing_sessions(sql, "quay")
            manifest = manifest_digest_of(files_of_session(sql, session.id))
        app.do(approve, Approve("quay", session.id, manifest, "totp", {}, bob.actor))
    assert publish(wait=True) == 0
    assert "quay-2.0-py3-none-any.whl" in public(shop, "quay")


def test_a_build_publishes_without_any_stored_secret(
    shop: Shop, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(wheel("demo"))
    assert publish() == 0
    settings = Settings.model_validate({"data": shop.server.data, "oidc_issuers": [shop.forge.setting()]})
    workflow = {"owner": "acme", "repository": "demo", "workflow": "release.yml", "environment": ""}
    with open_app(settings, walkers=IDLE) as app:
        with app.database.read() as sql:
            alice = find_user(sql, "alice")
        described = describe(issuer_named(app.minting.known, "forge"), workflow, {})
        app.do(add_publisher, AddPublisher("demo", described, False, alice.actor))
    monkeypatch.delenv("CUSTOMHOUSE_TOKEN")
    Path("dist/demo-1.0-py3-none-any.whl").unlink()
    put(wheel("demo", "1.1"))
    Path("jwt").write_text(shop.forge.token(GITHUB))
    assert publish(oidc_token_file=Path("jwt")) == 0
    assert "trusted publishing: the ID token in jwt" in capsys.readouterr().err
    assert "demo-1.1-py3-none-any.whl" in public(shop, "demo")
    Path("jwt").write_text(shop.forge.token(GITHUB, repository="acme/other"))
    with pytest.raises(Refused, match="gives no token for this identity"):
        publish(oidc_token_file=Path("jwt"))


def test_what_the_index_finds_wrong_is_told_and_the_rest_is_kept(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    put(wheel("django"), wheel("pier"))
    assert publish(token="ch1.aaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaa") == 1
    assert "The index says no: " in capsys.readouterr().err
    put(wheel("pier", headers={"Classifier": "Private :: Do Not Upload"}))
    assert publish() in (1, 3)
    assert public(shop, "pier") == {}


def test_programs_read_json(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    put(wheel("wharf"))
    assert publish(json=True) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["event"] for one in events] == [
        "note",
        "begun",
        "opened",
        "file",
        "moved",
        "moved",
        "file",
        "file",
        "ended",
    ]
    assert events[-1]["page"] == f"{shop.server.url}/project/wharf/1.0/"
    assert events[-1]["state"] == "published"
    assert not any(shop.token in json.dumps(one) for one in events)


@pytest.mark.usefixtures("shop")
def test_quiet_says_nothing_when_all_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    put(wheel("mole"))
    assert publish(quiet=True) == 0
    assert capsys.readouterr() == ("", "")


def test_a_bad_file_stops_everything_before_anything_is_sent(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    put(wheel("buoy"))
    Path("dist/buoy-1.0.tar.gz").write_bytes(b"")
    assert publish() == 1
    assert capsys.readouterr().err.splitlines() == [
        "dist/buoy-1.0.tar.gz: size: the file is empty. Accepted: what your build tool writes: build it again",
        "Nothing was sent.",
    ]
    assert public(shop, "buoy") == {}


def test_without_an_index_it_says_how_to_name_one(monkeypatch: pytest.MonkeyPatch) -> None:
    put(wheel("buoy"))
    monkeypatch.delenv("CUSTOMHOUSE_INDEX")
    with pytest.raises(Rejected, match="nobody has said where to publish"):
        publish()


# What a shell has put into the background does not hear Ctrl-C, and these tests may run there.
HEARS_CTRL_C = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from customhouse.cli.main import main
sys.exit(main())
"""


def test_ctrl_c_ends_at_once_and_says_how_to_go_on() -> None:
    with reference_server() as index:
        index.mechanisms, index.part_bytes, index.hold_parts_after = [PARTS], 2**20, 2
        put(large_wheel(24 * 2**20))
        environment = os.environ | {"CUSTOMHOUSE_INDEX": index.url, "CUSTOMHOUSE_TOKEN": "good"}
        process = subprocess.Popen(
            [sys.executable, "-c", HEARS_CTRL_C, "publish", "--parallel", "1"],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert index.held.wait(60)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=30)
        index.go.set()
        assert process.returncode == 130
        assert told.splitlines()[-1].startswith("Stopped. What has arrived is kept")
        assert index.log.count("publish") == 0
        assert len(index.session_of().files["demo-1.0-cp312-cp312-win_amd64.whl"].parts) < 4
