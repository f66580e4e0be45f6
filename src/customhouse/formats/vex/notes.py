"""Our own part of a statement, as it travels in other formats: a line of JSON behind the reason.

OpenVEX's schema allows no further members, and CSAF and CycloneDX have none for an owner, an expiry or conditions. A
reader that knows nothing of us shows the line; ours reads it back. See docs/decisions/0021.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from typing import Any

from customhouse.formats.strict_json import read_json
from customhouse.formats.vex.model import CODE, MAX_TEXT, Justification, Reopening, Statement
from customhouse.terms.errors import Rejected
from customhouse.terms.names import normalize

MARK = "customhouse:"


def own_part(statement: Statement) -> dict[str, Any]:
    """What only we know of, as JSON values; what has its usual value is left out."""
    told: dict[str, Any] = {
        "owner": statement.owner,
        "expires": statement.expires.isoformat() if statement.expires else "",
        "advisory-modified": "keeps" if not statement.reopening.advisory else "",
        "components": list(statement.reopening.components),
        "responses": list(statement.responses),
        "narrower": statement.narrower,
    }
    return {key: value for key, value in told.items() if value}


def with_line(reason: str, part: dict[str, Any]) -> str:
    """The reason, and behind it our line if there is anything to say."""
    if not part:
        return reason
    line = f"{MARK} {json.dumps(part, ensure_ascii=False, sort_keys=True)}"
    return f"{reason}\n{line}" if reason else line


def without_line(text: str, where: str) -> tuple[str, dict[str, Any]]:
    """The reason and our part; raises `Rejected` if the line is ours and damaged."""
    head, newline, last = text.rpartition("\n")
    if not last.startswith(MARK):
        return text, {}
    try:
        part = read_json(last[len(MARK) :], max_depth=4)
    except ValueError as error:
        raise Rejected(CODE, where, f"the line that begins with {MARK!r} is damaged: {error}") from error
    if not isinstance(part, dict):
        raise Rejected(CODE, where, f"the line that begins with {MARK!r} holds no object")
    return (head if newline else ""), part


def joined(statement: Statement, part: dict[str, Any], where: str) -> Statement:
    """The statement with our part put back; raises `Rejected` naming a member that is not as it must be."""
    expires = _text(part, "expires", where)
    try:
        day = date.fromisoformat(expires) if expires else None
    except ValueError as error:
        raise Rejected(CODE, f"{where}: expires", f"{expires[:40]!r} is no day", "like 2027-02-01") from error
    justification = _text(part, "justification", where)
    if justification and justification not in set(Justification):
        raise Rejected(CODE, f"{where}: justification", f"{justification[:60]!r} is not known")
    return replace(
        statement,
        owner=_text(part, "owner", where) or statement.owner,
        expires=day,
        reopening=Reopening(
            _text(part, "advisory-modified", where) != "keeps",
            tuple(normalize(one) for one in _texts(part, "components", where)),
        ),
        responses=_texts(part, "responses", where) or statement.responses,
        narrower=_text(part, "narrower", where) or statement.narrower,
        impact=_text(part, "impact", where) or statement.impact,
        justification=Justification(justification) if justification else statement.justification,
    )


def _text(part: dict[str, Any], key: str, where: str) -> str:
    value = part.get(key, "")
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise Rejected(CODE, f"{where}: {key}", "it is no text, or too long", f"at most {MAX_TEXT} characters")
    return value


def _texts(part: dict[str, Any], key: str, where: str) -> tuple[str, ...]:
    value = part.get(key, [])
    if not isinstance(value, list) or len(value) > 100 or not all(isinstance(one, str) for one in value):  # noqa: PLR2004
        raise Rejected(CODE, f"{where}: {key}", "it is no list of texts", "at most 100")
    return tuple(value)
