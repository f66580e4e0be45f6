"""What makes a tar archive an sdist.

Sources: the source distribution format (PEP 517, PEP 625: one folder ``{name}-{version}`` with PKG-INFO), PEP 639
(licence files), PEP 643 (static metadata).
"""

from __future__ import annotations

from typing import BinaryIO

from packaging.metadata import parse_email

from customhouse.formats.filenames import SdistName
from customhouse.formats.inspection import Inspection, Limits
from customhouse.formats.signals import EncryptedCode, SetupScript, sdist_signals
from customhouse.formats.tar_walk import walk_tar_gz
from customhouse.formats.wheel import check_identity, license_files, names_release
from customhouse.formats.zip_walk import Walk, Watch
from customhouse.terms.errors import Rejected


def inspect_sdist(file: BinaryIO, name: SdistName, limits: Limits) -> Inspection:
    """Walk and check an sdist whose file name says ``name``; raises `Rejected`."""

    def keep(path: str) -> int:
        return limits.metadata_bytes if path.endswith("/PKG-INFO") and path.count("/") == 1 else 0

    encrypted = EncryptedCode()
    setup = SetupScript()

    def glance(path: str, head: bytes) -> None:
        encrypted.glance(path, head)
        setup.glance(path, head)

    walk = walk_tar_gz(file, limits, Watch(keep, glance))
    top = _top_folder(walk, name)
    where = f"{top}/PKG-INFO"
    body = walk.kept.get(where)
    if body is None:
        raise Rejected("sdist-metadata", where, "the file is missing", "PKG-INFO in the top folder")
    try:
        metadata = body.decode()
    except UnicodeDecodeError as error:
        raise Rejected("sdist-metadata", where, f"byte {error.start} is not UTF-8", "text in UTF-8") from None
    raw, _ = parse_email(metadata)
    check_identity(raw, name.name, name.version, where)
    for path in license_files(raw):
        if walk.tree.kinds.get(f"{top}/{path}", "directory") == "directory":
            raise Rejected("license-file-missing", "License-File", f"{path[:200]!r} is not in the sdist",
                           f"{top}/{path[:200]}")  # fmt: skip
    digest = next(member.sha256 for member in walk.members if member.name == where)
    return Inspection(
        name.filename,
        "sdist",
        metadata,
        digest,
        tuple(walk.members),
        (*sdist_signals(raw, walk.members, where), *setup.signals, *encrypted.signals),
        walk.expanded_bytes,
    )


def _top_folder(walk: Walk, name: SdistName) -> str:
    """The one folder in which everything lies, named for the release."""
    tops = {member.name.partition("/")[0] for member in walk.members}
    if len(tops) != 1:
        raise Rejected("top-folder", "archive", f"the sdist has {len(tops)} top folders: "
                       f"{', '.join(sorted(tops))[:300]}", f"{name.stem} alone")  # fmt: skip
    top = tops.pop()
    if walk.tree.kinds.get(top, "directory") != "directory":
        raise Rejected("top-folder", top, "the top of the sdist is no folder", f"the folder {name.stem}")
    if not names_release(top, name.name, name.version):
        raise Rejected("top-folder", top, f"the top folder is not that of {name.stem}", name.stem)
    return top
