"""What a key has signed at a gate: readable by anybody, of exactly one decision, or worth nothing."""

from __future__ import annotations

import hashlib
import json
import secrets

import pytest
from cbor2 import dumps

from authenticator import Authenticator, text_of
from customhouse.release.question import credential_of
from customhouse.release.room.proof import Decision, check_proof, proof_of, said_so
from customhouse.terms.errors import Refused

SERVER = "https://index.test"
DECISION = Decision(SERVER, "a" * 26, "stop", 1, "0" * 64, "approve", "rosa")


def proof(decision: Decision = DECISION, *, stated: str = "", server: str = SERVER) -> str:
    """What a key answers to a challenge for this decision."""
    key = Authenticator(server, "index.test")
    digest = hashlib.sha256((stated or decision.text).encode()).digest()
    challenge = secrets.token_bytes(24) + digest + secrets.token_bytes(32)
    answer = key.get({"challenge": text_of(challenge), "rpId": "index.test"})
    return proof_of(json.loads(answer), decision, dumps(key.cose))


def test_a_decision_is_read_as_it_was_written() -> None:
    assert Decision.parse(DECISION.text) == DECISION


def test_a_proof_says_what_was_decided_by_whom() -> None:
    assert check_proof(proof()) == DECISION


def test_a_proof_names_its_key_for_the_rules() -> None:
    told = proof()
    assert credential_of(told) == json.loads(told)["credential_id"]


@pytest.mark.parametrize(
    "change", ["decline", "another step", "another question", "another run", "another account", "no title"]
)
def test_a_proof_of_something_else_proves_nothing(change: str) -> None:
    told = json.loads(proof())
    told["statement"] = {
        "decline": told["statement"].replace("approve", "decline"),
        "another step": told["statement"].replace("step: stop", "step: sign"),
        "another question": told["statement"].replace("0" * 64, "1" * 64),
        "another run": told["statement"].replace("a" * 26, "b" * 26),
        "another account": told["statement"].replace("rosa", "mallory"),
        "no title": "x" + told["statement"],
    }[change]
    with pytest.raises(Refused):
        check_proof(json.dumps(told))


def test_a_key_that_was_asked_for_something_else_proves_nothing() -> None:
    with pytest.raises(Refused, match="something else"):
        check_proof(proof(stated="another text"))


def test_a_key_that_was_asked_by_another_page_proves_nothing() -> None:
    with pytest.raises(Refused):
        check_proof(proof(server="https://index.evil.test"))


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "nonsense", '{"type": "webauthn"}', said_so(DECISION, "session", "none")]
)
def test_what_no_key_has_signed_proves_nothing(text: str) -> None:
    with pytest.raises(Refused):
        check_proof(text)


def test_a_bit_that_is_flipped_anywhere_proves_nothing() -> None:
    told = json.loads(proof())
    for name in ("authenticator_data", "client_data", "signature", "public_key"):
        value = told[name]
        flipped = value[:20] + ("A" if value[20] != "A" else "B") + value[21:]
        with pytest.raises(Refused):
            check_proof(json.dumps({**told, name: flipped}))
