"""Who may say who may act for a project: the sentences of the policies, row by row."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from customhouse.catalog.model import Project
from customhouse.catalog.roles import (
    Invitee,
    is_typed,
    may_change_role,
    may_change_visibility,
    may_invite,
    may_leave,
    may_remove_role,
    may_transfer,
)
from customhouse.terms.errors import Refused

NOW = datetime(2026, 11, 24, tzinfo=UTC)
ACTIVE = Project(1, "demo", "Demo", NOW, "active", "", {})
HELD = replace(ACTIVE, organization_id=7)
PRIVATE = replace(ACTIVE, visibility="private")
DELETED = replace(ACTIVE, deleted_at=NOW)
QUARANTINED = replace(ACTIVE, status="quarantined")
BOB = Invitee(2, "bob")


def code(refusal: Refused | None) -> str:
    return refusal.code if refusal is not None else ""


@pytest.mark.parametrize(
    ("project", "role", "wanted", "invitee", "operator", "expected"),
    [
        (ACTIVE, "owner", "maintainer", BOB, False, ""),
        (ACTIVE, "owner", "owner", BOB, False, ""),
        (PRIVATE, "owner", "owner", BOB, False, ""),
        (ACTIVE, "maintainer", "maintainer", BOB, False, "not-an-owner"),
        (ACTIVE, None, "maintainer", BOB, False, "not-an-owner"),
        (ACTIVE, None, "maintainer", BOB, True, ""),
        (ACTIVE, "owner", "admin", BOB, False, "bad-role"),
        (ACTIVE, "owner", "", BOB, False, "bad-role"),
        (DELETED, "owner", "owner", BOB, False, "project-deleted"),
        (DELETED, None, "owner", BOB, True, "project-deleted"),
        (QUARANTINED, "owner", "owner", BOB, False, "quarantined"),
        (QUARANTINED, None, "owner", BOB, True, ""),
        (ACTIVE, "owner", "owner", replace(BOB, role="owner"), False, "has-role"),
        (ACTIVE, "owner", "maintainer", replace(BOB, role="owner"), False, "has-role"),
        (ACTIVE, "owner", "maintainer", replace(BOB, role="maintainer"), False, "has-role"),
        (ACTIVE, "owner", "owner", replace(BOB, role="maintainer"), False, ""),
        (ACTIVE, "owner", "owner", replace(BOB, frozen=True), False, "frozen"),
        (ACTIVE, "owner", "owner", replace(BOB, waiting=True), False, "invited-already"),
    ],
)
def test_an_owner_may_invite(
    project: Project, role: str, wanted: str, invitee: Invitee, operator: bool, expected: str
) -> None:
    assert code(may_invite(project, role, wanted, invitee, operator=operator)) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("project", "role", "held", "wanted", "survives", "operator", "expected"),
    [
        (ACTIVE, "owner", "maintainer", "owner", True, False, ""),
        (ACTIVE, "owner", "owner", "maintainer", True, False, ""),
        (ACTIVE, "owner", "owner", "maintainer", False, False, "last-owner"),
        (ACTIVE, None, "owner", "maintainer", False, True, "last-owner"),
        (ACTIVE, "owner", "maintainer", "owner", False, False, ""),
        (ACTIVE, "owner", "owner", "owner", True, False, "has-role"),
        (ACTIVE, "owner", "", "owner", True, False, "no-direct-role"),
        (ACTIVE, "owner", "owner", "boss", True, False, "bad-role"),
        (ACTIVE, "maintainer", "maintainer", "owner", True, False, "not-an-owner"),
        (ACTIVE, None, "maintainer", "owner", True, True, ""),
        (DELETED, "owner", "maintainer", "owner", True, False, "project-deleted"),
        (QUARANTINED, "owner", "maintainer", "owner", True, False, "quarantined"),
    ],
)
def test_an_owner_may_change_roles(
    project: Project, role: str, held: str, wanted: str, survives: bool, operator: bool, expected: str
) -> None:
    refusal = may_change_role(project, role, held, wanted, survives=survives, operator=operator)  # type: ignore[arg-type]
    assert code(refusal) == expected


@pytest.mark.parametrize(
    ("project", "role", "held", "survives", "expected"),
    [
        (ACTIVE, "owner", "maintainer", True, ""),
        (ACTIVE, "owner", "maintainer", False, ""),
        (ACTIVE, "owner", "owner", True, ""),
        (ACTIVE, "owner", "owner", False, "last-owner"),
        (ACTIVE, "owner", "", True, "no-direct-role"),
        (ACTIVE, "maintainer", "owner", True, "not-an-owner"),
        (QUARANTINED, "owner", "owner", True, "quarantined"),
    ],
)
def test_an_owner_may_remove_anybody_but_the_last_owner(
    project: Project, role: str, held: str, survives: bool, expected: str
) -> None:
    assert code(may_remove_role(project, role, held, survives=survives)) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("project", "held", "survives", "expected"),
    [
        (ACTIVE, "maintainer", False, ""),
        (ACTIVE, "owner", True, ""),
        (ACTIVE, "owner", False, "last-owner"),
        (ACTIVE, "", True, "not-a-direct-role"),
        (QUARANTINED, "maintainer", True, ""),
        (DELETED, "owner", True, ""),
        (DELETED, "owner", False, "last-owner"),
    ],
)
def test_anybody_may_leave_but_the_last_owner(project: Project, held: str, survives: bool, expected: str) -> None:
    assert code(may_leave(project, held, survives=survives)) == expected


def test_the_refusal_of_the_last_owner_names_the_way_out() -> None:
    refusal = may_leave(ACTIVE, "owner", survives=False)
    assert refusal is not None
    assert "Make somebody else an owner first, transfer the project, or delete it." in str(refusal)


@pytest.mark.parametrize(
    ("project", "role", "owns_holder", "namespace", "operator", "expected"),
    [
        (ACTIVE, "owner", False, "", False, ""),
        (ACTIVE, "maintainer", False, "", False, "not-an-owner"),
        (HELD, "owner", True, "", False, ""),
        (HELD, "owner", False, "", False, "not-the-holder"),
        (HELD, None, False, "", True, ""),
        (HELD, "owner", True, "demo", False, "in-namespace"),
        (HELD, None, False, "demo", True, "in-namespace"),
        (DELETED, "owner", False, "", False, "project-deleted"),
        (QUARANTINED, "owner", False, "", False, "quarantined"),
    ],
)
def test_an_owner_may_hand_a_project_over(
    project: Project, role: str, owns_holder: bool, namespace: str, operator: bool, expected: str
) -> None:
    refusal = may_transfer(project, role, owns_holder=owns_holder, namespace=namespace, operator=operator)  # type: ignore[arg-type]
    assert code(refusal) == expected


@pytest.mark.parametrize(
    ("project", "role", "wanted", "expected"),
    [
        (ACTIVE, "owner", "private", ""),
        (PRIVATE, "owner", "public", ""),
        (ACTIVE, "owner", "public", "same-visibility"),
        (PRIVATE, "owner", "private", "same-visibility"),
        (ACTIVE, "owner", "hidden", "bad-visibility"),
        (ACTIVE, "maintainer", "private", "not-an-owner"),
        (QUARANTINED, "owner", "private", "quarantined"),
        (DELETED, "owner", "private", "project-deleted"),
    ],
)
def test_an_owner_may_hide_and_show(project: Project, role: str, wanted: str, expected: str) -> None:
    assert code(may_change_visibility(project, role, wanted)) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("typed", "expected"), [("Demo", ""), ("demo", ""), (" DEMO ", ""), ("", "not-typed"), ("dem", "not-typed")]
)
def test_the_name_is_typed_again_in_any_spelling(typed: str, expected: str) -> None:
    assert code(is_typed(ACTIVE, typed)) == expected
