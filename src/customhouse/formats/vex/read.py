"""Reads VEX of any of the three kinds, by what it says of itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from customhouse.formats.strict_json import read_json
from customhouse.formats.vex.model import CODE, Document, Statement
from customhouse.formats.vex.parts import an_object
from customhouse.terms.errors import Rejected

MAX_BYTES = 16 * 2**20
"""Of one document: five thousand statements with long reasons fit."""


def read_vex(content: bytes, where: str) -> Document:
    """The document; raises `Rejected` naming the place of whatever is wrong."""
    if len(content) > MAX_BYTES:
        raise Rejected(CODE, where, f"{len(content)} bytes", f"at most {MAX_BYTES}")
    try:
        value = read_json(content.decode("utf-8-sig"))
    except (ValueError, UnicodeDecodeError) as error:
        raise Rejected(CODE, where, f"it is no JSON: {error}") from error
    return _readers()[kind_of(an_object(value, where), where)](value, where)


def kind_of(top: Mapping[str, object], where: str) -> str:
    """Which of the three it is: ``openvex``, ``csaf`` or ``cyclonedx``; raises `Rejected`."""
    if "@context" in top:
        return "openvex"
    if top.get("bomFormat") == "CycloneDX":
        return "cyclonedx"
    head = top.get("document")
    if isinstance(head, dict) and "csaf_version" in head:
        return "csaf"
    raise Rejected(CODE, where, "it is neither OpenVEX nor CSAF nor CycloneDX", "a JSON document of one of the three")


def _readers() -> Mapping[str, Callable[[object, str], Document]]:
    # Each is read only where it is needed: an audit with OpenVEX loads nothing of the others.
    from customhouse.formats.vex.csaf import read_csaf  # noqa: PLC0415
    from customhouse.formats.vex.cyclonedx import read_cyclonedx  # noqa: PLC0415
    from customhouse.formats.vex.openvex import read_openvex  # noqa: PLC0415

    return {"openvex": read_openvex, "csaf": read_csaf, "cyclonedx": read_cyclonedx}


def statements_of(document: Document) -> tuple[Statement, ...]:
    """The statements, each with who answers for it: the author of the document if it names nobody else."""
    return tuple(one if one.owner else replace(one, owner=document.author) for one in document.statements)
