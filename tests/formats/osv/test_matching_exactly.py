"""Which versions are affected: against a second evaluation that is written from the specification alone."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import InvalidVersion, Version

from advisory_records import pypa, record
from customhouse.formats.osv.matching import fixed_versions, is_affected, unread_edges
from customhouse.formats.osv.model import Affected, Range, Record
from customhouse.formats.osv.read import read_record
from customhouse.terms.errors import Rejected
from customhouse.terms.names import normalize

Edges = list[dict[str, str]]


# --- the specification, "Evaluation" (ossf.github.io/osv-schema/#evaluation), as plainly as it can be written down


def specified(one: Record, name: str, version: str) -> bool:
    """Whether a version is affected, for records without edges that cannot be read."""
    if one.withdrawn:
        return False
    return any(
        is_listed(affected, version) or is_in_ranges(affected, version)
        for affected in one.affected
        if affected.ecosystem == "PyPI" and normalize(affected.package) == name
    )


@cache
def parsed(version: str) -> Version | None:
    try:
        return Version(version)
    except InvalidVersion:
        return None


def is_listed(affected: Affected, version: str) -> bool:
    wanted = parsed(version)
    if wanted is None:
        return version in affected.versions
    without_local = Version(str(wanted).partition("+")[0])
    return any(parsed(listed) in (wanted, without_local) for listed in affected.versions)


def is_in_ranges(affected: Affected, version: str) -> bool:
    wanted = parsed(version)
    if wanted is None:
        return False
    return any(
        is_before_limits(one, wanted) and (passed := edges_at_or_below(one, wanted)) != [] and max(passed)[2]
        for one in affected.ranges
        if one.kind != "GIT"
    )


def is_before_limits(one: Range, wanted: Version) -> bool:
    limits = [event.version for event in one.events if event.kind == "limit"]
    return not limits or any(text == "*" or wanted < Version(text) for text in limits)


def edges_at_or_below(one: Range, wanted: Version) -> list[tuple[Version, int, bool]]:
    """Where it is, and whether it is affected from there: the last decides, and introduced decides where two meet."""
    found = []
    for event in one.events:
        if event.kind == "introduced" and event.version == "0":
            found.append((Version("0.dev0"), -1, True))
        elif event.kind != "limit":
            at = Version(event.version)
            is_beyond = wanted > at and Version(wanted.public) > at if event.kind == "last_affected" else wanted >= at
            if is_beyond:
                found.append((at, 1, False) if event.kind != "introduced" else (at, 2, True))
    return found


# --- the whole database


def pairs() -> Iterator[tuple[Record, str, str]]:
    """Every record with every version that it lists, and with every one that mends it."""
    for one in pypa():
        for affected in one.affected:
            for version in affected.versions:
                yield one, affected.name, version
            for each in affected.ranges:
                if each.kind == "ECOSYSTEM":
                    for event in each.events:
                        yield one, affected.name, event.version


@pytest.mark.slow
def test_every_version_that_the_database_names_is_judged_as_the_specification_says() -> None:
    listed = judged = 0
    for one, name, version in pairs():
        if any(unread_edges(affected) for affected in one.affected):
            continue
        judged += 1
        assert is_affected(one, name, version) == specified(one, name, version), (one.id, version)
    for one in pypa():
        for affected in one.affected:
            for version in affected.versions:
                listed += 1
                assert is_affected(one, affected.name, version) == (one.withdrawn is None), (one.id, version)
    assert (listed, judged) == (LISTED, JUDGED)


LISTED, JUDGED = 131_089, 140_199


@pytest.mark.slow
def test_a_version_that_mends_is_not_affected_unless_the_record_lists_it() -> None:
    odd = [
        (one.id, version)
        for one in pypa()
        for affected in one.affected
        for version in fixed_versions(one, affected.name)
        if is_affected(one, affected.name, version)
    ]
    # Its list of versions and its ranges contradict each other, or a range begins again where another ends.
    assert odd == ODD


ODD = [
    ("PYSEC-2022-42972", "0.13.0"),
    ("PYSEC-2023-177", "23.9.0"),
    ("PYSEC-2022-236", "3.1.1"),
    ("PYSEC-2021-114", "2.11.6"),
]


# --- row by row


@pytest.mark.parametrize(
    ("version", "ranges", "versions", "expected"),
    [
        # PEP 440, not the alphabet, decides.
        ("1.10", [[{"introduced": "1.9"}, {"fixed": "1.11"}]], [], True),
        ("1.2", [[{"introduced": "1.10"}]], [], False),
        ("1.0.0", [[{"introduced": "0"}, {"fixed": "1.0.0.0"}]], [], False),
        ("1!1.0", [[{"introduced": "0"}, {"fixed": "2.0"}]], [], False),
        # What comes before a release lacks what the release mends.
        ("2.0rc1", [[{"introduced": "0"}, {"fixed": "2.0"}]], [], True),
        ("2.0.dev3", [[{"introduced": "0"}, {"fixed": "2.0"}]], [], True),
        ("2.0.post1", [[{"introduced": "0"}, {"fixed": "2.0"}]], [], False),
        ("1.0rc1", [[{"introduced": "1.0"}]], [], False),
        ("0.0.dev1", [[{"introduced": "0"}]], [], True),
        # A local version is the public one, built by somebody else.
        ("1.0+cu118", [], ["1.0"], True),
        ("1.0", [], ["1.0+cu118"], False),
        ("1.0+cu118", [[{"introduced": "0"}, {"fixed": "1.0"}]], [], False),
        ("1.0+cu118", [[{"introduced": "0"}, {"last_affected": "1.0"}]], [], True),
        ("1.0.post1", [[{"introduced": "0"}, {"last_affected": "1.0"}]], [], False),
        # Listed, or in a range: either is enough, and each spelling of a version is the same version.
        ("1.0.0", [], ["1.0"], True),
        ("v1.0", [], ["1.0"], True),
        ("3.0", [[{"introduced": "1.0"}, {"fixed": "2.0"}]], ["3.0"], True),
        ("1.5", [[{"introduced": "1.0"}, {"fixed": "2.0"}]], ["3.0"], True),
        ("2.5", [[{"introduced": "1.0"}, {"fixed": "2.0"}]], ["3.0"], False),
        # Strings that are no versions are compared as strings.
        ("0.7.10p1", [], ["0.7.10p1"], True),
        ("0.7.10P1", [], ["0.7.10p1"], False),
        ("0.7.10p1", [[{"introduced": "0"}]], [], False),
        # Several branches in one range, and in several.
        ("3.2.19", [[{"introduced": "3.2"}, {"fixed": "3.2.19"}, {"introduced": "4.0"}, {"fixed": "4.1.9"}]], [], False),
        ("4.1.1", [[{"introduced": "3.2"}, {"fixed": "3.2.19"}, {"introduced": "4.0"}, {"fixed": "4.1.9"}]], [], True),
        ("1.17.0", [[{"introduced": "0"}, {"fixed": "1.17.0"}], [{"introduced": "9.0"}, {"fixed": "9.9"}]], [], False),
        ("9.1", [[{"introduced": "0"}, {"fixed": "1.17.0"}], [{"introduced": "9.0"}, {"fixed": "9.9"}]], [], True),
        ("1.17.0", [[{"introduced": "0"}], [{"introduced": "9.0"}, {"fixed": "9.9"}]], [], True),
        # It begins again where it was mended.
        ("3.1.1", [[{"introduced": "0"}, {"fixed": "3.1.1"}, {"introduced": "3.1.1"}, {"fixed": "3.1.3"}]], [], True),
        # Limits: the highest counts, and bounds the range as a whole.
        ("1.5", [[{"introduced": "0"}, {"limit": "2.0"}]], [], True),
        ("2.0", [[{"introduced": "0"}, {"limit": "2.0"}]], [], False),
        ("3.0", [[{"introduced": "0"}, {"limit": "2.0"}, {"limit": "4.0"}]], [], True),
        ("3.5", [[{"introduced": "0"}, {"limit": "2.0"}, {"introduced": "3.0"}]], [], False),
        ("9.0", [[{"introduced": "0"}, {"limit": "*"}]], [], True),
        ("9.0", [[{"introduced": "0"}, {"limit": "2.0"}, {"limit": "*"}]], [], True),
        # An edge that cannot be read never makes a version safe.
        ("9.0", [[{"introduced": "0"}, {"fixed": "0.2.0-n653"}]], [], True),
        ("9.0", [[{"introduced": "0"}, {"last_affected": "2019-09-12"}]], [], True),
        ("0.1", [[{"introduced": "0.2.0-n653"}, {"fixed": "0.3"}]], [], True),
        ("9.0", [[{"introduced": "0"}, {"limit": "two"}]], [], True),
    ],
)  # fmt: skip
def test_a_version_is_affected(version: str, ranges: list[Edges], versions: list[str], *, expected: bool) -> None:
    one = record(*ranges, versions=versions)
    assert is_affected(one, "demo", version) is expected
    if not unread_edges(one.affected[0]):
        assert specified(one, "demo", version) is expected


def test_a_git_range_says_nothing_of_versions_and_a_semver_range_does() -> None:
    events = [{"introduced": "0"}]
    package = {"ecosystem": "PyPI", "name": "demo"}
    git = {"type": "GIT", "repo": "https://git.test/demo", "events": events}
    assert not is_affected(record(affected=[{"package": package, "ranges": [git]}]), "demo", "1.0")
    semver = {"type": "SEMVER", "events": events}
    assert is_affected(record(affected=[{"package": package, "ranges": [semver]}]), "demo", "1.0")


def test_another_ecosystem_s_package_of_the_name_is_another_package() -> None:
    npm = {"package": {"ecosystem": "npm", "name": "demo"}, "versions": ["1.0"]}
    assert not is_affected(record(affected=[npm]), "demo", "1.0")


def test_a_package_is_named_as_pypi_names_it_or_the_record_is_refused() -> None:
    def with_package(**package: str) -> Record:
        document = {"id": "X-1", "modified": "2026-01-01T00:00:00Z"}
        return read_record({**document, "affected": [{"package": package, "versions": ["1.0"]}]}, "x")

    # Another index's packages have the same names; which index something came from is rarely known.
    assert is_affected(with_package(ecosystem="PyPI:https://index.example", name="Demo"), "demo", "1.0")
    for package in ({"ecosystem": "pypi", "name": "demo"}, {"purl": "pkg:pypi/demo"}):
        with pytest.raises(Rejected, match="is not how PyPI is named"):
            with_package(**package)


def test_a_withdrawn_record_affects_nothing() -> None:
    assert not is_affected(record([{"introduced": "0"}], withdrawn="2026-02-01T00:00:00Z"), "demo", "1.0")


def test_several_entries_of_a_package_are_one() -> None:
    package = {"ecosystem": "PyPI", "name": "de.mo"}
    both = [{"package": package, "versions": ["1.0"]}, {"package": {**package, "name": "De_Mo"}, "versions": ["2.0"]}]
    one = record(affected=both)
    assert [is_affected(one, "de-mo", version) for version in ("1.0", "2.0", "3.0")] == [True, True, False]


def test_edges_that_cannot_be_read_are_named() -> None:
    one = record([{"introduced": "0"}, {"fixed": "0.2.0-n653"}, {"limit": "*"}])
    assert unread_edges(one.affected[0]) == ("0.2.0-n653",)


def test_versions_that_mend_come_in_their_order() -> None:
    one = record([{"introduced": "2"}, {"fixed": "2.10"}], [{"introduced": "0"}, {"fixed": "1.9"}, {"fixed": "1.9.0"}])
    assert fixed_versions(one, "demo") == ("1.9.0", "2.10")


# --- properties

VERSIONS = st.sampled_from(
    ["0", "0.1", "1.0.dev1", "1.0a1", "1.0rc1", "1.0", "1.0+cu118", "1.0.post1", "1.1", "1.9", "1.10", "2", "2.0.1", "1!0"]
)  # fmt: skip
EVENTS = st.lists(
    st.builds(
        lambda kind, version: {kind: version},
        st.sampled_from(["introduced", "introduced", "fixed", "fixed", "last_affected", "limit"]),
        VERSIONS,
    ),
    max_size=4,
).map(lambda events: [{"introduced": "0"}, *events] if not any("introduced" in one for one in events) else events)


@given(EVENTS, VERSIONS)
def test_the_order_of_events_does_not_matter(events: Edges, version: str) -> None:
    answers = {is_affected(record(list(order)), "demo", version) for order in permutations(events)}
    assert len(answers) == 1


@given(st.lists(EVENTS, max_size=3), st.lists(VERSIONS, max_size=4), VERSIONS)
def test_any_record_is_judged_as_the_specification_says(ranges: list[Edges], versions: list[str], version: str) -> None:
    one = record(*ranges, versions=versions)
    assert is_affected(one, "demo", version) == specified(one, "demo", version)
