"""Who holds a key: releases it to one step run, for the digests that people approved, once.

He believes nobody: not the engine's state, not the grant alone. He replays the journal himself (chain, seals, rules),
looks up the approvals that the grant names, and compares run, step, attempt and digests. He keeps three kinds of notes
beside the key: the journal's head that he saw last, so that nobody shows him an older or another history; the project's
pipeline that he signed by last, so that no older one is put back and none is changed under its number; and each grant
that was used, before it is used, so that a crash or a copy of the machine's request does not use it twice.

A journal is whole in itself, whoever wrote it: somebody who makes up a run, with people and a pipeline of his own, can
make up approvals, too. Against that a key is tied to one pipeline (``pipeline_sha256``), which its owner keeps himself.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from customhouse.formats.plain import plain
from customhouse.infra.sync_folder import sync_folder
from customhouse.release import rules
from customhouse.release.actions import Problem, Tampered
from customhouse.release.events import Approved, Asked, KeyGranted
from customhouse.release.sealed import Sealed
from customhouse.release.sealing import verify_lines
from customhouse.release.state import State
from customhouse.release.things import Things
from customhouse.terms.errors import CustomhouseError


@dataclass(frozen=True, slots=True)
class Wish:
    """What a step run wants to sign, and with what."""

    run: str
    step: str
    attempt: int
    idempotency_key: str
    keys: tuple[str, ...]
    """As grants name them: ``gpg:FINGERPRINT``, ``oidc:ISSUER#SUBJECT``."""
    things: Things


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """Keeps notes in a folder beside the key."""

    notes: Path
    pipeline_sha256: str = ""
    """The one pipeline that this key signs by; any pipeline of a project that only rises, where nothing is said."""

    def release(self, wish: Wish, lines: Sequence[Sealed], now: datetime) -> None:
        """Return if the keys may sign; raises `Tampered` or `Problem` otherwise.

        From then on the grant is used: only the same attempt (its idempotency key) may go on after a crash, until
        `finish`.
        """
        state = _replayed(lines, wish)
        self._same_history(lines, wish)
        self._same_pipeline(state)
        step = state.steps.get(wish.step)
        if step is None or step.attempt != wish.attempt or step.status != "running":
            seen = f"{step.status} in attempt {step.attempt}" if step is not None else "no such step"
            raise Tampered("grant-of-another-attempt", seen, f"attempt {wish.attempt}, running", place=wish.step)
        for key in wish.keys:
            _bound(_grant(lines, wish, key), lines, state, wish, now)
        self._use(wish, now)

    def finish(self, wish: Wish, now: datetime) -> None:
        """Note that everything is signed: the grant is worth nothing any more."""
        self._write(self._note(wish), {**_note(wish), "used_at": now.isoformat(), "state": "done"})

    def _same_history(self, lines: Sequence[Sealed], wish: Wish) -> None:
        """The journal must go on from what was seen before: no line that was seen may be missing or another."""
        place = self.notes / f"head-{_name(wish.run)}.json"
        seen = _read(place)
        if seen is not None:
            seq = int(seen["seq"])
            if seq >= len(lines) or lines[seq].hash != seen["hash"]:
                raise Tampered(
                    "journal-rewritten", f"line {seq} is gone or another", f"hash {seen['hash']}", place="journal",
                    next_step="Somebody has changed the run's history. Keep everything, and ask who.",
                )  # fmt: skip
        self._write(place, {"run": wish.run, "seq": lines[-1].seq, "hash": lines[-1].hash})

    def _same_pipeline(self, state: State) -> None:
        """The pipeline must be the pinned one; and none that was signed by before may be put back or changed."""
        mine, version = state.pipeline_sha256, state.pipeline.version
        if self.pipeline_sha256 and mine != self.pipeline_sha256:
            raise Tampered(
                "other-pipeline", f"the run is by a pipeline with the digest {mine}", self.pipeline_sha256,
                place="pipeline", next_step="Read what has changed before you let your key sign by it.",
            )  # fmt: skip
        place = self.notes / f"pipeline-{_name(state.pipeline.project)}.json"
        seen = _read(place)
        if seen is not None:
            before, number = str(seen.get("sha256")), int(seen.get("version", version + 1))
            if version < number or (version == number and mine != before):
                what = "an older one" if version < number else "changed, and has the same number"
                raise Tampered(
                    "pipeline-rolled-back", f"version {version} of the pipeline is {what}",
                    f"version {number} with the digest {before}, or a newer one", place="pipeline",
                )  # fmt: skip
        self._write(place, {"project": state.pipeline.project, "version": version, "sha256": mine})

    def _use(self, wish: Wish, now: datetime) -> None:
        place, note = self._note(wish), _note(wish)
        text = json.dumps({**note, "used_at": now.isoformat(), "state": "begun"}, indent=1).encode()
        try:
            descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            used = _read(place) or {}
            if {name: used.get(name) for name in note} == note and used.get("state") == "begun":
                return
            raise Tampered(
                "grant-used", f"it was used at {plain(used.get('used_at', 'some time'), 40)}", "a grant that is new",
                place=wish.step, next_step="Restart the step: people approve once more.",
            ) from None  # fmt: skip
        with os.fdopen(descriptor, "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        sync_folder(self.notes)

    def _note(self, wish: Wish) -> Path:
        self.notes.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self.notes / f"grant-{_name(wish.run, wish.step, str(wish.attempt))}.json"

    def _write(self, place: Path, value: dict[str, Any]) -> None:
        self.notes.mkdir(mode=0o700, parents=True, exist_ok=True)
        aside = place.with_suffix(f".{os.getpid()}")
        with aside.open("wb") as file:
            file.write(json.dumps(value, indent=1).encode())
            file.flush()
            os.fsync(file.fileno())
        aside.replace(place)
        sync_folder(self.notes)


def _replayed(lines: Sequence[Sealed], wish: Wish) -> State:
    if not lines:
        raise Problem("no-journal", "there is no journal to replay", "the run's journal", place=wish.step)
    try:
        verify_lines(lines)
        state = rules.replay(lines)
    except CustomhouseError as error:
        raise Tampered("journal-broken", str(error), "a journal that replays", place="journal") from error
    if state.run != wish.run:
        raise Tampered("other-run", f"the journal is of the run {state.run}", wish.run, place="journal")
    return state


def _grant(lines: Sequence[Sealed], wish: Wish, key: str) -> KeyGranted:
    """The one grant of this key for this attempt."""
    found = [
        line.event for line in lines
        if isinstance(line.event, KeyGranted)
        and (line.event.step, line.event.attempt) == (wish.step, wish.attempt)
        and key in line.event.key.split()
    ]  # fmt: skip
    if len(found) != 1:
        raise Problem(
            "no-grant", f"{len(found) or 'nobody'} granted {key}" if not found else f"{key} was granted twice",
            "one grant for this attempt", place=wish.step, next_step="People approve at the step's gate.",
        )  # fmt: skip
    return found[0]


def _bound(grant: KeyGranted, lines: Sequence[Sealed], state: State, wish: Wish, now: datetime) -> None:
    """The grant's approvals must be of these digests, by enough people, and not expired.

    Where the signing step has a gate of its own, only its own approvals count; otherwise those of a gate before it, as
    long as its question stands and names each of these digests.
    """
    if set(grant.things) != set(wish.things):
        raise Tampered("grant-of-other-digests", _other(wish.things, grant.things), "what was granted", place=wish.step)
    persons: dict[str, set[str]] = {}
    for place in grant.approvals:
        line = lines[place] if 0 <= place < len(lines) else None
        said = line.event if line is not None else None
        if line is None or not isinstance(said, Approved):
            raise Tampered("no-approval", f"line {place} of the journal is none", "an approval", place=wish.step)
        asked = _standing(state, said.question)
        own = state.pipeline.step(wish.step).gate is not None
        if asked is None or (own and (asked.step, asked.attempt) != (wish.step, wish.attempt)):
            raise Tampered("approval-of-another-question", f"line {place}", f"of this attempt of {wish.step}")
        if not set(wish.things) <= set(asked.things) or (own and len(asked.things) != len(wish.things)):
            raise Tampered("approval-of-other-digests", _other(wish.things, asked.things), place=f"line {place}")
        if line.at > asked.expires_at or (own and now > asked.expires_at):
            raise Problem(
                "approval-expired", f"the approvals expired at {asked.expires_at:%Y-%m-%d %H:%M:%S} UTC",
                "approvals that are newer", place=wish.step, next_step="Restart the step: people are asked again.",
            )  # fmt: skip
        if said.actor not in asked.need:
            raise Tampered("approval-by-another", f"{said.actor} said yes", f"one of {', '.join(asked.need)}")
        persons.setdefault(asked.question, set()).add(said.person)
    if not any(len(people) >= _quorum(state, question) for question, people in persons.items()):
        most = max((len(people) for people in persons.values()), default=0)
        raise Problem(
            "quorum", f"{most} people said yes", "the quorum of the gate", place=wish.step,
            next_step="A key signs only what people have approved: give the step a gate.",
        )  # fmt: skip


def _standing(state: State, question: str) -> Asked | None:
    """The question with this digest, if it is a step's newest."""
    asked = [one.asked for one in state.steps.values() if one.asked is not None and one.asked.question == question]
    return asked[0] if asked else None


def _quorum(state: State, question: str) -> int:
    asked = _standing(state, question)
    return asked.quorum if asked is not None else 1


def _other(wanted: Things, granted: Things) -> str:
    known = {one.name: one.digest for one in granted}
    for one in wanted:
        if known.get(one.name) != one.digest:
            return f"{one.name} has the digest {one.digest}, and {known.get(one.name, 'nothing')} was approved"
    return f"{', '.join(sorted(set(known) - {one.name for one in wanted}))} was approved and is not here"


def _note(wish: Wish) -> dict[str, Any]:
    return {
        "run": wish.run, "step": wish.step, "attempt": wish.attempt, "idempotency_key": wish.idempotency_key,
        "keys": list(wish.keys), "things": [[one.name, one.algorithm, one.digest] for one in sorted(wish.things)],
    }  # fmt: skip


def _name(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _read(place: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(place.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        return {"state": "unreadable", "seq": -1, "hash": ""}
    return found if isinstance(found, dict) else {"state": "unreadable", "seq": -1, "hash": ""}
