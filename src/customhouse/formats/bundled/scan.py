"""Scanning a wheel for the libraries that it bundles: bytes only; nothing is loaded, and nothing is executed.

The scanner listens while the strict reader walks the archive, so that an upload is read once. For each native file it
keeps what can hold words, at most `WINDOW_BYTES` at a time; a larger file is searched window by window.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from customhouse.formats.bundled import native, strings
from customhouse.formats.bundled.file_names import LibraryFile, library_file
from customhouse.formats.bundled.judge import Facts, judge
from customhouse.formats.bundled.model import MAX_NOTES, BundledScan
from customhouse.formats.bundled.sboms import MAX_SBOM_BYTES, Component, Unreadable, is_sbom, read_sbom
from customhouse.formats.bundled.tables import Known, Tables, tables
from customhouse.formats.inspection import Limits
from customhouse.formats.zip_walk import Watch, walk_zip

WINDOW_BYTES = 64 * 2**20
OVERLAP_BYTES = 1024
MAX_NATIVE_FILES = 5000
DEFAULT_LIMITS = Limits()
_FIRST_BYTES = frozenset({b"\x7f", b"M", b"\xce", b"\xcf", b"\xfe", b"\xca"})
"""With one of these every native format begins."""
_PE_ENDINGS = (".dll", ".pyd", ".exe")
MAX_SEARCHED_BYTES = 2**30
"""Of all files of a wheel: about ten seconds. What lies behind is noted, and known by its names."""


def scan_wheel(path: Path, limits: Limits = DEFAULT_LIMITS) -> BundledScan:
    """What a wheel on the disk bundles; raises `Rejected` if it is no sound archive."""
    scanner = Scanner()
    with path.open("rb") as file:
        walk_zip(file, limits, Watch(follow=scanner.follow))
    return scanner.result()


def scan_file(path: Path, _filename: str) -> BundledScan:
    """The same, as walkers call it."""
    return scan_wheel(path)


class Scanner:
    """Listens to one walk of one wheel."""

    def __init__(self) -> None:
        self._tables: Tables | None = None
        self._facts: list[Facts] = []
        self._components: list[tuple[str, Component]] = []
        self._notes: list[str] = []
        self._left_bytes = MAX_SEARCHED_BYTES

    def follow(self, path: str, head: bytes) -> _Native | _Sbom | None:
        """Who wants to hear the bytes of a member that begins so; None if nobody does."""
        # Most members of most wheels are text, and this is asked of each.
        if head[:1] not in _FIRST_BYTES and "/sboms/" not in path:
            return None
        if is_sbom(path):
            return _Sbom(self, path)
        kind = native.kind_of(head)
        if kind is None or (kind == "PE" and not path.lower().endswith(_PE_ENDINGS) and b"PE\0\0" not in head[:4096]):
            return None
        if len(self._facts) >= MAX_NATIVE_FILES:
            self.note(path, f"not scanned: there are more than {MAX_NATIVE_FILES} native files")
            return None
        return _Native(self, path)

    def result(self) -> BundledScan:
        """What the wheel bundles, once the walk has ended."""
        if not self._facts and not self._components:
            return BundledScan(notes=tuple(self._notes))
        return BundledScan(judge(self.tables, self._facts, self._components, self.note), tuple(self._notes))

    @property
    def tables(self) -> Tables:
        """The tables; a wheel without native files never asks for them."""
        if self._tables is None:
            self._tables = tables()
        return self._tables

    def note(self, where: str, why: str) -> None:
        """Keep what could not be read."""
        if len(self._notes) < MAX_NOTES:
            self._notes.append(f"{where[:300]}: {why[:300]}")

    def may_search(self, path: str, size_bytes: int) -> bool:
        """Whether so many more bytes may be searched."""
        if self._left_bytes < size_bytes:
            self.note(path, "not wholly searched for words: the wheel has too many native files")
            return False
        self._left_bytes -= size_bytes
        return True

    def add(self, facts: Facts) -> None:
        """Take what one native file says."""
        self._facts.append(facts)

    def add_components(self, path: str, components: Iterable[Component]) -> None:
        """Take what one bill of materials says."""
        self._components += [(path, component) for component in components]


@dataclass(slots=True)
class _Sbom:
    """A bill of materials while it arrives."""

    scanner: Scanner
    path: str
    body: bytearray = field(default_factory=bytearray)
    size: int = 0

    def feed(self, chunk: bytes) -> None:
        self.size += len(chunk)
        if self.size <= MAX_SBOM_BYTES:
            self.body += chunk

    def end(self) -> None:
        if self.size > MAX_SBOM_BYTES:
            self.scanner.note(self.path, f"the bill of materials has {self.size} bytes, more than are read")
            return
        try:
            self.scanner.add_components(self.path, read_sbom(self.path, bytes(self.body)))
        except Unreadable as error:
            self.scanner.note(self.path, f"the bill of materials cannot be read: {error}")


class _Native:
    """A native file while it arrives."""

    def __init__(self, scanner: Scanner, path: str) -> None:
        self._scanner = scanner
        self._name: LibraryFile = library_file(path)
        self._facts = Facts(path, self._name)
        self._known: Known | None = (
            scanner.tables.of_file(self._name.stem, self._name.suffix) if not self._name.module else None
        )
        self._body = bytearray()
        self._spans: list[tuple[int, int, int]] = []
        self._position = 0
        self._outline: native.Outline | None = None
        self._whole = True

    def feed(self, chunk: bytes) -> None:
        """Keep what can hold words."""
        if not self._position:
            self._begin(chunk)
        begin, end = self._position, self._position + len(chunk)
        self._position = end
        for start, stop in _without(begin, end, self._outline.code if self._outline is not None else []):
            self._spans.append((start, stop, len(self._body)))
            try:
                self._body += memoryview(chunk)[start - begin : stop - begin]
            except MemoryError:
                self._scanner.note(self._facts.path, "not wholly scanned: there is not enough memory")
                self._forget(0)
        if len(self._body) >= WINDOW_BYTES:
            self._search()
            self._forget(OVERLAP_BYTES)

    def _begin(self, chunk: bytes) -> None:
        try:
            self._outline = native.outline(chunk)
        except native.Damaged as error:
            self._scanner.note(self._facts.path, f"the native file is damaged: {error}")

    def end(self) -> None:
        """Search what is left, and ask what the file needs."""
        self._search()
        if self._outline is not None and self._whole:
            try:
                self._facts.needed = native.needed_by(self._outline, self)
            except native.Damaged as error:
                self._scanner.note(self._facts.path, f"the native file is damaged: {error}")
        self._body = bytearray()
        self._scanner.add(self._facts)

    def at(self, offset: int, size: int) -> bytes:
        """Bytes by their place in the file, as far as they were kept."""
        found = bytearray()
        for start, stop, place in self._spans:
            if start <= offset < stop and size > len(found):
                taken = bytes(
                    self._body[place + offset - start : place + min(stop, offset + size - len(found)) - start]
                )
                found += taken
                offset += len(taken)
        return bytes(found[:size])

    def _forget(self, keep: int) -> None:
        self._body = self._body[len(self._body) - keep :]
        self._spans = []
        self._whole = False

    def _search(self) -> None:
        body, facts = self._body, self._facts
        if not self._scanner.may_search(facts.path, len(body)):
            return
        for known in self._scanner.tables.known.values():
            if known.strings and (said := strings.search(known, body)):
                facts.strings.setdefault(known.name, {}).update({each.version: each for each in said})
        for port, tree in strings.build_trees(body):
            library = self._scanner.tables.of_package(port) or port
            facts.trees.setdefault(library, {}).setdefault(tree.version, tree)
        if self._name.module:
            return
        facts.packages += strings.packages(body)
        if self._known is not None:
            facts.constants += strings.constants(self._known, body)
            stems = (self._known.name.lower(), self._name.stem.lower(), *self._known.names)
            facts.built_in += strings.built_in(tuple(dict.fromkeys(stems)), body)
        elif self._name.bundled:
            stem = self._name.stem.lower()
            facts.built_in += strings.built_in(tuple(dict.fromkeys((stem, stem.removeprefix("lib")))), body)
        if self._outline is not None and self._outline.kind == "PE" and facts.product is None:
            facts.product = strings.product_version(body)


def _without(begin: int, end: int, holes: list[tuple[int, int]]) -> Iterable[tuple[int, int]]:
    """The parts of a stretch that lie in none of the holes."""
    for start, stop in sorted(holes):
        if stop <= begin or start >= end:
            continue
        if start > begin:
            yield begin, start
        begin = max(begin, stop)
        if begin >= end:
            return
    if begin < end:
        yield begin, end
