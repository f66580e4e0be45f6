"""What a person's key signs when he decides, and the proof of it that stands in the journal.

A decision is text: at which server, in which run, of which step and attempt, on which question, what was decided and by
whose account. Its SHA-256 stands in the challenge (bytes 24 to 56, `accounts.webauthn_challenges`), the challenge in
what the browser writes, and the key signs the SHA-256 of that. The question's digest binds run, step, attempt, pipeline
and the digests of everything that is approved (`events.Asked`), so a proof is of exactly these things or of nothing.

``proof`` of `events.Approved` is one of these JSON objects:

* ``{"type": "webauthn", "statement": …, "credential_id": …, "public_key": …, "authenticator_data": …, "client_data": …,
  "signature": …}``: base64url without padding throughout, the public key as COSE writes it. `check_proof` verifies it
  offline.
* ``{"type": "session", "factor": "totp" | "none", "account": …, "statement": …}``: the server alone says so.
* ``{"type": "token", "account": …, "statement": …}``: an API token of this account was shown; the server says so.

This module needs neither a database nor a server key.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from customhouse.accounts.webauthn_ceremony import RelyingParty, read_answer, verify_assertion
from customhouse.terms.encode import base64url, from_base64url
from customhouse.terms.errors import Refused

_TITLE = "Customhouse release decision, version 1"
_NAMES = ("server", "run", "step", "attempt", "question", "decision", "account")
_STATED = slice(24, 56)
"""Where a challenge holds what is stated: behind its time (8 bytes) and its nonce (16)."""
_CHALLENGE_BYTES = 88


@dataclass(frozen=True, slots=True)
class Decision:
    """What somebody decides."""

    server: str
    """Its address, without a slash at the end."""
    run: str
    step: str
    attempt: int
    question: str
    """`events.Asked.question`."""
    decision: str
    """``approve`` or ``decline``."""
    account: str

    @property
    def text(self) -> str:
        """The lines whose SHA-256 is signed."""
        values = (self.server, self.run, self.step, str(self.attempt), self.question, self.decision, self.account)
        lines = "".join(f"{name}: {value}\n" for name, value in zip(_NAMES, values, strict=True))
        return f"{_TITLE}\n{lines}"

    @classmethod
    def parse(cls, text: str) -> Decision:
        """The inverse of ``text``; raises `Refused`."""
        lines = text.split("\n")
        found = [line.partition(": ")[::2] for line in lines[1:-1]]
        if lines[0] != _TITLE or lines[-1] or tuple(name for name, _ in found) != _NAMES:
            raise proves_nothing("it is no decision about a release")
        server, run, step, attempt, question, decision, account = (value for _, value in found)
        if not attempt.isascii() or not attempt.isdecimal() or len(attempt) > 6:  # noqa: PLR2004 - more is no attempt
            raise proves_nothing("its attempt is no number")
        return cls(server, run, step, int(attempt), question, decision, account)


def proof_of(answer: Mapping[str, object], decision: Decision, public_key: bytes) -> str:
    """The proof that a key's answer is (its JSON, read, and verified before)."""
    response = answer["response"]
    if not isinstance(response, dict):
        raise proves_nothing("it cannot be read")
    return _written(
        {
            "type": "webauthn",
            "statement": decision.text,
            "credential_id": str(answer["rawId"]),
            "public_key": base64url(public_key),
            "authenticator_data": str(response["authenticatorData"]),
            "client_data": str(response["clientDataJSON"]),
            "signature": str(response["signature"]),
        }
    )


def said_so(decision: Decision, how: str, factor: str) -> str:
    """The proof where there is only our word: ``how`` is ``session`` or ``token``."""
    told = {"type": how, "account": decision.account, "statement": decision.text}
    return _written(told | ({"factor": factor} if how == "session" else {}))


def check_proof(text: str) -> Decision:
    """What a key has signed; raises `Refused` if the proof proves nothing. Neither network nor database is needed."""
    try:
        proof = json.loads(text)
        if not isinstance(proof, dict) or proof.get("type") != "webauthn":
            raise proves_nothing("no key has signed it")
        decision = Decision.parse(proof["statement"])
        answer = read_answer(_answer(proof))
        public_key = from_base64url(proof["public_key"])
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise proves_nothing("something is missing") from error
    party = RelyingParty.of(decision.server, "")
    stated = hashlib.sha256(proof["statement"].encode()).digest()
    if party is None or len(answer.challenge) != _CHALLENGE_BYTES or answer.challenge[_STATED] != stated:
        raise proves_nothing("the key was asked for something else")
    verify_assertion(answer, party, public_key, verified=False)
    return decision


def proves_nothing(why: str) -> Refused:
    """The proof of a decision is none."""
    return Refused("no-proof", f"This proves no decision: {why}.", status=409)


def _written(proof: Mapping[str, str]) -> str:
    return json.dumps(proof, sort_keys=True, separators=(",", ":"))


def _answer(proof: Mapping[str, str]) -> str:
    return json.dumps(
        {
            "id": proof["credential_id"],
            "rawId": proof["credential_id"],
            "type": "public-key",
            "response": {
                "authenticatorData": proof["authenticator_data"],
                "clientDataJSON": proof["client_data"],
                "signature": proof["signature"],
            },
        }
    )
