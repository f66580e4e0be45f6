"""What is known to be wrong with a version, on both databases and by real records."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest

from advising import advise, know_exploited, load, pypa_records, record
from customhouse.advisories.disclosure.tables import disclosure_case
from customhouse.advisories.model import OWN
from customhouse.advisories.tables import advisory_source
from customhouse.app import App
from customhouse.formats.policy.decide import decide
from customhouse.formats.policy.levels import level
from customhouse.formats.policy.signals import SIGNALS, Fix, Vulnerability
from mirrored import DAY, NOW, fact, facts, mirrored, page_of, project_facts, read_source, removed, sdist_of, wheel_of
from world import World

HIGH: dict[str, Any] = {"severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N"}]}
MOST_STATEMENTS = 30
"""Begins of transactions among them."""
LAST_WEEK = "2026-11-17T00:00:00Z"


def fixes(app: App, *versions: tuple[str, float], of: str) -> tuple[Fix, ...]:
    """What a version mends, of releases that came so many days ago."""
    project = mirrored("demo", *(wheel_of("demo", version, days=days) for version, days in versions))
    answer = fact(app, project, "fixes", next(one.filename for one in project.files if one.version == of))
    assert answer is not None
    return cast("tuple[Fix, ...]", answer.value)


def test_without_advisories_nothing_is_known_and_that_is_no_all_clear(world: World) -> None:
    found = facts(world.app, mirrored("demo", wheel_of("demo", "1.0")))
    for signal in ("vulnerabilities", "fixes", "malware"):
        assert found.fact(signal) is None
        assert found.why_unknown(signal) == "no advisories were ever imported here"


def test_advisories_are_as_old_as_the_source_that_was_read_longest_ago(world: World) -> None:
    read_source(world.app, "a", hours=1)
    read_source(world.app, "b", hours=30)
    read_source(world.app, "once", hours=9000, origin="import")
    answer = fact(world.app, mirrored("demo", wheel_of("demo", "1.0")), "malware")
    assert answer is not None
    assert (answer.value, answer.dated) == (False, NOW - timedelta(hours=30))


def test_a_real_vulnerability_of_a_real_package_is_told_with_its_fix(world: World) -> None:
    load(world.app, [one for one in pypa_records() if "urllib3" in one.packages()])
    read_source(world.app, "pypa")
    project = mirrored("urllib3", wheel_of("urllib3", "1.26.4"), wheel_of("urllib3", "2.2.2"))
    answer = fact(world.app, project, "vulnerabilities", project.files[0].filename)
    assert answer is not None
    found = {one.id: one for one in cast("tuple[Vulnerability, ...]", answer.value)}
    assert found["PYSEC-2021-108"].fixed_in == ("1.26.5",)
    assert "CVE-2021-33503" in found["PYSEC-2021-108"].aliases
    last = fact(world.app, project, "vulnerabilities")
    assert last is not None
    assert "PYSEC-2021-108" not in {one.id for one in last.value}


def test_records_of_one_vulnerability_are_one_with_the_worst_level_and_what_is_known_of_exploitation(
    world: World,
) -> None:
    advise(
        world.app,
        record("PYSEC-2026-1", "demo", fixed="1.5", aliases=["CVE-2026-1111"]),
        record("GHSA-aaaa-bbbb-cccc", "demo", fixed="1.5", aliases=["CVE-2026-1111"], **HIGH),
    )
    know_exploited(world.app, "CVE-2026-1111")
    read_source(world.app)
    answer = fact(world.app, mirrored("demo", wheel_of("demo", "1.0")), "vulnerabilities")
    assert answer is not None
    assert answer.value == (
        Vulnerability("PYSEC-2026-1", ("GHSA-aaaa-bbbb-cccc", "CVE-2026-1111"), "high", 7.5, True, 0.97, ("1.5",)),
    )


def test_without_cisas_catalogue_nobody_knows_what_is_exploited(world: World) -> None:
    advise(
        world.app,
        record("PYSEC-2026-1", "demo", fixed="1.5", aliases=["CVE-2026-1111"]),
        record("PYSEC-2026-2", "demo", fixed="1.5"),
    )
    read_source(world.app)
    project = mirrored("demo", wheel_of("demo", "1.0"))
    found = fact(world.app, project, "vulnerabilities")
    assert found is not None
    # What has no CVE id is in no catalogue.
    assert {one.id: one.exploited for one in found.value} == {"PYSEC-2026-1": None, "PYSEC-2026-2": False}
    strict = [rule for rule in level("strict").rules if rule.name == "known exploited"]
    told = decide(
        replace(level("strict"), rules=tuple(strict)),
        facts(world.app, project),
        now=NOW,
        hosted=False,
        name="demo",
        version="1.0",
    )
    assert (told.action, told.rule) == ("deny", "known exploited")
    know_exploited(world.app, "CVE-2026-2222")
    found = fact(world.app, project, "vulnerabilities")
    assert found is not None
    assert {one.exploited for one in found.value} == {False}


def test_a_source_that_was_never_read_is_as_old_as_the_wish_to_read_it(world: World) -> None:
    """Or advisories would be called new while those on malware have never come."""
    read_source(world.app, "pypa", hours=1)
    with world.app.database.write() as sql:
        sql.execute(
            advisory_source.insert().values(
                name="malware", kind="url", place="x", trust=0, origin="operator", added_at=NOW - 9 * DAY
            )
        )
    answer = fact(world.app, mirrored("demo", wheel_of("demo", "1.0")), "malware")
    assert answer is not None
    assert answer.dated == NOW - 9 * DAY


def test_malware_is_told_even_if_no_source_was_ever_read_and_is_no_vulnerability(world: World) -> None:
    advise(world.app, record("MAL-2026-7", "demo", versions=["1.1"]), source=OWN)
    project = mirrored("demo", wheel_of("demo", "1.0"), wheel_of("demo", "1.1"))
    answer = fact(world.app, project, "malware")
    assert answer is not None
    assert (answer.value, answer.source) == (True, "MAL-2026-7")
    assert fact(world.app, project, "malware", project.files[0].filename) is None
    assert fact(world.app, project, "vulnerabilities") is None


def test_a_withdrawn_record_counts_no_more(world: World) -> None:
    advise(world.app, record("PYSEC-2026-1", "demo", withdrawn="2026-11-20T00:00:00Z"))
    read_source(world.app)
    answer = fact(world.app, mirrored("demo", wheel_of("demo", "1.0")), "vulnerabilities")
    assert answer is not None
    assert answer.value == ()


def test_as_of_an_earlier_day_later_advisories_are_not_known(world: World) -> None:
    advise(world.app, record("PYSEC-2026-1", "demo", modified="2026-11-20T00:00:00Z"))
    read_source(world.app)
    project = mirrored("demo", wheel_of("demo", "1.0"))
    assert fact(world.app, project, "vulnerabilities", as_of=NOW - 30 * DAY).value == ()  # type: ignore[union-attr] # known
    assert fact(world.app, project, "vulnerabilities", as_of=NOW).value != ()  # type: ignore[union-attr] # known


def test_a_release_mends_what_the_one_right_below_it_has(world: World) -> None:
    advise(world.app, record("PYSEC-2026-1", "demo", fixed="1.1", modified=LAST_WEEK, **HIGH))
    read_source(world.app)
    published = NOW.replace(day=17, hour=0)
    assert fixes(world.app, ("1.0", 90), ("1.1", 1), of="1.1") == (Fix("PYSEC-2026-1", "high", published, True),)
    # What comes long after the fix mends nothing, or every release that a thief makes would.
    assert fixes(world.app, ("1.0", 90), ("1.1", 9), ("1.2", 1), of="1.2") == ()
    # A fix that upstream has taken away, or its owner has yanked, was there all the same.
    project = mirrored(
        "demo",
        wheel_of("demo", "1.0", days=90),
        removed(wheel_of("demo", "1.1", days=9)),
        wheel_of("demo", "1.2", days=1),
    )
    assert fact(world.app, project, "fixes").value == ()  # type: ignore[union-attr] # known


def test_a_fix_for_an_older_line_is_one_and_a_fix_in_two_lines_is_two(world: World) -> None:
    affected = [
        {
            "package": {"ecosystem": "PyPI", "name": "demo"},
            "ranges": [
                {
                    "type": "ECOSYSTEM",
                    "events": [{"introduced": "0"}, {"fixed": "1.26.18"}, {"introduced": "2.0"}, {"fixed": "2.0.7"}],
                }
            ],
        }
    ]
    advise(world.app, record("PYSEC-2026-1", "demo", affected=affected))
    read_source(world.app)
    releases = (("1.26.17", 90), ("2.0.6", 80), ("2.0.7", 2), ("1.26.18", 1), ("2.0.8", 0.5))
    assert [len(fixes(world.app, *releases, of=version)) for version, _ in releases] == [0, 0, 1, 1, 0]


def test_a_version_that_is_merely_not_listed_mends_nothing(world: World) -> None:
    advise(world.app, record("PYSEC-2026-1", "demo", versions=["1.0"]))
    read_source(world.app)
    assert fixes(world.app, ("1.0", 90), ("1.1", 1), of="1.1") == ()


def test_a_pre_release_mends_what_is_below_it_and_leaves_the_fix_to_the_final_release(world: World) -> None:
    advise(world.app, record("PYSEC-2026-1", "demo", fixed="2.0rc1"))
    read_source(world.app)
    releases = (("1.9", 90), ("2.0rc1", 9), ("2.0", 1))
    assert len(fixes(world.app, *releases, of="2.0rc1")) == 1
    assert len(fixes(world.app, *releases, of="2.0")) == 1


def test_a_record_of_a_source_that_is_trusted_less_is_nobody_elses_word(world: World) -> None:
    advise(world.app, record("X-1", "demo", fixed="1.1"), source="theirs")
    read_source(world.app, "theirs", trust=-1)
    assert [one.third_party for one in fixes(world.app, ("1.0", 90), ("1.1", 1), of="1.1")] == [False]


def test_our_own_record_counts_unless_it_comes_from_a_case_that_nobody_coordinates(world: World) -> None:
    advise(world.app, record("x_CUSTOMHOUSE-2026-1", "demo", fixed="1.1"), source=OWN)
    read_source(world.app)
    assert [one.third_party for one in fixes(world.app, ("1.0", 90), ("1.1", 1), of="1.1")] == [True]
    with world.app.database.write() as sql:
        sql.execute(
            disclosure_case.insert().values(
                public_id="abc", title="t", state="published", received_at=NOW, published_at=NOW, disclose_by=NOW, told=[],
                advisory_id="x_CUSTOMHOUSE-2026-1", draft={},
            )
        )  # fmt: skip
    assert [one.third_party for one in fixes(world.app, ("1.0", 90), ("1.1", 1), of="1.1")] == [False]


@pytest.mark.parametrize("whole", [True, False])
def test_what_upstream_no_longer_lists_is_removed_since_when(small_world: World, *, whole: bool) -> None:
    one = wheel_of("demo", "1.0")
    project = mirrored("demo", removed(one, days=3)) if not whole else mirrored("demo", one, removed_at=NOW - 3 * DAY)
    answer = fact(small_world.app, project, "removed")
    assert answer is not None
    assert (answer.value, answer.dated) == (True, NOW - 3 * DAY)
    earlier = fact(small_world.app, project, "removed", as_of=NOW - 4 * DAY)
    assert earlier is not None
    assert earlier.value is False


def test_yanked_and_status_are_what_upstream_says(small_world: World) -> None:
    project = mirrored("demo", sdist_of("demo", "1.0", yanked=True), status="archived")
    assert fact(small_world.app, project, "yanked").value is True  # type: ignore[union-attr] # known
    assert fact(small_world.app, project, "status").value == "archived"  # type: ignore[union-attr] # known


def test_a_project_of_2000_files_costs_as_many_statements_as_one_of_two(world: World) -> None:
    load(world.app, pypa_records()[:300])
    read_source(world.app, "pypa")

    def statements(files: int) -> int:
        project = mirrored("demo", *(wheel_of("demo", f"1.{at}", days=3000 - at) for at in range(files)))
        with world.statements() as heard:
            found = project_facts(world.app, project)
            for file in page_of(project).files:
                of = found.of(file)
                assert all(of.fact(signal) is not None or of.why_unknown(signal) for signal in SIGNALS)
        return len(heard)

    statements(1)  # what a process reads once
    assert statements(2) == statements(2000) <= MOST_STATEMENTS
