"""What the name of a shared library says: ``libwebp-8b6d8948.so.7.1.7`` is libwebp with the suffix 7.1.7.

Sources: auditwheel (``.libs``, ``-`` and eight digits of the SHA-256), delvewheel (``.libs``, ``-`` and eight or 32
digits, ``.dll``), delocate (``.dylibs``, no digits), and how ELF, PE and Mach-O libraries are named.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_TAG = re.compile(r"-[0-9a-f]{8}(?:[0-9a-f]{24})?(?=[.-]|\Z)")
_BUNDLE = re.compile(r"(?:^|/)(?:[^/]+\.libs|\.libs|\.dylibs)/[^/]+\Z")
_SHARED = re.compile(r"(?P<stem>.+?)\.so(?:\.(?P<suffix>[0-9][0-9A-Za-z_.]*))?\Z")
_APPLE = re.compile(r"(?P<stem>.+?)(?:[.-](?P<suffix>[0-9]+(?:\.[0-9]+)*))?\.dylib\Z")
_WINDOWS = re.compile(
    r"(?P<stem>.+?)(?:-(?P<suffix>[0-9]+(?:[._][0-9]+)*))?(?:-x64|-x86|-arm64)?\.dll\Z", re.IGNORECASE
)
_MODULE = re.compile(r"\.(?:cpython-[^/]*|abi3|pypy[^/]*|graalpy[^/]*)\.so\Z|\.pyd\Z")
# libopenblasp-r0.3.15.so: the release stands before ".so".
_RELEASE_IN_STEM = re.compile(r"(?P<stem>.+?)-r?(?P<suffix>[0-9]+(?:\.[0-9]+)+)\Z")


class LibraryFile(NamedTuple):
    """A member's name, taken apart."""

    stem: str
    """Without tag, suffix and extension."""
    suffix: str
    """What follows ``.so.``, or what a dylib or DLL has in its place; may be empty."""
    bundled: bool
    """A repair tool has put it into the folder of the libraries that come along."""
    module: bool
    """It is an extension module, which is the package's own code."""


def library_file(path: str) -> LibraryFile:
    """Take the name of a native file apart; the path is the member's."""
    base = path.rpartition("/")[2]
    plain = _TAG.sub("", base)
    bundled = _BUNDLE.search(path) is not None
    if _MODULE.search(base):
        return LibraryFile(plain.partition(".")[0], "", bundled=False, module=True)
    for form in (_SHARED, _APPLE, _WINDOWS):
        if (found := form.fullmatch(plain)) is not None:
            stem, suffix = found["stem"], (found["suffix"] or "").replace("_", ".")
            if not suffix and (inside := _RELEASE_IN_STEM.fullmatch(stem)) is not None:
                stem, suffix = inside["stem"], inside["suffix"]
            own = form is _SHARED and not bundled and not stem.startswith("lib")
            return LibraryFile(stem, suffix, bundled=bundled, module=own)
    return LibraryFile(plain, "", bundled=bundled, module=not bundled)
