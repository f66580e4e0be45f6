"""The files of a page, one after the other: which are kept, and why the others are not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from customhouse.formats.simple import ProjectStatus
from customhouse.formats.upstream import value
from customhouse.formats.upstream.address import absolute, last_part
from customhouse.formats.upstream.filename import Belongs, read_filename
from customhouse.formats.upstream.model import MOST_FILES, ListedFile, Listing, refused


@dataclass
class Collected:
    """What was kept so far of the page at ``base``, which is to be that of the project ``wanted``."""

    wanted: str
    base: str
    files: dict[str, ListedFile] = field(default_factory=dict)
    skipped: Counter[str] = field(default_factory=Counter)
    versions: set[str] = field(default_factory=set)
    status: ProjectStatus = "active"
    status_reason: str = ""
    signals: Mapping[str, object] = field(default_factory=dict)
    says_it_is_an_index: bool = True
    _seen: int = 0

    def add(self, url: str, filename: str | None, digests: Mapping[str, object], more: Mapping[str, object]) -> None:
        """One file of the page. ``filename`` None: what the address ends in. ``more``: the rest of `ListedFile`."""
        self._seen += 1
        if self._seen > MOST_FILES:
            raise refused(f"it lists more than {MOST_FILES} files", f"at most {MOST_FILES}")
        reason = self._keep(url, filename, digests, more)
        if reason:
            self.skipped[reason] += 1

    def listing(self) -> Listing:
        """The page; refused if it holds files and each of them is another project's."""
        if not self.files and self.skipped["other-project"]:
            raise refused(f"all its files belong to other projects than {self.wanted!r}")
        return Listing(
            self.wanted, tuple(self.files.values()),
            tuple(sorted(self.versions | {file.version for file in self.files.values()})),
            self.status, self.status_reason, self.signals, dict(self.skipped), self.says_it_is_an_index,
        )  # fmt: skip

    def _keep(self, url: str, filename: str | None, digests: Mapping[str, object], more: Mapping[str, object]) -> str:
        """Keep the file; returns why it is left out, or nothing."""
        found = absolute(self.base, url)
        if found is None:
            return "bad-address"
        address, fragment = found
        name = last_part(address) if filename is None else filename
        belongs = read_filename(name, self.wanted)
        if not isinstance(belongs, Belongs):
            return belongs
        if self.base.startswith("https:") and address.startswith("http:"):
            return "less-secure"
        algorithm, _, hexadecimal = fragment.partition("=")
        known = {algorithm.lower(): hexadecimal} if algorithm.lower() in value.DIGESTS and not digests else digests
        if "sha256" in known and not value.digest("sha256", known["sha256"]):
            return "bad-digest"
        if name in self.files:
            return "twice"
        self.files[name] = ListedFile(
            name, belongs.version, address, sha256=value.digest("sha256", known.get("sha256")),
            other_digest="" if "sha256" in known else _other(known), **more,  # type: ignore[arg-type]  # see `add`
        )  # fmt: skip
        return ""


def _other(digests: Mapping[str, object]) -> str:
    """The strongest digest that is not SHA-256, as ``ALGORITHM=HEX``."""
    for algorithm in value.DIGESTS:
        if found := value.digest(algorithm, digests.get(algorithm)):
            return f"{algorithm}={found}"
    return ""
