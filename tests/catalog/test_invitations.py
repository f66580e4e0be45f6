"""When an invitation holds: the sentences of the policy, row by row."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from customhouse.catalog.invitations import Invitation, may_accept, may_decline, may_withdraw
from customhouse.catalog.roles import ROLES
from customhouse.terms.errors import Refused

NOW = datetime(2026, 11, 24, tzinfo=UTC)
OPEN = Invitation(1, "project", 1, None, 2, "maintainer", 3, NOW - timedelta(days=1), NOW + timedelta(days=1), None, "")
ANSWERED = replace(OPEN, answered_at=NOW, answer="declined")


def code(refusal: Refused | None) -> str:
    return refusal.code if refusal is not None else ""


@pytest.mark.parametrize(
    ("found", "inviter_may", "held", "gone", "expected"),
    [
        (OPEN, True, "", False, ""),
        (OPEN, False, "", False, "invitation-dead"),
        (OPEN, True, "", True, "invitation-dead"),
        (OPEN, True, "maintainer", False, "invitation-dead"),
        (OPEN, True, "owner", False, "invitation-dead"),
        (replace(OPEN, role="owner"), True, "maintainer", False, ""),
        (ANSWERED, True, "", False, "invitation-answered"),
        (replace(OPEN, expires_at=NOW), True, "", False, "invitation-expired"),
    ],
)
def test_the_invited_may_accept_once_in_time(
    found: Invitation, inviter_may: bool, held: str, gone: bool, expected: str
) -> None:
    assert code(may_accept(found, NOW, inviter_may=inviter_may, held=held, ranks=ROLES, gone=gone)) == expected


def test_declining_and_withdrawing_need_only_that_nobody_has_answered() -> None:
    assert code(may_decline(replace(OPEN, expires_at=NOW - timedelta(days=9)))) == ""
    assert code(may_decline(ANSWERED)) == "invitation-answered"
    assert code(may_withdraw(OPEN, may_invite=True)) == ""
    assert code(may_withdraw(OPEN, may_invite=False)) == "not-yours-to-withdraw"
    assert code(may_withdraw(ANSWERED, may_invite=True)) == "invitation-answered"
