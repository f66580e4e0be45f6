"""CycloneDX bills of materials, JSON and XML, 1.2 to 1.7.

Source: cyclonedx.org/docs. Of components: name, group, version, purl, bom-ref, scope, hashes, properties, nested
components; of the whole: ``metadata.component`` and the graph of ``dependencies``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from customhouse.formats.inventory.bill import MOST_PARTS, Bill, Part, subject_of
from customhouse.formats.inventory.model import PRODUCTION, Gap, Subject
from customhouse.formats.inventory.plain_xml import Element, read_xml
from customhouse.formats.inventory.toml_lock import some_tables, table, text, texts
from customhouse.terms.errors import Rejected

CODE = "bad-sbom"
MOST_DEPTH = 20
KNOWN = frozenset({"1.0", "1.1", "1.2", "1.3", "1.4", "1.5", "1.6", "1.7"})
_NAMESPACE = re.compile(r"http://cyclonedx\.org/schema/bom/(\d+\.\d+)")
_NO_PACKAGES = frozenset(
    {"file", "operating-system", "device", "firmware", "container", "data", "device-driver",
     "machine-learning-model", "cryptographic-asset", "platform"}
)  # fmt: skip
# Where tools note the group that something belongs to.
_GROUP_PROPERTIES = frozenset({"cdx:poetry:group", "cdx:pipenv:category", "cdx:python:package:group"})
_OWN_PROPERTIES = frozenset({"uv:workspace:path", "uv:package:is_project_root"})
_DEVELOPMENT = frozenset({"cdx:npm:package:development", "cdx:package:development"})


def read_cyclonedx_values(values: object, where: str) -> Subject:
    """A bill in JSON, as it was parsed. Raises `Rejected` if it is none at all."""
    top = table(values)
    if top.get("bomFormat") != "CycloneDX":
        raise Rejected(CODE, f"{where}: bomFormat", "it is not CycloneDX", '"bomFormat": "CycloneDX"')
    return _subject(top, text(top.get("specVersion")), where)


def read_cyclonedx_xml(body: bytes, where: str) -> Subject:
    """A bill in XML. Raises `Rejected` if it is none at all; entities and doctypes are refused."""
    root = read_xml(body, where)
    namespace = _NAMESPACE.fullmatch(root.namespace)
    if root.name != "bom" or namespace is None:
        raise Rejected(
            CODE, where, f"its root is {root.name[:40]!r} of {root.namespace[:80]!r}", "a <bom> of CycloneDX"
        )
    values: dict[str, Any] = {
        "metadata": {"component": _component_of(main)}
        if (metadata := root.child("metadata")) is not None and (main := metadata.child("component")) is not None
        else {},
        "components": [_component_of(one) for one in root.under("components", "component")],
        "dependencies": [
            {
                "ref": one.attributes.get("ref", ""),
                "dependsOn": [inner.attributes.get("ref", "") for inner in one.children if inner.name == "dependency"],
            }
            for one in root.under("dependencies", "dependency")
        ],
    }
    return _subject(values, namespace[1], where)


def _component_of(element: Element) -> dict[str, Any]:
    """A component of XML as JSON has it."""
    found: dict[str, Any] = {key: element.text_of(key) for key in ("name", "group", "version", "purl", "scope")}
    found["type"] = element.attributes.get("type", "library")
    if ref := element.attributes.get("bom-ref"):
        found["bom-ref"] = ref
    found["hashes"] = [
        {"alg": one.attributes.get("alg", ""), "content": one.text.strip()} for one in element.under("hashes", "hash")
    ]
    found["properties"] = [
        {"name": one.attributes.get("name", ""), "value": one.text.strip()}
        for one in element.under("properties", "property")
    ]
    found["components"] = [_component_of(one) for one in element.under("components", "component")]
    return found


def _subject(top: Mapping[str, Any], version: str, where: str) -> Subject:
    bill = Bill(where, "cyclonedx")
    if version not in KNOWN:
        bill.gaps.append(
            Gap(where, f"specVersion {version[:20]!r} is not known here: it is read as 1.7", "update Customhouse")
        )
    main = table(table(top.get("metadata")).get("component"))
    if main:
        root = _part(main, f"{where}: metadata.component")
        bill.roots.add(root.ref)
        bill.parts.append(root)
        # A bill on an image or a product may nest its parts in the main component.
        _add_parts(main.get("components"), f"{where}: metadata.component", 1, bill)
    _add_parts(top.get("components"), where, 0, bill)
    for one in some_tables(top.get("dependencies")):
        bill.edges.setdefault(text(one.get("ref")), []).extend(texts(one.get("dependsOn")))
    if not any(one.ref not in bill.roots for one in bill.parts):
        bill.gaps.append(Gap(where, "it lists nothing", "look whether the tool that made it found the project"))
    return subject_of(bill)


def _add_parts(listed: object, where: str, depth: int, bill: Bill) -> None:
    if depth > MOST_DEPTH:
        bill.gaps.append(Gap(where, f"components nest more than {MOST_DEPTH} deep", "make it again"))
        return
    if listed is None:
        return
    if not isinstance(listed, list):
        bill.gaps.append(Gap(f"{where}: components", "it is no list: nothing of it was read", "make it again"))
        return
    for order, one in enumerate(listed):
        place = f"{where}: components[{order}]"
        if not isinstance(one, dict):
            bill.gaps.append(Gap(place, "it is no object", "make it again"))
            continue
        if len(bill.parts) >= MOST_PARTS:
            bill.gaps.append(Gap(place, f"more than {MOST_PARTS} components", "audit it in parts"))
            return
        part = _part(one, place)
        bill.parts.append(part)
        if _is_own(one):
            bill.roots.add(part.ref)
        _add_parts(one.get("components"), place, depth + 1, bill)


def _part(values: Mapping[str, Any], place: str) -> Part:
    name, version, purl = text(values.get("name")), text(values.get("version")), text(values.get("purl"))
    ref = text(values.get("bom-ref")) or purl or f"{name}@{version}"
    return Part(
        ref=ref,
        name=name,
        version=version,
        place=f"{place} ({name[:60]})",
        purl=purl,
        groups=frozenset({_group(values)}),
        hashes=frozenset(_hashes(values)),
        is_package=text(values.get("type")) not in _NO_PACKAGES,
    )


def _is_own(values: Mapping[str, Any]) -> bool:
    """Whether it is a part of the project itself, as uv marks those of a workspace."""
    return any(text(one.get("name")) in _OWN_PROPERTIES for one in some_tables(values.get("properties")))


def _group(values: Mapping[str, Any]) -> str:
    for one in some_tables(values.get("properties")):
        name, value = text(one.get("name")), text(one.get("value"))
        if name in _GROUP_PROPERTIES and value:
            return PRODUCTION if value in ("main", "default") else value[:100]
        if name in _DEVELOPMENT and value.lower() == "true":
            return "dev"
    # "optional" is still shipped; "excluded" is what is there for development only.
    return "dev" if values.get("scope") == "excluded" else PRODUCTION


def _hashes(values: Mapping[str, Any]) -> Iterator[str]:
    sources = [values, *some_tables(values.get("externalReferences"))]
    for one in (inner for source in sources for inner in some_tables(source.get("hashes"))):
        kind = text(one.get("alg")).lower().replace("-", "")
        if kind in ("sha256", "sha384", "sha512"):
            yield f"{kind}:{text(one.get('content')).lower()[:130]}"
