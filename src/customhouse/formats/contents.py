"""The content of chosen members of a distribution, through the strict reader and no other."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from customhouse.formats.filenames import WheelName, parse_filename
from customhouse.formats.inspection import Limits
from customhouse.formats.tar_walk import walk_tar_gz
from customhouse.formats.zip_walk import Watch, walk_zip
from customhouse.terms.errors import Rejected


def read_members(path: Path, filename: str, wanted: Mapping[str, str], limits: Limits) -> dict[str, bytes]:
    """The bytes of the members that ``wanted`` names, each with the digest that an inspection has found.

    The caller knows their sizes from that inspection and so how much memory he asks for. Raises `Rejected` for a
    damaged archive, and for one that has changed since.
    """
    if not wanted:
        return {}
    watch = Watch(lambda name: limits.expanded_bytes if name in wanted else 0)
    with path.open("rb") as file:
        walk = (walk_zip if isinstance(parse_filename(filename), WheelName) else walk_tar_gz)(file, limits, watch)
    found = {member.name: member.sha256 for member in walk.members if member.name in wanted}
    if found != wanted:
        raise Rejected("archive-changed", "archive", "the file has changed while it was read", "a file that stays")
    return walk.kept
