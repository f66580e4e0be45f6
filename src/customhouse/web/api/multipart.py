"""Reading an upload form as it arrives (RFC 7578): fields into memory, the file into the spool.

The parser is pushed; nobody reads ahead of the disk, and memory holds one batch of the file and the form's fields.
"""

from __future__ import annotations

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from customhouse.terms.errors import Refused, Rejected

FILE_FIELD = "content"
MAX_PARTS = 10_000
MAX_FILENAME_BYTES = 1024
ACCEPTED = "a multipart/form-data body as twine sends it (RFC 7578)"


def boundary_of(content_type: str) -> bytes:
    """The boundary of a form's Content-Type; raises `Rejected` if there is none."""
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    # RFC 2046, section 5.1.1: 1 to 70 characters.
    if kind != b"multipart/form-data" or not 1 <= len(boundary) <= 70:  # noqa: PLR2004 - the RFC's number
        raise Rejected("bad-form", "Content-Type", f"{content_type[:100]!r} names no form with a boundary", ACCEPTED)
    return boundary


class FormReader:
    """Takes pieces of a body; keeps the fields, and hands out the file's bytes in batches."""

    def __init__(self, boundary: bytes, *, form_limit_bytes: int, file_limit_bytes: int) -> None:
        self.fields: list[tuple[str, str]] = []
        self.filename: str | None = None
        self.content_type = ""
        self.complete = False
        self._batch = bytearray()
        self._form_limit = form_limit_bytes
        self._file_limit = file_limit_bytes
        self._form_bytes = 0
        self._file_bytes = 0
        self._parts = 0
        self._header = bytearray()
        self._header_value = bytearray()
        self._headers: dict[str, str] = {}
        self._name = ""
        self._value = bytearray()
        self._in_file = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._part_begins,
                "on_header_field": self._header_field,
                "on_header_value": self._header_piece,
                "on_header_end": self._header_ends,
                "on_headers_finished": self._headers_end,
                "on_part_data": self._data,
                "on_part_end": self._part_ends,
                "on_end": self._ends,
            },
        )

    def feed(self, piece: bytes) -> None:
        """Parse the next piece; raises `Rejected` for a broken form, `Refused` (413) for one that is too large."""
        try:
            self._parser.write(piece)
        except FormParserError as error:
            raise Rejected("bad-form", "body", f"the form cannot be read: {error}", ACCEPTED) from error

    @property
    def waiting_bytes(self) -> int:
        """How much of the file waits to be taken."""
        return len(self._batch)

    def take(self) -> bytearray:
        """The file's bytes since the last call."""
        batch, self._batch = self._batch, bytearray()
        return batch

    def _part_begins(self) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise Rejected("bad-form", "body", f"the form has more than {MAX_PARTS} fields", ACCEPTED)
        self._headers = {}
        self._name = ""
        self._value = bytearray()
        self._in_file = False

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._count(end - start)
        self._header += data[start:end]

    def _header_piece(self, data: bytes, start: int, end: int) -> None:
        self._count(end - start)
        self._header_value += data[start:end]

    def _header_ends(self) -> None:
        self._headers[self._header.decode("latin-1").lower()] = self._header_value.decode("latin-1")
        self._header, self._header_value = bytearray(), bytearray()

    def _headers_end(self) -> None:
        kind, options = parse_options_header(self._headers.get("content-disposition", ""))
        if kind != b"form-data" or b"name" not in options:
            raise Rejected("bad-form", "body", f"part {self._parts} has no name", ACCEPTED)
        self._name = _utf8(options[b"name"], f"the name of part {self._parts}")
        if b"filename" in options and self._name == FILE_FIELD:
            if self.filename is not None:
                raise Rejected("bad-form", FILE_FIELD, "the form has two files", "one file in one request")
            if len(options[b"filename"]) > MAX_FILENAME_BYTES:
                raise Rejected(
                    "bad-filename", FILE_FIELD, f"a file name of {len(options[b'filename'])} bytes is too long",
                    f"at most {MAX_FILENAME_BYTES} bytes",
                )  # fmt: skip
            self.filename = _utf8(options[b"filename"], "the file's name")
            self.content_type = self._headers.get("content-type", "")
            self._in_file = True

    def _data(self, data: bytes, start: int, end: int) -> None:
        if not self._in_file:
            self._count(end - start)
            self._value += data[start:end]
            return
        self._file_bytes += end - start
        if self._file_bytes > self._file_limit:
            raise too_large(self._file_limit)
        self._batch += memoryview(data)[start:end]

    def _part_ends(self) -> None:
        if not self._in_file:
            self.fields.append((self._name, _utf8(bytes(self._value), self._name)))

    def _ends(self) -> None:
        self.complete = True

    def _count(self, size_bytes: int) -> None:
        self._form_bytes += size_bytes
        if self._form_bytes > self._form_limit:
            raise Refused(
                "form-too-large",
                f"The form without its file is larger than {self._form_limit} bytes.",
                "Shorten the metadata.",
                status=413,
            )


def too_large(limit_bytes: int) -> Refused:
    """The refusal of a body that is over the limit."""
    return Refused(
        "too-large",
        f"The upload is larger than this index takes ({limit_bytes} bytes).",
        "Ask an operator to raise the setting upload_limit_bytes.",
        status=413,
    )


def _utf8(raw: bytes, where: str) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise Rejected("bad-form", where, "is not UTF-8", "text in UTF-8", offset=error.start) from error
