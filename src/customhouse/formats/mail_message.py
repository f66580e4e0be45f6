"""A letter that came in, taken apart: from whom, what it says, what is attached, what it answers. Hostile by nature.

Only the standard library's tolerant reader looks at it (RFC 5322, RFC 2045), and what it makes of headers is decoded by
us: its stricter policy raises errors of its own on headers that strangers can write.
"""

from __future__ import annotations

import codecs
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.header import decode_header
from email.message import Message
from email.parser import BytesParser
from email.policy import Compat32
from email.utils import getaddresses, parseaddr
from html import unescape
from typing import Any

from customhouse.terms.errors import Rejected

LARGEST_BYTES = 25 * 1024 * 1024
LARGEST_ATTACHMENT_BYTES = 10 * 1024 * 1024
MOST_PARTS, MOST_ATTACHMENTS, MOST_REFERENCES = 200, 20, 50
LONGEST_TEXT, LONGEST_LINE = 50_000, 200
MOST_LINE_ENDS, MOST_HEADERS, MOST_MULTIPARTS = 2_000_000, 5_000, 30
LONGEST_HEADER, LONGEST_OF_CONTENT = 64 * 1024, 4 * 1024
"""Characters. The standard library looks at each line once for every multipart around it, and splits the parameters of
a header in time that grows with the square of its length."""
_SLOW_CHARSETS = frozenset({"idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape"})
"""Codecs that no mail program writes; decoding by one of them grows with the square of the text."""
_ID = re.compile(r"<([^<>\s]{1,200})>")
_UNSEEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_BULK = frozenset({"bulk", "junk", "list", "auto_reply"})
_REPORTS = ("multipart/report", "message/delivery-status", "message/disposition-notification")
CODE = "bad-mail"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A part that is no text to be read. Name and type are a stranger's words."""

    filename: str
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Mail:
    """What a letter says."""

    sender: str
    """The address of From, as it stands there; empty if there is none. Anybody can write any."""
    sender_name: str
    recipients: tuple[str, ...]
    """The addresses of To, Cc and of the headers by which servers say where a letter went."""
    subject: str
    text: str
    attachments: tuple[Attachment, ...]
    dropped: int
    """Attachments that were left out, because there are too many or they are too large."""
    message_id: str
    """Without its angle brackets; empty if it has none."""
    answers: tuple[str, ...]
    """The ids of what it answers, the nearest last."""
    automatic: bool
    """A bounce, an out-of-office reply, a letter of a list: what nobody must answer (RFC 3834)."""

    @property
    def key(self) -> str:
        """The same for the same letter, however often and by whatever way it comes."""
        told = f"{self.message_id}\x00{self.sender.lower()}\x00{self.subject}\x00{self.text}"
        attached = "".join(hashlib.sha256(one.body).hexdigest() for one in self.attachments)
        return hashlib.sha256(f"{told}\0{attached}".encode(errors="replace")).hexdigest()


def read_mail(raw: bytes) -> Mail:
    """Take a letter apart; raises `Rejected` for what is too large or too deeply nested to be one."""
    if len(raw) > LARGEST_BYTES:
        raise Rejected(CODE, "mail", f"{len(raw)} bytes", f"at most {LARGEST_BYTES}")
    try:
        if raw.count(b"\n") + raw.count(b"\r") > MOST_LINE_ENDS:
            raise Rejected(CODE, "mail", "too many lines", f"at most {MOST_LINE_ENDS // 2}")
        message = BytesParser(policy=_Bounded(seen=_Seen())).parsebytes(raw)  # type: ignore[call-arg] # as policies take theirs
        texts, attachments, dropped = _parts(message)
        return Mail(
            *_sender(message), _recipients(message), _line(_header(message, "Subject")), texts, attachments, dropped,
            (_ids(_header(message, "Message-ID")) or ("",))[0],
            (_ids(_header(message, "References")) + _ids(_header(message, "In-Reply-To")))[-MOST_REFERENCES:],
            _automatic(message),
        )  # fmt: skip
    except (RecursionError, LookupError, ValueError, TypeError, AttributeError, AssertionError) as error:
        # What the standard library raises on letters that were made to break it.
        raise Rejected(CODE, "mail", f"it cannot be read: {type(error).__name__}", "a letter as of RFC 5322") from error


@dataclass(slots=True)
class _Seen:
    """How much of a letter has been read."""

    headers: int = 0
    multiparts: int = 0


class _Bounded(Compat32):
    """The tolerant reader, which stops at what is too large before anything looks at it twice."""

    seen: _Seen | None = None

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, Any]:
        """One header as it stands in the letter."""
        found: tuple[str, Any] = super().header_source_parse(sourcelines)
        name, value = found[0].lower(), str(found[1])
        seen = self.seen or _Seen()
        seen.headers += 1
        seen.multiparts += name == "content-type" and "multipart" in value.lower()
        if len(value) > (LONGEST_OF_CONTENT if name.startswith("content-") else LONGEST_HEADER):
            raise Rejected(CODE, "mail", f"a header of {len(value)} characters", "shorter ones")
        if seen.headers > MOST_HEADERS or seen.multiparts > MOST_MULTIPARTS:
            raise Rejected(CODE, "mail", "too many headers, or parts in parts", "fewer")
        return found


def _parts(message: Message) -> tuple[str, tuple[Attachment, ...], int]:
    plain: list[str] = []
    marked_up: list[str] = []
    attachments: list[Attachment] = []
    dropped = 0
    for part in _leaves(message):
        kind = part.get_content_type().lower()
        disposition = str(part.get("Content-Disposition") or "").strip().lower()
        if kind in ("text/plain", "text/html") and not disposition.startswith("attachment"):
            (plain if kind == "text/plain" else marked_up).append(_text(part))
            continue
        body = _bytes(part)
        if len(attachments) >= MOST_ATTACHMENTS or len(body) > LARGEST_ATTACHMENT_BYTES:
            dropped += 1
        elif body:
            attachments.append(Attachment(_filename(part), _line(kind)[:120], body))
    text = "\n\n".join(one.strip() for one in plain if one.strip())
    if not text:
        text = "\n\n".join(words for one in marked_up if (words := without_markup(one)))
    text = _UNSEEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()
    if len(text) > LONGEST_TEXT:
        text = f"{text[: LONGEST_TEXT - 100]}\n\n[The letter goes on for {len(text) - LONGEST_TEXT + 100} characters.]"
    return text, tuple(attachments), dropped


def _leaves(message: Message) -> Iterator[Message]:
    """The parts that hold something, without those inside an attached letter, which is one attachment."""
    waiting, seen = [message], 0
    while waiting:
        part = waiting.pop(0)
        seen += 1
        if seen > MOST_PARTS:
            raise Rejected(CODE, "mail", f"more than {MOST_PARTS} parts", "fewer")
        inside = part.get_payload()
        if part.get_content_maintype() == "multipart" and isinstance(inside, list):
            waiting[:0] = [one for one in inside if isinstance(one, Message)]
        else:
            yield part


def _bytes(part: Message) -> bytes:
    inside = part.get_payload()
    if isinstance(inside, list):
        return b"\n".join(one.as_bytes() for one in inside if isinstance(one, Message))
    body = part.get_payload(decode=True)
    return body if isinstance(body, bytes) else b""


def _text(part: Message) -> str:
    body = _bytes(part)
    charset = str(part.get_content_charset() or "utf-8")
    try:
        slow = codecs.lookup(charset).name in _SLOW_CHARSETS
        return body.decode("utf-8" if slow else charset, errors="replace")
    except (LookupError, ValueError):
        return body.decode("utf-8", errors="replace")


def _filename(part: Message) -> str:
    name = _line(str(part.get_filename() or ""))
    # A path is no name, whichever way its slashes lean.
    name = re.split(r"[/\\]", name)[-1].strip(". ")
    return name[:LONGEST_LINE] or "without a name"


def _header(message: Message, name: str) -> str:
    """A header with its encoded words decoded (RFC 2047); what cannot be is left as it stands."""
    raw = message.get(name)
    if raw is None:
        return ""
    text = str(raw)[:10_000]
    try:
        pieces = decode_header(text)
        found = [
            piece.decode(charset or "ascii", errors="replace") if isinstance(piece, bytes) else piece
            for piece, charset in pieces
        ]
    except (ValueError, LookupError):
        return text
    return "".join(found)


def _line(text: str) -> str:
    seen = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(seen.split())[:LONGEST_LINE]


def _sender(message: Message) -> tuple[str, str]:
    # Taken apart before it is decoded: an encoded word must not become an address.
    name, address = parseaddr(str(message.get("From") or "")[:2_000])
    decoded = Message()
    decoded["X"] = name.replace("\n", " ").replace("\r", " ")
    return _line(address)[:254], _line(_header(decoded, "X"))[:120]


def _recipients(message: Message) -> tuple[str, ...]:
    names = ("To", "Cc", "Delivered-To", "X-Original-To", "Envelope-To")
    values = [str(value)[:10_000] for name in names for value in (message.get_all(name) or [])[:20]]
    return tuple(dict.fromkeys(address for _name, address in getaddresses(values) if address))[:100]


def _ids(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_ID.findall(text[:10_000])))


def _automatic(message: Message) -> bool:
    submitted = str(message.get("Auto-Submitted") or "no").split(";")[0].strip().lower()
    precedence = str(message.get("Precedence") or "").strip().lower()
    return (
        submitted != "no"
        or precedence in _BULK
        or any(message.get(name) is not None for name in ("List-Id", "X-Autoreply", "X-Autorespond", "X-Loop"))
        or message.get_content_type().lower() in _REPORTS
        or str(message.get("Return-Path") or "").strip() == "<>"
    )


def without_markup(text: str) -> str:
    """The words of an HTML letter: no scripts, no styles, a line for each block.

    In one pass: whatever is opened and never closed ends with the letter, so that nothing is looked at again.
    """
    words: list[str] = []
    at, end = 0, min(len(text), 10 * LONGEST_TEXT)
    while at < end:
        found = _MARKUP.match(text, at, end)
        if found is None:
            break
        at, name = found.end(), (found["name"] or "").lower()
        if found["words"] is not None:
            words.append(unescape(found["words"]))
        elif name in _HIDDEN and not found["slash"]:
            closed = _HIDDEN[name].search(text, at, end)
            at = closed.end() if closed is not None else end
        elif name in _BLOCKS and not found["slash"]:
            words.append("\n")
    lines = (" ".join(line.split()) for line in "".join(words).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


# Each way either goes to what closes it or to the end.
_MARKUP = re.compile(
    r"<!--.*?(?:-->|\Z)|<(?P<slash>/?)(?P<name>[a-z][a-z0-9]*)[^>]*(?:>|\Z)|<[!?/][^>]*(?:>|\Z)|(?P<words><|[^<]+)",
    re.IGNORECASE | re.DOTALL | re.ASCII,
)
_BLOCKS = frozenset({"p", "br", "div", "li", "tr", "h1", "h2", "h3", "blockquote", "pre"})
_HIDDEN = {
    name: re.compile(rf"</{name}\b[^>]*(?:>|\Z)", re.IGNORECASE | re.ASCII) for name in ("script", "style", "head")
}
