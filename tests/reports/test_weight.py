"""Which case comes first."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from customhouse.reports.automatic import Reporter
from customhouse.reports.claim import Kind
from customhouse.reports.model import Reputation
from customhouse.reports.weight import Gravity, gravity, voice

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
ONE = Reporter(1, "one", NOW - 99 * DAY, "a@one.example")
TWO = Reporter(2, "two", NOW - 99 * DAY, "a@two.example")
TRUSTED = replace(TWO, reputation=Reputation(trusted=True))


def weigh(
    *reporters: Reporter, kind: Kind = "malware", age: timedelta = 99 * DAY, held: bool = False,
    downloads: int | None = None,
) -> Gravity:  # fmt: skip
    return gravity([kind], reporters, project_age=age, young_for=30 * DAY, held=held, downloads=downloads, now=NOW)


def test_malware_outweighs_everything_and_something_else_comes_last() -> None:
    kinds: list[Kind] = ["malware", "dependency-confusion", "typosquat", "spam", "something-else"]
    weights = [weigh(ONE, kind=kind).weight for kind in kinds]
    assert weights == sorted(weights, reverse=True)
    assert len(set(weights)) == len(kinds)


def test_each_independent_reporter_adds_and_a_trusted_one_adds_twice() -> None:
    assert weigh(ONE) == Gravity(100, 1)
    assert weigh(ONE, TWO) == Gravity(200, 2)
    assert weigh(ONE, TRUSTED) == Gravity(300, 2)


def test_a60_fifty_puppets_of_one_domain_speak_with_one_voice() -> None:
    puppets = [Reporter(number, f"p{number}", NOW - 99 * DAY, f"p{number}@puppets.example") for number in range(50)]
    assert weigh(*puppets) == Gravity(100, 1)


def test_a60_fifty_strangers_weigh_no_more_than_five() -> None:
    crowd = [Reporter(number, f"p{number}", NOW - 99 * DAY, f"p@d{number}.example") for number in range(50)]
    assert weigh(*crowd) == Gravity(500, 50)


def test_a60_false_reports_make_a_voice_faint() -> None:
    voices = [voice(replace(ONE, reputation=Reputation(rejected=number)), NOW) for number in range(4)]
    assert voices == sorted(voices, reverse=True)
    assert voice(replace(ONE, reputation=Reputation(rejected=3, silenced=True)), NOW) == 0.1
    assert voice(replace(ONE, reputation=Reputation(confirmed=9, rejected=1)), NOW) > 0.8


def test_accounts_of_today_whisper() -> None:
    assert voice(replace(ONE, created_at=NOW - timedelta(hours=1)), NOW) == 0.25


def test_reporters_connected_through_a_third_are_one_group() -> None:
    first = replace(ONE, organizations=frozenset({1}))
    second = replace(TWO, organizations=frozenset({2}))
    bridge = Reporter(3, "three", NOW - 99 * DAY, "a@three.example", organizations=frozenset({1, 2}))
    assert weigh(first, second).independent == 2
    assert weigh(first, second, bridge).independent == 1


def test_young_held_and_much_downloaded_projects_come_before_others() -> None:
    plain = weigh(ONE).weight
    assert weigh(ONE, age=DAY).weight > plain
    assert weigh(ONE, held=True).weight > plain
    assert weigh(ONE, downloads=1_000_000).weight > weigh(ONE, downloads=1000).weight > weigh(ONE, downloads=0).weight
    assert weigh(ONE, downloads=0).weight == plain
