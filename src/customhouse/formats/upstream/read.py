"""One answer of an upstream to a request for a project's page: bytes and content type in, values out."""

from __future__ import annotations

import re
import zlib

from customhouse.formats.upstream.model import PAGE_BYTES, Listing, refused
from customhouse.formats.upstream.page_html import page_from_html
from customhouse.formats.upstream.page_json import page_from_json

ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
"""JSON if there is any: it alone has sizes and upload times."""
_JSON = re.compile(r"application/(?:vnd\.pypi\.simple\.v[0-9]+\+)?json", re.ASCII)
_HTML = re.compile(r"application/vnd\.pypi\.simple\.v1\+html|text/html|application/xhtml\+xml", re.ASCII)
_GZIP = 16 + zlib.MAX_WBITS


def read_page(body: bytes, content_type: str, *, wanted: str, base: str) -> Listing:
    """What the page at ``base`` says of the project ``wanted``; raises `Rejected` for a page that is not taken."""
    kind = content_type.partition(";")[0].strip().lower()
    if _JSON.fullmatch(kind):
        return page_from_json(body, wanted=wanted, base=base)
    if _HTML.fullmatch(kind):
        return page_from_html(body, wanted=wanted, base=base)
    raise refused(f"it is {kind[:80]!r}", "a page of the simple API, as JSON or HTML")


def unpacked(body: bytes, content_encoding: str) -> bytes:
    """The body as it was before it was compressed, at most `PAGE_BYTES`; raises `Rejected`.

    A kilobyte of gzip can hold a megabyte of blanks: what goes on beyond the limit is never unpacked.
    """
    encoding = content_encoding.strip().lower()
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "x-gzip"):
        raise refused(f"it is compressed with {encoding[:40]!r}", "gzip, or not at all")
    inflate = zlib.decompressobj(_GZIP)
    try:
        found = inflate.decompress(body, PAGE_BYTES + 1)
    except zlib.error as error:
        raise refused("its compressed form is damaged") from error
    if len(found) > PAGE_BYTES:
        raise refused(f"it unpacks to more than {PAGE_BYTES} bytes")
    # RFC 1952 allows several members in a row; a million of them would take quadratic time, and no server sends two.
    if not inflate.eof or inflate.unused_data:
        raise refused("its compressed form breaks off or goes on behind its end")
    return found
