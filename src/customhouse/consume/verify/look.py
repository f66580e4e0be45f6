"""Compares a lock with what the index says at this moment: every file, its digest, and whether it is still let in."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from urllib.parse import quote, urlsplit

from customhouse.consume.audit.index_pages import AT_ONCE
from customhouse.consume.lock.amended import Guide
from customhouse.consume.lock.listing import ListedFile, Listing, Listings
from customhouse.consume.lock.view_facts import ViewFacts
from customhouse.consume.lock.written import Graph
from customhouse.consume.verify.model import FAILING, Fault, Kind, Verified
from customhouse.consume.view_address import Place, read_place
from customhouse.consume.wire import Wire
from customhouse.formats.inventory.locked_files import LockedFile
from customhouse.formats.inventory.model import Component, Gap
from customhouse.formats.osv.matching import read_version
from customhouse.formats.plain import plain
from customhouse.terms.errors import Rejected, Unavailable

_MOST_LOOKED_AT = 3
"""Of the files of one version that are listed no more: what became of one became of all."""
_REASONS = ("reason", "detail", "message", "error", "title")
Advance = Callable[[int, int], None]


@dataclass
class Looker:
    """One look, with one place for everything or with each package's own."""

    wire: Wire
    now: datetime
    place: Place | None
    """None: the index that the lock names for each package."""
    advance: Advance = lambda _done, _of: None
    _desks: dict[str, _Desk] = field(default_factory=dict)

    def look(self, components: Sequence[Component], files: Iterable[LockedFile]) -> Verified:
        """Compare everything."""
        by_package: dict[tuple[str, str], list[LockedFile]] = {}
        for one in files:
            by_package.setdefault((one.name, one.version), []).append(one)
        gaps: list[Gap] = []
        at: dict[str, list[Component]] = {}
        for component in components:
            desk = self._desk_of(component)
            if isinstance(desk, Gap):
                gaps.append(desk)
            else:
                at.setdefault(desk.place.simple, []).append(component)
        faults: list[Fault] = []
        counted = _Counts()
        for simple, some in at.items():
            desk_here = self._desks[simple]
            desk_here.listings.ask({one.name for one in some}, self.advance)
            for component in some:
                found = by_package.get((component.name, component.version), [])
                for said in desk_here.judge(component, found, counted):
                    (gaps if isinstance(said, Gap) else faults).append(said)  # type: ignore[arg-type] # each to its own
            known = {(one.name, one.version) for one in faults if one.kind in FAILING}
            at_the_door, unsure = desk_here.at_the_door(some, by_package, known)
            faults += at_the_door
            gaps += unsure
            more, unsure = desk_here.contradicted(some)
            faults += more
            gaps += unsure
        return Verified(len(components), counted.files, counted.same, tuple(faults), tuple(dict.fromkeys(gaps)))

    def _desk_of(self, component: Component) -> _Desk | Gap:
        place = self.place
        if place is None:
            if not component.index:
                return Gap(component.where, f"nobody says which index {component.name} is from", "--index or --view")
            try:
                place = read_place("", component.index)
            except Rejected as error:
                return Gap(component.where, f"its index cannot be asked: {error.why}", "--index or --view")
        if place.simple not in self._desks:
            listings = Listings(self.wire, place.simple)
            self._desks[place.simple] = _Desk(self.wire, place, listings, self.now)
        return self._desks[place.simple]


@dataclass
class _Counts:
    files: int = 0
    same: int = 0


@dataclass
class _Desk:
    """One index."""

    wire: Wire
    place: Place
    listings: Listings
    now: datetime

    def judge(self, component: Component, files: Sequence[LockedFile], counts: _Counts) -> Iterator[Fault | Gap]:
        """All that is to be said of one package."""
        name, version = component.name, component.version
        counts.files += len(files) or len(component.hashes)
        listing = self.listings.of(name)
        if isinstance(listing, Unavailable):
            yield Gap(component.where, f"{name} {version} could not be looked up: {listing}", "try again later")
            return
        if listing is None:
            listing = Listing()
        if listing.status == "quarantined":
            yield Fault("quarantined", name, version, listing.reason or "the index holds the whole project back")
        elif listing.status in ("archived", "deprecated"):
            yield Fault("archived" if listing.status == "archived" else "deprecated", name, version, listing.reason)
        hashed = [one for one in files if one.filename and one.digest.startswith("sha256:")]
        # What is known without the name of its file: requirements, Pipfile.lock, a pylock.toml that leaves it out.
        others = {one.digest for one in files} if files else set(component.hashes)
        others -= {one.digest for one in hashed}
        yield from _beside(component, files, others)
        if not component.hashes and not any(one.digest for one in files):
            if not self._has(listing, version):
                yield self._gone(component, [], listing)
        elif hashed:
            yield from self._by_name(component, hashed, listing, counts)
        if nameless := {one for one in others if one.startswith("sha256:")}:
            yield from self._by_digest(component, nameless, listing, counts)
        yield from self._past(component, files)
        yield from _yanked(component, hashed, listing)

    def at_the_door(
        self, components: Sequence[Component], files: Mapping[tuple[str, str], Sequence[LockedFile]],
        known: AbstractSet[tuple[str, str]],
    ) -> tuple[list[Fault], list[Gap]]:  # fmt: skip
        """What a view refuses although its page, which may be some minutes old, still lists it.

        One file of each package is asked about (HEAD): before it answers, a view looks whether its upstream still
        stands by the project.
        """
        if not self.place.view:
            return [], []
        asked: list[tuple[Component, LockedFile]] = []
        for one in components:
            listing = self.listings.of(one.name)
            if isinstance(listing, Listing) and (one.name, one.version) not in known:
                locked = {file.filename for file in files.get((one.name, one.version), ())}
                there = next((file for file in listing.files.values()
                              if file.filename in locked or file.digest in one.hashes), None)  # fmt: skip
                if there is not None:
                    asked.append((one, LockedFile(one.name, one.version, there.filename, there.digest)))
        with ThreadPoolExecutor(AT_ONCE) as pool:
            fates = list(pool.map(lambda pair: self._refusal(*pair), asked))
        found = list(filter(None, fates))
        return [one for one in found if isinstance(one, Fault)], [one for one in found if isinstance(one, Gap)]

    def _refusal(self, component: Component, file: LockedFile) -> Fault | Gap | None:
        """What its address says; a gap if it does not say."""
        name, version, where = component.name, component.version, f"{component.name} {component.version}"
        try:
            found = self.wire.look(self._address(file))
        except Unavailable as error:
            return Gap(where, f"{file.filename} is listed and was not looked at: {error}", "try again later")
        if found.status < HTTPStatus.BAD_REQUEST:
            return None
        why = plain(_words(found.body), 300)
        match found.status:
            case HTTPStatus.FORBIDDEN | HTTPStatus.GONE:
                kind, why = _refused(found.status, why)
                return Fault(kind, name, version, f"{file.filename}: {why}", (file.filename,))
            case HTTPStatus.NOT_FOUND:
                return Fault("removed", name, version, f"{file.filename} is listed, and its address has nothing",
                             (file.filename,))  # fmt: skip
            case _:
                return Gap(where, f"{file.filename} is listed, and its address answers {found.status} {why}".rstrip(),
                           "try again later")  # fmt: skip

    def contradicted(self, components: Sequence[Component]) -> tuple[list[Fault], list[Gap]]:
        """Amendments that what is locked does not fit."""
        versions: dict[str, list[str]] = {}
        above: dict[str, list[str]] = {}
        for one in components:
            versions.setdefault(one.name, []).append(one.version)
            for edge in one.requires:
                above.setdefault(edge.requires, []).append(one.name)
        graph = Graph({}, {name: tuple(some) for name, some in above.items()},
                      {name: tuple(some) for name, some in versions.items()})  # fmt: skip
        guide = Guide(self.wire, self.place, self.listings, self.now)
        _counted, found = guide.contradictions(graph)
        faults = [Fault("contradicted", one.package, " and ".join(versions[one.package]), one.sentence)
                  for one in found]  # fmt: skip
        gaps = [Gap("amendments", f"one is not believed: {plain(one, 300)}", "tell whoever runs the index")
                for one in guide.disbelieved]  # fmt: skip
        return faults, gaps

    def _by_name(
        self, component: Component, files: Sequence[LockedFile], listing: Listing, counts: _Counts
    ) -> Iterator[Fault | Gap]:
        """Each file is known by its name, so other bytes under it show."""
        gone = []
        for one in files:
            there = listing.files.get(one.filename)
            if there is None:
                gone.append(one)
            elif not there.digest:
                yield Gap(component.where, f"the index does not say the digest of {one.filename}", "ask it")
            elif there.digest == one.digest and _is_of(there, component):
                counts.same += 1
            elif there.digest == one.digest:
                yield Fault(
                    "differs", component.name, component.version,
                    f"{one.filename} is of version {there.version}, so what is known of {component.version} says"
                    " nothing of it", (one.filename,),
                )  # fmt: skip
            else:
                yield Fault(
                    "differs", component.name, component.version,
                    f"{one.filename} is locked as {_short(one.digest)} and listed as {_short(there.digest)}",
                    (one.filename,),
                )  # fmt: skip
        if gone:
            yield self._gone(component, gone, listing)

    def _by_digest(
        self, component: Component, known: AbstractSet[str], listing: Listing, counts: _Counts
    ) -> Iterator[Fault | Gap]:
        """Only digests are known: those that are listed no more are gone, or something took their place."""
        same = known & {one.digest for one in listing.files.values() if _is_of(one, component)}
        counts.same += len(same)
        if not (missing := known - same):
            return
        if not same and self._has(listing, component.version):
            yield Fault("differs", component.name, component.version,
                        f"{component.version} is listed, and no file of it has a digest that is locked")  # fmt: skip
        elif not same:
            yield self._gone(component, [], listing)
        else:
            yield Fault("removed", component.name, component.version,
                        f"{len(missing)} of {len(known)} locked digests are listed no more")  # fmt: skip

    def _gone(self, component: Component, files: Sequence[LockedFile], listing: Listing) -> Fault:
        """What became of files that are listed no more: the address itself says so, or the view's policy does."""
        name, version = component.name, component.version
        names = tuple(one.filename for one in files)
        some = "" if not files else f"{len(files)} files" if len(files) > 1 else files[0].filename
        for one in files[:_MOST_LOOKED_AT] if self.place.base else ():
            try:
                kind, why = self._fate(one)
            except Unavailable:
                break
            if why:
                return Fault(kind, name, version, f"{some}: {why}", names)
        version_ = str(read_version(version) or version)
        for hidden in ViewFacts(self.wire, self.place).hidden(name):
            if str(read_version(hidden.version) or hidden.version) == version_:
                return Fault("refused", name, version, hidden.words, names)
        if not listing.files:
            return Fault(
                "removed",
                name,
                version,
                "the index does not have this project, or not for you (CUSTOMHOUSE_TOKEN)",
                names,
            )
        return Fault("removed", name, version, f"{some or version} is listed no more", names)

    def _fate(self, one: LockedFile) -> tuple[Kind, str]:
        found = self.wire.look(self._address(one))
        why = plain(_words(found.body), 300)
        match found.status:
            case HTTPStatus.FORBIDDEN | HTTPStatus.GONE:
                return _refused(found.status, why)
            case HTTPStatus.OK | HTTPStatus.FOUND:
                until = found.headers.get("sunset", "")
                return "removed", "it was taken away; its address still hands it out" + (
                    f" until {until}" if until else ""
                )
            case _:
                return "removed", ""

    def _address(self, one: LockedFile) -> str:
        return self.place.within(f"files/{quote(one.name, safe='')}/{quote(one.filename, safe='')}")

    def _has(self, listing: Listing, version: str) -> bool:
        return any(_is_version(one.version, version) for one in listing.files.values())

    def _past(self, component: Component, files: Sequence[LockedFile]) -> Iterator[Fault]:
        """Installers take files from where the lock says, whatever index stands in their settings."""
        here = urlsplit(self.place.simple).netloc
        others = sorted({host for one in files if one.url and (host := _host(one.url)) != here})
        if others and self.place.view:
            yield Fault("past", component.name, component.version, f"the lock names {', '.join(others)[:200]}")


def _beside(component: Component, files: Sequence[LockedFile], others: AbstractSet[str]) -> Iterator[Fault | Gap]:
    """What a digest that the index does not tell, or none, lets through: installers take what fits any one of them."""
    name, version = component.name, component.version
    if bare := sorted({one.filename or "a file" for one in files if not one.digest}):
        yield Fault("unhashed", name, version,
                    f"whatever bears the name {', '.join(bare[:3])} would be installed ({component.where})",
                    tuple(bare))  # fmt: skip
    elif not component.hashes and not any(one.digest for one in files):
        yield Fault("unhashed", name, version, f"whatever bears its name would be installed ({component.where})")
    if strange := sorted({one.partition(":")[0] or "?" for one in others if one and not one.startswith("sha256:")}):
        kinds = ", ".join(one[:20].upper() for one in strange[:3])
        yield Gap(component.where, f"{name} is locked by {kinds} too, which the index does not tell: whatever fits that"
                  " would be installed", "lock anew, with SHA-256 alone")  # fmt: skip


def _refused(status: int, why: str) -> tuple[Kind, str]:
    if status == HTTPStatus.GONE:
        return "erased", why or "its bytes are gone for good"
    return "quarantined" if "quarantin" in why.lower() else "refused", why or "the index refuses it"


def _is_of(there: ListedFile, component: Component) -> bool:
    """Whether a file is of the version that is locked; a name that tells no version counts for any."""
    return not there.version or _is_version(there.version, component.version)


def _is_version(one: str, other: str) -> bool:
    read = read_version(one)
    return one == other or (read is not None and read == read_version(other))


def _yanked(component: Component, files: Sequence[LockedFile], listing: Listing) -> Iterator[Fault]:
    there = [one for one in listing.files.values() if _is_version(one.version, component.version)]
    locked = {one.filename for one in files}
    mine = [one for one in there if not locked or one.filename in locked]
    if mine and all(one.yanked is not None for one in mine):
        yield Fault("yanked", component.name, component.version, mine[0].yanked or "")


def _host(url: str) -> str:
    try:
        return urlsplit(url).netloc
    except ValueError:
        return "an address that is none"


def _short(digest: str) -> str:
    return f"{digest[:19]}…"


def _words(body: bytes) -> str:
    """Why an address refuses: the sentence of a JSON object, or the first line of text."""
    text = body.decode("utf-8", "replace").strip()
    if text.startswith("{"):
        try:
            told = json.loads(text)
        except (ValueError, RecursionError):
            return ""
        found: Mapping[str, object] = told if isinstance(told, dict) else {}
        reason = next((str(found[key]) for key in _REASONS if isinstance(found.get(key), str) and found[key]), "")
        rule = f" (rule {found['rule']!r})" if isinstance(found.get("rule"), str) and found["rule"] else ""
        nearest = (
            f"; {found['nearest']} is let in" if isinstance(found.get("nearest"), str) and found["nearest"] else ""
        )
        return f"{reason}{rule}{nearest}" if reason else ""
    return "" if text.startswith("<") else text.partition("\n")[0]
