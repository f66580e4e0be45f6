"""Asking a log for its tiles: what it answers is bounded in size and time, and is a proof or an error of ours."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from clock import TurnableClock
from customhouse.release.actions import Problem
from customhouse.release.evidence import log_tiles
from customhouse.release.evidence.log_tiles import LONGEST, prover_of
from customhouse.trust.private_sigstore.merkle import leaf_hash
from memory_sigstore import consistency_proof, tree_hash
from receiver import DRIP, Behaviour, Receiver, Reply, Request, receiver
from released import Notary

LEAVES = [leaf_hash(b"%d" % number) for number in range(300)]
TILES = {
    "/api/v2/tile/0/000": b"".join(LEAVES[:256]),
    "/api/v2/tile/0/001.p/44": b"".join(LEAVES[256:]),
    "/api/v2/tile/1/000.p/1": tree_hash(LEAVES[:256]),
}


@pytest.fixture
def there(clock: TurnableClock) -> Iterator[Receiver]:
    """A log of 300 entries, the second version of Rekor beside one of the first, which has no tiles."""
    log = Notary(clock).log
    log.leaves.extend(LEAVES)
    known = TILES | {"/api/v2/checkpoint": log.checkpoint().encode()}
    with receiver() as running:
        running.answer = lambda asked: Reply(body=known[asked.path]) if asked.path in known else Reply(404)
        yield running


def config_of(there: Receiver) -> str:
    logs = [
        {"url": "http://127.0.0.1:9", "majorApiVersion": 1},
        {"url": f"{there.url.removesuffix('hook')}", "majorApiVersion": 2},
    ]
    return json.dumps({"signingConfig": {"rekorTlogUrls": logs}})


def but(there: Receiver, path: str, answer: Behaviour) -> None:
    """It answers otherwise at one address."""
    before: Callable[[Request], Behaviour] = there.answer
    there.answer = lambda asked: answer if asked.path == path else before(asked)


def test_the_hashes_between_two_sizes_come_from_its_tiles_each_asked_for_once(there: Receiver) -> None:
    prove = prover_of(config_of(there))
    assert prove("log.example", 100, 300) == consistency_proof(100, LEAVES)
    asked = [one.path for one in there.requests]
    assert len(asked) == len(set(asked))
    assert prove("another.example", 100, 300) is None


@pytest.mark.parametrize(
    ("path", "answer", "why"),
    [
        ("/api/v2/tile/0/000", Reply(body=b"x" * (LONGEST + 1)), f"longer than {LONGEST} bytes"),
        ("/api/v2/tile/0/000", Reply(503), "it answers 503"),
        ("/api/v2/tile/0/000", Reply(302, headers={"location": "/elsewhere"}), "it answers 302"),
        ("/api/v2/tile/0/000", Reply(body=b"x" * 33), "too few"),
        ("/api/v2/checkpoint", Reply(body=b"nothing"), "checkpoint"),
        ("/api/v2/checkpoint", DRIP, "did not answer in time"),
    ],
)
def test_a_log_that_answers_anything_else_is_away(
    there: Receiver, monkeypatch: pytest.MonkeyPatch, path: str, answer: Behaviour, why: str
) -> None:
    monkeypatch.setattr(log_tiles, "SECONDS", 0.5)
    but(there, path, answer)
    with pytest.raises(Problem, match=why) as caught:
        prover_of(config_of(there))("log.example", 100, 300)
    assert caught.value.code == "no-log"
