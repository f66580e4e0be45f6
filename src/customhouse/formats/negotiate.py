"""Which representation of the simple API a client gets (PEP 691, RFC 9110 section 12)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

Format = Literal["json", "html"]

JSON = "application/vnd.pypi.simple.v1+json"
HTML = "application/vnd.pypi.simple.v1+html"
PLAIN_HTML = "text/html"

# What we can answer, best first among equal weights: HTML first, because PEP 691 lets a client without wishes have it.
_OFFERS: tuple[tuple[str, str, Format], ...] = (
    (PLAIN_HTML, f"{PLAIN_HTML}; charset=utf-8", "html"),
    (HTML, f"{HTML}; charset=utf-8", "html"),
    (JSON, JSON, "json"),
)
_ALIASES = {
    "application/vnd.pypi.simple.latest+json": JSON,
    "application/vnd.pypi.simple.latest+html": HTML,
    "application/xhtml+xml": "",
}
MAX_ACCEPT = 8192
NOT_ACCEPTABLE = f"This index speaks {JSON}, {HTML} and {PLAIN_HTML}."


class Choice(tuple[Format, str]):
    """A format and the Content-Type to answer with."""

    __slots__ = ()

    @property
    def format(self) -> Format:
        """``json`` or ``html``."""
        return self[0]

    @property
    def content_type(self) -> str:
        """The concrete media type."""
        return self[1]


def choose(accept: str | None, query_format: str | None = None) -> Choice | None:
    """The representation for an Accept header, or for ``?format=``, which overrides it; None if nothing fits.

    A header that is malformed or longer than 8 KiB is read as far as it makes sense; it never fails.
    """
    weights = _weights(query_format or accept or "*/*")
    best: tuple[float, Choice] | None = None
    for media_type, content_type, format_ in _OFFERS:
        weight = _weight_of(media_type, weights)
        if weight > 0 and (best is None or weight > best[0]):
            best = (weight, Choice((format_, content_type)))
    return best[1] if best else None


def choose_among(accept: str | None, offers: Sequence[str]) -> str | None:
    """The media type that a client likes best of those on offer, the first among equals; None if it takes none."""
    weights = _weights(accept or "*/*")
    best = max(offers, key=lambda offer: _weight_of(offer, weights))
    return best if _weight_of(best, weights) > 0 else None


def wants_json(accept: str | None) -> bool:
    """Whether an error should be application/problem+json: the client names JSON and does not prefer HTML."""
    weights = _weights(accept or "")
    json_weight = max((weight for kind, weight in weights.items() if kind.endswith(("/json", "+json"))), default=0.0)
    return json_weight > 0 and json_weight >= weights.get("text/html", 0.0)


def wants_html(accept: str | None) -> bool:
    """Whether an error should be a page: the client is a browser, which names text/html."""
    return _weights(accept or "").get("text/html", 0.0) > 0


def accepts_gzip(accept_encoding: str | None) -> bool:
    """Whether a gzip body is welcome (RFC 9110 section 12.5.3)."""
    if not accept_encoding:
        return False
    weights = _weights(accept_encoding)
    return weights.get("gzip", weights.get("*", 0.0)) > 0


def _weights(header: str) -> dict[str, float]:
    """Media ranges and their q-values; the last mention of a range wins."""
    found: dict[str, float] = {}
    for item in header[:MAX_ACCEPT].split(","):
        kind, *parameters = item.split(";")
        weight = 1.0
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key.strip().lower() == "q":
                weight = _q(value.strip())
        kind = kind.strip().lower()
        if kind:
            found[_ALIASES.get(kind, kind)] = weight
    return found


def _q(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return value if 0.0 <= value <= 1.0 else 0.0


def _weight_of(media_type: str, weights: dict[str, float]) -> float:
    """The most specific range that covers the type decides."""
    for media_range in (media_type, f"{media_type.partition('/')[0]}/*", "*/*"):
        if media_range in weights:
            return weights[media_range]
    return 0.0
