"""What may happen next, where time and other machines' words decide."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from customhouse.release import rules
from customhouse.release.events import Attested, KeyGranted
from customhouse.release.journal import Head
from customhouse.release.moves import TESTS_WORD, Say, next_moves, wakes_at
from customhouse.release.sealing import seal
from customhouse.release.standing import ROOM
from customhouse.release.state import State
from customhouse.release.things import Thing
from toy_release import ENGINE_KEY, conductor

SIGSTORE = {"trust_config": "trust.json"}
BUNDLE = Thing("test.sigstore.json", "sha256", "a" * 64, 1)


@pytest.fixture(scope="module")
def granting(tmp_path_factory: pytest.TempPathFactory) -> State:
    """Everybody has said yes, and the key is to be released."""
    made = conductor(tmp_path_factory.mktemp("granting"))
    assert made.conduct().status == "released"
    place = next(number for number, line in enumerate(made.lines) if isinstance(line.event, KeyGranted))
    return rules.replay(made.lines[:place])


def at_a_room(state: State, **sigstore: str) -> State:
    return replace(state, places={**state.places, ROOM: {"run": state.run}, "sigstore": SIGSTORE | sigstore})


def grants(state: State, now: datetime) -> bool:
    return any(isinstance(move, Say) and isinstance(move.event, KeyGranted) for move in next_moves(state, now))


def end_of_test(state: State) -> datetime:
    ended = state.steps["test"].ended_at
    assert ended is not None
    return ended


def test_a_key_waits_until_the_machine_that_tested_has_said_so_under_signature(granting: State) -> None:
    """Else what was tested could be signed, by the log's clock, before its test: a stranger sees no more than that."""
    state, now = at_a_room(granting), end_of_test(granting) + timedelta(seconds=5)
    assert not grants(state, now)
    said = Attested("test", "https://in-toto.io/attestation/test-result/v0.1", BUNDLE, ())
    head = Head(state.seq, state.head)
    line = seal(said, run=state.run, head=head, at=max(now, state.at or now), by="engine", key=ENGINE_KEY)
    assert grants(at_a_room(rules.apply(granting, line)), now)


def test_it_does_not_wait_for_ever(granting: State) -> None:
    state, end = at_a_room(granting), end_of_test(granting) + TESTS_WORD
    assert not grants(state, end - timedelta(seconds=1))
    assert wakes_at(state, end - timedelta(seconds=1)) == end
    assert grants(state, end)


@pytest.mark.parametrize("sigstore", [{"attest": "false"}, None])
def test_nobody_waits_where_machines_sign_nothing(granting: State, sigstore: dict[str, str] | None) -> None:
    state = granting if sigstore is None else at_a_room(granting, **sigstore)
    assert grants(state, end_of_test(granting) + timedelta(seconds=5))
