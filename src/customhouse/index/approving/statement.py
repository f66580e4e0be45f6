"""What a key signs who approves a release, and the proof of it that anybody can check later.

The statement is text: which index, which project and version, which manifest, and whose account. Its SHA-256 stands in
the challenge (`accounts.webauthn_challenges`), the challenge in what the browser writes, and the key signs the SHA-256
of that. So the evidence proves without us that this key has approved exactly these files, or it proves nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from customhouse.accounts.webauthn_ceremony import RelyingParty, read_answer, verify_assertion
from customhouse.accounts.webauthn_challenges import states
from customhouse.terms.encode import base64url, from_base64url
from customhouse.terms.errors import Refused

_TITLE = "Customhouse approval, version 1"


@dataclass(frozen=True, slots=True)
class Statement:
    """What somebody approves."""

    index: str
    """The address of the index, without a slash at the end."""
    project: str
    """The normalised name."""
    version: str
    manifest: str
    """The SHA-256 of the manifest (`formats.manifest`)."""
    account: str
    """The name of the account that approves."""

    @property
    def text(self) -> str:
        """The lines that are signed."""
        return (
            f"{_TITLE}\nindex: {self.index}\nproject: {self.project}\nversion: {self.version}\n"
            f"manifest: {self.manifest}\naccount: {self.account}\n"
        )

    @classmethod
    def parse(cls, text: str) -> Statement:
        """The inverse of ``text``; raises `Refused`."""
        lines = text.split("\n")
        names = ("index", "project", "version", "manifest", "account")
        found = [line.partition(": ")[::2] for line in lines[1:-1]]
        if lines[0] != _TITLE or lines[-1] or tuple(name for name, _ in found) != names:
            raise proves_nothing("it is no statement of ours")
        return cls(*(value for _, value in found))


def evidence_of(answer: Mapping[str, object], statement: Statement, public_key: bytes) -> dict[str, str]:
    """What is kept of a key's answer (its JSON, read): everything that is needed to check it without us."""
    response = answer["response"]
    if not isinstance(response, dict):
        raise proves_nothing("it cannot be read")
    return {
        "statement": statement.text,
        "credential_id": str(answer["rawId"]),
        "public_key": base64url(public_key),
        "authenticator_data": str(response["authenticatorData"]),
        "client_data": str(response["clientDataJSON"]),
        "signature": str(response["signature"]),
    }


def check_evidence(evidence: Mapping[str, str]) -> Statement:
    """What a key has signed; raises `Refused` if the evidence proves nothing. No secret and no database is needed."""
    try:
        statement = Statement.parse(evidence["statement"])
        answer = read_answer(_answer(evidence))
        public_key = from_base64url(evidence["public_key"])
    except (KeyError, ValueError) as error:
        raise proves_nothing("something is missing") from error
    party = RelyingParty.of(statement.index, "")
    if party is None or not states(answer.challenge, evidence["statement"]):
        raise proves_nothing("the key was asked for something else")
    verify_assertion(answer, party, public_key, verified=False)
    return statement


def proves_nothing(why: str) -> Refused:
    """The evidence of an approval is none."""
    return Refused("no-evidence", f"This proves no approval: {why}.", status=409)


def _answer(evidence: Mapping[str, str]) -> str:
    return json.dumps(
        {
            "id": evidence["credential_id"],
            "rawId": evidence["credential_id"],
            "type": "public-key",
            "response": {
                "authenticatorData": evidence["authenticator_data"],
                "clientDataJSON": evidence["client_data"],
                "signature": evidence["signature"],
            },
        }
    )
