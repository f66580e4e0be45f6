"""A record as programs are handed it: the document that came, spelled so that every client understands it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from customhouse.formats.osv.matching import read_version
from customhouse.formats.osv.model import PYPI
from customhouse.terms.names import normalize


def handed_on(document: Mapping[str, Any]) -> dict[str, Any]:
    """The record with its PyPI names normalised, as the schema wants them: pip-audit knows no fix of ``Django``.

    A package URL goes with its name. Everything else is as it came.
    """
    affected = document.get("affected")
    return {**document, "affected": [_named(one) for one in affected]} if affected else dict(document)


def _named(affected: Mapping[str, Any]) -> Mapping[str, Any]:
    package = affected.get("package") or {}
    if package.get("ecosystem") != PYPI:
        return affected
    return {**affected, "package": {**package, "name": normalize(package["name"])}}


def answered(document: Mapping[str, Any]) -> dict[str, Any]:
    """The same as an answer to a question about a PyPI package, for clients that read on where they should look first.

    pip-audit ends with a traceback on an entry without a package, and on a fix that is no version (PEP 440). Neither
    says anything about what was asked, and ``/v1/vulns/ID`` has both.
    """
    whole = handed_on(document)
    if whole.get("affected"):
        whole["affected"] = [_readable(one) for one in whole["affected"] if one.get("package")]
    return whole


def _readable(affected: Mapping[str, Any]) -> Mapping[str, Any]:
    ranges = affected.get("ranges")
    if affected["package"].get("ecosystem") != PYPI or not ranges:
        return affected
    return {**affected, "ranges": [_with_fixes(one) for one in ranges]}


def _with_fixes(one: Mapping[str, Any]) -> Mapping[str, Any]:
    if one.get("type") != "ECOSYSTEM":
        return one
    events = [event for event in one["events"] if "fixed" not in event or read_version(event["fixed"]) is not None]
    return {**one, "events": events}


def write(value: Mapping[str, Any]) -> bytes:
    """JSON in UTF-8 without blanks."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
