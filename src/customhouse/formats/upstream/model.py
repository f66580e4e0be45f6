"""What another index says of one project, after everything that could harm us has been left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from customhouse.formats.simple import ProjectStatus
from customhouse.terms.errors import Rejected

PAGE_BYTES = 32 * 2**20
"""The longest page that is read, unpacked. The longest of PyPI's had about a third of it in 2026."""
MOST_FILES = 50_000
"""Of one project. PyPI's largest has about a tenth."""
WHERE = "upstream page"


@dataclass(frozen=True, slots=True)
class ListedFile:
    """One file that a page lists. What the page does not say, or says badly, is None or empty."""

    filename: str
    version: str
    """Normalised (PEP 440)."""
    url: str
    """Absolute, http or https, without user name and fragment."""
    sha256: str = ""
    other_digest: str = ""
    """``ALGORITHM=HEX`` if the page gives another digest and no SHA-256; such as ``md5=…`` on old pages."""
    size_bytes: int | None = None
    uploaded_at: datetime | None = None
    requires_python: str | None = None
    yanked: bool = False
    yanked_reason: str = ""
    metadata_sha256: str = ""
    has_metadata: bool = False
    provenance_url: str = ""
    signals: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Listing:
    """One page."""

    name: str
    """Normalised."""
    files: tuple[ListedFile, ...] = ()
    """In the order of the page; no file name stands there twice."""
    versions: tuple[str, ...] = ()
    """Normalised; those of the files are among them."""
    status: ProjectStatus = "active"
    status_reason: str = ""
    signals: Mapping[str, object] = field(default_factory=dict)
    skipped: Mapping[str, int] = field(default_factory=dict)
    """Why files of the page were left out, and how many: ``egg``, ``bad-address``, … as `skips` explains."""
    says_it_is_an_index: bool = True
    """Whether the page is marked as one of the simple API (JSON always is). An HTML page without the mark may be
    anything that a web server shows."""

    @property
    def lacks_details(self) -> bool:
        """Whether sizes, upload times or digests are missing that PyPI's older JSON API may have."""
        return any(file.size_bytes is None or file.uploaded_at is None or not file.sha256 for file in self.files)


SKIPS: Mapping[str, str] = {
    "egg": "eggs, which no installer takes any more (PEP 715)",
    "zip-sdist": "sdists that are zips (PEP 625 wants .tar.gz)",
    "other-kind": "files that are no wheels and no sdists",
    "bad-name": "files whose names cannot be read",
    "other-project": "files whose names belong to another project",
    "bad-address": "files whose addresses are not plain http or https",
    "less-secure": "files over http on a page that came over https",
    "bad-digest": "files whose SHA-256 is none",
    "twice": "files that stand there a second time",
}
"""What each reason for leaving a file out means."""


def refused(why: str, accepted: str = "") -> Rejected:
    """The whole page is not taken."""
    return Rejected("bad-upstream-page", WHERE, why, accepted)
