"""XML-RPC, as much of it as mirrors need: a call with plain arguments in, an answer or a fault out; pure.

Whatever can be made to explode is refused before a parser sees it (A46): a call is at most 16 KiB of UTF-8, with no
declarations, no CDATA and no processing instructions besides the XML declaration, so there is nothing to expand. Its
arguments are numbers, booleans and texts; arrays, structures and base64 are not read at all. There is no
``system.multicall``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from xml.parsers import expat

from customhouse.terms.errors import Rejected

MAX_BYTES = 16 * 1024
MAX_DEPTH = 8
MAX_ARGUMENTS = 8
MAX_METHOD = 80
INT32 = 2**31
PIECE_BYTES = 64 * 1024

# The codes that XML-RPC servers have agreed on ("Specification for Fault Code Interoperability").
NOT_WELL_FORMED = -32700
INVALID_CALL = -32600
UNKNOWN_METHOD = -32601
BAD_ARGUMENTS = -32602

Scalar = str | int | float | bool
Value = Scalar | None | list["Value"] | tuple["Value", ...] | Mapping[str, "Value"]

_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<methodResponse>'
_ACCEPTED = "a methodCall with numbers, booleans or texts as arguments"
_DECLARATION = re.compile(r"\s*<\?xml\s[^?<>]*\?>")
_INT = re.compile(r"[+-]?[0-9]{1,19}", re.ASCII)
_DOUBLE = re.compile(r"[+-]?[0-9]{1,19}(?:\.[0-9]{1,19})?", re.ASCII)
_CONTROL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_PATHS = {
    ("methodCall",),
    ("methodCall", "methodName"),
    ("methodCall", "params"),
    ("methodCall", "params", "param"),
    ("methodCall", "params", "param", "value"),
}
_VALUE = ("methodCall", "params", "param", "value")
_TYPES = frozenset({"int", "i4", "i8", "double", "boolean", "string"})


@dataclass(frozen=True, slots=True)
class Call:
    """One call: the method's name and its arguments."""

    method: str
    arguments: tuple[Scalar, ...]


class Misunderstood(Rejected):
    """A call that cannot be read; ``fault`` is the number that an XML-RPC client is told."""

    def __init__(self, fault: int, why: str) -> None:
        self.fault = fault
        super().__init__("bad-xmlrpc", "body", why, _ACCEPTED)


def read_call(body: bytes) -> Call:
    """Read a call; raises `Misunderstood`."""
    if len(body) > MAX_BYTES:
        raise Misunderstood(INVALID_CALL, f"{len(body)} bytes are more than {MAX_BYTES}")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Misunderstood(NOT_WELL_FORMED, "is not UTF-8") from error
    _refuse_markup(text)
    reader = _Reader()
    # Our word for the encoding counts, not the document's own.
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        parser.Parse(text.encode(), True)
    except expat.ExpatError as error:
        raise Misunderstood(NOT_WELL_FORMED, f"is not well-formed XML: {error}") from error
    return reader.call()


def write_answer(value: Value) -> bytes:
    """An answer with one value."""
    return f"{_HEAD}<params><param>{_value(value)}</param></params></methodResponse>\n".encode()


def write_rows(rows: Iterable[tuple[Scalar | None, ...]]) -> Iterator[bytes]:
    """An answer whose value is a list of lists, in pieces of at least 64 KiB: a long one is never held as a whole."""
    piece = bytearray(f"{_HEAD}<params><param><value><array><data>".encode())
    for row in rows:
        piece += _value(row).encode()
        if len(piece) >= PIECE_BYTES:
            yield bytes(piece)
            piece.clear()
    yield bytes(piece) + b"</data></array></value></param></params></methodResponse>\n"


def write_fault(code: int, sentence: str) -> bytes:
    """A fault: a number and a sentence."""
    fault = _value({"faultCode": code, "faultString": sentence})
    return f"{_HEAD}<fault>{fault}</fault></methodResponse>\n".encode()


def _refuse_markup(text: str) -> None:
    """Declarations and instructions are refused before any of them could mean something."""
    declaration = _DECLARATION.match(text)
    rest = text[declaration.end() :] if declaration else text
    for mark, what in (("<!", "a document type, an entity, a comment or CDATA"), ("<?", "a processing instruction")):
        if mark in rest:
            raise Misunderstood(INVALID_CALL, f"holds {what}")


class _Reader:
    """Follows the one path that a call may take through its elements."""

    def __init__(self) -> None:
        self._path: list[str] = []
        self._texts: list[str] = []
        self._method: str | None = None
        self._arguments: list[Scalar] = []
        self._typed = False

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        self._path.append(name)
        path = tuple(self._path)
        if len(path) > MAX_DEPTH:
            raise Misunderstood(INVALID_CALL, f"is nested deeper than {MAX_DEPTH}")
        if path[:-1] == _VALUE and name in _TYPES and not self._typed:
            self._typed = True
        elif path not in _PATHS:
            raise Misunderstood(BAD_ARGUMENTS, f"has no place for <{name[:40]}>")
        if attributes:
            raise Misunderstood(INVALID_CALL, f"<{name}> has attributes")
        if path == _VALUE and len(self._arguments) >= MAX_ARGUMENTS:
            raise Misunderstood(BAD_ARGUMENTS, f"has more than {MAX_ARGUMENTS} arguments")
        self._texts.clear()

    def end(self, name: str) -> None:
        path, text = tuple(self._path), "".join(self._texts)
        self._path.pop()
        if path == ("methodCall", "methodName"):
            if self._method is not None or not 0 < len(text.strip()) <= MAX_METHOD:
                raise Misunderstood(INVALID_CALL, "has no single method name")
            self._method = text.strip()
        elif path == _VALUE:
            if not self._typed:
                self._arguments.append(text)
            self._typed = False
        elif path[:-1] == _VALUE:
            self._arguments.append(_scalar(name, text))
        self._texts.clear()

    def text(self, text: str) -> None:
        self._texts.append(text)

    def call(self) -> Call:
        """What was read."""
        if self._method is None:
            raise Misunderstood(INVALID_CALL, "names no method")
        return Call(self._method, tuple(self._arguments))


def _scalar(kind: str, text: str) -> Scalar:
    match kind:
        case "string":
            return text
        case "boolean" if text.strip() in ("0", "1"):
            return text.strip() == "1"
        # aiohttp-xmlrpc sends numbers beyond 32 bits as doubles.
        case "double" if _DOUBLE.fullmatch(text.strip()):
            return float(text)
        case "int" | "i4" | "i8" if _INT.fullmatch(text.strip()):
            return int(text)
        case _:
            raise Misunderstood(BAD_ARGUMENTS, f"{text.strip()[:40]!r} is not of the type {kind}")


def _value(value: Value) -> str:
    match value:
        case None:
            inner = "<nil/>"
        case str():
            inner = f"<string>{_escaped(value)}</string>"
        case bool():
            inner = f"<boolean>{value:d}</boolean>"
        case int():
            # A whole number has 32 bits in XML-RPC; i8 is the usual name of longer ones.
            kind = "int" if -INT32 <= value < INT32 else "i8"
            inner = f"<{kind}>{value}</{kind}>"
        case float():
            inner = f"<double>{value!r}</double>"
        case Mapping():
            members = (f"<member><name>{_escaped(name)}</name>{_value(one)}</member>" for name, one in value.items())
            inner = f"<struct>{''.join(members)}</struct>"
        case _:
            inner = f"<array><data>{''.join(map(_value, value))}</data></array>"
    return f"<value>{inner}</value>"


def _escaped(text: str) -> str:
    """Text without the characters that XML cannot hold."""
    return escape(_CONTROL.sub("", text), quote=False)
