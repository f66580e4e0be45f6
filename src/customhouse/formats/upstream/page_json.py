"""A project's page as JSON (PEP 691, 700, 714, 740, 792), of any 1.x version of the API."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from customhouse.formats.upstream import value
from customhouse.formats.upstream.address import absolute
from customhouse.formats.upstream.collect import Collected
from customhouse.formats.upstream.model import MOST_FILES, PAGE_BYTES, Listing, refused
from customhouse.terms.names import normalize

MOST_CONTAINERS = 8 * MOST_FILES
MOST_VALUES = 20 * MOST_FILES
_VERSION = re.compile(r"([0-9]{1,4})\.[0-9]{1,4}", re.ASCII)


def page_from_json(body: bytes, *, wanted: str, base: str) -> Listing:
    """What the page at ``base`` says of the project ``wanted`` (normalised); raises `Rejected`."""
    whole = read_object(body)
    meta = whole.get("meta")
    _check_version(meta.get("api-version") if isinstance(meta, Mapping) else None)
    name = whole.get("name")
    if not isinstance(name, str) or normalize(name[:200]) != wanted:
        raise refused(f"it is the page of {value.clean(name, 100)!r}, and {wanted!r} was asked for")
    files = whole.get("files")
    if not isinstance(files, list):
        raise refused("it has no list of files")
    found = Collected(wanted, base)
    for entry in files:
        if not isinstance(entry, Mapping):
            raise refused("one of its files is not an object")
        _add(found, entry)
    versions = whole.get("versions")
    if isinstance(versions, list):
        found.versions.update(one for one in map(value.version, versions[:MOST_FILES]) if one is not None)
    said = whole.get("project-status")
    if isinstance(said, Mapping):
        found.status = value.status(said.get("status"))
        found.status_reason = value.clean(said.get("reason"), value.LONGEST_REASON)
    found.signals = value.signals(whole.get("_customhouse"))
    return found.listing()


def read_object(body: bytes) -> Mapping[str, Any]:
    """A JSON object that cannot grow beyond bounds while it is read; raises `Rejected`."""
    if len(body) > PAGE_BYTES:
        raise refused(f"it is longer than {PAGE_BYTES} bytes")
    # Thirty million empty lists fit into thirty megabytes, and take two gigabytes as values.
    if body.count(b"{") + body.count(b"[") > MOST_CONTAINERS or body.count(b",") > MOST_VALUES:
        raise refused("it holds more values than a page of so many files can have", f"at most {MOST_FILES} files")
    try:
        # As strict as `formats.strict_json`; but half characters and depth are looked at value by value: looking at the
        # whole takes long in one piece, and nobody else of this process would be served meanwhile.
        whole = json.loads(body.decode(), object_pairs_hook=_no_key_twice, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise refused(f"it is no JSON that every program reads alike ({value.clean(str(error), 200)})") from error
    if not isinstance(whole, Mapping):
        raise refused("it is not a JSON object")
    return whole


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands there twice")
    return found


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is no JSON number")


def _check_version(said: object) -> None:
    """PEP 629: whoever does not know the major version must not read on; an unknown minor one is fine."""
    match = _VERSION.fullmatch(said) if isinstance(said, str) else None
    if match is None:
        raise refused("it does not say of which version of the simple API it is", "meta.api-version of 1.x")
    if int(match[1]) != 1:
        raise refused(f"it is of version {match[0]} of the simple API", "1.x")


def _add(found: Collected, entry: Mapping[str, Any]) -> None:
    url, filename, hashes = entry.get("url"), entry.get("filename"), entry.get("hashes")
    if not isinstance(url, str) or not isinstance(filename, str) or not isinstance(hashes, Mapping):
        raise refused("one of its files has no name, address or hashes")
    yanked = entry.get("yanked", False)
    has_metadata, metadata_sha256 = _metadata(entry)
    provenance = entry.get("provenance")
    where = absolute(found.base, provenance) if isinstance(provenance, str) else None
    more = {
        "size_bytes": value.size(entry.get("size")),
        "uploaded_at": value.moment(entry.get("upload-time")),
        "requires_python": value.specifier(entry.get("requires-python")),
        # PEP 691: true, or a text that says why; an empty one says yanked, too.
        "yanked": yanked is not False and yanked is not None,
        "yanked_reason": value.clean(yanked, value.LONGEST_REASON),
        "has_metadata": has_metadata,
        "metadata_sha256": metadata_sha256,
        "provenance_url": where[0] if where else "",
        "signals": value.signals(entry.get("_customhouse")),
    }
    found.add(url, filename, hashes, more)


def _metadata(entry: Mapping[str, Any]) -> tuple[bool, str]:
    """Whether metadata lies beside the file, and its SHA-256 (PEP 714: the new key counts if it is there)."""
    for key in ("core-metadata", "data-dist-info-metadata", "dist-info-metadata"):
        if key in entry:
            said = entry[key]
            if isinstance(said, Mapping):
                return True, value.digest("sha256", said.get("sha256"))
            return said is True, ""
    return False, ""
