"""``GET /api/views/V/explain/P`` and ``…/P/VERSION``: what a view's policy says of a project, and why.

Without a version: every version and file with its verdict. With one: every rule, too, and every signal that it looks
at, with its value, its source and its date.
"""

from __future__ import annotations

from datetime import datetime

from starlette.responses import Response

from customhouse.catalog import queries, rights
from customhouse.formats.policy.model import Match, Seen
from customhouse.formats.policy.words import source_words, value_words
from customhouse.formats.simple import timestamp
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.names import ProjectName
from customhouse.views.explaining import Explained, ExplainedFile, ExplainedVersion, explained
from customhouse.web.api.simple import reader_of
from customhouse.web.doors import Door, door
from customhouse.web.facts import unknown_project
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit

LONGEST_VERSION = 200


def policy_api_doors() -> list[Door]:
    """The doors for tools."""
    here = "/api/views/{view}/explain/{project}"
    return [
        door("GET", here, project_explained, Permission.PUBLIC_READ),
        door("GET", here + "/{version}", version_explained, Permission.PUBLIC_READ),
    ]


def project_explained(visit: Visit) -> Response:
    """Every version with its verdict."""
    found = asked(visit)
    return visit.json(_plain(found, found.versions, in_full=False))


def version_explained(visit: Visit) -> Response:
    """One version with every rule."""
    wanted = visit.path["version"]
    if len(wanted) > LONGEST_VERSION:
        raise _unknown_version(wanted)
    found = asked(visit, in_full=(wanted,))
    one = found.version(wanted)
    if one is None:
        raise _unknown_version(wanted)
    return visit.json(_plain(found, (one,), in_full=True))


def asked(visit: Visit, *, in_full: tuple[str, ...] = (), newest_in_full: int = 0) -> Explained:
    """What the address asks for; a private project only for whoever may read it, unknown to all others."""
    # Wrong credentials are refused whatever the name is, so that nobody learns from it which names there are.
    actor = reader_of(visit.app, visit.request)
    view = visit.app.views.get(visit.path["view"])
    text = visit.path["project"]
    try:
        name = ProjectName.parse(text).normalized
    except Rejected as error:
        raise unknown_project(text) from error
    private = visit.app.views.is_private(name)
    if private:
        with visit.app.database.read() as sql:
            project = queries.find_project(sql, name)
            if project is None or not rights.standing(sql, project, actor, "read", None).reads:
                raise unknown_project(text)
    found = explained(
        visit.app.views, view, name, in_full=in_full, newest_in_full=newest_in_full, private=private
    )  # fmt: skip
    if found is None:
        raise unknown_project(text)
    return found


def _unknown_version(wanted: str) -> Refused:
    return Refused("unknown-version", f"The view has no version {wanted[:60]!r} of it.", status=404)


def _plain(found: Explained, versions: tuple[ExplainedVersion, ...], *, in_full: bool) -> dict[str, object]:
    return {
        "view": found.view.name, "project": found.project, "origin": found.origin, "level": found.level,
        "at": timestamp(found.at), "remarks": list(found.remarks),
        "versions": [
            {
                "version": one.version, "verdict": one.verdict, "let_in": one.let_in,
                "files": [_file(file, in_full=in_full) for file in one.files],
            }
            for one in versions
        ],
    }  # fmt: skip


def _file(file: ExplainedFile, *, in_full: bool) -> dict[str, object]:
    decision = file.decision
    told: dict[str, object] = {
        "filename": file.filename, "uploaded_at": _moment(file.uploaded_at), "action": decision.action,
        "rule": decision.rule, "reason": decision.reason, "warnings": list(decision.warnings),
        "changes_at": _moment(decision.changes_at),
    }  # fmt: skip
    return told | ({"rules": [_rule(one) for one in decision.matches]} if in_full else {})


def _rule(match: Match) -> dict[str, object]:
    return {
        "rule": match.rule, "action": match.action, "applies": match.matched, "reason": match.reason,
        "exception": match.exception, "changes_at": _moment(match.changes_at),
        "signals": [_seen(one) for one in match.seen],
    }  # fmt: skip


def _seen(seen: Seen) -> dict[str, object]:
    told: dict[str, object] = {
        "signal": seen.signal, "wanted": seen.wanted, "excuses": seen.excuses, "holds": seen.matched,
        "known": seen.fact is not None,
    }  # fmt: skip
    if seen.fact is None:
        return told | {"why_unknown": seen.why_unknown}
    return told | {
        "value": value_words(seen.fact.value), "source": seen.fact.source, "dated": _moment(seen.fact.dated),
        "said": source_words(seen.fact),
    }  # fmt: skip


def _moment(moment: datetime | None) -> str | None:
    return timestamp(moment) if moment is not None else None
