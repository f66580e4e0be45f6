"""Campaigns and the rules of claiming; pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from customhouse.terms.errors import Refused, Rejected

KEYS_EACH = 2
"""One to use and one to keep in a safe place, so that losing one locks nobody out."""
MOST_KEYS_EACH = 10
MOST_CODES = 100_000
LONGEST_CODE = 200
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?", re.ASCII)
_CODE = re.compile(f"[!-~]{{4,{LONGEST_CODE}}}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Terms:
    """What an operator says about a campaign when its first codes are loaded."""

    title: str
    begins: date
    until: date
    """The last day."""
    redeem: str
    eligible_on: date
    keys_each: int = KEYS_EACH

    def refuse_if_odd(self, today: date) -> None:
        """Raise `Rejected` for terms that cannot be kept."""
        if not 1 <= len(self.title) <= 120:  # noqa: PLR2004 - the column's
            raise Rejected("bad-title", "title", f"{len(self.title)} characters", "1 to 120")
        if not 1 <= len(self.redeem) <= 1000:  # noqa: PLR2004 - a paragraph
            raise Rejected("bad-redeem", "redeem", f"{len(self.redeem)} characters", "where a code is redeemed")
        if not 1 <= self.keys_each <= MOST_KEYS_EACH:
            raise Rejected("bad-keys", "keys", f"{self.keys_each} keys for each person", f"1 to {MOST_KEYS_EACH}")
        if self.until < self.begins:
            raise Rejected("bad-until", "until", f"{self.until} is before {self.begins}", "a day not before the first")
        if self.eligible_on < today:
            raise Rejected(
                "day-is-past", "eligible-on", f"nobody has noted who looked after what on {self.eligible_on}",
                "today or a day to come",
            )  # fmt: skip
        if self.eligible_on > self.until:
            raise Rejected("bad-eligible-on", "eligible-on", "is after the campaign", f"{self.until} or earlier")


@dataclass(frozen=True, slots=True)
class Campaign:
    """One giveaway."""

    id: int
    name: str
    title: str
    begins_at: datetime
    ends_at: datetime
    keys_each: int
    redeem: str
    eligible_on: date
    drawn_at: datetime | None

    @property
    def until(self) -> date:
        """The last day."""
        return (self.ends_at - timedelta(days=1)).date()

    def is_over(self, now: datetime) -> bool:
        """Whether nothing can be claimed any more."""
        return now >= self.ends_at


@dataclass(frozen=True, slots=True)
class Standing:
    """What a campaign is to one person."""

    campaign: Campaign
    projects: Sequence[str]
    """The critical projects for which he may take part; as things are now, if the list is still to be made."""
    verified: bool
    claimed_at: datetime | None
    left: int
    """Codes that nobody has."""


def may_claim(standing: Standing, now: datetime) -> Refused | None:
    """Who looked after a critical project on the campaign's day may claim once, from its first day to its last.

    His address must be verified, the list of that day be made, and enough codes for a whole set be left: half a set
    would leave him with one key, which is what the second one is there to prevent.
    """
    campaign = standing.campaign
    if standing.claimed_at is not None:
        return _refused("already-claimed", "You have claimed your keys of this campaign.", "Your codes are below it.")
    if now < campaign.begins_at:
        return _refused("not-begun", f"It begins on {_day(campaign.begins_at)}.", "Come back then.")
    if campaign.is_over(now):
        return _refused("campaign-over", "It is over.", "Ask the operators whether there will be another.")
    if campaign.drawn_at is None:
        return _refused("not-drawn", f"Who may claim is noted on {campaign.eligible_on:%-d %b %Y}.", "Come back then.")
    if not standing.projects:
        return _refused(
            "not-eligible", f"On {campaign.eligible_on:%-d %b %Y} you looked after no critical project.",
            "The page /critical/ says which are critical.",
        )  # fmt: skip
    if not standing.verified:
        return _refused("not-verified", "Your e-mail address is not verified.", "Verify it, then claim.")
    if standing.left < campaign.keys_each:
        return _refused("no-codes-left", "All codes have been claimed.", "Ask the operators to load more.")
    return None


def parse_campaign_name(text: str) -> str:
    """The name of a campaign in addresses and commands."""
    if not _NAME.fullmatch(text):
        raise Rejected(
            "bad-campaign", "campaign", f"{text[:60]!r} is no name of a campaign",
            "1 to 60 small letters, digits and '-', beginning and ending with a letter or digit",
        )  # fmt: skip
    return text


def parse_codes(text: str) -> tuple[str, ...]:
    """One code a line; blank lines count nothing. An error names the line and never what stands there."""
    codes = []
    for number, line in enumerate(text.splitlines(), 1):
        code = line.strip().removeprefix("\ufeff")
        if not code:
            continue
        if not _CODE.fullmatch(code):
            raise Rejected(
                "bad-code", f"line {number}", "is no code",
                f"4 to {LONGEST_CODE} printable ASCII characters without blanks",
            )  # fmt: skip
        codes.append(code)
        if len(codes) > MOST_CODES:
            raise Rejected("too-many-codes", "codes", f"more than {MOST_CODES} lines", "fewer at a time")
    return tuple(codes)


def midnight(day: date) -> datetime:
    """The moment when a day begins, in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def parse_day(text: str, where: str) -> date:
    """A day as 2026-12-01."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Rejected("bad-day", where, f"{text[:40]!r} is no day", "a day as 2026-12-01") from error


def _refused(code: str, sentence: str, accepted: str) -> Refused:
    return Refused(code, sentence, accepted, status=409)


def _day(moment: datetime) -> str:
    return f"{moment:%-d %b %Y}"
