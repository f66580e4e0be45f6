"""``customhouse publisher``: added, listed, removed; pending ones; what cannot be right."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import prepared
from customhouse.accounts.users import AddUser, add_user, find_user
from customhouse.app import App, open_app
from customhouse.cli import publisher as cli
from customhouse.index.new_project import CreateProject, new_project
from customhouse.infra.settings import Settings
from customhouse.terms.errors import Refused, Rejected

GITHUB = ["owner=acme", "repository=demo", "workflow=release.yml"]


@pytest.fixture
def data(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    settings = prepared(Settings.model_validate({"data": tmp_path / "data"}), request)
    monkeypatch.setenv("CUSTOMHOUSE_DATA", str(settings.data))
    monkeypatch.setenv("COLUMNS", "200")
    with open_app(settings) as app:
        _found(app)
    return settings.data


def _found(app: App) -> None:
    app.do(add_user, AddUser("alice"))
    with app.database.read() as sql:
        alice = find_user(sql, "alice").actor
    new_project(app.deeds, CreateProject("demo", alice))


def test_a_publisher_is_added_listed_and_removed(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cli.add("demo", "github", set=GITHUB, rule=["ref=refs/tags/v*", "protected_ref=true"], stages_only=True, data=data)
    assert "GitHub acme/demo release.yml may publish into demo. Number: 1" in capsys.readouterr().out
    cli.only("demo", data=data)
    cli.list_("demo", data=data)
    shown = capsys.readouterr().out
    for text in (
        "GitHub acme/demo release.yml (stages only)",
        "protected_ref; ref refs/tags/v*",
        "never",
        "no API tokens",
    ):
        assert text in shown
    cli.only("demo", off=True, data=data)
    cli.remove(1, project="demo", data=data)
    cli.list_("demo", data=data)
    assert "acme" not in capsys.readouterr().out.partition("can publish no more.")[2]


def test_a_pending_publisher_is_added_listed_and_removed(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cli.add("new", "gitlab", set=["namespace=acme", "project=new"], pending_for="alice", data=data)
    cli.list_(data=data)
    assert "new (pending)" in capsys.readouterr().out
    cli.remove(1, data=data)
    cli.list_(data=data)
    assert "new (pending)" not in capsys.readouterr().out


def test_issuers_say_what_a_publisher_is_told_by(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cli.issuers(data=data)
    shown = capsys.readouterr().out
    for text in ("127.0.0.1:8417", "https://gitlab.com", "workflow", "environment (if any)", "protected_ref"):
        assert text in shown


def test_what_cannot_be_right_is_said(data: Path) -> None:
    with pytest.raises(Rejected, match="no NAME=VALUE"):
        cli.add("demo", "github", set=["acme"], data=data)
    with pytest.raises(Rejected, match="is empty"):
        cli.add("demo", "github", set=["owner=acme"], data=data)
    with pytest.raises(Refused, match="No issuer named"):
        cli.add("demo", "circleci", data=data)
    with pytest.raises(Refused, match="no project named"):
        cli.list_("nothing", data=data)
    with pytest.raises(Refused, match="no such trusted publisher"):
        cli.remove(7, data=data)
