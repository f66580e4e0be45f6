"""What opens a case for one member: the address of his page, of his mail, and of the stage with the fix.

All three derive from the server's key and the member's public id, each for its own purpose: the row alone opens
nothing, what is written to him by mail opens no stage, and whoever has left has none of them any more.
"""

from __future__ import annotations

import base64
import hmac
import re

from sqlalchemy.engine import Connection

from customhouse.accounts.server_key import ServerKey
from customhouse.advisories.disclosure.model import Member
from customhouse.advisories.disclosure.queries import (
    case_by_public_id,
    find_member,
    member_by_public_id,
    member_of_account,
)
from customhouse.catalog.staged import Session
from customhouse.terms.numbers import number_of

_PAGE, _MAIL, _STAGE = "disclosure-page", "disclosure-mail", "disclosure-stage"
_LONGEST = 120
_TAG = re.compile(r"r([0-9]{1,15})-([a-z2-7]{24})", re.ASCII)
_TAG_LETTERS = 24
"""120 bits in letters that no mail server changes; with the number it fits into the 64 letters before the "@"."""


def page_text(key: ServerKey, member: Member) -> str:
    """The secret part of the address of his page."""
    return key.stamp(_PAGE, member.public_id)


def member_of_page(key: ServerKey, sql: Connection, text: str) -> Member | None:
    """Whose page it is; None for every text that opens none."""
    return _member(key, sql, _PAGE, text)


def stage_text(key: ServerKey, member: Member) -> str:
    """The secret part of the address at which he alone installs the release with the fix."""
    return key.stamp(_STAGE, member.public_id)


def member_of_stage(key: ServerKey, sql: Connection, text: str) -> Member | None:
    """Who installs from there; None for every text that opens none."""
    return _member(key, sql, _STAGE, text)


def own_stage(key: ServerKey, sql: Connection, session: Session, account_id: int | None) -> str:
    """The stage's secret for somebody in the case of a release under embargo; empty for every other release."""
    if not session.embargo or account_id is None:
        return ""
    case = case_by_public_id(sql, session.embargo)
    member = member_of_account(sql, case.id, account_id) if case is not None else None
    return stage_text(key, member) if member is not None else ""


def reply_address(key: ServerKey, member: Member, address: str) -> str:
    """Where his letters to the case go: ``security+r17-…@example.org``."""
    local, _, domain = address.rpartition("@")
    return f"{local}+{_tag(key, member)}@{domain}"


def member_of_tag(key: ServerKey, sql: Connection, tag: str) -> Member | None:
    """Whose letter it is, by what stands behind the "+"; some servers write it in other cases."""
    match = _TAG.fullmatch(tag.lower())
    member = find_member(sql, number_of(match[1]) or 0) if match is not None else None
    if member is None or member.left_at is not None:
        return None
    return member if hmac.compare_digest(_tag(key, member), tag.lower()) else None


def _member(key: ServerKey, sql: Connection, purpose: str, text: str) -> Member | None:
    public_id = key.stamped(purpose, text) if len(text) <= _LONGEST else None
    return member_by_public_id(sql, public_id) if public_id is not None else None


def _tag(key: ServerKey, member: Member) -> str:
    letters = base64.b32encode(key.mac(_MAIL, member.public_id)).decode().lower()
    return f"r{member.id}-{letters[:_TAG_LETTERS]}"
