"""States of a release's provenance, and what is unlike the release before: a table of rows (issue 5, point 6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from attesting import RELEASE, House, Workflow
from clock import TurnableClock
from customhouse.trust.attestations import Attested, attested
from customhouse.trust.continuity import (
    Continuity,
    ReleaseProvenance,
    continuity,
    continuity_of_waiting,
    version_before,
    versions_to_match,
)
from packages import Dist, sdist, wheel

WHEEL, SDIST = "demo-1.0-py3-none-any.whl", "demo-1.0.tar.gz"
NONE: tuple[Attested, ...] = ()
HOUSE = House(TurnableClock())


def by(workflow: Workflow = RELEASE, *, slsa: bool = True) -> tuple[Attested, ...]:
    """What a workflow has attested of a file."""
    return attested(HOUSE.verified(wheel(), workflow, slsa=slsa))


def release(files: Mapping[str, Sequence[Attested]], version: str = "1.1") -> ReleaseProvenance:
    return ReleaseProvenance(version, files)


GOOD = by()
BEFORE = release({WHEEL: GOOD, SDIST: GOOD}, "1.0")


@pytest.mark.parametrize(
    ("files", "state"),
    [
        ({}, "none"),
        ({WHEEL: NONE, SDIST: NONE}, "none"),
        ({WHEEL: GOOD, SDIST: GOOD}, "full"),
        ({WHEEL: GOOD, SDIST: NONE}, "partial"),
        ({WHEEL: GOOD, SDIST: by(Workflow(workflow="other.yml"))}, "inconsistent"),
        ({WHEEL: GOOD, SDIST: by(Workflow(repository="octo/other"))}, "inconsistent"),
        ({WHEEL: by(Workflow(repository="octo/kit")), SDIST: by(Workflow(repository="Octo/Kit"))}, "full"),
        ({WHEEL: by(Workflow(repository="octo/kit")), SDIST: by(Workflow(repository="octo/\u212ait"))}, "inconsistent"),
        ({WHEEL: GOOD, SDIST: by(Workflow(commit="f" * 40))}, "inconsistent"),
        ({WHEEL: GOOD, SDIST: by(Workflow(runner="self-hosted"))}, "full"),
        ({WHEEL: GOOD, SDIST: by(slsa=False)}, "full"),
        ({WHEEL: GOOD, "demo-1.0-1-py3-none-any.whl": NONE, SDIST: by(Workflow(commit="f" * 40))}, "inconsistent"),
    ],
)
def test_the_state_of_a_release(files: Mapping[str, Sequence[Attested]], state: str) -> None:
    assert release(files).state == state


def compared(now: Sequence[Attested], before: ReleaseProvenance | None = BEFORE) -> Continuity:
    return continuity(release({WHEEL: now, SDIST: now}), before)


def test_a_release_like_the_one_before_it_raises_no_alarm() -> None:
    next_release = Workflow(ref="refs/tags/v1.1", commit="f" * 40)
    assert compared(by(next_release)) == Continuity("full", ())


def test_the_first_release_and_the_first_provenance_raise_no_alarm() -> None:
    assert compared(GOOD, None).alarms == ()
    assert compared(GOOD, release({WHEEL: NONE}, "1.0")).alarms == ()
    assert compared(NONE, release({WHEEL: NONE}, "1.0")) == Continuity("none", ())


@pytest.mark.parametrize(
    ("now", "sentence"),
    [
        ({WHEEL: NONE, SDIST: NONE}, "1.1 has no provenance; 1.0, before it, had provenance."),
        ({WHEEL: GOOD, SDIST: NONE}, f"There is no provenance for {SDIST}; every file of 1.0 had it."),
        ({WHEEL: by(slsa=False), SDIST: by(slsa=False)}, "No builder says how 1.1 was built; one did for 1.0."),
    ],
    ids=["all of it", "one file's", "the builder's"],
)
def test_provenance_that_is_lost_is_told(now: Mapping[str, Sequence[Attested]], sentence: str) -> None:
    found = continuity(release(now), BEFORE)
    assert [(alarm.code, alarm.sentence) for alarm in found.alarms] == [("lost", sentence)]
    assert {alarm.code for alarm in found.alarms} == {"lost"}


def test_what_was_partial_before_and_is_partial_now_is_no_loss() -> None:
    partly = {WHEEL: GOOD, SDIST: NONE}
    assert continuity(release(partly), release(partly, "1.0")).alarms == ()
    assert continuity(release({WHEEL: NONE}), release(partly, "1.0")).alarms[0].sentence == (
        "1.1 has no provenance; 1.0, before it, had provenance for some files."
    )


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (Workflow(repository="evil/demo"), ["repository is https://github.com/evil/demo; for 1.0 it was https://github.com/octo/demo"]),
        (Workflow(repository_id="666"), ["repository's number is 666"]),
        (Workflow(workflow="test.yml"), ["workflow is test.yml; for 1.0 it was release.yml"]),
        (Workflow(environment=""), ["environment is none; for 1.0 it was pypi"]),
        (Workflow(trigger="pull_request_target"), ["trigger is pull_request_target; for 1.0 it was release"]),
        (Workflow(ref="refs/heads/main"), ["ref is main; for 1.0 it was a tag"]),
        (Workflow(runner="self-hosted"), ["kind of runner is self-hosted; for 1.0 it was github-hosted"]),
    ],
    ids=["repository", "made anew", "workflow", "environment", "trigger", "branch", "runner"],
)  # fmt: skip
def test_a_release_from_elsewhere_is_told(now: Workflow, said: list[str]) -> None:
    found = compared(by(now))
    assert {alarm.code for alarm in found.alarms} == {"changed"}
    sentences = [alarm.sentence for alarm in found.alarms if alarm.code == "changed"]
    for one in said:
        assert any(one in sentence for sentence in sentences), sentences


def test_another_builder_is_told_and_a_new_version_of_the_same_is_not() -> None:
    def built(builder: str) -> tuple[Attested, ...]:
        return tuple(replace(one, summary={**one.summary, "builder": builder}) for one in GOOD)

    before = release({WHEEL: built("https://example.org/builder@v1")}, "1.0")
    assert continuity(release({WHEEL: built("https://example.org/builder@v2")}), before).alarms == ()
    (alarm,) = continuity(release({WHEEL: built("https://evil.example/builder@v1")}), before).alarms
    assert alarm.sentence == (
        "The builder is https://evil.example/builder; for 1.0 it was https://example.org/builder."
    )


def test_mini_shai_hulud_had_provenance_and_is_told_all_the_same() -> None:
    """2026-05: a pull request from a fork ran in the project's own release workflow, and signed with its identity."""
    stolen = Workflow(trigger="pull_request_target", ref="refs/heads/main", runner="github-hosted")
    found = compared(by(stolen))
    assert found.state == "full"
    assert {alarm.code for alarm in found.alarms} == {"changed"}


def test_files_that_do_not_agree_are_an_alarm_without_any_release_before() -> None:
    mixed = {WHEEL: GOOD, SDIST: by(Workflow(commit="f" * 40))}
    (alarm,) = continuity(release(mixed), None).alarms
    assert alarm.code == "inconsistent"
    assert alarm.sentence.startswith("The files of 1.1 differ in their commit: ")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"repository": "https://github.com/evil/demo"}, "names the repository https://github.com/evil/demo; its certificate is"),
        ({"commit": "f" * 40}, f"names the commit {'f' * 40}; its certificate is for {RELEASE.commit}."),
        ({"repository": "https://github.com/Octo/Demo"}, ""),
        ({"repository": "", "commit": ""}, ""),
    ],
    ids=["another repository", "another commit", "spelt otherwise", "nothing"],
)  # fmt: skip
def test_a_builder_that_names_other_sources_than_its_certificate_is_told(said: dict[str, str], told: str) -> None:
    lying = tuple(replace(one, summary={**one.summary, **said}) for one in GOOD)
    sentences = [alarm.sentence for alarm in continuity(release({WHEEL: lying, SDIST: lying}), None).alarms]
    assert [told in sentence for sentence in sentences] == [True] * bool(told)


NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("version", "others", "expected"),
    [
        ("1.0", [], None),
        ("1.1", ["1.0"], "1.0"),
        ("1.0.5", ["1.0.4", "2.0"], "1.0.4"),
        ("0.0.1", ["1.0", "2.0", "1.5"], "1.5"),
        ("2.0", ["2.0rc1", "1.0"], "2.0rc1"),
        ("10.0", ["9.0", "1.0"], "9.0"),
    ],
)
def test_the_release_before_is_the_next_lower_or_else_the_newest(
    version: str, others: list[str], expected: str | None
) -> None:
    published = {one: NEW_YEAR + timedelta(days=day) for day, one in enumerate(others)}
    assert version_before(version, {**published, version: NEW_YEAR}) == expected


def test_what_waits_must_be_like_the_release_below_and_like_the_newest() -> None:
    """A thief chooses his version; he cannot choose both."""
    published = {one: NEW_YEAR + timedelta(days=day) for day, one in enumerate(["1.0", "2.0", "1.1"])}
    assert versions_to_match("1.2", published) == ("1.1",)
    assert versions_to_match("2.1", published) == ("2.0", "1.1")
    assert versions_to_match("1.0.1", published) == ("1.0", "1.1")
    assert versions_to_match("0.9", published) == ("1.1",)
    assert versions_to_match("1.1", published) == ("1.0", "2.0")
    assert versions_to_match("1.0", {"1.0": NEW_YEAR}) == ()


@pytest.mark.parametrize(
    ("waiting", "listed", "earlier", "codes"),
    [
        (NONE, {}, (), []),
        (NONE, {}, (BEFORE,), ["lost"]),
        (NONE, {}, (release({SDIST: NONE}, "0.9"), BEFORE), ["lost"]),
        (NONE, {}, (BEFORE, release({SDIST: NONE}, "0.9")), ["lost"]),
        (GOOD, {}, (BEFORE, release({SDIST: NONE}, "0.9")), []),
        (NONE, {SDIST: GOOD}, (), ["lost"]),
        (NONE, {SDIST: GOOD}, (release({SDIST: NONE}, "1.0"),), ["lost"]),
        (NONE, {SDIST: GOOD, "more.whl": NONE}, (), []),
        (GOOD, {SDIST: GOOD}, (), []),
        (GOOD, {SDIST: NONE}, (), []),
        (by(Workflow(repository="evil/demo")), {SDIST: GOOD}, (), ["changed", "inconsistent"]),
    ],
)
def test_files_that_wait_are_compared_with_those_beside_them_and_with_more_than_one_release(
    waiting: Sequence[Attested], listed: Mapping[str, Sequence[Attested]], earlier: Sequence[ReleaseProvenance],
    codes: list[str],
) -> None:  # fmt: skip
    found = continuity_of_waiting(release({WHEEL: waiting}), release(listed), earlier)
    assert [alarm.code for alarm in found.alarms] == codes
    assert len(set(found.alarms)) == len(found.alarms)


def test_dists_are_what_the_names_say() -> None:
    made: list[Dist] = [wheel(), sdist()]
    assert [one.filename for one in made] == [WHEEL, SDIST]
