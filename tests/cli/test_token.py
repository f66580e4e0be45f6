"""``customhouse token``: narrowing a token where there is no server, and revoking many where there is one."""

from __future__ import annotations

import io
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from command_line import Done, customhouse
from conftest import prepared
from customhouse.accounts.server_key import ServerKey
from customhouse.accounts.tokens import read_token, signature_of
from customhouse.accounts.users import AddUser, add_user
from customhouse.app import open_app
from customhouse.cli.token import app
from customhouse.infra.settings import Settings
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.scope import scope_for

pytestmark = pytest.mark.slow

KEY = ServerKey(b"k" * 32)
ID = "abcdefghijklmnopqrstuvwxyz"
PLAIN = f"ch1.{ID}.{signature_of(KEY, ID)}"


def run(folder: Path, *arguments: str, stdin: str = "") -> Done:
    """``customhouse token ARGUMENTS`` in a folder of its own, with nothing set."""
    return customhouse("token", *arguments, folder=folder, stdin=stdin)


def test_a_token_is_narrowed_without_server_or_data_folder(tmp_path: Path) -> None:
    done = run(
        tmp_path, "attenuate", "--project", "Demo", "--project", "other", "--version", "1.2", "--action", "upload",
        "--network", "10.1.2.3/8", "--expires", "2h", stdin=f"{PLAIN}\n",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    token = read_token(KEY, done.stdout.strip())
    until = token.scope.expires
    assert until is not None
    assert timedelta(hours=1, minutes=58) < until - datetime.now(UTC) <= timedelta(hours=2)
    assert token.scope == scope_for(projects=["demo", "other"], versions=["1.2"], actions=["upload"],
                                    networks=["10.0.0.0/8"], expires=until)  # fmt: skip
    assert "only the projects 'demo' and 'other'" in done.stderr
    assert done.stdout.strip().split(".")[-1] not in done.stderr
    shown = run(tmp_path, "show", stdin=done.stdout)
    assert "Limit: only versions ==1.2" in shown.stdout
    assert not list(tmp_path.iterdir()), "it makes no data folder"


MISTAKES = [
    (["--expires", "soon"], PLAIN, "is no moment"), ([], PLAIN, "no limit to add"),
    (["--expires", "2h"], "", "no API token"), (["--action", "delete"], PLAIN, "is no action"),
    (["--project", "demo"], PLAIN[:-3], "no API token"), (["--project", "demo"], PLAIN * 100, "no API token"),
]  # fmt: skip


class Here:
    """The same commands in this process, which starts faster."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys, self._monkeypatch = capsys, monkeypatch

    def __call__(self, *arguments: str, stdin: str = "") -> tuple[str, str]:
        """What is printed, and what is said beside it."""
        self._monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        self._capsys.readouterr()
        app(list(arguments), exit_on_error=False, print_error=False, result_action="return_value")
        said = self._capsys.readouterr()
        return said.out, said.err


@pytest.fixture
def here(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, tmp_path: Path
) -> Here:
    settings = prepared(Settings.model_validate({"data": tmp_path / "data"}), request)
    monkeypatch.setenv("CUSTOMHOUSE_DATA", str(settings.data))
    return Here(capsys, monkeypatch)


def test_a_mistake_is_named_and_the_token_is_not(here: Here) -> None:
    for arguments, stdin, part in MISTAKES:
        with pytest.raises(Rejected, match=part) as rejection:
            here("attenuate", *arguments, stdin=stdin)
        assert PLAIN.split(".")[2][:20] not in str(rejection.value)


def test_making_and_revoking_on_the_command_line(here: Here, tmp_path: Path) -> None:
    settings = Settings.model_validate({"data": tmp_path / "data"})
    with open_app(settings) as index:
        for name in ("alice", "bob"):
            index.do(add_user, AddUser(name))
    token, _ = here("create", "alice", "--project", "demo", "--action", "upload", "--expires", "2030-01-31T12:00Z")
    assert "until 2030-01-31 12:00 UTC" in here("show", stdin=token)[0]
    narrow = here("attenuate", "--action", "read", stdin=token)[0].strip()
    others, said = here("create", "bob")
    assert "every project of bob" in said
    for arguments, part in (
        (["create", "bob", "--expires", "2020-01-01"], "never work"), (["revoke", "--reason", "why"], "not clear which"),
    ):  # fmt: skip
        with pytest.raises(Rejected, match=part):
            here(*arguments)
    assert (
        here("revoke", "--user", "alice", "--reason", "a laptop was stolen")[0] == "Revoked 1 tokens of 1 accounts.\n"
    )
    with open_app(settings) as index:
        assert index.authenticate(others.strip()).user.name == "bob"
        for text in (token.strip(), narrow):
            with pytest.raises(Refused):
                index.authenticate(text)
    assert here("revoke", "--all", "--reason", "all of them")[0] == "Revoked 1 tokens of 1 accounts.\n"
