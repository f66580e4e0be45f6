"""Asking an upstream for the page of one project: a request, perhaps a conditional one, and what it answers.

Never is it asked for anything else: not for its list of projects, and not for a name that is ours.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TypeAlias

from customhouse.formats.upstream.model import PAGE_BYTES, Listing
from customhouse.formats.upstream.project_api import details_from_json, with_details
from customhouse.formats.upstream.read import ACCEPT, read_page, unpacked
from customhouse.infra.fetch import MOST_REDIRECTS, REDIRECTS, Answer, Order, Outbound, redirected
from customhouse.infra.reach import Reach
from customhouse.infra.stream import Pace, Streams
from customhouse.mirror.upstream import UpstreamIndex
from customhouse.terms.errors import Refused, Rejected, Unavailable

PACE = Pace(
    connect_seconds=5, answer_seconds=15, silence_seconds=10, least_bytes_per_second=64 * 1024, in_all_seconds=60
)
"""A page is waited for by somebody who installs: what takes longer is "away"."""
READER = "1"
"""Rises when pages are read in another way, so that unchanged ones are read again."""
MOST_HEADER = 500
SURE = timedelta(seconds=2)
"""A page that was changed a shorter while ago may be changed again and still say the same second."""
_ABSENT = {HTTPStatus.NOT_FOUND, HTTPStatus.GONE, HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS}


@dataclass(frozen=True, slots=True)
class Known:
    """What was kept of the last answer, to ask whether it still holds."""

    etag: str = ""
    last_modified: str = ""
    page_digest: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """A page as it is now."""

    listing: Listing
    known: Known
    details_missing: bool = False
    """The older API should have said more and could not be asked."""


@dataclass(frozen=True, slots=True)
class Same:
    """The page is what it was."""


@dataclass(frozen=True, slots=True)
class Absent:
    """The upstream has no such project."""


class BadAnswer(Unavailable):
    """The upstream is there, and what it says of this one name cannot be taken: no sign that it is away."""


Said: TypeAlias = Page | Same | Absent


class Asking:
    """Requests to upstreams, on connections that are used again. For any thread."""

    def __init__(self, outbound: Outbound, *, pace: Pace = PACE) -> None:
        self._pace = pace
        self._own = Streams(outbound)
        # A network that an operator has opened, he has opened for the upstream itself: no answer leads anywhere else
        # in it (A37).
        self._elsewhere = Streams(replace(outbound, reach=Reach()))

    def ask(self, index: UpstreamIndex, normalized: str, known: Known) -> Said:
        """What the upstream says of a project now. Raises `Unavailable` if that cannot be found out."""
        headers = {"Accept": ACCEPT}
        if known.etag:
            headers["If-None-Match"] = known.etag
        if known.last_modified:
            headers["If-Modified-Since"] = known.last_modified
        try:
            answer, base = self._get(index, Order(index.page(normalized), "GET", headers))
            if answer.status == HTTPStatus.NOT_MODIFIED and (known.etag or known.last_modified):
                return Same()
            if answer.status in _ABSENT:
                return Absent()
            if answer.status != HTTPStatus.OK:
                raise (Unavailable if _is_trouble(answer) else BadAnswer)(_who(index), _status(answer))
            return self._read(index, normalized, answer, base, known)
        except (Rejected, Refused) as error:
            raise BadAnswer(_who(index), str(error).rstrip("."), retry_after_seconds=60) from error

    def close(self) -> None:
        """End the connections that are kept."""
        self._own.close()
        self._elsewhere.close()

    def _read(self, index: UpstreamIndex, normalized: str, answer: Answer, base: str, known: Known) -> Said:
        body = unpacked(answer.body, answer.headers.get("content-encoding", ""))
        digest = hashlib.sha256(READER.encode() + base.encode() + body).hexdigest()
        if digest == known.page_digest:
            return Same()
        listing = read_page(body, answer.headers.get("content-type", ""), wanted=normalized, base=base)
        if not listing.files and not listing.says_it_is_an_index:
            # A login page, a captive portal, an empty folder: no word about a project of this name.
            if known.page_digest:
                raise BadAnswer(_who(index), "its answer is no page of an index any more")
            return Absent()
        now = Known(_header(answer, "etag"), _last_modified(answer), digest)
        if not listing.lacks_details:
            return Page(listing, now)
        return self._with_details(index, normalized, Page(listing, now))

    def _with_details(self, index: UpstreamIndex, normalized: str, page: Page) -> Page:
        """Sizes, upload times and digests from PyPI's older API, if there is one; it has no word about what exists."""
        target = index.details(normalized)
        if target is None:
            return page
        try:
            answer, _base = self._get(index, Order(target, "GET", {"Accept": "application/json"}))
            if answer.status in _ABSENT:
                return page
            if answer.status != HTTPStatus.OK:
                return replace(page, details_missing=True)
            body = unpacked(answer.body, answer.headers.get("content-encoding", ""))
            return replace(page, listing=with_details(page.listing, details_from_json(body, wanted=normalized)))
        except (Rejected, Refused, Unavailable):
            return replace(page, details_missing=True)

    def _get(self, index: UpstreamIndex, order: Order) -> tuple[Answer, str]:
        """The answer and the address that it came from, after redirects."""
        order = replace(order, headers={**order.headers, "Accept-Encoding": "gzip", **index.headers_for(order.target)})
        for _step in range(MOST_REDIRECTS + 1):
            streams = self._own if index.knows(order.target) else self._elsewhere
            answer = streams.fetch(order, pace=self._pace, limit_bytes=PAGE_BYTES)
            if answer.status not in REDIRECTS or "location" not in answer.headers:
                return answer, str(order.target)
            following = redirected(order, answer)
            # What only other hosts must not know is left out by `redirected`; that we can read gzip is no secret.
            order = replace(following, headers={**following.headers, "Accept-Encoding": "gzip"})
        raise Unavailable(_who(index), f"it redirects more than {MOST_REDIRECTS} times")


def _who(index: UpstreamIndex) -> str:
    return f"The upstream {index.name!r}"


def _is_trouble(answer: Answer) -> bool:
    """Whether it would answer so whatever it was asked: it breaks down, or wants to be left alone."""
    return answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status == HTTPStatus.TOO_MANY_REQUESTS


def _status(answer: Answer) -> str:
    if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return f"it does not let us in ({answer.status}): look at its user and password in the settings"
    return f"it answered {answer.status}"


def _last_modified(answer: Answer) -> str:
    """The time of the last change, if the page cannot change again within the same second (RFC 9110, 8.8.2.2)."""
    said = _header(answer, "last-modified")
    try:
        age = parsedate_to_datetime(_header(answer, "date")) - parsedate_to_datetime(said)
    except (ValueError, TypeError):
        return ""
    return said if age >= SURE else ""


def _header(answer: Answer, name: str) -> str:
    """A validator to be sent back as it came; what could not be sent is none."""
    value = answer.headers.get(name, "")
    return value if len(value) <= MOST_HEADER and value.isascii() and value.isprintable() else ""
