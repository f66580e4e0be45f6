"""A project's page as HTML (PEP 503, 592, 629, 658, 714, 740, 792), of any age; folders, too."""

from __future__ import annotations

import re

from customhouse.formats.upstream import value
from customhouse.formats.upstream.address import absolute
from customhouse.formats.upstream.collect import Collected
from customhouse.formats.upstream.model import PAGE_BYTES, Listing, refused
from customhouse.formats.upstream.tags import Tag, tags_of

_VERSION = re.compile(r"\s*([0-9]{1,4})\.[0-9]{1,4}\s*", re.ASCII)
_FILE = re.compile(r"\.(?:whl|tar\.gz|zip|egg|tar\.bz2|tar\.xz|tar\.Z|tgz|exe|msi|rpm|dmg|deb)$", re.IGNORECASE)


def page_from_html(body: bytes, *, wanted: str, base: str) -> Listing:
    """What the page at ``base`` says of the project ``wanted`` (normalised); raises `Rejected`.

    HTML does not say whose page it is; what makes it this project's are the names of its files.
    """
    if len(body) > PAGE_BYTES:
        raise refused(f"it is longer than {PAGE_BYTES} bytes")
    found = Collected(wanted, base, says_it_is_an_index=False)
    based = False
    for tag in tags_of(body.decode(errors="replace")):
        if tag.name == "a":
            _add(found, tag)
        elif tag.name == "meta":
            _meta(found, tag)
        elif tag.name == "base" and not based and "href" in tag.attributes:
            # The first counts (HTML). It may lead to another host, but only to one that may be connected to.
            based = True
            new = absolute(base, tag.attributes["href"])
            if new is None or (base.startswith("https:") and new[0].startswith("http:")):
                raise refused("the address that its links begin at is not plain http or https")
            found.base = new[0]
    return found.listing()


def _add(found: Collected, tag: Tag) -> None:
    attributes = tag.attributes
    # Links that do not look like a file are none of ours, wherever they lead.
    if not _FILE.search(attributes.get("href", "").partition("#")[0].partition("?")[0]):
        return
    has_metadata, metadata_sha256 = _metadata(attributes)
    provenance = absolute(found.base, attributes["data-provenance"]) if attributes.get("data-provenance") else None
    found.add(
        attributes["href"], None, {},
        {
            "requires_python": value.specifier(attributes.get("data-requires-python")),
            "yanked": "data-yanked" in attributes,
            "yanked_reason": value.clean(attributes.get("data-yanked"), value.LONGEST_REASON),
            "has_metadata": has_metadata,
            "metadata_sha256": metadata_sha256,
            "provenance_url": provenance[0] if provenance else "",
        },
    )  # fmt: skip


def _meta(found: Collected, tag: Tag) -> None:
    said = tag.attributes.get("content", "")
    match tag.attributes.get("name", "").lower():
        case "pypi:repository-version":
            match_ = _VERSION.fullmatch(said)
            if match_ is None or int(match_[1]) != 1:
                raise refused(f"it is of version {value.clean(said, 20)!r} of the simple API", "1.x")
            found.says_it_is_an_index = True
        case "pypi:project-status":
            found.status = value.status(said)
        case "pypi:project-status-reason":
            found.status_reason = value.clean(said, value.LONGEST_REASON)


def _metadata(attributes: dict[str, str]) -> tuple[bool, str]:
    """Whether metadata lies beside the file, and its SHA-256 (PEP 658, 714)."""
    said = attributes.get("data-core-metadata", attributes.get("data-dist-info-metadata"))
    if said is None:
        return False, ""
    algorithm, _, hexadecimal = said.partition("=")
    if algorithm == "sha256" and hexadecimal:
        return True, value.digest("sha256", hexadecimal)
    # PEP 658: "true", or a digest of any algorithm.
    return said.lower() not in ("false", ""), ""
