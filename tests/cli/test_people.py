"""Operators keep people, names and limits at the command line: what each command prints, and what it leaves behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from command_line import Done, customhouse

pytestmark = pytest.mark.slow


def run(folder: Path, *arguments: str) -> Done:
    """``customhouse ARGUMENTS`` in a folder of its own."""
    return customhouse(*arguments, folder=folder, environment={"COLUMNS": "120"})


def said(folder: Path, *arguments: str) -> str:
    done = run(folder, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_link_for_a_password_goes_to_standard_output_alone(tmp_path: Path) -> None:
    said(tmp_path, "user", "add", "alice")
    done = run(tmp_path, "user", "link", "alice")
    assert done.returncode == 0
    assert done.stdout.startswith("http://127.0.0.1:8417/account/link/")
    assert done.stdout.count("\n") == 1
    assert "sets the password of alice" in done.stderr
    assert run(tmp_path, "user", "link", "nobody").returncode == 2


def test_accounts_get_roles_are_frozen_and_trusted(tmp_path: Path) -> None:
    said(tmp_path, "user", "add", "olga")
    assert said(tmp_path, "user", "role", "olga", "operator") == "olga is operator now.\n"
    assert said(tmp_path, "user", "role", "olga", "none") == "olga is neither operator nor support now.\n"
    assert run(tmp_path, "user", "role", "olga", "king").returncode == 2
    assert said(tmp_path, "user", "freeze", "olga", "--reason", "Lost laptop.") == "olga is frozen.\n"
    assert "frozen" in run(tmp_path, "user", "freeze", "olga", "--reason", "Again.").stdout
    assert said(tmp_path, "user", "thaw", "olga", "--reason", "Found it.") == "olga is thawed.\n"
    assert run(tmp_path, "user", "freeze", "olga").returncode == 2, "without a reason"
    assert said(tmp_path, "user", "trust", "olga", "--reason", "Reads code.") == "olga is now a trusted reporter.\n"
    assert "no longer" in said(tmp_path, "user", "trust", "olga", "--reason", "Left.", "--undo")


def test_a8_an_operator_lets_typed_codes_work_again(tmp_path: Path) -> None:
    said(tmp_path, "user", "add", "alice")
    assert said(tmp_path, "user", "unlock", "alice") == "Codes of alice are taken again.\n"
    assert run(tmp_path, "user", "unlock", "nobody").returncode == 2


def test_names_namespaces_and_limits_are_kept(tmp_path: Path) -> None:
    said(tmp_path, "user", "add", "alice")
    made = said(tmp_path, "organization", "create", "Acme", "--owner", "alice", "--title", "Acme Works")
    assert made == "Made the organization Acme, owned by alice.\n"
    said(tmp_path, "user", "add", "bob")
    assert "bob is invited" in said(tmp_path, "organization", "invite", "acme", "bob")
    listed = said(tmp_path, "organization", "list")
    assert "Acme Works" in listed
    assert "alice" in listed
    assert said(tmp_path, "name", "prohibit", "Evil", "--reason", "A mark.") == "Nobody may have the name evil.\n"
    assert said(tmp_path, "name", "grant", "acme", "Acme") == "acme is for Acme from now on.\n"
    assert run(tmp_path, "name", "grant", "acme", "Acme").returncode == 2
    listed = said(tmp_path, "name", "list")
    assert all(part in listed for part in ("evil", "A mark.", "acme", "Acme"))
    assert said(tmp_path, "name", "allow", "evil", "--reason", "Over.") == "The name evil is free.\n"
    assert said(tmp_path, "name", "revoke", "acme") == "acme is for everybody again.\n"
    said(tmp_path, "quota", "organization", "acme", "--project-size", "50 GB", "--reason", "Models.")
    assert f"{50 * 1024**3:,} B" in said(tmp_path, "quota", "list")
    assert run(tmp_path, "quota", "organization", "acme", "--file-size", "much").returncode == 2
    assert run(tmp_path, "quota", "organization", "acme", "--file-size", "2 GB").returncode == 2, "above the door"
    assert run(tmp_path, "quota", "project", "nothing").returncode == 2
    assert "✗" not in said(tmp_path, "check")
