"""Who may say who belongs to an organization: the sentences of the policies, row by row."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from customhouse.catalog.membership import (
    check_name,
    check_title,
    may_change_member,
    may_invite_member,
    may_leave_organization,
    may_manage,
    may_remove_member,
)
from customhouse.catalog.organizations import Organization
from customhouse.catalog.roles import Invitee
from customhouse.terms.errors import Refused, Rejected

ACME = Organization(1, "acme", "Acme", datetime(2026, 11, 24, tzinfo=UTC))
BOB = Invitee(2, "bob")


def code(refusal: Refused | None) -> str:
    return refusal.code if refusal is not None else ""


@pytest.mark.parametrize(
    ("role", "wanted", "invitee", "operator", "expected"),
    [
        ("owner", "owner", BOB, False, ""),
        ("owner", "manager", BOB, False, ""),
        ("owner", "member", BOB, False, ""),
        ("manager", "member", BOB, False, ""),
        ("manager", "manager", BOB, False, "not-an-owner"),
        ("manager", "owner", BOB, False, "not-an-owner"),
        ("member", "member", BOB, False, "not-a-manager"),
        ("member", "owner", BOB, False, "not-a-manager"),
        (None, "owner", BOB, False, "not-a-manager"),
        (None, "owner", BOB, True, ""),
        ("owner", "king", BOB, False, "bad-role"),
        ("owner", "member", replace(BOB, role="manager"), False, "has-role"),
        ("owner", "owner", replace(BOB, role="manager"), False, ""),
        ("owner", "member", replace(BOB, frozen=True), False, "frozen"),
        ("owner", "member", replace(BOB, waiting=True), False, "invited-already"),
    ],
)
def test_tob8_members_invite_nobody_and_managers_no_owners(
    role: str, wanted: str, invitee: Invitee, operator: bool, expected: str
) -> None:
    """TOB-PYPI26-8: members could invite owners."""
    assert code(may_invite_member(ACME, role, wanted, invitee, operator=operator)) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("role", "held", "wanted", "survives", "operator", "expected"),
    [
        ("owner", "member", "owner", False, False, ""),
        ("owner", "owner", "member", True, False, ""),
        ("owner", "owner", "member", False, False, "last-owner"),
        (None, "owner", "member", False, True, "last-owner"),
        ("manager", "member", "manager", True, False, "not-an-owner"),
        ("member", "member", "owner", True, False, "not-an-owner"),
        (None, "member", "owner", True, True, ""),
        ("owner", "", "owner", True, False, "no-member"),
        ("owner", "member", "member", True, False, "has-role"),
        ("owner", "member", "king", True, False, "bad-role"),
    ],
)
def test_only_an_owner_changes_what_somebody_is(
    role: str, held: str, wanted: str, survives: bool, operator: bool, expected: str
) -> None:
    refusal = may_change_member(ACME, role, held, wanted, survives=survives, operator=operator)  # type: ignore[arg-type]
    assert code(refusal) == expected


@pytest.mark.parametrize(
    ("role", "held", "survives", "expected"),
    [
        ("owner", "owner", True, ""),
        ("owner", "owner", False, "last-owner"),
        ("owner", "member", False, ""),
        ("manager", "member", True, ""),
        ("manager", "manager", True, "not-an-owner"),
        ("manager", "owner", True, "not-an-owner"),
        ("member", "member", True, "not-a-manager"),
        ("owner", "", True, "no-member"),
    ],
)
def test_owners_remove_anybody_and_managers_plain_members(role: str, held: str, survives: bool, expected: str) -> None:
    assert code(may_remove_member(ACME, role, held, survives=survives)) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("held", "survives", "expected"),
    [("member", False, ""), ("owner", True, ""), ("owner", False, "last-owner"), ("", True, "no-member")],
)
def test_anybody_may_leave_but_the_last_owner(held: str, survives: bool, expected: str) -> None:
    assert code(may_leave_organization(ACME, held, survives=survives)) == expected


@pytest.mark.parametrize(
    ("role", "operator", "expected"),
    [("owner", False, ""), ("manager", False, ""), ("member", False, "not-a-manager"), (None, True, "")],
)
def test_owners_and_managers_look_after_teams(role: str, operator: bool, expected: str) -> None:
    assert code(may_manage(ACME, role, operator=operator)) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", "-acme", "acme-", "a b", "ä", "x" * 51, "a/b", "a\n"])
def test_a_name_that_could_not_stand_in_an_address_is_rejected(text: str) -> None:
    with pytest.raises(Rejected):
        check_name(text, "a team")


@pytest.mark.parametrize("text", ["x" * 101, "two\nlines", "\u202eevil"])
def test_a_title_is_one_plain_line(text: str) -> None:
    with pytest.raises(Rejected):
        check_title(text)
    assert check_title("Ünïcode is fine") == "Ünïcode is fine"
