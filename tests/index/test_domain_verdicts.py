"""What a look at a mail domain means: the policy of `judge`, row by row."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from customhouse.index.domains.judge import Away, History, Look, Lost, Names, Nothing, Suspicious, judge
from customhouse.infra.rdap import NoRegistry, NotRegistered, Registration

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
VERIFIED = NOW - 100 * DAY
FINE = Registration("ctx.example", frozenset({"active"}), NOW - 900 * DAY, NOW + 100 * DAY)
ALIVE = Names(exists=True, mail_hosts=("mx.ctx.example",), name_servers=("ns.host.example",))
GONE = Names(exists=False)
NO_MAIL = Names(exists=True, name_servers=("ns.host.example",))
AWAY = Away("It is away.")
KNOWN = History(known_at=VERIFIED, name_servers=ALIVE.name_servers, mail_hosts=ALIVE.mail_hosts)


def seen_before(reason: str, ago: timedelta) -> History:
    return History(known_at=VERIFIED, bad_reason=reason, bad_since=NOW - ago)


def registered(
    *statuses: str, at: datetime = FINE.registered_at or NOW, expires: datetime | None = None
) -> Registration:
    return Registration("ctx.example", frozenset(statuses), at, expires or NOW + DAY)


LOST = [
    ("redemption", registered("redemption period"), ALIVE, KNOWN),
    ("redemption", registered("active", "pending delete"), AWAY, KNOWN),
    ("registered-again", registered("active", at=NOW - DAY), ALIVE, KNOWN),
    ("registered-again", registered("active", at=NOW - DAY), AWAY, KNOWN),
    ("gone", NotRegistered(), GONE, seen_before("gone", DAY)),
    ("gone", AWAY, GONE, seen_before("gone", DAY)),
    ("gone", NoRegistry(), GONE, seen_before("gone", 2 * DAY)),
    ("gone", NotRegistered(), Names(exists=True, has_address=True), seen_before("gone", DAY)),
    ("no-mail", FINE, NO_MAIL, seen_before("no-mail", DAY)),
    ("no-mail", FINE, Names(exists=True, mail_hosts=(".",), has_address=True), seen_before("no-mail", DAY)),
]
SUSPICIOUS = [
    ("gone", NotRegistered(), GONE, KNOWN),
    ("gone", NotRegistered(), GONE, seen_before("gone", DAY - timedelta(seconds=1))),
    ("gone", NotRegistered(), GONE, seen_before("no-mail", 5 * DAY)),
    ("no-mail", FINE, NO_MAIL, KNOWN),
    ("no-mail", NotRegistered(), NO_MAIL, KNOWN),
    ("restoring", registered("pending delete", "pending restore"), ALIVE, KNOWN),
    ("on-hold", registered("client hold"), ALIVE, KNOWN),
    ("expired", registered("active", expires=NOW - DAY), ALIVE, KNOWN),
    ("odd-date", registered("active", at=NOW + 30 * DAY), ALIVE, KNOWN),
    ("moved", FINE, Names(True, ("mx.ctx.example",), ("ns.other.example",)), KNOWN),
    ("moved", FINE, Names(True, ("mx.other.example",), ("ns.host.example",)), KNOWN),
]
NOTHING = [
    (True, FINE, ALIVE, KNOWN),
    (True, FINE, Names(exists=True, has_address=True, name_servers=ALIVE.name_servers), KNOWN),
    (True, NoRegistry(), ALIVE, KNOWN),
    (True, NotRegistered(), ALIVE, seen_before("gone", 9 * DAY)),  # its name servers answer: the registry is wrong
    (True, registered("active", at=NOW - DAY), ALIVE, History()),  # nobody there whose address counts
    (False, AWAY, AWAY, seen_before("gone", 9 * DAY)),
    (False, NotRegistered(), AWAY, seen_before("gone", 9 * DAY)),
    (False, FINE, AWAY, seen_before("no-mail", 9 * DAY)),
    (False, AWAY, ALIVE, seen_before("gone", 9 * DAY)),
]


@pytest.mark.parametrize(("reason", "registry", "names", "history"), LOST)
def test_a33_what_makes_a_domain_lost(
    reason: str, registry: Registration | NotRegistered | NoRegistry | Away, names: Names | Away, history: History
) -> None:
    verdict = judge(history, Look(NOW, registry, names))
    assert isinstance(verdict, Lost)
    assert verdict.reason == reason
    assert verdict.sentence.endswith(".")
    assert (verdict.before is not None) == (reason == "registered-again")


@pytest.mark.parametrize(("reason", "registry", "names", "history"), SUSPICIOUS)
def test_what_is_only_suspicious(
    reason: str, registry: Registration | NotRegistered | NoRegistry | Away, names: Names | Away, history: History
) -> None:
    verdict = judge(history, Look(NOW, registry, names))
    assert isinstance(verdict, Suspicious)
    assert verdict.reason == reason
    assert verdict.counts == (reason in ("gone", "no-mail"))


@pytest.mark.parametrize(("sure", "registry", "names", "history"), NOTHING)
def test_a33_services_that_are_away_or_wrong_change_nothing(
    sure: bool, registry: Registration | NotRegistered | NoRegistry | Away, names: Names | Away, history: History
) -> None:
    assert judge(history, Look(NOW, registry, names)) == Nothing(sure=sure)
