"""What a verification found, as lines for people: a sign for each point, what it rests on, and what nobody proved."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from customhouse.formats.plain import plain
from customhouse.release.evidence.points.case import Point, Sign
from customhouse.release.evidence.verify import LONGEST, NOT_PROVED, Report

WIDTH = 80
SIGNS: dict[Sign, str] = {"holds": "✓", "fails": "✗", "unknown": "?", "unasked": "–"}
_RESULTS = {
    0: "Everything that was asked holds.",
    1: "THIS IS NOT A GOOD RELEASE: see ✗ above.",
    3: "Nothing is wrong, but not all of it could be checked: see ? above.",
}


def lines_of(report: Report) -> Iterator[str]:
    """The whole answer."""
    yield from _wrapped(f"{report.project} {report.version}, run {report.run}", "")
    yield ""
    for point in report.points:
        yield from _point(point)
    yield ""
    yield "It does not prove:"
    for one in NOT_PROVED:
        yield from _wrapped(one, "  · ")
    yield ""
    yield "Compare these by another way than the one by which the bundle came:"
    yield f"  trust root {report.trust_root_sha256}"
    yield f"  pipeline   {report.pipeline_sha256}"
    yield ""
    yield _RESULTS[report.exit_code]


def _point(point: Point) -> Iterator[str]:
    yield f"{SIGNS[point.sign]} {point.number} {point.title}"
    for one in point.findings:
        yield from _wrapped(one.text, f"  {SIGNS[one.sign]} " if one.sign in ("fails", "unknown") else "    ")
    yield from _wrapped(f"rests on {point.rests_on}", "    ")


def _wrapped(text: str, first: str) -> list[str]:
    # Names and words of the bundle stand in it: whoever wrote them does not write on the terminal.
    return textwrap.wrap(
        plain(text, LONGEST), WIDTH, initial_indent=first, subsequent_indent=" " * len(first), break_on_hyphens=False
    )  # fmt: skip
