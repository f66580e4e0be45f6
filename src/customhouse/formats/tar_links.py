"""Where the links of an sdist lead.

A link that stays inside the top folder is legal: projects have them. One that leaves it, directly or through others,
reads or overwrites what is not its own (CVE-2007-4559, CVE-2025-4517); one that leads nowhere does so as soon as
somebody puts a file there. The tree is followed here as names only, never on a disk.

Sources: PEP 721 (the data filter's promises), PEP 625.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from customhouse.formats.member_names import Tree, check_name
from customhouse.terms.errors import Rejected

MOST_HOPS = 40
"""Links that Linux follows in one path before it speaks of a loop (``MAXSYMLINKS``)."""


class Link(NamedTuple):
    """One link of a tar archive. ``target`` is as in the header: a symbolic one counts from the link's folder."""

    path: str
    target: str
    hard: bool
    offset: int
    order: int
    """The member's place in the archive, from 0."""


def check_links(links: Sequence[Link], tree: Tree, orders: Mapping[str, int], *, longest_bytes: int) -> None:
    """Follow every link to its end, which must be inside its top folder.

    ``orders`` gives each member's place in the archive. A hard link must name a file that stands before it, since it
    is made while unpacking. Raises `Rejected` ``link-empty``, ``link-absolute``, ``link-leaves``, ``link-dangles``,
    ``link-loop`` or a code of `check_name`.
    """
    symbolic = {link.path: link for link in links if not link.hard}
    hard = {link.path for link in links if link.hard}
    for link in links:
        end = _follow(link, symbolic, tree, orders, longest_bytes)
        if link.hard and tree.kinds.get(end) != "file" and end not in hard:
            raise _refusal("link-dangles", link, f"leads to {end!r}, which is no file")


def _follow(link: Link, symbolic: Mapping[str, Link], tree: Tree, orders: Mapping[str, int], longest_bytes: int) -> str:
    """The path at which a link ends."""
    at: list[str] = []
    if link.hard:
        check_name(link.target, offset=link.offset, longest_bytes=longest_bytes)
    else:
        at = link.path.split("/")[:-1]
    todo = _segments(link, link)
    hops = 0
    while todo:
        segment = todo.pop()
        if segment in ("", "."):
            continue
        _step(link, at, segment, tree)
        here = "/".join(at)
        if link.hard and orders.get(here, -1) >= link.order:
            raise _refusal("link-dangles", link, f"is made before {here!r}, to which it leads")
        if (through := symbolic.get(here)) is not None:
            hops += 1
            if hops > MOST_HOPS:
                raise _refusal("link-loop", link, "leads in a circle")
            at.pop()
            todo += _segments(through, link)
        elif here not in tree.kinds and here not in tree.folders:
            raise _refusal("link-dangles", link, f"leads to {here!r}, which is not in the archive")
    return "/".join(at)


def _step(link: Link, at: list[str], segment: str, tree: Tree) -> None:
    """Go one segment down, or up with ``..``; only from a folder, and never above the top one."""
    here = "/".join(at)
    if at and here not in tree.folders and tree.kinds.get(here) != "directory":
        raise _refusal("link-dangles", link, f"goes through {here!r}, which is no folder")
    if segment != "..":
        at.append(segment)
        return
    if len(at) < 2:  # noqa: PLR2004  # the top folder itself, and nothing above it
        raise _refusal("link-leaves", link, "leaves its top folder")
    at.pop()


def _segments(link: Link, origin: Link) -> list[str]:
    """The segments of a target, the first one last."""
    if not link.target:
        raise _refusal("link-empty", origin, "has no target")
    if link.target.startswith("/"):
        raise _refusal("link-absolute", origin, f"leads to the absolute path {link.target[:120]!r}")
    if "\\" in link.target or not link.target.isprintable() or link.target[1:2] == ":":
        raise _refusal("link-name", origin, f"leads to {link.target[:120]!r}, which some systems read otherwise")
    return link.target.split("/")[::-1]


def _refusal(code: str, link: Link, why: str) -> Rejected:
    return Rejected(code, link.path, f"the link {why}", "links to members of the same tree", offset=link.offset)
