"""What a member of an archive may be called, and which names may live in one tree.

An archive is unpacked by programs that disagree about odd names: one cuts at a NUL, another turns a backslash into a
folder, a third lets the last of two equal names win. A name that two readers could take for two things is refused.

Sources: APPNOTE 4.4.17 (ZIP names use ``/``, no drive, no leading slash), PEP 427 (names in wheels are UTF-8),
CVE-2007-4559 and CVE-2025-4517 (traversal in tar), CVE-2025-54368 (duplicate names in wheels).
"""

from __future__ import annotations

import re
from typing import Literal

from customhouse.terms.errors import Rejected

Kind = Literal["file", "directory", "link"]

# C0 and C1: PyPI's own index refuses the first; terminals obey both.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_DRIVE = re.compile(r"[A-Za-z]:")
# One look tells the ordinary name; everything else takes the slow road that finds the right sentence.
_PLAIN = re.compile(r"(?:(?!\.{1,2}(?:/|\Z))[^\x00-\x1f\x7f-\x9f\\/]+/)*(?!\.{1,2}/?\Z)[^\x00-\x1f\x7f-\x9f\\/]+/?")

_ACCEPTED = "a relative path with '/' between the names of its folders, none of them empty, '.' or '..'"


def decode_name(raw: bytes, *, offset: int, where: str = "archive") -> str:
    """A name's bytes as text; raises `Rejected` ``name-not-utf8``."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise Rejected(
            "name-not-utf8", where, f"the member name {raw[:80]!r} is not UTF-8", "names in UTF-8", offset=offset
        ) from None


def check_name(name: str, *, offset: int, longest_bytes: int) -> str:
    """The path that a member name means, without a slash at the end.

    ``offset`` is where the member's header begins. Raises `Rejected` with one of the codes ``name-empty``,
    ``name-too-long``, ``name-control``, ``name-unc``, ``name-backslash``, ``name-drive``, ``name-absolute``,
    ``name-empty-segment`` and ``name-traversal``.
    """
    if len(name) * 4 > longest_bytes and len(name.encode(errors="surrogatepass")) > longest_bytes:
        raise _refusal("name-too-long", name, f"is longer than {longest_bytes} bytes", offset)
    if not _PLAIN.fullmatch(name) or _DRIVE.match(name):
        raise _fault(name, offset)
    return name.removesuffix("/")


def _fault(name: str, offset: int) -> Rejected:
    """The sentence for a name that is no plain one."""
    for found, code, why in (
        (not name, "name-empty", "is empty"),
        (_CONTROL.search(name), "name-control", "holds a control character"),
        (name.startswith(("\\\\", "//")), "name-unc", "names another machine (UNC)"),
        ("\\" in name, "name-backslash", "holds a backslash"),
        (_DRIVE.match(name), "name-drive", "begins with a drive letter"),
        (name.startswith("/"), "name-absolute", "is absolute"),
        ("//" in name, "name-empty-segment", "holds an empty segment"),
    ):
        if found:
            return _refusal(code, name, why, offset)
    return _refusal("name-traversal", name, "holds a segment '.' or '..'", offset)


def _refusal(code: str, name: str, why: str, offset: int) -> Rejected:
    return Rejected(code, repr(name[:120]), f"the member name {why}", _ACCEPTED, offset=offset)


class Tree:
    """The names of one archive: none twice, none both a file and a folder of others, none below a link."""

    def __init__(self) -> None:
        self.kinds: dict[str, Kind] = {}
        self.folders: set[str] = set()

    def add(self, path: str, kind: Kind, *, offset: int) -> None:
        """Take in one member.

        Raises `Rejected` ``duplicate-member``, ``file-is-folder`` or ``member-below-link`` (an archive that lays a
        link and then writes through it is the oldest way out of the tree).
        """
        if path in self.kinds:
            raise Rejected(
                "duplicate-member", path, "the archive has this member twice", "each name once", offset=offset
            )
        if kind != "directory" and path in self.folders:
            if kind == "link":
                raise _below_link(path, offset)
            raise _conflict(path, offset)
        self.kinds[path] = kind
        parent = path.rpartition("/")[0]
        while parent and parent not in self.folders:
            taken = self.kinds.get(parent, "directory")
            if taken == "link":
                raise _below_link(path, offset)
            if taken == "file":
                raise _conflict(parent, offset)
            self.folders.add(parent)
            parent = parent.rpartition("/")[0]


def _conflict(path: str, offset: int) -> Rejected:
    return Rejected(
        "file-is-folder", path, "one name stands for a file and for a folder", "each name for one thing", offset=offset
    )


def _below_link(path: str, offset: int) -> Rejected:
    return Rejected(
        "member-below-link", path, "the member would be written through a link", "members in folders", offset=offset
    )
