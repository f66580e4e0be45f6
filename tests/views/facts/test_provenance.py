"""What of a release's provenance is unlike before: by the order of uploads, of the same kind, and by what has settled."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from customhouse.formats.policy.model import Fact
from customhouse.formats.policy.signals import Publisher
from customhouse.mirror.model import MirroredFile, MirroredProject
from customhouse.views.facts.provenance import Provenance, Seen, publisher_of
from customhouse.views.facts.subject import Answer, Unknown
from mirrored import NOW, file_of, mirrored, removed, sdist_of, subject_of, wheel_of

OURS, THEIRS = ("GitHub", "acme/demo"), ("GitHub", "evil/demo")


def seen(project: MirroredProject, *publishers: tuple[str, str] | None) -> dict[str, Seen]:
    """Who has built each file of a project; None: nobody has looked."""
    pairs = zip(project.files, publishers, strict=True)
    return {one.filename: Seen(frozenset({who}), True, NOW) for one, who in pairs if who is not None}


def lost(*files: MirroredFile, of: int = -1) -> Answer:
    project = mirrored("demo", *files)
    return Provenance(subject_of(project), {}).provenance_lost(file_of(project, files[of].filename))


def changed(files: Sequence[MirroredFile], *publishers: tuple[str, str] | None, of: int = -1) -> Answer:
    project = mirrored("demo", *files)
    family = Provenance(subject_of(project), seen(project, *publishers))
    return family.publisher_changed(file_of(project, files[of].filename))


def said(answer: Answer) -> tuple[object, str]:
    assert isinstance(answer, Fact), answer
    return answer.value, answer.source


def test_a_release_without_attestations_after_one_that_had_them_has_lost_them_and_it_is_said_which() -> None:
    answer = lost(wheel_of("demo", "1.0", days=50, attested=True), wheel_of("demo", "1.1", days=1))
    assert said(answer) == (True, "pypi: 1.0 was attested")


def test_presence_is_enough_nobody_needs_to_have_looked_into_them() -> None:
    answer = lost(wheel_of("demo", "1.0", days=50, attested=True), wheel_of("demo", "1.1", days=1, attested=True))
    assert said(answer)[0] is False


def test_who_uploads_twice_without_provenance_is_not_measured_by_himself() -> None:
    # litellm 1.82.7 and 1.82.8 came within the hour.
    files = (
        wheel_of("demo", "1.0", days=50, attested=True), wheel_of("demo", "1.1", days=1), wheel_of("demo", "1.2", days=0.9),
    )  # fmt: skip
    assert said(lost(*files)) == (True, "pypi: 1.0 was attested")


def test_a_loss_that_has_stood_for_ninety_days_is_how_the_project_works_now() -> None:
    files = (
        wheel_of("demo", "1.0", days=200, attested=True), wheel_of("demo", "1.1", days=95), wheel_of("demo", "1.2", days=2),
    )  # fmt: skip
    assert said(lost(*files, of=1))[0] is True
    assert said(lost(*files))[0] is False


def test_a_backport_is_measured_by_the_release_before_it_in_time_and_not_by_version() -> None:
    files = (
        wheel_of("demo", "1.0", days=400), wheel_of("demo", "2.0", days=50, attested=True), wheel_of("demo", "1.1", days=1),
    )  # fmt: skip
    assert said(lost(*files)) == (True, "pypi: 2.0 was attested")


def test_a_pre_release_counts_as_what_came_before() -> None:
    files = (wheel_of("demo", "1.0rc1", days=50, attested=True), wheel_of("demo", "1.0", days=1))
    assert said(lost(*files)) == (True, "pypi: 1.0rc1 was attested")


def test_wheels_are_measured_by_wheels_and_sdists_by_sdists() -> None:
    files = (
        wheel_of("demo", "1.0", days=50, attested=True), sdist_of("demo", "1.0", days=50),
        wheel_of("demo", "1.1", days=1, attested=True), sdist_of("demo", "1.1", days=1),
    )  # fmt: skip
    assert said(lost(*files))[0] is False
    assert said(lost(*files, of=2))[0] is False


def test_a_release_that_upstream_has_removed_is_still_measured_by() -> None:
    files = (removed(wheel_of("demo", "1.0", days=50, attested=True)), wheel_of("demo", "1.1", days=1))
    assert said(lost(*files))[0] is True


def test_a_wheel_that_comes_unattested_beside_attested_ones_has_lost_it_in_the_first_release_too() -> None:
    files = (
        wheel_of("demo", "1.0", days=50, attested=True),
        wheel_of("demo", "1.0", days=2, tag="cp311-cp311-linux_x86_64"),
    )
    assert said(lost(*files)) == (True, "pypi: demo-1.0-py3-none-any.whl of the same release is attested")


def test_without_upload_times_nobody_knows_what_came_before() -> None:
    assert isinstance(
        lost(wheel_of("demo", "1.0", days=None, attested=True), wheel_of("demo", "1.1", days=None)), Unknown
    )
    # Where nothing is attested at all, no order is needed to see that nothing was lost.
    assert said(lost(wheel_of("demo", "1.0", days=None), wheel_of("demo", "1.1", days=None)))[0] is False


def test_another_publisher_than_ever_before_is_told_with_the_one_before() -> None:
    files = (wheel_of("demo", "1.0", days=50, attested=True), wheel_of("demo", "1.1", days=1, attested=True))
    assert said(changed(files, OURS, THEIRS)) == (True, "pypi: 1.0 came from GitHub acme/demo")
    assert said(changed(files, OURS, OURS))[0] is False


def test_a_new_publisher_does_not_become_usual_by_uploading_twice() -> None:
    files = tuple(wheel_of("demo", f"1.{at}", days=days, attested=True) for at, days in enumerate((200, 3, 2, 1)))
    assert said(changed(files, OURS, THEIRS, THEIRS, THEIRS))[0] is True
    assert said(changed(files, OURS, THEIRS, THEIRS, OURS))[0] is False


def test_a_new_publisher_is_usual_after_ninety_days() -> None:
    files = tuple(wheel_of("demo", f"1.{at}", days=days, attested=True) for at, days in enumerate((300, 95, 1)))
    assert said(changed(files, OURS, THEIRS, THEIRS, of=1))[0] is True
    assert said(changed(files, OURS, THEIRS, THEIRS))[0] is False


def test_nobody_knows_who_changed_as_long_as_nobody_has_looked_at_what_came_before() -> None:
    files = tuple(wheel_of("demo", f"1.{at}", days=days, attested=True) for at, days in enumerate((50, 2, 1)))
    assert isinstance(changed(files, None, THEIRS, THEIRS, of=1), Unknown)
    # The first publisher that we have seen may be the intruder.
    assert isinstance(changed(files, None, THEIRS, THEIRS), Unknown)
    assert isinstance(changed(files, OURS, None, None), Unknown)


def test_the_first_attested_release_has_changed_nothing() -> None:
    files = (wheel_of("demo", "1.0", days=50), wheel_of("demo", "1.1", days=1, attested=True))
    assert said(changed(files, None, OURS)) == (False, "pypi: nothing was released before it that is attested")


def test_attested_says_by_whom_and_whether_we_have_verified_it() -> None:
    files = (wheel_of("demo", "1.0", attested=True), wheel_of("demo", "1.1", attested=True), wheel_of("demo", "1.2"))
    project = mirrored("demo", *files)
    family = Provenance(subject_of(project), seen(project, OURS, None, None))
    answers = [family.attested(file_of(project, one.filename)) for one in files]
    assert [one.value for one in answers if isinstance(one, Fact)] == [
        Publisher("GitHub", "acme/demo", verified=True), Publisher(""), None,
    ]  # fmt: skip


def test_attestations_that_do_not_hold_are_none() -> None:
    files = (wheel_of("demo", "1.0", days=50, attested=True), wheel_of("demo", "1.1", days=1, attested=True))
    project = mirrored("demo", *files)
    failed = Seen(frozenset(), verified=False, at=NOW, failed=True)
    family = Provenance(subject_of(project), {files[1].filename: failed})
    file = file_of(project, files[1].filename)
    assert said(family.attested(file)) == (None, "attestations, which do not hold")
    assert said(family.provenance_lost(file)) == (True, "pypi: 1.0 was attested")
    assert said(family.publisher_changed(file))[0] is False


@pytest.mark.parametrize(
    ("publisher", "known"),
    [
        ({"kind": "GitHub", "repository": "acme/demo", "workflow": "release.yml"}, ("GitHub", "acme/demo")),
        ({"kind": "Google", "email": "build@acme.example"}, ("Google", "build@acme.example")),
        ({"kind": "ActiveState", "organization": "acme"}, ("ActiveState", "acme")),
        ({"kind": None, "repository": 3}, ("None", "")),
        ({}, ("", "")),
    ],
)
def test_a_publisher_is_known_by_its_kind_and_place(publisher: dict[str, object], known: tuple[str, str]) -> None:
    assert publisher_of(publisher) == known
