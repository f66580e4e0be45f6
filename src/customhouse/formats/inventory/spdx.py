"""SPDX bills of materials: 2.2 and 2.3 in JSON and as tags and values, 3.0 in JSON-LD.

Source: spdx.github.io/spdx-spec, "Package information", "Relationships between SPDX elements", and of 3.0 the classes
Software/Package and Core/Relationship.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from customhouse.formats.inventory.bill import MOST_PARTS, Bill, Part, subject_of
from customhouse.formats.inventory.model import PRODUCTION, Gap, Subject
from customhouse.formats.inventory.reach import groups_of
from customhouse.formats.inventory.toml_lock import some_tables, table, text, texts
from customhouse.terms.errors import Rejected

CODE = "bad-sbom"
DOCUMENT = "SPDXRef-DOCUMENT"
MOST_LINES = 3_000_000
# From the one that requires to the one that is required; the group of the latter.
_FORWARD = {"DEPENDS_ON": PRODUCTION, "CONTAINS": PRODUCTION, "HAS_PREREQUISITE": PRODUCTION}
_BACKWARD = {
    "DEPENDENCY_OF": PRODUCTION, "RUNTIME_DEPENDENCY_OF": PRODUCTION, "CONTAINED_BY": PRODUCTION,
    "PROVIDED_DEPENDENCY_OF": PRODUCTION, "OPTIONAL_DEPENDENCY_OF": PRODUCTION, "PREREQUISITE_FOR": PRODUCTION,
    "DEV_DEPENDENCY_OF": "dev", "TEST_DEPENDENCY_OF": "test", "BUILD_DEPENDENCY_OF": "build",
    "DEV_TOOL_OF": "dev", "TEST_TOOL_OF": "test", "BUILD_TOOL_OF": "build",
}  # fmt: skip
_NO_PACKAGES = frozenset({"FILE", "OPERATING-SYSTEM", "DEVICE", "FIRMWARE", "CONTAINER", "SOURCE", "ARCHIVE", "DATA"})
_TAG = re.compile(r"([A-Za-z][A-Za-z0-9]{0,60}):[ \t]*(.*)")
_NONE = ("NOASSERTION", "NONE")


def read_spdx_values(values: object, where: str) -> Subject:
    """A bill in JSON, 2.x or 3.0, as it was parsed. Raises `Rejected` if it is none at all."""
    top = table(values)
    if isinstance(top.get("@graph"), list):
        return _read_3(top, where)
    told = text(top.get("spdxVersion"))
    if not told.startswith("SPDX-2."):
        raise Rejected(CODE, f"{where}: spdxVersion", f"{told[:20]!r} is not known here", "SPDX-2.2, SPDX-2.3 or 3.0")
    return _read_2(top, where)


def _read_2(top: Mapping[str, Any], where: str) -> Subject:
    bill = Bill(where, "spdx")
    own = text(top.get("SPDXID")) or DOCUMENT
    if "packages" in top and not isinstance(top["packages"], list):
        bill.gaps.append(Gap(f"{where}: packages", "it is no list: nothing of it was read", "make it again"))
    packages = list(some_tables(top.get("packages")))
    odd = len(top["packages"]) - len(packages) if isinstance(top.get("packages"), list) else 0
    if odd:
        bill.gaps.append(Gap(f"{where}: packages", f"{odd} of them are no objects", "make it again"))
    relations = [
        (text(one.get("spdxElementId")), text(one.get("relationshipType")), text(one.get("relatedSpdxElement")))
        for one in some_tables(top.get("relationships"))
    ]
    relations += [(own, "DESCRIBES", ref) for ref in texts(top.get("documentDescribes"))]
    marked = _relate(bill, relations, own)
    for order, one in enumerate(packages[:MOST_PARTS]):
        name = _told(one.get("name"))
        ref = text(one.get("SPDXID"))
        bill.parts.append(
            Part(
                ref=ref or f"packages[{order}]",
                name=name,
                version=_told(one.get("versionInfo")),
                place=f"{where}: packages[{order}] ({name[:60]})",
                purl=_purl(one.get("externalRefs")),
                hashes=frozenset(
                    f"{text(sum_.get('algorithm')).lower()}:{text(sum_.get('checksumValue')).lower()[:130]}"
                    for sum_ in some_tables(one.get("checksums"))
                    if text(sum_.get("algorithm")) in ("SHA256", "SHA384", "SHA512")
                ),
                is_package=text(one.get("primaryPackagePurpose")) not in _NO_PACKAGES,
            )
        )
    return _finish(bill, marked, len(packages))


def _purl(references: object) -> str:
    """Of several package URLs PyPI's counts."""
    found = [
        text(one.get("referenceLocator"))
        for one in some_tables(references)
        if text(one.get("referenceType")).rpartition("/")[2] == "purl"
    ]
    return next((one for one in found if one.startswith("pkg:pypi/")), found[0] if found else "")


def _told(value: object) -> str:
    found = text(value)
    return "" if found in _NONE else found


def _relate(bill: Bill, relations: list[tuple[str, str, str]], own: str) -> dict[str, list[tuple[str, str]]]:
    """Fill in roots and edges; by group, the edges of what is not production."""
    marked: dict[str, list[tuple[str, str]]] = {}
    for one, kind, other in relations:
        if kind == "DESCRIBES" and one == own:
            bill.roots.add(other)
        elif kind == "DESCRIBED_BY" and other == own:
            bill.roots.add(one)
        elif kind in _FORWARD and other not in _NONE:
            bill.edges.setdefault(one, []).append(other)
        elif (group := _BACKWARD.get(kind)) == PRODUCTION:
            bill.edges.setdefault(other, []).append(one)
        elif group is not None:
            marked.setdefault(group, []).append((other, one))
    bill.edges.pop(own, None)
    return marked


def _finish(bill: Bill, marked: Mapping[str, list[tuple[str, str]]], count: int) -> Subject:
    if count > MOST_PARTS:
        bill.gaps.append(Gap(bill.where, f"more than {MOST_PARTS} packages", "audit it in parts"))
    if not bill.parts:
        bill.gaps.append(Gap(bill.where, "it lists nothing", "look whether the tool that made it found the project"))
    groups = _groups(bill, marked)
    bill.parts = [replace(one, groups=groups.get(one.ref) or one.groups) for one in bill.parts]
    for some in marked.values():
        for by, ref in some:
            bill.edges.setdefault(by, []).append(ref)
    # Files are elements as well; what leads to them is no damage.
    known = {one.ref for one in bill.parts} | bill.roots
    edges = {by: [ref for ref in dict.fromkeys(some) if ref in known] for by, some in bill.edges.items() if by in known}
    bill.edges = {by: some for by, some in edges.items() if some}
    return subject_of(bill)


def _groups(bill: Bill, marked: Mapping[str, list[tuple[str, str]]]) -> dict[str, frozenset[str]]:
    """What each part is for: what production leads to is production's, even if something else needs it too."""
    required = {ref for some in bill.edges.values() for ref in some}
    other = {ref for some in marked.values() for _by, ref in some}
    roots = {group: [ref for _by, ref in some] for group, some in marked.items()}
    roots[PRODUCTION] = [*bill.roots, *(one.ref for one in bill.parts if one.ref not in required | other)]
    return {ref: frozenset(some) for ref, some in groups_of(roots, lambda ref: bill.edges.get(ref, ())).items()}


def read_spdx_tags(body: str, where: str) -> Subject:
    """A bill as tags and values. Raises `Rejected` if it is none at all."""
    bill = Bill(where, "spdx")
    packages: list[tuple[int, dict[str, list[str]]]] = []
    current: dict[str, list[str]] = {}
    relations: list[tuple[str, str, str]] = []
    version = ""
    for line, tag, value in _tags(body):
        match tag:
            case "SPDXVersion":
                version = value
            case "PackageName":
                current = {"PackageName": [value]}
                packages.append((line, current))
            case "FileName" | "SnippetSPDXID" | "LicenseID":
                current = {}
            case "Relationship":
                one, kind, other = (*value.split(), "", "", "")[:3]
                relations.append((one, kind, other))
            case _:
                current.setdefault(tag, []).append(value)
    if not version.startswith("SPDX-2."):
        raise Rejected(CODE, f"{where}: SPDXVersion", f"{version[:20]!r} is not known here", "SPDX-2.2 or SPDX-2.3")
    marked = _relate(bill, relations, DOCUMENT)
    bill.parts += [_tagged(line, values, where) for line, values in packages[:MOST_PARTS]]
    return _finish(bill, marked, len(packages))


def _tagged(line: int, values: Mapping[str, list[str]], where: str) -> Part:
    def first(tag: str) -> str:
        return _told((values.get(tag) or [""])[0])

    name, ref = first("PackageName"), first("SPDXID")
    references = [one.split() for one in values.get("ExternalRef", ())]
    purls = [one[2] for one in references if len(one) > 2 and one[1].rpartition("/")[2] == "purl"]  # noqa: PLR2004
    sums = (one.partition(":") for one in values.get("PackageChecksum", ()))
    return Part(
        ref=ref or f"line {line}",
        name=name,
        version=first("PackageVersion"),
        place=f"{where}:{line} ({name[:60]})",
        purl=next((one for one in purls if one.startswith("pkg:pypi/")), purls[0] if purls else ""),
        hashes=frozenset(
            f"{kind.strip().lower()}:{digest.strip().lower()[:130]}"
            for kind, _, digest in sums
            if kind.strip() in ("SHA256", "SHA384", "SHA512")
        ),
        is_package=first("PrimaryPackagePurpose") not in _NO_PACKAGES,
    )


def _tags(body: str) -> Iterator[tuple[int, str, str]]:
    """Tags with their values; a value in <text> may go over many lines."""
    tag, pieces, first = "", [], 0
    for number, line in enumerate(body.split("\n"), 1):
        if number > MOST_LINES:
            raise Rejected(CODE, "SPDX", f"more than {MOST_LINES} lines", f"at most {MOST_LINES}")
        if tag:
            pieces.append(line)
            if "</text>" in line:
                yield first, tag, "\n".join(pieces).partition("</text>")[0]
                tag = ""
        elif (found := _TAG.fullmatch(line.strip())) is not None:
            value = found[2].strip()
            if value.startswith("<text>") and "</text>" not in value:
                tag, pieces, first = found[1], [value.removeprefix("<text>")], number
            else:
                yield number, found[1], value.removeprefix("<text>").removesuffix("</text>")


def _read_3(top: Mapping[str, Any], where: str) -> Subject:
    if "spdx" not in str(top.get("@context"))[:500].lower():
        raise Rejected(CODE, f"{where}: @context", "it is not SPDX's", "https://spdx.org/rdf/3.0.1/spdx-context.jsonld")
    bill = Bill(where, "spdx")
    graph = list(some_tables(top["@graph"]))
    relations: list[tuple[str, str, str]] = []
    roots: list[str] = []
    packages = 0
    for order, one in enumerate(graph):
        kind = text(one.get("type") or one.get("@type")).rpartition("/")[2]
        if kind == "software_Package":
            packages += 1
            if packages <= MOST_PARTS:
                bill.parts.append(_part_3(one, f"{where}: @graph[{order}]"))
        elif kind.endswith("Relationship"):
            name = _RELATIONS_3.get(text(one.get("relationshipType")), "")
            scope = _SCOPES_3.get(text(one.get("scope")), "")
            for other in texts(one.get("to")):
                if scope:
                    relations.append((other, scope, text(one.get("from"))))
                else:
                    relations.append((text(one.get("from")), name, other))
        elif kind in ("SpdxDocument", "software_Sbom", "Bom"):
            roots += texts(one.get("rootElement"))
    marked = _relate(bill, relations, DOCUMENT)
    # A document's root may be the bill itself, which is no part.
    known = {one.ref for one in bill.parts}
    bill.roots |= {one for one in roots if one in known}
    return _finish(bill, marked, packages)


_RELATIONS_3 = {"dependsOn": "DEPENDS_ON", "contains": "CONTAINS", "hasPrerequisite": "HAS_PREREQUISITE"}
_SCOPES_3 = {"development": "DEV_DEPENDENCY_OF", "test": "TEST_DEPENDENCY_OF", "build": "BUILD_DEPENDENCY_OF"}


def _part_3(values: Mapping[str, Any], place: str) -> Part:
    name = _told(values.get("name"))
    purl = text(values.get("software_packageUrl"))
    if not purl:
        identifiers = some_tables(values.get("externalIdentifier"))
        purl = next(
            (
                text(one.get("identifier"))
                for one in identifiers
                if text(one.get("externalIdentifierType")) == "packageUrl"
            ),
            "",
        )
    return Part(
        ref=text(values.get("spdxId") or values.get("@id")) or place,
        name=name,
        version=_told(values.get("software_packageVersion")),
        place=f"{place} ({name[:60]})",
        purl=purl,
        hashes=frozenset(
            f"{text(one.get('algorithm')).lower()}:{text(one.get('hashValue')).lower()[:130]}"
            for one in some_tables(values.get("verifiedUsing"))
            if text(one.get("algorithm")) in ("sha256", "sha384", "sha512")
        ),
        is_package=text(values.get("software_primaryPurpose")).upper() not in _NO_PACKAGES,
    )
