"""From evidence to answers: which library a file holds, and which version that is.

Order of trust (specs/audit.md, section 5): the project's own bill of materials, then that of a repair tool (a
distribution's package), then the library's own words, then the suffix of its file, then a file beside it that comes
from the same build, then nothing: "unknown", which is listed too. Where two disagree, both are kept, and whoever asks
for either version finds the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from customhouse.formats.bundled.file_names import LibraryFile, library_file
from customhouse.formats.bundled.model import (
    MAX_EVIDENCE,
    MAX_LIBRARIES,
    TRUST,
    BundledLibrary,
    Evidence,
    EvidenceKind,
    agree,
)
from customhouse.formats.bundled.sboms import Component, Purl, parse_purl
from customhouse.formats.bundled.strings import Package, Said
from customhouse.formats.bundled.suffixes import from_suffix
from customhouse.formats.bundled.tables import Known, Tables

DISTRIBUTIONS = frozenset({"rpm", "deb", "apk"})
_PLAIN = frozenset({"generic", "github", "gitlab", "bitbucket", "conan", "vcpkg", "conda", ""})
_LONGEST_VERSION = 64


@dataclass(slots=True)
class Facts:
    """What one native file says, before anything is concluded."""

    path: str
    name: LibraryFile
    needed: list[str] = field(default_factory=list)
    strings: dict[str, dict[str, Said]] = field(default_factory=dict)
    constants: list[Said] = field(default_factory=list)
    built_in: list[Said] = field(default_factory=list)
    trees: dict[str, dict[str, Said]] = field(default_factory=dict)
    packages: list[Package] = field(default_factory=list)
    product: Said | None = None


@dataclass(slots=True)
class _Line:
    """One library in one file while its evidence is gathered."""

    name: str
    file: str
    known: Known | None
    evidence: list[Evidence] = field(default_factory=list)
    purl: str = ""

    def add(self, kind: EvidenceKind, version: str | None, what: str, text: str) -> None:
        self.evidence.append(Evidence(kind, version, f"{self.file}: {what}"[:400], text[:200]))


def judge(
    tables: Tables,
    facts: Sequence[Facts],
    components: Sequence[tuple[str, Component]],
    note: Callable[[str, str], None],
) -> tuple[BundledLibrary, ...]:
    """The libraries of a wheel, in the order of their files."""
    lines: dict[tuple[str, str], _Line] = {}
    for one in facts:
        for line in _of_file(tables, one):
            lines[line.file, line.name] = line
    _add_bills(tables, lines, components, note)
    _add_siblings(lines.values())
    if len(lines) > MAX_LIBRARIES:
        note("archive", f"it bundles {len(lines)} libraries, of which the first {MAX_LIBRARIES} are kept")
    ordered = [lines[key] for key in sorted(lines)][:MAX_LIBRARIES]
    return tuple(_concluded(line) for line in ordered)


# --- what a file says itself


def _of_file(tables: Tables, facts: Facts) -> Iterator[_Line]:
    """The library that the file is called by, and those that are linked into it."""
    name = facts.name
    own = tables.of_file(name.stem, name.suffix) if not name.module else None
    if own is None and name.bundled:
        line = _Line(name.stem, facts.path, None)
        line.add("name", None, "its name", facts.path.rpartition("/")[2])
        _packaged(line, facts)
        if len(facts.built_in) == 1:
            line.add("path", facts.built_in[0].version, "a path of its build", facts.built_in[0].text)
        yield line
    elif own is not None:
        yield _called(own, facts)
    needed = {known.name for each in facts.needed if (known := tables.of_file(*library_file(each)[:2])) is not None}
    for library in dict.fromkeys((*facts.strings, *facts.trees)):
        # What a file asks another one for is not in it: its words come from the headers that it was built with.
        if (own is not None and library == own.name) or library in needed:
            continue
        line = _Line(library, facts.path, tables.known.get(library))
        for each in facts.strings.get(library, {}).values():
            line.add("string", each.version or None, "its words", each.text)
        for each in facts.trees.get(library, {}).values():
            line.add("path", each.version, "a path of its build", each.text)
        yield line


def _called(known: Known, facts: Facts) -> _Line:
    """The library whose name the file has."""
    line = _Line(known.name, facts.path, known)
    line.add("name", None, "its name", facts.path.rpartition("/")[2])
    _packaged(line, facts)
    said = facts.strings.get(known.name, {})
    for each in said.values():
        line.add("string", each.version or None, "its words", each.text)
    # A bare constant is believed if it is the only one of its kind, or if something else says the same.
    if not any(each.version for each in said.values()) and len(facts.constants) == 1:
        line.add("string", facts.constants[0].version, "a constant", facts.constants[0].text)
    if facts.product is not None and not said:
        line.add("resource", facts.product.version, "its version resource", facts.product.text)
    if len(facts.built_in) == 1:
        line.add("path", facts.built_in[0].version, "a path of its build", facts.built_in[0].text)
    if (meant := from_suffix(known, facts.name.stem, facts.name.suffix)) is not None:
        line.add(meant[0], meant[1], "the suffix of its name", facts.name.suffix)
    return line


def _packaged(line: _Line, facts: Facts) -> None:
    """What a distribution has written into the file."""
    for package in facts.packages:
        version = upstream_version(package.version)
        line.add("package-note", version, "what its distribution wrote", package.text)
        if package.name and not line.purl:
            line.purl = f"pkg:{package.kind}/{package.name}@{package.version}-{package.release}"


# --- what bills of materials say


def _add_bills(
    tables: Tables,
    lines: dict[tuple[str, str], _Line],
    components: Sequence[tuple[str, Component]],
    note: Callable[[str, str], None],
) -> None:
    """Lay each component beside the files that hold its library, or list it by itself."""
    by_name: dict[str, list[_Line]] = {}
    for line in lines.values():
        by_name.setdefault(line.name, []).append(line)
    whole = {purl.name.lower().replace("_", "-") for _, each in components if (purl := parse_purl(each.purl))
             and purl.kind == "pypi" and each.tool == "auditwheel"}  # fmt: skip
    for path, component in components:
        purl = parse_purl(component.purl)
        name = _name_of(tables, component, purl)
        if (
            not name
            or component.scope == "excluded"
            or (purl is not None and purl.kind == "pypi" and not _vendored(purl, component, whole))
        ):
            continue
        version = component.version or (purl.version if purl is not None else "")
        distribution = purl is not None and purl.kind in DISTRIBUTIONS
        kind: EvidenceKind = "sbom-distribution" if distribution else "sbom"
        stands_for = _stand_for(name, version, by_name)
        for line in stands_for:
            said = upstream_version(version) if distribution else version
            line.evidence.append(Evidence(kind, said or None, path[:400], f"{component.name} {version}"[:200]))
            if distribution:
                line.purl = component.purl
        if stands_for:
            continue
        if component.scope == "optional":
            note(path, f"{component.name} is said to be optional, and no file of the wheel shows it")
            continue
        line = lines.setdefault((path, name), _Line(name, path, tables.known.get(name)))
        line.evidence.append(
            Evidence(kind, (upstream_version(version) if distribution else version) or None, path[:400],
                     f"{component.name} {version}"[:200])
        )  # fmt: skip
        line.purl = line.purl or component.purl


def _vendored(purl: Purl, component: Component, whole: set[str]) -> bool:
    """Whether a Python package in a bill of materials is another one than the wheel itself and its parts."""
    return purl.name.lower().replace("_", "-") not in whole and "#" not in component.purl


def _name_of(tables: Tables, component: Component, purl: Purl | None) -> str:
    """How we call the library of a component."""
    if purl is not None and purl.kind in DISTRIBUTIONS:
        return tables.of_package(purl.name) or purl.name
    if purl is not None and purl.kind not in _PLAIN:
        return f"{purl.kind}:{f'{purl.namespace}/' if purl.namespace else ''}{purl.name}"[:200]
    found = tables.of_name(component.name) or (tables.of_name(purl.name) if purl is not None else None)
    return found or component.name[:200]


def _stand_for(name: str, version: str, by_name: Mapping[str, list[_Line]]) -> list[_Line]:
    """The files that a component speaks of.

    zlib-ng takes zlib's place under zlib's name; its versions begin at 2, and zlib's have not got there.
    """
    if name == "zlib" and "zlib" not in by_name and version[:1] in ("2", "3"):
        return by_name.get("zlib-ng", [])
    return by_name.get(name, [])


def upstream_version(text: str) -> str:
    """The version of those who wrote it, of one that a distribution has given: no epoch, no release."""
    plain = text.partition(":")[2] if text.partition(":")[0].isdecimal() and ":" in text else text
    upstream = plain.rpartition("-")[0] or plain
    return upstream.partition("+")[0].partition("~")[0]


# --- conclusions


def _add_siblings(lines: Iterable[_Line]) -> None:
    """A file that does not say its version comes from the build of the files beside it, if they agree."""
    families: dict[tuple[str, str], list[_Line]] = {}
    for line in lines:
        if line.known is not None and line.known.siblings and any(each.kind == "name" for each in line.evidence):
            families.setdefault((line.file.rpartition("/")[0], line.name), []).append(line)
    for family in families.values():
        told = {line.file: version for line in family if (version := _believed(line.evidence)) is not None}
        if len(set(told.values())) != 1:
            continue
        elder, version = next(iter(told.items()))
        for line in family:
            if line.file not in told:
                line.add("sibling", version, "a file of the same build", elder.rpartition("/")[2])


def _believed(evidence: Sequence[Evidence]) -> str | None:
    """The version that the most trusted evidence says, if that does not contradict itself."""
    for kind in TRUST:
        said = [each.version for each in evidence if each.kind == kind and each.version]
        if not said:
            continue
        longest = max(said, key=len)
        if all(agree(each, longest) for each in said):
            return longest
        # Evidence of one kind that contradicts itself tells nothing; what is trusted less may still.
    return None


def _concluded(line: _Line) -> BundledLibrary:
    evidence = [_short(each) for each in sorted(line.evidence, key=lambda each: TRUST.index(each.kind))]
    version = _believed(evidence)
    purl = line.purl
    if not purl and version is not None and ":" not in line.name:
        purl = f"pkg:generic/{line.name.lower()}@{version}"
    return BundledLibrary(
        line.name, version, line.file, tuple(dict.fromkeys(evidence))[:MAX_EVIDENCE], purl[:400],
        line.known.cpe if line.known is not None else "",
    )  # fmt: skip


def _short(evidence: Evidence) -> Evidence:
    """Evidence whose version is no longer than a version can be."""
    if evidence.version is None or len(evidence.version) <= _LONGEST_VERSION:
        return evidence
    return replace(evidence, version=None)
