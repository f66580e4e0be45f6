"""Bills of materials inside a wheel (PEP 770: ``{name}-{version}.dist-info/sboms/``): CycloneDX and SPDX.

Any format may lie there. What cannot be read is noted, with the place, and does not count. A bill of materials is what
somebody says, not what is there; whether it is believed is decided in `judge`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import unquote
from xml.etree import ElementTree as ET

MAX_SBOM_BYTES = 8 * 2**20
MAX_COMPONENTS = 5000
MAX_DEPTH = 20
MAX_TEXT = 300

_SBOM = re.compile(r"[^/]+\.dist-info/sboms/(?:[^/]+/)*[^/]+")
_PURL = re.compile(r"pkg:(?P<type>[A-Za-z0-9.+-]+)/(?P<path>[^@?#\s]+)(?:@(?P<version>[^?#\s]+))?[^\s]*")
_LOCAL_NAME = re.compile(r"\{[^}]*\}")


class Component(NamedTuple):
    """One line of a bill of materials."""

    name: str
    version: str
    """Empty if it does not say."""
    purl: str
    scope: str
    """CycloneDX: required, optional or excluded."""
    tool: str
    """Who wrote the bill of materials, as far as it says: ``auditwheel``."""


class Purl(NamedTuple):
    """A package URL, taken apart (ECMA-427)."""

    kind: str
    namespace: str
    name: str
    version: str


class Unreadable(Exception):
    """A bill of materials that cannot be read; says why."""


def is_sbom(path: str) -> bool:
    """Whether a member lies where PEP 770 has bills of materials."""
    return _SBOM.fullmatch(path) is not None


def parse_purl(text: str) -> Purl | None:
    """Take a package URL apart; None if it is none."""
    found = _PURL.fullmatch(text[:1000])
    if found is None:
        return None
    namespace, _, name = unquote(found["path"]).strip("/").rpartition("/")
    return Purl(found["type"].lower(), namespace, name, unquote(found["version"] or ""))


def read_sbom(path: str, body: bytes) -> list[Component]:
    """The components of a bill of materials; raises `Unreadable`."""
    text = body.lstrip(b"\xef\xbb\xbf \t\r\n")
    try:
        if text.startswith(b"{"):
            return _read_json(json.loads(text))
        if text.startswith(b"<"):
            return _read_xml(text)
        if text.startswith(b"SPDXVersion:") or b"\nSPDXVersion:" in text[:4096]:
            return list(_tag_value(text.decode(errors="replace")))
    except (ValueError, RecursionError) as error:
        raise Unreadable(str(error)[:200]) from None
    raise Unreadable(f"{path.rpartition('/')[2][:80]} is neither CycloneDX nor SPDX")


def _read_json(document: Any) -> list[Component]:
    if document.get("bomFormat") == "CycloneDX" or "components" in document:
        tool = _tool(document)
        return _bounded(_cyclonedx(document.get("components"), tool, MAX_DEPTH))
    if "spdxVersion" in document:
        return _bounded(_spdx(document))
    if "@graph" in document:
        return _bounded(_spdx3(document["@graph"]))
    raise Unreadable("the JSON is neither CycloneDX nor SPDX")


def _bounded(components: Iterator[Component]) -> list[Component]:
    kept = []
    for component in components:
        kept.append(component)
        if len(kept) > MAX_COMPONENTS:
            raise Unreadable(f"it has more than {MAX_COMPONENTS} components")
    return kept


def _str(value: Any) -> str:
    return value[:MAX_TEXT].strip() if isinstance(value, str) else ""


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _tool(document: dict[str, Any]) -> str:
    metadata = document.get("metadata")
    tools = metadata.get("tools") if isinstance(metadata, dict) else None
    if isinstance(tools, dict):
        tools = tools.get("components")
    names = [_str(tool.get("name")) for tool in _list(tools) if isinstance(tool, dict)]
    return names[0].lower() if names else ""


def _cyclonedx(components: Any, tool: str, depth: int) -> Iterator[Component]:
    for each in _list(components):
        if not isinstance(each, dict):
            continue
        if each.get("type") in ("library", "framework", "application", None):
            yield Component(
                _str(each.get("name")), _str(each.get("version")), _str(each.get("purl")),
                _str(each.get("scope")) or "required", tool,
            )  # fmt: skip
        if depth:
            yield from _cyclonedx(each.get("components"), tool, depth - 1)


def _spdx(document: dict[str, Any]) -> Iterator[Component]:
    created = document.get("creationInfo")
    tool = " ".join(_str(one) for one in _list(created.get("creators") if isinstance(created, dict) else None)).lower()
    for each in _list(document.get("packages")):
        if isinstance(each, dict):
            purls = [
                _str(ref.get("referenceLocator"))
                for ref in _list(each.get("externalRefs"))
                if isinstance(ref, dict) and ref.get("referenceType") == "purl"
            ]
            yield Component(
                _str(each.get("name")), _said(each.get("versionInfo")), purls[0] if purls else "", "required", tool
            )


def _spdx3(graph: Any) -> Iterator[Component]:
    for each in _list(graph):
        if isinstance(each, dict) and _str(each.get("type")).endswith("software_Package"):
            yield Component(
                _str(each.get("name")), _said(each.get("software_packageVersion")),
                _str(each.get("software_packageUrl")), "required", "",
            )  # fmt: skip


def _said(value: Any) -> str:
    text = _str(value)
    return "" if text in ("NOASSERTION", "NONE") else text


def _read_xml(text: bytes) -> list[Component]:
    # A document type is what entity bombs need, and no bill of materials has one.
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        raise Unreadable("it has a document type, which is not read")
    try:
        root = ET.fromstring(text)  # noqa: S314  # without a document type there are no entities to expand
    except ET.ParseError as error:
        raise Unreadable(str(error)) from None
    if not root.tag.endswith("}bom"):
        raise Unreadable(f"the XML is a {_LOCAL_NAME.sub('', root.tag)[:40]}, not CycloneDX")
    return _bounded(_xml_components(root))


def _xml_components(root: ET.Element) -> Iterator[Component]:
    tools = [name.text or "" for name in root.iter() if _LOCAL_NAME.sub("", name.tag) == "name"][:1]
    main = {id(each) for part in root if _LOCAL_NAME.sub("", part.tag) == "metadata" for each in part.iter()}
    for each in root.iter():
        if _LOCAL_NAME.sub("", each.tag) == "component" and id(each) not in main:
            fields = {_LOCAL_NAME.sub("", field.tag): (field.text or "").strip()[:MAX_TEXT] for field in each}
            yield Component(
                fields.get("name", ""), fields.get("version", ""), fields.get("purl", ""),
                fields.get("scope", "") or "required", tools[0].lower()[:MAX_TEXT] if main and tools else "",
            )  # fmt: skip


def _tag_value(text: str) -> Iterator[Component]:
    """SPDX 2.3, section 4.1: lines ``Tag: value``; a package begins with its name."""
    name = version = purl = ""
    count = 0
    for line in text.splitlines():
        tag, colon, value = line.partition(":")
        value = value.strip()[:MAX_TEXT]
        if not colon:
            continue
        if tag == "PackageName":
            if name:
                yield Component(name, version, purl, "required", "")
            name, version, purl = value, "", ""
            count += 1
            if count > MAX_COMPONENTS:
                raise Unreadable(f"it has more than {MAX_COMPONENTS} packages")
        elif tag == "PackageVersion":
            version = _said(value)
        elif tag == "ExternalRef" and " purl " in value:
            purl = value.rpartition(" ")[2]
    if name:
        yield Component(name, version, purl, "required", "")
