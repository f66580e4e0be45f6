"""What people are asked, and how an answer is bound to it: to the run, the step, the attempt and every digest.

One function makes a question's digest, for the engine, the room and the evidence. A person proves an answer by a
signature over `answer_message`, or by a WebAuthn assertion whose challenge is their SHA-256.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from customhouse.formats.dsse import pae
from customhouse.release.codec import canonical
from customhouse.release.events import Asked
from customhouse.release.machine_key import MachineKey, signed_by
from customhouse.release.things import Thing, Things

ANSWER_TYPE = "application/vnd.customhouse.release-answer+json"
FACTORS = ("none", "totp", "webauthn")
"""From the weakest to the strongest."""
_CREDENTIAL_NAMES = ("credential", "key", "fingerprint", "credential_id", "id", "rawId")


def question_of(
    *, run: str, first: str, step: str, attempt: int, ask: str, things: Things, expires_at: datetime
) -> str:
    """The question's digest: SHA-256 in hexadecimal of the canonical JSON (RFC 8785) of all this.

    ``first`` is the hash of the run's first line, which holds pipeline, parameters, places and the engine's key: a run
    of the same name somewhere else asks other questions.

    It ends when it says so: asked again later, it is another question, and old answers are none to it.
    """
    value = {
        "run": run,
        "first": first,
        "step": step,
        "attempt": attempt,
        "ask": ask,
        "things": [_as_json(thing) for thing in sorted(things)],
        "expires_at": expires_at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
    }
    return hashlib.sha256(canonical(value)).hexdigest()


def question_in(asked: Asked, *, run: str, first: str) -> str:
    """The digest that this event must carry."""
    return question_of(
        run=run,
        first=first,
        step=asked.step,
        attempt=asked.attempt,
        ask=asked.ask,
        things=asked.things,
        expires_at=asked.expires_at,
    )


def answer_bytes(question: str, *, actor: str, decision: str = "approve") -> bytes:
    """What a person signs: canonical JSON of the question's digest, who answers as which actor, and what."""
    return canonical({"actor": actor, "decision": decision, "question": question})


def answer_message(question: str, *, actor: str, decision: str = "approve") -> bytes:
    """`answer_bytes` in DSSE's encoding, which says what they are: the exact bytes that a key of a person signs."""
    return pae(ANSWER_TYPE, answer_bytes(question, actor=actor, decision=decision))


def proof_by_key(question: str, *, actor: str, key: MachineKey, decision: str = "approve") -> str:
    """The proof of an answer by a person's own Ed25519 key, as `Approved.proof` holds it."""
    message = answer_message(question, actor=actor, decision=decision)
    return canonical({"type": "key", "credential": key.public, "signature": key.sign(message)}).decode()


def proof_by_gpg(fingerprint: str, armored: str) -> str:
    """The proof of an answer by an OpenPGP key: its detached signature over `answer_message`."""
    return canonical({"type": "gpg", "credential": fingerprint.upper(), "signature": armored}).decode()


def read_proof(proof: str) -> Mapping[str, Any]:
    """The proof as an object; empty for what is none."""
    try:
        found = json.loads(proof) if proof else {}
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def credential_of(proof: str) -> str:
    """What was used to prove it (a key, a fingerprint, a WebAuthn credential's id); empty where nothing says so."""
    found = read_proof(proof)
    inner = (found, *(one for one in found.values() if isinstance(one, dict)))
    for one in inner:
        for name in _CREDENTIAL_NAMES:
            if isinstance(one.get(name), str) and one[name]:
                return str(one[name])
    return ""


def key_proof_holds(proof: str, question: str, *, actor: str, decision: str = "approve") -> bool:
    """Whether a proof of the type ``key`` is of this answer."""
    found = read_proof(proof)
    message = answer_message(question, actor=actor, decision=decision)
    return signed_by(str(found.get("credential", "")), str(found.get("signature", "")), message)


def idempotency_key(run: str, step: str, attempt: int) -> str:
    """The same for the same attempt, whoever acts: what an index or a forge is told, so that twice is once."""
    return hashlib.sha256(canonical([run, step, attempt])).hexdigest()[:32]


def strongest(*factors: str) -> str:
    """The strongest of these factors."""
    return max(factors, key=rank)


def rank(factor: str) -> int:
    """How strong a factor is; -1 for one that nobody knows."""
    return FACTORS.index(factor) if factor in FACTORS else -1


def _as_json(thing: Thing) -> dict[str, str | int]:
    return {
        "name": thing.name,
        "algorithm": thing.algorithm,
        "digest": thing.digest,
        "size_bytes": thing.size_bytes,
    }
