"""The file system of an image, laid together from its layers: only what an audit asks for is kept, in memory.

Source: the OCI image specification, "Image Layer Filesystem Changeset" (whiteouts, opaque folders).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from customhouse.formats.inventory.layer_tar import LayerMember, Source, members_of, plain_path
from customhouse.terms.errors import Rejected

MOST_KEPT_BYTES = 512 * 2**20
MOST_FILE_BYTES = 32 * 2**20
MOST_LINKS = 1_000_000
MOST_HOPS = 40
MOST_LOOKS = 20_000_000
"""How many files may be looked at to find what a layer hides."""
_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
_WANTED = re.compile(
    r"(?:.*/)?(?:[^/]+\.(?:dist-info|egg-info)|EGG-INFO)/"
    r"(?:METADATA|PKG-INFO|RECORD|REQUESTED|INSTALLER|direct_url\.json|requires\.txt|sboms/[^/]+)"
    r"|(?:.*/)?[^/]+\.(?:egg-info|egg-link)|(?:.*/)?pyvenv\.cfg|(?:.*/)?include/python[\d.]+t?/patchlevel\.h",
    re.IGNORECASE,
)
_SITE = re.compile(r"(?:.*/)?(?:site|dist)-packages")


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A file with its bytes, or a symbolic link with its target."""

    layer: int
    body: bytes = b""
    target: str | None = None


_Node = dict[str, "_Node | _Leaf"]


class LayeredTree:
    """See `Tree`. Paths that lead through links end where the links end, and never outside."""

    is_whole = False

    def __init__(self, title: str) -> None:
        self._title = title
        self._root: _Node = {}
        self._layer = 0
        self._kept = 0
        self._links = 0
        self._looked = 0
        self.left_out = 0
        """How many files were not kept because there were too many or they were too large."""

    def add(self, layer: Source) -> None:
        """Lay a layer on top. Raises `Rejected` at its first damage; what stood before that is there."""
        self._layer += 1
        for member in members_of(layer):
            folder, _, name = member.path.rpartition("/")
            if name == _OPAQUE:
                self._hide_below(self._folder(folder, make=False))
            elif name.startswith(_WHITEOUT):
                self._hide(self._folder(folder, make=False), name[len(_WHITEOUT) :])
            elif name:
                self._put(folder, name, member)

    def _put(self, folder: str, name: str, member: LayerMember) -> None:
        # Other folders than those of packages come to be with what lies in them.
        is_site = member.kind == "folder" and _SITE.fullmatch(member.path) is not None
        leaf = self._leaf(member)
        parent = self._folder(folder, make=leaf is not None or is_site)
        if parent is None:
            return
        if leaf is not None:
            parent[name] = leaf
        elif member.kind != "folder":
            # Something that is of no interest may still stand where a folder stood.
            parent.pop(name, None)
        elif isinstance(parent.get(name), _Leaf):
            parent[name] = {}
        elif is_site:
            parent.setdefault(name, {})

    def _leaf(self, member: LayerMember) -> _Leaf | None:
        """What is kept of a member; None if nothing is."""
        if member.kind == "link" and not member.is_hard:
            self._links += 1
            return _Leaf(self._layer, target=member.target[:4096]) if self._links <= MOST_LINKS else None
        if member.kind not in ("file", "link") or _WANTED.fullmatch(member.path) is None:
            return None
        if member.is_hard:
            found = self._find(plain_path(member.target))
            return _Leaf(self._layer, found.body) if isinstance(found, _Leaf) else None
        if member.size_bytes > MOST_FILE_BYTES or self._kept + member.size_bytes > MOST_KEPT_BYTES:
            self.left_out += 1
            return None
        self._kept += member.size_bytes
        return _Leaf(self._layer, member.read(member.size_bytes))

    def _hide(self, parent: _Node | None, name: str) -> None:
        """Remove what lower layers have under a name, wherever in its layer the whiteout stands."""
        found = parent.get(name) if parent is not None else None
        if parent is None or found is None:
            return
        if isinstance(found, dict):
            self._hide_below(found)
            if not found:
                del parent[name]
        elif found.layer < self._layer:
            del parent[name]

    def _hide_below(self, folder: _Node | None) -> None:
        """Remove what lower layers have below a folder; what this layer has put there stays."""
        if folder is None:
            return
        found: list[tuple[_Node, str, _Node]] = []
        todo = [folder]
        while todo:
            node = todo.pop()
            for name, value in list(node.items()):
                self._looked += 1
                if isinstance(value, dict):
                    todo.append(value)
                    found.append((node, name, value))
                elif value.layer < self._layer:
                    del node[name]
            if self._looked > MOST_LOOKS:
                raise Rejected("bad-image", self._title, "its layers hide each other again and again", "a plain image")
        for parent, name, node in reversed(found):
            # The inner ones stand behind the outer ones.
            if not node:
                del parent[name]

    def _folder(self, path: str, *, make: bool) -> _Node | None:
        found = self._find(path, make=make)
        return found if isinstance(found, dict) else None

    def _find(self, path: str, *, make: bool = False) -> _Node | _Leaf | None:
        """What stands at a path, links followed."""
        here: list[_Node] = [self._root]
        todo = _parts(path)
        hops = 0
        while todo:
            part = todo.pop()
            if part == "..":
                del here[max(1, len(here) - 1) :]
                continue
            value = here[-1].get(part)
            if value is None and make:
                value = here[-1][part] = {}
            if isinstance(value, dict):
                here.append(value)
            elif value is None or value.target is None:
                return value if not todo else None
            elif (hops := hops + 1) > MOST_HOPS:
                return None
            else:
                if value.target.startswith("/"):
                    del here[1:]
                todo += _parts(value.target)
        return here[-1]

    def names(self, folder: str) -> tuple[str, ...] | None:
        """See `Tree`."""
        found = self._find(folder)
        return tuple(sorted(found)) if isinstance(found, dict) else None

    def read(self, path: str, most_bytes: int) -> bytes | None:
        """See `Tree`."""
        found = self._find(path)
        return found.body[:most_bytes] if isinstance(found, _Leaf) else None

    def shown(self, path: str) -> str:
        """See `Tree`."""
        return f"{self._title}:/{path}"

    def folders(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """See `Tree`."""
        todo: list[tuple[str, _Node]] = [("", self._root)]
        while todo:
            path, node = todo.pop()
            yield path, tuple(sorted(node))
            todo += [
                (f"{path}/{name}" if path else name, value)
                for name in sorted(node, reverse=True)
                if isinstance(value := node[name], dict)
            ]

    def inside(self, target: str) -> str | None:
        """See `Tree`."""
        return plain_path(target) if target.startswith("/") and "\0" not in target else None

    def real(self, path: str) -> object:
        """See `Tree`."""
        return id(self._find(path))


def _parts(path: str) -> list[str]:
    """The segments of a path, the first one last."""
    return [part for part in reversed(path.split("/")) if part not in ("", ".")]
