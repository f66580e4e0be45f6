"""The text of a lock: what uv has resolved, with the index, who requires whom, and what it was checked against."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from customhouse.consume.lock.record import Record, record_lines
from customhouse.consume.lock.resolve import Resolved
from customhouse.formats.inventory.requirements_file import Wanted, read_lines
from customhouse.terms.names import normalize

MADE_BY = "customhouse lock"
_NAME = re.compile(r'^name = "([^"\n]+)"$')


@dataclass(frozen=True, slots=True)
class Graph:
    """Who asks for what, as uv's comments tell."""

    places: Mapping[str, tuple[str, ...]]
    """Where what was asked for by name stands: ``requirements.in:3``."""
    above: Mapping[str, tuple[str, ...]]
    """By package: the packages that require it."""
    versions: Mapping[str, tuple[str, ...]]
    """What was chosen. Several where platforms differ."""


def graph_of(resolved: Resolved, wanted: Sequence[tuple[str, Wanted]]) -> Graph:
    """The graph of a resolution."""
    asked: dict[str, list[str]] = {}
    for place, one in wanted:
        asked.setdefault(one.name, []).append(place)
    above: dict[str, dict[str, None]] = {}
    versions: dict[str, dict[str, None]] = {}
    for one in pins(resolved.requirements):
        who = [normalize(via.partition("[")[0]) for via in one.via if via[:1] != "-"]
        above.setdefault(one.name, {}).update(dict.fromkeys(who))
        versions.setdefault(one.name, {})[one.specifier.removeprefix("==")] = None
    return Graph(
        {name: tuple(asked[name]) for name in versions if name in asked},
        {name: tuple(some) for name, some in above.items()},
        {name: tuple(some) for name, some in versions.items()},
    )


def pins(requirements: str) -> Iterable[Wanted]:
    """Each pin of a requirements file."""
    return (one for one in read_lines(requirements) if isinstance(one, Wanted))


def as_pylock(resolved: Resolved, graph: Graph, record: Record) -> str:
    """``pylock.toml`` (PEP 751)."""
    below: dict[str, list[str]] = {}
    for name, some in graph.above.items():
        # Where a name alone does not tell which version is meant, the edge is left out: PEP 751 wants it unambiguous.
        if len(graph.versions.get(name, ())) == 1:
            for who in some:
                below.setdefault(who, []).append(name)
    lines: list[str] = [f"# Made by `{MADE_BY}`; what it was checked against stands at the end."]
    name, in_package = "", False
    for line in resolved.pylock.replace("\r\n", "\n").splitlines():
        if line.startswith("created-by = "):
            lines.append('created-by = "customhouse"')
            continue
        in_package = line == "[[packages]]" or (in_package and not line.startswith("["))
        lines.append(line)
        if in_package and (found := _NAME.fullmatch(line)) is not None:
            name = normalize(found[1])
        if in_package and line.startswith("version = "):
            lines.append(f"index = {json.dumps(record.index)}")
            if name in below:
                listed = ", ".join(f'{{ name = "{one}" }}' for one in sorted(below[name]))
                lines.append(f"dependencies = [{listed}]")
    return "\n".join([*lines, "", *record_lines(record), ""])


def as_requirements(resolved: Resolved, asked: Sequence[tuple[str, Wanted]], record: Record) -> str:
    """A requirements file with hashes. Its own index stands in it, so that it comes from nowhere else."""
    graph = graph_of(resolved, asked)
    head = [f"# Made by `{MADE_BY}`.", *(f"# {one}" for one in record_lines(record)), f"--index-url {record.index}", ""]
    lines: list[str] = []
    name = ""
    for line in resolved.requirements.replace("\r\n", "\n").splitlines():
        if (found := re.match(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==", line)) is not None:
            name = normalize(found[1])
        if line.strip().startswith("# via"):
            who = [*graph.above.get(name, ()), *(f"-r {place}" for place in graph.places.get(name, ()))]
            lines.append(f"    # via {', '.join(who)}" if who else "")
        else:
            lines.append(line)
    return "\n".join([*head, *(one for one in lines if one), ""])
