"""Views to HTML. Pure: the same view gives the same bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from customhouse.terms.digest import Digest

STATIC = {
    "house.css": "text/css; charset=utf-8",
    "seal.svg": "image/svg+xml",
    "keys.js": "text/javascript; charset=utf-8",
    "policy.js": "text/javascript; charset=utf-8",
    "live.js": "text/javascript; charset=utf-8",
}
_KIBI = 1024


@dataclass(frozen=True, slots=True)
class ErrorView:
    """An error's page."""

    status: int
    title: str
    sentence: str
    code: str


def page(template: str, values: Mapping[str, Any]) -> bytes:
    """One template, filled."""
    return _environment().get_template(template).render(values).encode()


def error_page(view: ErrorView) -> bytes:
    """An error's page."""
    return page("error.html", {"view": view, "user": None, "said": ""})


@cache
def static_files() -> dict[str, tuple[bytes, str]]:
    """Body and media type of each static file by its address, which holds a digest and never changes its meaning."""
    found = {}
    for name, media_type in STATIC.items():
        body = (files("customhouse.web") / "static" / name).read_bytes()
        stem, _, ending = name.rpartition(".")
        found[f"{stem}.{Digest.of(body).hex[:12]}.{ending}"] = (body, media_type)
    return found


def static_address(name: str) -> str:
    """Where a static file is."""
    stem, _, ending = name.rpartition(".")
    return next(f"/static/{key}" for key in static_files() if key.startswith(f"{stem}.") and key.endswith(ending))


def readable_size(size_bytes: int) -> str:
    """A size for people: 1.4 MB (units of 1,024)."""
    size = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if size < _KIBI or unit == "GB":
            return f"{size_bytes:,} B" if unit == "B" else f"{size:,.1f} {unit}"
        size /= _KIBI
    raise AssertionError("a size has a unit")


def readable_day(moment: datetime) -> str:
    """A day for people: 24 Nov 2026."""
    return moment.astimezone(UTC).strftime("%-d %b %Y")


def readable_moment(moment: datetime) -> str:
    """A moment for people: 24 Nov 2026, 13:05 UTC."""
    return moment.astimezone(UTC).strftime("%-d %b %Y, %H:%M UTC")


@pass_context
def _csrf(context: Context) -> Markup:
    """The hidden field that every form carries; nothing where a page has no visit."""
    visit = context.get("visit")
    return (
        Markup('<input type="hidden" name="csrf" value="{}">').format(visit.csrf) if visit is not None else Markup("")
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("customhouse.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"size": readable_size, "day": readable_day, "moment": readable_moment}
    environment.globals["static"] = static_address
    environment.globals["csrf"] = _csrf
    return environment
