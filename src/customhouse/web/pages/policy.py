"""``/view/V/project/P/``: what a view's policy says of a project, for people: every version, and why.

Of the newest versions, or of the one that is asked for, every rule is told with every signal that it looks at. Files of
one version on which all rules say the same stand together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from starlette.responses import RedirectResponse, Response

from customhouse.formats.policy.conditions.model import moment_words
from customhouse.formats.policy.model import Decision, Match
from customhouse.formats.policy.words import SAYS, source_words, value_words
from customhouse.index.amending.queries import counting_for
from customhouse.terms.errors import Rejected
from customhouse.terms.names import normalize
from customhouse.terms.numbers import number_of
from customhouse.views.explaining import ExplainedFile, ExplainedVersion
from customhouse.views.standing import standing_of
from customhouse.web.api.policy import LONGEST_VERSION, asked
from customhouse.web.doors import Door, door
from customhouse.web.pages.amendments import amendment_rows
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit

_DOES = {"allow": "lets in", "warn": "warns", "hide": "hides", "deny": "denies", "hold": "holds"}
_WORD = {"allow": "good", "warn": ""}
"""How an action is marked; every other one warns."""
NEWEST_IN_FULL = 3
PER_PAGE = 100
"""Rows of the table."""


@dataclass(frozen=True, slots=True)
class SeenRow:
    """One signal that a rule has looked at."""

    signal: str
    wanted: str
    value: str
    known: bool
    said: str
    holds: bool


@dataclass(frozen=True, slots=True)
class RuleRow:
    """One rule on some files."""

    name: str
    says: str
    word: str
    reason: str
    exception: str
    seen: tuple[SeenRow, ...]


@dataclass(frozen=True, slots=True)
class Alike:
    """Files on which all rules say the same."""

    names: tuple[str, ...]
    says: str
    word: str
    reason: str
    changes: str
    warnings: tuple[str, ...]
    applied: tuple[RuleRow, ...]
    others: tuple[RuleRow, ...]


@dataclass(frozen=True, slots=True)
class VersionRow:
    """One version."""

    version: str
    says: str
    word: str
    count: str
    rule: str
    reason: str
    changes: str
    alike: tuple[Alike, ...]
    address: str


def policy_doors() -> list[Door]:
    """The page."""
    return [door("GET", "/view/{view}/project/{project}/", project_page, Permission.PUBLIC_READ)]


def project_page(visit: Visit) -> Response:
    """Every version with its verdict; of some every rule."""
    text = visit.path["project"]
    if text != normalize(text):
        return RedirectResponse(f"../{quote(normalize(text))}/", 301)
    wanted = visit.query.get("version", "").strip()
    if len(wanted) > LONGEST_VERSION:
        raise Rejected("bad-version", "version", f"{len(wanted)} characters", f"at most {LONGEST_VERSION}")
    page = number_of(visit.query.get("page", "1")) or 1
    newest_in_full = NEWEST_IN_FULL if page == 1 and not wanted else 0
    found = asked(visit, in_full=(wanted,) if wanted else (), newest_in_full=newest_in_full)
    chosen = found.version(wanted) if wanted else None
    pages = max(1, -(-len(found.versions) // PER_PAGE))
    page = found.versions.index(chosen) // PER_PAGE + 1 if chosen is not None else min(page, pages)
    first = (page - 1) * PER_PAGE
    rows = [_version(one) for one in found.versions[first : first + PER_PAGE]]
    with visit.app.database.read() as sql:
        told = counting_for(sql, found.project, found.view.name)
        standing = standing_of(sql, found.view, visit.app.clock.now(), visit.app.settings.internal_names)
    return visit.page(
        "view_project.html", amendments=amendment_rows(visit.app, told), found=found, rows=rows, wanted=wanted,
        chosen=chosen, first=first, page=page, pages=pages, full=[one for one in rows if one.alike],
        unadvised=standing.unadvised,
    )  # fmt: skip


def _version(one: ExplainedVersion) -> VersionRow:
    decision = one.decided
    reason = decision.reason or "; ".join(decision.warnings)
    return VersionRow(
        one.version, SAYS[one.verdict], _word(decision), f"{one.let_in} of {len(one.files)}", decision.rule, reason,
        _changes(decision), _alike(one.files), f"?version={quote(one.version, safe='')}#why",
    )  # fmt: skip


def _alike(files: Sequence[ExplainedFile]) -> tuple[Alike, ...]:
    found: dict[object, list[ExplainedFile]] = {}
    for file in files:
        decision = file.decision
        if decision.matches:
            said = tuple((one.rule, one.matched, one.action, one.exception) for one in decision.matches)
            found.setdefault((decision.action, decision.rule, said), []).append(file)
    return tuple(_group(group) for group in found.values())


def _group(files: Sequence[ExplainedFile]) -> Alike:
    decision = files[0].decision
    rules = [_rule(one, decision) for one in decision.matches]
    applied = tuple(
        row for row, one in zip(rules, decision.matches, strict=True) if one.matched or one.exception
    )  # fmt: skip
    return Alike(
        tuple(one.filename for one in files), SAYS[decision.action], _word(decision), decision.reason,
        _changes(decision), decision.warnings, applied, tuple(one for one in rules if one not in applied),
    )  # fmt: skip


def _rule(match: Match, decision: Decision) -> RuleRow:
    if match.exception:
        says, word = "excepted", "good"
    elif not match.matched:
        says, word = "does not apply", ""
    else:
        says = _DOES[match.action] + (": this decides" if match.rule == decision.rule else "")
        word = _WORD.get(match.action, "warn")
    return RuleRow(
        match.rule, says, word, "" if match.reason == decision.reason else match.reason, match.exception,
        tuple(
            SeenRow(
                f"unless {one.signal}" if one.excuses else one.signal, one.wanted,
                value_words(one.fact.value) if one.fact is not None else "unknown", one.fact is not None,
                source_words(one.fact) if one.fact is not None else one.why_unknown, one.matched,
            )
            for one in match.seen
        ),
    )  # fmt: skip


def _word(decision: Decision) -> str:
    return _WORD.get(decision.action, "warn")


def _changes(decision: Decision) -> str:
    """When it may become another; empty if the reason says it already."""
    moment = moment_words(decision.changes_at) if decision.changes_at is not None else ""
    return "" if moment in decision.reason else moment
