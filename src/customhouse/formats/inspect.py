"""The one reader of archives: upload, mirror and audit all ask here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from customhouse.formats.filenames import WheelName, parse_filename
from customhouse.formats.inspection import Inspection, Limits
from customhouse.formats.sdist import inspect_sdist
from customhouse.formats.wheel import inspect_wheel
from customhouse.formats.zip_walk import Follower


def inspect_archive(
    path: Path,
    filename: str,
    limits: Limits = Limits(),  # noqa: B008  # frozen
    follow: Callable[[str, bytes], Follower | None] | None = None,
) -> Inspection:
    """Read every byte of a wheel or an sdist once and tell what is in it, or refuse it.

    The file name decides which of the two it must be; the bytes are believed in nothing else. Needs little
    memory whatever the size of the file, about 1 KiB per member (20 MiB and a few chunks for 20,000 of them), and time
    in proportion to what it unpacks to, both within ``limits``. Raises `Rejected`
    with the member (or "archive"), what was found, what is accepted and, where it is known, the offset in bytes: into
    the file, or for a tar member into the unpacked tar stream.
    """
    name = parse_filename(filename)
    with path.open("rb") as file:
        if isinstance(name, WheelName):
            return inspect_wheel(file, name, limits, follow)
        return inspect_sdist(file, name, limits)
