"""Ages, from what upstream says and from nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from customhouse.formats.policy.model import Fact
from customhouse.mirror.model import MirroredFile
from customhouse.views.facts.subject import Answer, Unknown
from customhouse.views.facts.time import Time
from mirrored import DAY, NOW, file_of, mirrored, removed, sdist_of, subject_of, wheel_of


def asked(signal: str, *files: MirroredFile, of: int = -1) -> Answer:
    """The answer for one file of a project of these."""
    project = mirrored("demo", *files)
    family = Time(subject_of(project))
    answer: Answer = getattr(family, signal)(file_of(project, files[of].filename))
    return answer


def value(answer: Answer) -> object:
    assert isinstance(answer, Fact), answer
    return answer.value


def test_the_age_of_a_file_is_when_upstream_took_it_and_not_when_we_first_saw_it() -> None:
    seen_today = replace(wheel_of("demo", "1.0", days=3), first_seen_at=NOW)
    assert asked("age", seen_today) == Fact(NOW - 3 * DAY, "pypi")


def test_an_upstream_without_upload_times_leaves_every_age_unknown() -> None:
    for signal in ("age", "project_age", "last_release_age", "added_file_age", "quiet_before"):
        assert isinstance(asked(signal, wheel_of("demo", "1.0", days=None)), Unknown), signal


def test_a_project_is_as_old_as_its_first_file_even_if_that_is_gone_by_now() -> None:
    files = (removed(wheel_of("demo", "1.0", days=900)), wheel_of("demo", "2.0", days=5))
    assert value(asked("project_age", *files)) == NOW - 900 * DAY


def test_the_last_release_began_with_its_first_file() -> None:
    files = (wheel_of("demo", "1.0", days=50), wheel_of("demo", "2.0", days=20), sdist_of("demo", "2.0", days=10))
    assert value(asked("last_release_age", *files, of=0)) == NOW - 20 * DAY


def test_a_release_without_times_may_be_the_newest_so_nobody_knows_which_is() -> None:
    files = (wheel_of("demo", "1.0", days=50), wheel_of("demo", "2.0", days=None))
    assert isinstance(asked("last_release_age", *files), Unknown)
    assert value(asked("project_age", *files)) == NOW - 50 * DAY


@pytest.mark.parametrize(
    ("first", "added", "is_added"),
    [(100, 100, False), (100, 87, False), (100, 86.0001, False), (100, 86, True), (2000, 0.5, True)],
)
def test_a_file_is_added_if_it_comes_a_fortnight_after_the_first_of_its_release(
    first: float, added: float, is_added: bool
) -> None:
    files = (sdist_of("demo", "1.0", days=first), wheel_of("demo", "1.0", days=added))
    assert value(asked("added_file_age", *files)) == (NOW - added * DAY if is_added else None)
    assert value(asked("added_file_age", *files, of=0)) is None


def test_the_first_file_of_a_release_counts_even_if_upstream_has_removed_it() -> None:
    files = (removed(sdist_of("demo", "1.0", days=700)), wheel_of("demo", "1.0", days=1))
    assert isinstance(value(asked("added_file_age", *files)), datetime)


def test_nobody_knows_whether_a_file_was_added_if_the_others_have_no_time() -> None:
    files = (sdist_of("demo", "1.0", days=None), wheel_of("demo", "1.0", days=1))
    assert isinstance(asked("added_file_age", *files), Unknown)


def test_the_quiet_before_a_release_ends_with_it() -> None:
    files = (wheel_of("ctx", "0.1.2", days=2735), wheel_of("ctx", "0.2.2", days=1), wheel_of("ctx", "0.2.6", days=0.5))
    assert value(asked("quiet_before", *files, of=0)) is None
    assert value(asked("quiet_before", *files, of=1)) == pytest.approx(2734)
    # Whoever wakes a project and releases twice has not shortened the quiet.
    assert value(asked("quiet_before", *files)) == pytest.approx(2734)
    woken = (wheel_of("ctx", "0.1.2", days=2735), wheel_of("ctx", "0.2.2", days=50))
    assert value(asked("quiet_before", *woken, wheel_of("ctx", "0.2.6", days=21))) == pytest.approx(2685)
    # Whoever waits for a month has been seen, or is no thief.
    assert value(asked("quiet_before", *woken, wheel_of("ctx", "0.2.6", days=19))) == pytest.approx(31)


def test_as_of_an_earlier_day_later_files_are_not_there() -> None:
    project = mirrored("demo", wheel_of("demo", "1.0", days=50), wheel_of("demo", "2.0", days=5))
    family = Time(subject_of(project, as_of=NOW - 10 * DAY))
    assert value(family.last_release_age(file_of(project, project.files[0].filename))) == NOW - 50 * DAY
