"""Machines and people meet at a server: who is let in, what each may say, and what the journal says then."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from clock import TurnableClock
from customhouse.release.things import Thing
from meeting import BODY, BUILT, Meeting, meeting
from world import ON_BOTH

pytestmark = pytest.mark.slow
PROOF = Thing("proof-1.0.txt", "sha256", "0" * 64, 5)


@pytest.fixture(params=ON_BOTH)
def here(request: pytest.FixtureRequest, tmp_path: Path, clock: TurnableClock) -> Iterator[Meeting]:
    with meeting(request, tmp_path, clock, database=request.param) as made:
        assert made.open().status_code == 201
        yield made


def test_a_run_goes_from_everybody_around_to_released(here: Meeting) -> None:
    builder, prover = here.built(), here.machine("ci-b")
    for name in ("rosa", "wim", "mia"):
        answer = here.decide(name, "approve", step="stop")
        assert answer.is_success, answer.text
    assert here.client.get(f"{here.address}/objects/{BUILT.digest}", headers=prover.headers).content == BODY
    proof = b"proof"
    assert prover.put(proof).status_code == 201
    thing = Thing("proof-1.0.txt", "sha256", hashlib.sha256(proof).hexdigest(), 5)
    answer = prover.do("prove", {"proof": (thing,)})
    assert answer.is_success, answer.text
    assert here.state.status == "released"
    assert here.kinds() == [
        "created", "confirmed", "opened", "joined", "step-started", "step-done", "asked", "joined", "approved",
        "approved", "approved", "step-started", "checked", "step-done", "step-started", "checked", "step-done",
        "finished",
    ]  # fmt: skip
    assert builder.token != prover.token
