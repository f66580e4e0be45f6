"""When reports alone hold something back: the policy as tables (A60)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from customhouse.reports.automatic import (
    MAX_UNDECIDED,
    Decision,
    FreshRelease,
    Reporter,
    Suspect,
    Witness,
    automatic_quarantine,
    independent,
    mailbox,
    may_count,
    registered_domain,
)
from customhouse.reports.model import Reputation

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
YOUNG = 30 * DAY

TRUSTED = Reporter(1, "trusty", NOW - 100 * DAY, "t@lab.example", reputation=Reputation(trusted=True))
OTHER = Reporter(2, "olga", NOW - 100 * DAY, "o@other.example")
SUSPECT = Suspect(NOW - DAY, critical=False, held=False, newest_file_id=7)
OLD = replace(SUSPECT, created_at=NOW - 31 * DAY)
FRESH = FreshRelease("2.0", NOW - 71 * HOUR, newest_file_id=7)


def decide(*witnesses: Witness, suspect: Suspect = SUSPECT, releases: tuple[FreshRelease, ...] = ()) -> Decision | None:
    return automatic_quarantine(suspect, releases, witnesses, young_for=YOUNG, now=NOW)


def test_two_independent_reporters_one_trusted_quarantine_a_young_project() -> None:
    assert decide(Witness(OTHER), Witness(TRUSTED, "1.0")) == Decision("", (TRUSTED, OTHER))


@pytest.mark.parametrize(
    "other",
    [
        replace(OTHER, created_at=NOW - 23 * HOUR),
        replace(OTHER, frozen=True),
        replace(OTHER, concerned=True),
        replace(OTHER, reputation=Reputation(rejected=3, silenced=True)),
        replace(OTHER, account_id=TRUSTED.account_id),
        replace(OTHER, email="someone@lab.example"),
        replace(OTHER, email="someone@mail.lab.example"),
    ],
)
def test_a60_a_second_reporter_who_does_not_count_changes_nothing(other: Reporter) -> None:
    assert decide(Witness(TRUSTED), Witness(other)) is None
    assert decide(Witness(other), Witness(TRUSTED)) is None


def test_a60_a_crowd_without_a_trusted_reporter_changes_nothing() -> None:
    crowd = [Witness(Reporter(number, f"u{number}", NOW - 99 * DAY, f"u@d{number}.example")) for number in range(50)]
    assert decide(*crowd) is None


def test_a60_a_trusted_reporter_alone_changes_nothing() -> None:
    assert decide(Witness(TRUSTED), Witness(TRUSTED, "1.0")) is None


@pytest.mark.parametrize(
    "trusted",
    [
        replace(TRUSTED, created_at=NOW - 23 * HOUR),
        replace(TRUSTED, frozen=True),
        replace(TRUSTED, concerned=True),
        replace(TRUSTED, undecided=MAX_UNDECIDED),
    ],
)
def test_a60_a_trusted_reporter_gone_rogue_is_bounded(trusted: Reporter) -> None:
    assert decide(Witness(trusted), Witness(OTHER)) is None


def test_two_trusted_reporters_of_one_house_need_a_third_person() -> None:
    colleague = replace(TRUSTED, account_id=3, email="c@lab.example")
    assert decide(Witness(TRUSTED), Witness(colleague)) is None
    assert decide(Witness(TRUSTED), Witness(colleague), Witness(OTHER)) == Decision("", (TRUSTED, OTHER))


@pytest.mark.parametrize(
    "suspect",
    [
        replace(SUSPECT, critical=True),
        replace(SUSPECT, held=True),
        replace(SUSPECT, cleared_file_id=7),
        replace(SUSPECT, created_at=NOW - 30 * DAY - HOUR),
    ],
)
def test_a60_what_reports_never_quarantine(suspect: Suspect) -> None:
    assert decide(Witness(TRUSTED), Witness(OTHER), suspect=suspect) is None


def test_a_new_upload_lifts_the_protection_of_a_verdict() -> None:
    cleared = replace(SUSPECT, cleared_file_id=6)
    assert decide(Witness(TRUSTED), Witness(OTHER), suspect=cleared) is not None


BOTH = (Witness(TRUSTED, "2.0"), Witness(OTHER, "2.0"))


def test_of_an_old_project_only_the_fresh_release_is_held_back() -> None:
    assert decide(*BOTH, suspect=OLD, releases=(FRESH,)) == Decision("2.0", (TRUSTED, OTHER))


@pytest.mark.parametrize(
    ("suspect", "fresh"),
    [
        (OLD, replace(FRESH, newest_upload_at=NOW - 73 * HOUR)),
        (OLD, replace(FRESH, held=True)),
        (replace(OLD, critical=True), FRESH),
        (replace(OLD, held=True), FRESH),
        (replace(OLD, cleared_file_id=7), FRESH),
        (OLD, replace(FRESH, version="3.0")),
    ],
)
def test_a60_which_releases_reports_never_quarantine(suspect: Suspect, fresh: FreshRelease) -> None:
    assert decide(*BOTH, suspect=suspect, releases=(fresh,)) is None


def test_a_report_without_a_version_says_nothing_about_a_release() -> None:
    assert decide(Witness(TRUSTED, "2.0"), Witness(OTHER), suspect=OLD, releases=(FRESH,)) is None


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("a@gmail.com", "b@gmail.com", True),
        ("a.b+x@gmail.com", "AB@googlemail.com", False),
        ("a+1@web.de", "a+2@web.de", False),
        ("a@corp.example", "b@corp.example", False),
        ("a@x.corp.example", "b@y.corp.example", False),
        ("a@one.co.uk", "b@two.co.uk", True),
        ("a@x.one.co.uk", "b@one.co.uk", False),
        ("a@corp.example", "b@other.example", True),
        ("", "b@corp.example", True),
        ("", "", True),
        ("a@corp.example.", "b@CORP.example", False),
    ],
)
def test_mail_tells_reporters_apart(one: str, other: str, expected: bool) -> None:
    first, second = Reporter(1, "a", NOW, one), Reporter(2, "b", NOW, other)
    assert independent(first, second) is expected
    assert independent(second, first) is expected


def test_members_of_one_organization_are_not_independent() -> None:
    first = replace(TRUSTED, organizations=frozenset({1, 2}))
    assert not independent(first, replace(OTHER, organizations=frozenset({2})))
    assert independent(first, replace(OTHER, organizations=frozenset({3})))


def test_an_account_counts_from_its_second_day() -> None:
    assert may_count(replace(OTHER, created_at=NOW - 24 * HOUR), NOW)
    assert not may_count(replace(OTHER, created_at=NOW - 24 * HOUR + timedelta(seconds=1)), NOW)


def test_mailboxes_and_domains_are_read_as_people_register_them() -> None:
    assert mailbox(" A.B+c@GoogleMail.com ") == "ab@gmail.com"
    assert mailbox("no address") == ""
    assert registered_domain("mail.corp.example") == "corp.example"
    assert registered_domain("a.b.one.co.uk") == "one.co.uk"
    assert registered_domain("users.noreply.github.com") == "users.noreply.github.com"
