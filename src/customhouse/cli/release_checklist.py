"""``customhouse release checklist PROJECT``: how well a project is set up to release, as its index says."""

from __future__ import annotations

import json as json_text
import textwrap
from typing import Annotated, Any

from cyclopts import Parameter

from customhouse.cli.exit_codes import FINDINGS, FINE, PARTIAL
from customhouse.cli.place import chosen_place
from customhouse.formats.plain import plain
from customhouse.formats.strict_json import read_json
from customhouse.terms.errors import Rejected, Unavailable
from customhouse.terms.names import normalize

WIDTH = 80
_SIGNS = {"met": "✓", "unmet": "✗", "unknown": "?"}
_LONGEST = 2**20

Project = Annotated[str, Parameter(help="The name of the project.")]
IndexFlag = Annotated[
    str, Parameter(name="--index", show_default=False, help="The address of the Customhouse that has it.")
]
Json = Annotated[bool, Parameter(name="--json", negative="", show_default=False, help="Say it as JSON.")]


def checklist(project: Project, /, *, index: IndexFlag = "", json: Json = False) -> int:
    """Say how well a project is set up to release: people, publishing, releases, metadata.

    Exit code 0: all of it is met. 1: something is not. 3: all that is known is met.
    """
    found = _ask(project, index)
    if json:
        print(json_text.dumps(found, indent=2, ensure_ascii=False))
    else:
        print("\n".join(_lines(found)))
    return FINDINGS if found["unmet"] else PARTIAL if found["unknown"] else FINE


def _ask(project: str, index: str) -> dict[str, Any]:
    # Asking over HTTP is slow to import.
    from customhouse.release.actions import Problem  # noqa: PLC0415
    from customhouse.release.ship.public_page import stranger  # noqa: PLC0415

    place = chosen_place("", index)
    if not place.base:
        raise Rejected("no-index", "--index", "no Customhouse is named", "--index https://… or CUSTOMHOUSE_INDEX")
    url = f"{place.base}api/projects/{normalize(project)}/checklist"
    try:
        with stranger() as public:
            answer = public.get(url, _LONGEST, accept="application/json")
    except Problem as problem:
        raise Unavailable(place.base, problem.saw) from problem
    if answer is None:
        raise Rejected("unknown-project", "project", f"{place.base} has no project {plain(project, 100)}", "its name")
    try:
        found: dict[str, Any] = read_json(answer[0].decode())
        int(found["slsa"]["level"]), int(found["met"]), int(found["unmet"]), int(found["unknown"])
        for item in found["items"]:
            str(item["title"]), str(item["why"]), _SIGNS[item["state"]]
    except (ValueError, KeyError, TypeError) as error:
        raise Unavailable(place.base, "its answer is no checklist") from error
    return found


def _lines(found: dict[str, Any]) -> list[str]:
    version = f" {plain(found['version'], 60)}" if found["version"] else ""
    lines = [f"{plain(found['project'], 100)}{version}: {found['met']} of {len(found['items'])} are met", ""]
    level = found["slsa"]
    lines += _wrapped(f"SLSA build level {level['level']} of 3. {plain(level['why'])}", "")
    if level["why_not_higher"]:
        lines += _wrapped(f"For the next level: {plain(level['why_not_higher'])}", "  ")
    group = ""
    for item in found["items"]:
        if item["group"] != group:
            group = item["group"]
            lines += ["", plain(group, 40)]
        lines += _wrapped(f"{plain(item['title'], 200)}: {plain(item['why'])}", f"{_SIGNS[item['state']]} ")
        if item["next_step"]:
            lines += _wrapped(f"→ {plain(item['next_step'])}", "    ")
    return lines


def _wrapped(text: str, first: str) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=" " * len(first), break_on_hyphens=False
    )  # fmt: skip
