"""A letter that came in, taken apart: from whom, what it says, what is attached, what it answers. Hostile by nature.

Only the standard library's tolerant reader looks at it (RFC 5322, RFC 2045), and what it makes of headers is decoded by
us: its stricter policy raises errors of its own on headers that strangers can write.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.header import decode_header
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32
from email.utils import getaddresses, parseaddr
from html.parser import HTMLParser

from customhouse.terms.errors import Rejected

LARGEST_BYTES = 25 * 1024 * 1024
LARGEST_ATTACHMENT_BYTES = 10 * 1024 * 1024
MOST_PARTS, MOST_ATTACHMENTS, MOST_REFERENCES = 200, 20, 50
LONGEST_TEXT, LONGEST_LINE = 50_000, 200
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
        message = BytesParser(policy=compat32).parsebytes(raw)
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
        return body.decode(charset, errors="replace")
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
    """The words of an HTML letter."""
    reader = _Words()
    reader.feed(text[: 10 * LONGEST_TEXT])
    reader.close()
    lines = (" ".join(line.split()) for line in "".join(reader.words).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


class _Words(HTMLParser):
    """Text outside of scripts and styles; a line for each block."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - as inherited
        self._hidden += tag in ("script", "style", "head")
        if tag in ("p", "br", "div", "li", "tr", "h1", "h2", "h3", "blockquote", "pre"):
            self.words.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._hidden = max(0, self._hidden - (tag in ("script", "style", "head")))

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.words.append(data)
