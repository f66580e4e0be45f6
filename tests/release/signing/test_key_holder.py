"""Who holds a key believes nobody: he replays the journal, and gives the key once, for what people approved."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from clock import TurnableClock
from customhouse.release.actions import Problem, StepRun, Tampered
from customhouse.release.events import KeyGranted
from customhouse.release.sealed import Sealed
from customhouse.release.signing.key_holder import KeyHolder, Wish
from customhouse.release.standing import flat, inputs_of, keys_wanted, to_sign
from customhouse.release.state import State
from toy_release import START, Crowd, Outside, ToyWords, conductor


class Gone(BaseException):
    """The process is gone."""


class Signing:
    """A toy release up to the moment in which its signing step would use its keys."""

    def __init__(self, folder: Path, crowd: Crowd | None = None) -> None:
        self.clock = TurnableClock(START)
        words = ToyWords(Outside(folder / "outside"))

        def stop(_run: StepRun) -> None:
            raise Gone

        words.before["sign"] = stop
        self.conductor = conductor(folder, words, clock=self.clock, answer=crowd or Crowd())
        with pytest.raises(Gone):
            self.conductor.conduct()
        self.holder = KeyHolder(folder / "notes")

    @property
    def lines(self) -> Sequence[Sealed]:
        return tuple(self.conductor.journal.read())

    @property
    def state(self) -> State:
        return self.conductor.catch_up()

    def wish(self) -> Wish:
        state = self.state
        step, found = state.pipeline.step("sign"), state.steps["sign"]
        things = to_sign(flat(inputs_of(state, step)))
        return Wish(state.run, "sign", found.attempt, found.idempotency_key, keys_wanted(state, step), things)

    def release(self, wish: Wish | None = None, lines: Sequence[Sealed] | None = None) -> None:
        self.holder.release(wish or self.wish(), self.lines if lines is None else lines, self.clock.now())


@pytest.fixture
def signing(tmp_path: Path) -> Signing:
    return Signing(tmp_path)


def test_the_keys_are_released_for_what_was_approved(signing: Signing) -> None:
    signing.release()


def test_the_same_attempt_may_go_on_after_a_crash_until_it_has_finished(signing: Signing) -> None:
    signing.release()
    signing.release()
    signing.holder.finish(signing.wish(), signing.clock.now())
    with pytest.raises(Tampered, match="it was used at"):
        signing.release()


def test_another_request_for_the_same_grant_is_refused(signing: Signing) -> None:
    signing.release()
    with pytest.raises(Tampered, match="it was used at"):
        signing.release(replace(signing.wish(), idempotency_key="another"))


def test_other_digests_than_those_that_were_approved_are_refused(signing: Signing) -> None:
    wish = signing.wish()
    other = (replace(wish.things[0], digest="0" * 64), *wish.things[1:])
    with pytest.raises(Tampered, match="was approved"):
        signing.release(replace(wish, things=other))
    with pytest.raises(Tampered, match="was approved and is not here"):
        signing.release(replace(wish, things=wish.things[1:]))


@pytest.mark.parametrize(
    ("change", "why"),
    [({"run": "another"}, "of the run"), ({"attempt": 2}, "attempt 1"), ({"step": "nowhere"}, "no such step"),
     ({"step": "publish"}, "waiting in attempt 1")],
)  # fmt: skip
def test_another_run_attempt_or_step_is_refused(signing: Signing, change: dict[str, str | int], why: str) -> None:
    with pytest.raises(Tampered, match=why):
        signing.release(replace(signing.wish(), **change))  # type: ignore[arg-type]


def test_a_key_that_nobody_has_granted_is_refused(signing: Signing) -> None:
    with pytest.raises(Problem, match="nobody granted"):
        signing.release(replace(signing.wish(), keys=("gpg:" + "0" * 40,)))


def test_a_journal_that_was_changed_is_refused(signing: Signing) -> None:
    lines = list(signing.lines)
    place = next(at for at, line in enumerate(lines) if isinstance(line.event, KeyGranted))
    event = lines[place].event
    assert isinstance(event, KeyGranted)
    lines[place] = replace(lines[place], event=replace(event, things=event.things[1:]))
    with pytest.raises(Tampered, match="other contents than its hash says"):
        signing.release(lines=lines)
    with pytest.raises(Tampered, match=r"the hash of the line before it|follows line"):
        signing.release(lines=[*signing.lines[:place], *signing.lines[place + 1 :]])
    with pytest.raises(Problem, match="no journal"):
        signing.release(lines=[])


def test_a_history_that_is_shorter_than_the_one_that_was_seen_is_refused(signing: Signing) -> None:
    """An engine that was put back to yesterday cannot have the key once more."""
    signing.release()
    with pytest.raises(Tampered, match="is gone or another"):
        signing.release(lines=signing.lines[:-1])


def test_an_approval_that_has_expired_is_refused(signing: Signing) -> None:
    signing.clock.turn(timedelta(hours=2))
    with pytest.raises(Problem, match="expired"):
        signing.release()


def test_a_pipeline_that_was_put_back_or_changed_under_its_number_is_refused(signing: Signing) -> None:
    """The key remembers by which definition it has signed: gittuf's lesson."""
    signing.release()
    (note,) = signing.holder.notes.glob("pipeline-*.json")
    said = json.loads(note.read_text())
    note.write_text(json.dumps({**said, "version": 4}))
    with pytest.raises(Tampered, match="version 3 of the pipeline is an older one"):
        signing.release()
    note.write_text(json.dumps({**said, "sha256": "0" * 64}))
    with pytest.raises(Tampered, match="changed, and has the same number"):
        signing.release()
    note.write_text(json.dumps({**said, "version": 2, "sha256": "0" * 64}))
    signing.release()
    note.write_text("{")
    with pytest.raises(Tampered, match="an older one"):
        signing.release()


def test_a_key_that_is_tied_to_a_pipeline_signs_by_no_other(signing: Signing) -> None:
    """Whoever makes up a run makes up its people, too: the owner's own copy of the pipeline is what he cannot make up."""
    signing.holder = replace(signing.holder, pipeline_sha256="0" * 64)
    with pytest.raises(Tampered, match="Read what has changed"):
        signing.release()
    signing.holder = replace(signing.holder, pipeline_sha256=signing.state.pipeline_sha256)
    signing.release()


def test_a_note_that_cannot_be_read_is_a_used_grant(signing: Signing) -> None:
    signing.release()
    (note,) = signing.holder.notes.glob("grant-*.json")
    note.write_text("{")
    with pytest.raises(Tampered, match="it was used at"):
        signing.release()


def test_notes_are_for_their_owner_alone_and_say_what_was_signed(signing: Signing) -> None:
    signing.release()
    (note,) = signing.holder.notes.glob("grant-*.json")
    assert note.stat().st_mode & 0o077 == 0
    assert signing.holder.notes.stat().st_mode & 0o077 == 0
    said = json.loads(note.read_text())
    assert [one[0] for one in said["things"]] == [one.name for one in signing.wish().things]
