"""What opens a case and what is published for it: all of it derives from the server's key and the case's public id.

The row holds the id alone, so nobody who reads the database, its backup or a waiting mail job can open a case. Each
text has a purpose of its own in what is signed: the link that keeps a case proves nothing, the link in the letter
proves that the letter was read, the token that is published opens nothing.
"""

from __future__ import annotations

import base64
import hmac
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy.engine import Connection

from customhouse.accounts.server_key import ServerKey
from customhouse.index.recovery.model import Case
from customhouse.index.recovery.queries import case_by_public_id, find_case
from customhouse.terms.errors import Refused

Purpose = Literal["case", "mail", "address"]
_STAMP = "recovery-link"
FILE_NAME = "customhouse-recovery.txt"
RECORD = "_customhouse-recovery"
_SHORT: dict[Purpose, str] = {"case": "c", "mail": "m", "address": "a"}
_PURPOSE: dict[str, Purpose] = {short: purpose for purpose, short in _SHORT.items()}
_LINK = re.compile(r"([cma])([a-z2-7]{26})\.([A-Za-z0-9_-]{43})", re.ASCII)
_WORD_LETTERS = 8
_TOKEN_LETTERS = 24


@dataclass(frozen=True, slots=True)
class Opened:
    """A case that a link has opened, and what the link itself is good for."""

    case: Case
    purpose: Purpose
    text: str


def link_text(key: ServerKey, public_id: str, purpose: Purpose, email: str) -> str:
    """The link's text. Those in letters are bound to the address that the letter went to."""
    bound = "" if purpose == "case" else email
    return key.stamp(_STAMP, f"{_SHORT[purpose]}{public_id}", bound)


def token_of(key: ServerKey, public_id: str) -> str:
    """What is published in a repository or a zone. It is public then, so it opens nothing."""
    return "customhouse-recovery-" + _letters(key, f"token\0{public_id}", _TOKEN_LETTERS)


def word_of(key: ServerKey, public_id: str) -> str:
    """What the person reads to a co-owner, so that he vouches for her case and not for a stranger's."""
    word = _letters(key, f"word\0{public_id}", _WORD_LETTERS)
    return f"{word[:4]}-{word[4:]}"


def open_link(key: ServerKey, sql: Connection, text: str, now: datetime) -> Opened:
    """The case of a link; raises the same `Refused` (404) for every text that opens none."""
    match = _LINK.fullmatch(text)
    if match is None:
        raise _dead_link()
    purpose = _PURPOSE[match[1]]
    case = case_by_public_id(sql, match[2])
    email = "" if case is None else case.new_email if purpose == "address" else case.email
    if not hmac.compare_digest(link_text(key, match[2], purpose, email), text):
        raise _dead_link()
    # Long after its end a case opens for nobody: old mail boxes are read by others.
    if case is None or (case.closed_at is not None and case.expires_at <= now):
        raise _dead_link()
    return Opened(case, purpose, text)


def complete_letter(key: ServerKey, sql: Connection, template: str, case_id: int, site: str) -> str:
    """The address that a letter about a case holds; empty if no letter of that name holds one."""
    case = find_case(sql, case_id)
    if case is None or template not in ("recovery-link", "recovery-address"):
        return ""
    if template == "recovery-link":
        return f"{site}/recovery/{link_text(key, case.public_id, 'mail', case.email)}/"
    return f"{site}/recovery/{link_text(key, case.public_id, 'address', case.new_email)}/"


def _letters(key: ServerKey, text: str, count: int) -> str:
    return base64.b32encode(key.mac("recovery", text)).decode().lower()[:count]


def _dead_link() -> Refused:
    return Refused(
        "dead-link", "This link opens no recovery case: it is not whole, or the case has ended long ago.",
        "Open a new case at /account/recover/.", status=404,
    )  # fmt: skip
