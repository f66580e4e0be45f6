"""``customhouse policy explain``: asks a Customhouse why a view offers what it offers, and says it in 80 columns."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from textwrap import wrap
from typing import Annotated, Any
from urllib.parse import quote

from cyclopts import Parameter

from customhouse.cli.exit_codes import FINDINGS, FINE
from customhouse.cli.place import chosen_place
from customhouse.consume.view_address import Place
from customhouse.consume.wire import NOT_FOUND, Answer, Wire, host_of
from customhouse.formats.plain import plain
from customhouse.formats.policy.model import LETS_THROUGH
from customhouse.formats.policy.words import SAYS
from customhouse.terms.errors import Refused, Rejected, Unavailable
from customhouse.terms.names import ProjectName

COLUMNS = 80
MOST_LINES = 30
ALIKE = 3
"""So many versions in a row of which the same is said stand in one line."""
Json = dict[str, Any]

Package = Annotated[str, Parameter(help="The project.")]
Version = Annotated[str, Parameter(help="One version: every rule is told (default: all versions, without).")]
ViewFlag = Annotated[str, Parameter(help="The view: its name, or its whole address.", show_default=False)]
IndexFlag = Annotated[
    str,
    Parameter(name="--index", help="The address of the Customhouse (default CUSTOMHOUSE_INDEX).", show_default=False),
]
AllFlag = Annotated[bool, Parameter(name="--all", negative="", help="Also rules that do not apply; all versions.")]
JsonFlag = Annotated[bool, Parameter(name="--json", negative="", help="What the index says, as JSON.")]


def explain(
    package: Package, version: Version = "", /, *, view: ViewFlag = "", index: IndexFlag = "", every: AllFlag = False,
    json_: JsonFlag = False,
) -> int:  # fmt: skip
    """Say why a view lets a package in, or does not. Exit code 0: it is let in; 1: it is not."""
    name = ProjectName.parse(package, where="PACKAGE").normalized
    place = chosen_place(view, index or os.environ.get("CUSTOMHOUSE_INDEX", ""))
    if not place.view:
        raise Rejected("no-view", "--view", "it is not said in which view", "--view NAME")
    told = _ask(place, name, version)
    try:
        lines = [*_version(told, told["versions"][0], every=every)] if version else [*_project(told, every=every)]
        is_let_in = any(one["verdict"] in LETS_THROUGH for one in told["versions"])
    except (LookupError, TypeError, AttributeError, StopIteration, RuntimeError) as error:
        raise Unavailable(host_of(place.base), "its answer is not what a Customhouse of this version says") from error
    if json_:
        print(json.dumps(told, indent=2))
    else:
        sys.stdout.writelines(f"{line}\n" for line in lines)
    return FINE if is_let_in else FINDINGS


def _ask(place: Place, name: str, version: str) -> Json:
    url = f"{place.base}api/views/{place.view}/explain/{quote(name)}"
    if version:
        url += f"/{quote(version, safe='')}"
    wire = Wire()
    try:
        answer = wire.get(url, headers={"Accept": "application/json"})
    finally:
        wire.close()
    told = _read(url, answer)
    if answer.status == NOT_FOUND:
        sentence = plain(told.get("detail", f"{url} is not there."), 300)
        raise Refused(str(told.get("code", "unknown")), sentence, status=404)
    return told


def _read(url: str, answer: Answer) -> Json:
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        raise Unavailable(host_of(url), "its answer is no JSON, so it may be no Customhouse") from error
    if not isinstance(found, dict):
        raise Unavailable(host_of(url), "its answer is no JSON object")
    return found


def _project(told: Json, *, every: bool) -> Iterator[str]:
    yield from _head(told)
    runs = [[one] for one in told["versions"]] if every else _runs(told["versions"])
    shown = runs if every else runs[:MOST_LINES]
    width = max((len(_text(run[0]["version"], 20)) for run in shown), default=7)
    for run in shown:
        lead = f"{_text(run[0]['version'], 20):<{width}}  {_short(run[0]['verdict']):<7}"
        yield from _wrapped(f"{lead}  {_text(_reason(run[0]))}".rstrip(), width + 11)
        if len(run) > 1:
            yield f"{'':<{width}}  and so {len(run) - 1} older ones, down to {_text(run[-1]['version'], 40)}"
    left = len(told["versions"]) - sum(map(len, shown))
    if left > 0:
        yield f"{left} older versions: --all"


def _reason(one: Json) -> str:
    decided = _decided(one)
    why = "; ".join(decided["warnings"]) if one["verdict"] == "warn" else decided["reason"]
    rule = f"{decided['rule']}: " if decided["rule"] and decided["rule"] != "default" else ""
    count = "" if one["let_in"] in (0, len(one["files"])) else f"({one['let_in']} of {len(one['files'])} files) "
    return f"{count}{rule}{why}"


def _runs(versions: Sequence[Json]) -> list[list[Json]]:
    """Versions of which the same is said, from three in a row on together."""
    found: list[list[Json]] = []
    for _, run in groupby(versions, key=lambda one: (one["verdict"], _reason(one))):
        alike = list(run)
        found += [alike] if len(alike) >= ALIKE else [[one] for one in alike]
    return found


def _version(told: Json, one: Json, *, every: bool) -> Iterator[str]:
    yield from _head(told, f" {_text(one['version'], 40)}")
    for file, names in _groups(one["files"]):
        more = f" and {len(names) - 1} other file{'' if len(names) == 2 else 's'}" if len(names) > 1 else ""  # noqa: PLR2004
        yield ""
        yield from _wrapped(f"{_text(file['filename'], 200)}{more}", 2)
        moment = _moment(file["changes_at"]) if file["changes_at"] else ""
        when = f"; this may change on {moment}" if moment and moment not in file["reason"] else ""
        rule = f" by rule '{_text(file['rule'], 60)}'" if file["rule"] else ""
        yield from _wrapped(f"  {SAYS[file['action']].upper()}{rule}: {_text(file['reason'])}{when}", 4)
        applied = [rule for rule in file["rules"] if rule["applies"] or rule["exception"]]
        for rule in file["rules"] if every else applied:
            yield from _rule(rule, decides=rule["rule"] == file["rule"])
        others = len(file["rules"]) - len(applied)
        if others and not every:
            yield f"  {others} {'rule that does' if others == 1 else 'rules that do'} not apply: --all"


def _groups(files: Sequence[Json]) -> list[tuple[Json, list[str]]]:
    """Files on which all rules say the same, each group with its first."""
    found: dict[str, tuple[Json, list[str]]] = {}
    for file in files:
        said = [(rule["rule"], rule["applies"], rule["action"], rule["exception"]) for rule in file["rules"]]
        key = json.dumps([file["action"], file["rule"], said])
        found.setdefault(key, (file, []))[1].append(file["filename"])
    return list(found.values())


def _rule(rule: Json, *, decides: bool) -> Iterator[str]:
    if rule["exception"]:
        says = f"excepted: {_text(rule['exception'])}"
    elif rule["applies"]:
        says = f"{rule['action']}: {'this decides' if decides else _text(rule['reason'])}"
    else:
        says = "does not apply"
    yield from _wrapped(f"  {'*' if rule['applies'] else '-'} {_text(rule['rule'], 60)}: {says}", 6)
    for one in rule["signals"]:
        signal = f"{'unless ' if one['excuses'] else ''}{_text(one['signal'], 40)} {_text(one['wanted'], 200)}"
        known = f"{_text(one['value'])} [{_text(one['said'], 200)}]" if one["known"] else _why(one)
        yield from _wrapped(f"      {signal}: {known}", 10)


def _why(one: Json) -> str:
    return f"unknown: {_text(one['why_unknown'], 200)}" if one["why_unknown"] else "unknown"


def _head(told: Json, version: str = "") -> Iterator[str]:
    origin = "hosted here" if told["origin"] == "hosted" else f"from {_text(told['origin'], 60)}"
    yield from _wrapped(
        f"{_text(told['project'], 100)}{version} in the view {_text(told['view'], 60)}: {origin}, level"
        f" {_text(told['level'], 20)}, as of {_moment(told['at'])}", 4,
    )  # fmt: skip


def _decided(one: Mapping[str, Any]) -> Json:
    return next(file for file in one["files"] if file["action"] == one["verdict"])


def _short(verdict: str) -> str:
    return {"allow": "in", "warn": "warned", "hide": "hidden", "deny": "denied", "hold": "held"}[verdict]


def _moment(text: object) -> str:
    return f"{_text(text, 16).replace('T', ' ')} UTC"


def _text(value: object, limit: int = 600) -> str:
    text = str(value)
    return text[:limit] if limit < 20 else plain(text, limit)  # noqa: PLR2004 - a moment is cut, not shortened


def _wrapped(line: str, indent: int) -> list[str]:
    return wrap(line, COLUMNS, subsequent_indent=" " * indent, break_on_hyphens=False) or [""]
