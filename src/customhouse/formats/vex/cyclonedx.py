"""CycloneDX VEX, read and written: the vulnerabilities of a bill of materials (CycloneDX 1.6, ``vulnerabilities``).

Its words are finer in places and coarser in others. What is coarser there is kept as a property; what is finer is kept
in a statement as `narrower`, so that it comes out again as it came in.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any

from customhouse.formats.osv.times import write_time
from customhouse.formats.vex.model import (
    CODE,
    MAX_PRODUCTS,
    MAX_STATEMENTS,
    MAX_TEXT,
    Document,
    Justification,
    Product,
    Statement,
    Status,
    Written,
    check,
)
from customhouse.formats.vex.notes import joined, own_part, without_line
from customhouse.formats.vex.parts import an_object, moment, objects, text, texts
from customhouse.formats.vex.ranges import exact, read_purl, read_vers, read_version_text, write_purl, write_vers
from customhouse.terms.errors import Rejected

SPEC = "1.6"
STATES: Mapping[Status, str] = {
    Status.NOT_AFFECTED: "not_affected",
    Status.AFFECTED: "exploitable",
    Status.FIXED: "resolved",
    Status.UNDER_INVESTIGATION: "in_triage",
}
READ_STATES: Mapping[str, Status] = {
    **{theirs: ours for ours, theirs in STATES.items()},
    "false_positive": Status.NOT_AFFECTED,
    "resolved_with_pedigree": Status.FIXED,
}
JUSTIFICATIONS: Mapping[Justification, str] = {
    Justification.COMPONENT_NOT_PRESENT: "code_not_present",
    Justification.VULNERABLE_CODE_NOT_PRESENT: "code_not_present",
    Justification.VULNERABLE_CODE_NOT_IN_EXECUTE_PATH: "code_not_reachable",
    Justification.VULNERABLE_CODE_CANNOT_BE_CONTROLLED_BY_ADVERSARY: "requires_environment",
    Justification.INLINE_MITIGATIONS_ALREADY_EXIST: "protected_by_mitigating_control",
}
READ_JUSTIFICATIONS: Mapping[str, Justification] = {
    "code_not_present": Justification.VULNERABLE_CODE_NOT_PRESENT,
    "code_not_reachable": Justification.VULNERABLE_CODE_NOT_IN_EXECUTE_PATH,
    "requires_configuration": Justification.VULNERABLE_CODE_CANNOT_BE_CONTROLLED_BY_ADVERSARY,
    "requires_dependency": Justification.VULNERABLE_CODE_CANNOT_BE_CONTROLLED_BY_ADVERSARY,
    "requires_environment": Justification.VULNERABLE_CODE_CANNOT_BE_CONTROLLED_BY_ADVERSARY,
    "protected_by_compiler": Justification.INLINE_MITIGATIONS_ALREADY_EXIST,
    "protected_at_runtime": Justification.INLINE_MITIGATIONS_ALREADY_EXIST,
    "protected_at_perimeter": Justification.INLINE_MITIGATIONS_ALREADY_EXIST,
    "protected_by_mitigating_control": Justification.INLINE_MITIGATIONS_ALREADY_EXIST,
}
RESPONSES = ("can_not_fix", "will_not_fix", "update", "rollback", "workaround_available")
PROPERTY = "customhouse:vex"


def read_cyclonedx(value: object, where: str) -> Document:
    """The statements of a bill of materials: those of its vulnerabilities that have an analysis. Raises `Rejected`."""
    top = an_object(value, where)
    if top.get("bomFormat") != "CycloneDX":
        raise Rejected(CODE, f"{where}: bomFormat", "it is not CycloneDX's", "CycloneDX")
    version = text(top, "specVersion", where, needed=True)
    if version not in ("1.4", "1.5", "1.6", "1.7"):
        raise Rejected(CODE, f"{where}: specVersion", f"{version[:20]!r} is not known here", "1.4 to 1.7")
    head = an_object(top.get("metadata") or {}, f"{where}: metadata")
    issued = moment(head, "timestamp", f"{where}: metadata")
    if issued is None:
        raise Rejected(CODE, f"{where}: metadata.timestamp", "it is missing", "when the document was made")
    components = _components(top, where)
    found = [
        _statement(one, place, components, issued)
        for one, place in objects(top, "vulnerabilities", where, most=MAX_STATEMENTS)
        if one.get("analysis") is not None
    ]
    serial = text(top, "serialNumber", where) or f"urn:customhouse:{where}"
    return Document(id=serial, author=_author(head, where), timestamp=issued, statements=tuple(found))


def _author(head: Mapping[str, Any], where: str) -> str:
    place = f"{where}: metadata"
    for key in ("supplier", "manufacturer", "manufacture"):
        if head.get(key) is not None:
            return text(an_object(head[key], f"{place}: {key}"), "name", f"{place}: {key}") or "unknown"
    for one, spot in objects(head, "authors", place, most=100):
        return text(one, "name", spot) or text(one, "email", spot) or "unknown"
    return "unknown"


def _components(top: Mapping[str, Any], where: str) -> dict[str, tuple[Product, ...]]:
    """Products by reference: the components, also those inside others, and what the whole is about."""
    found: dict[str, tuple[Product, ...]] = {}

    def take(one: Mapping[str, Any], place: str, depth: int) -> None:
        if depth > 20 or len(found) > 20_000:  # noqa: PLR2004 - more than any bill of materials that we have seen
            raise Rejected(CODE, place, "too many components, or too deep inside each other")
        reference, purl = text(one, "bom-ref", place), text(one, "purl", place)
        package = read_purl(purl, f"{place}: purl") if purl else None
        if package is not None:
            products = tuple(Product(package[0], specifier) for specifier in package[1])
        else:
            products = (Product(address=purl or reference or text(one, "name", place, needed=True)),)
        if reference:
            found[reference] = products
        for inner, spot in objects(one, "components", place, most=20_000):
            take(inner, spot, depth + 1)

    head = an_object(top.get("metadata") or {}, f"{where}: metadata")
    if head.get("component") is not None:
        take(an_object(head["component"], f"{where}: metadata.component"), f"{where}: metadata.component", 0)
    for one, place in objects(top, "components", where, most=20_000):
        take(one, place, 0)
    return found


def _statement(
    top: Mapping[str, Any], where: str, components: Mapping[str, tuple[Product, ...]], issued: Any
) -> Statement:
    place = f"{where}: analysis"
    analysis = an_object(top["analysis"], place)
    state = text(analysis, "state", place, needed=True)
    if state not in READ_STATES:
        raise Rejected(CODE, f"{place}: state", f"{state[:60]!r} is not known", ", ".join(READ_STATES))
    word = text(analysis, "justification", place)
    if word and word not in READ_JUSTIFICATIONS:
        raise Rejected(CODE, f"{place}: justification", f"{word[:60]!r} is not known", ", ".join(READ_JUSTIFICATIONS))
    responses = texts(analysis, "response", place, most=len(RESPONSES))
    for one in responses:
        if one not in RESPONSES:
            raise Rejected(CODE, f"{place}: response", f"{one[:60]!r} is not known", ", ".join(RESPONSES))
    status = READ_STATES[state]
    detail, _ = without_line(text(analysis, "detail", place), f"{place}: detail")
    part = _part(top, where)
    justified = status is Status.NOT_AFFECTED
    narrower = [state] if state not in STATES.values() else []
    narrower += [word] if word and word not in JUSTIFICATIONS.values() and justified else []
    action = text(top, "recommendation", where)
    found = Statement(
        id=text(part, "id", where) or text(top, "bom-ref", where) or f"{where}",
        vulnerability=text(top, "id", where, needed=True),
        aliases=tuple(text(one, "id", spot, needed=True) for one, spot in objects(top, "references", where, most=100)),
        description=text(top, "description", where),
        products=_affects(top, where, components),
        status=status,
        timestamp=moment(analysis, "firstIssued", place) or issued,
        updated=moment(analysis, "lastUpdated", place),
        justification=READ_JUSTIFICATIONS[word] if word and justified else None,
        impact="" if "reason" in part else (detail if justified and not word else ""),
        action=action or _action(status, responses, detail),
        responses=responses,
        reason=text(part, "reason", where) if "reason" in part else detail,
        narrower=" ".join(narrower),
        supplier=text(part, "supplier", where),
        version=part["version"] if isinstance(part.get("version"), int) else 1,
    )
    if state == "false_positive" and not found.justification and not found.impact:
        found = joined(found, {"impact": "It is a false positive."}, where)
    found = joined(found, {"narrower": found.narrower, **part}, where)
    check(found, where)
    return found


def _action(status: Status, responses: tuple[str, ...], detail: str) -> str:
    """What to do, if there is no recommendation: the responses say it, or the detail."""
    if status is not Status.AFFECTED:
        return ""
    words = {
        "can_not_fix": "The maker can not fix it.",
        "will_not_fix": "The maker will not fix it.",
        "update": "Update.",
        "rollback": "Go back to an earlier version.",
        "workaround_available": "There is a workaround.",
    }
    return " ".join(words[one] for one in responses) or detail or "Nobody has said what to do."


def _part(top: Mapping[str, Any], where: str) -> dict[str, Any]:
    for one, place in objects(top, "properties", where, most=1_000):
        if one.get("name") == PROPERTY:
            return without_line(f"customhouse: {text(one, 'value', place)}", place)[1]
    return {}


def _affects(top: Mapping[str, Any], where: str, components: Mapping[str, tuple[Product, ...]]) -> tuple[Product, ...]:
    """The products that are meant, each version or range of a component one of them."""
    found: dict[Product, None] = {}
    for one, place in objects(top, "affects", where, most=MAX_PRODUCTS):
        reference = text(one, "ref", place, needed=True)
        if reference not in components:
            raise Rejected(CODE, f"{place}: ref", f"no component has the reference {reference[:80]!r}")
        versions = objects(one, "versions", place, most=MAX_PRODUCTS)
        for product in components[reference]:
            if not versions or not product.name:
                found[product] = None
            for version, spot in versions if product.name else ():
                for specifier in _specifiers(version, spot):
                    found[Product(product.name, specifier)] = None
    return tuple(found)


def _specifiers(one: Mapping[str, Any], where: str) -> tuple[str, ...]:
    span = text(one, "range", where)
    if span:
        return read_vers(span, f"{where}: range")
    return (read_version_text(text(one, "version", where, needed=True), f"{where}: version"),)


def write_cyclonedx(document: Document) -> Written:
    """A bill of materials that holds the products of the statements, and the statements as analyses."""
    losses: list[str] = []
    components: dict[str, dict[str, Any]] = {}
    vulnerabilities = [_vulnerability(at, one, components, losses) for at, one in enumerate(document.statements, 1)]
    serial = document.id if _is_serial(document.id) else f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, document.id)}"
    if serial != document.id:
        losses.append(f"The document's id {document.id} is no serial number of CycloneDX; it gets {serial}.")
    top = {
        "bomFormat": "CycloneDX",
        "specVersion": SPEC,
        "serialNumber": serial,
        "version": document.version,
        "metadata": {
            "timestamp": write_time(document.updated or document.timestamp),
            "supplier": {"name": document.author},
            "tools": {"components": [{"type": "application", "name": "Customhouse"}]},
        },
        "components": list(components.values()),
        "vulnerabilities": vulnerabilities,
    }
    return Written(top, tuple(losses))


def _is_serial(identifier: str) -> bool:
    try:
        return identifier == f"urn:uuid:{uuid.UUID(identifier.removeprefix('urn:uuid:'))}"
    except ValueError:
        return False


def _vulnerability(at: int, one: Statement, components: dict[str, dict[str, Any]], losses: list[str]) -> dict[str, Any]:
    check(one, one.id)
    narrower = one.narrower.split()
    state = next((word for word in narrower if READ_STATES.get(word) is one.status), STATES[one.status])
    analysis: dict[str, Any] = {"state": state}
    if one.justification:
        analysis["justification"] = next(
            (word for word in narrower if READ_JUSTIFICATIONS.get(word) is one.justification),
            JUSTIFICATIONS[one.justification],
        )
    if one.responses:
        analysis["response"] = [word for word in one.responses if word in RESPONSES]
    detail = "\n".join(text_ for text_ in (one.impact, one.reason) if text_)
    if detail:
        analysis["detail"] = detail
    analysis["firstIssued"] = write_time(one.timestamp)
    if one.updated:
        analysis["lastUpdated"] = write_time(one.updated)
    part = {**own_part(one), "id": one.id, "reason": one.reason, "impact": one.impact, "supplier": one.supplier}
    if one.version > 1:
        part["version"] = one.version
    if one.justification:
        part["justification"] = one.justification.value
        if JUSTIFICATIONS[one.justification] == "code_not_present":
            losses.append(
                f"{one.id}: CycloneDX has one word for absent components and absent code; a property keeps it."
            )
    line = json.dumps({key: value for key, value in part.items() if value or key == "reason"}, ensure_ascii=False)
    told: dict[str, Any] = {
        "bom-ref": f"vulnerability-{at}",
        "id": one.vulnerability,
        "references": [{"id": alias, "source": {"name": alias.partition("-")[0]}} for alias in one.aliases],
        "description": one.description,
        "recommendation": one.action,
        "analysis": analysis,
        "affects": [_affected(product, one, components, losses) for product in one.products],
        "properties": [{"name": PROPERTY, "value": line[:MAX_TEXT]}],
    }
    return {key: value for key, value in told.items() if value}


def _affected(
    product: Product, one: Statement, components: dict[str, dict[str, Any]], losses: list[str]
) -> dict[str, Any]:
    if product.parts:
        losses.append(f"{one.id}: CycloneDX cannot say that {product} is about a part; the whole is named.")
    name = product.name or product.address
    reference = f"pkg:pypi/{name}" if product.name else name
    component = {"type": "library", "bom-ref": reference, "name": name}
    if product.name:
        component["purl"] = write_purl(name, "")
    elif name.startswith("pkg:"):
        component["purl"] = name
    components.setdefault(reference, component)
    if not product.specifier:
        return {"ref": reference}
    status = "affected" if one.status is Status.AFFECTED else "unknown"
    status = "unaffected" if one.status in (Status.NOT_AFFECTED, Status.FIXED) else status
    version = exact(product.specifier)
    edge = {"version": version} if version else {"range": write_vers(product.specifier)}
    return {"ref": reference, "versions": [{**edge, "status": status}]}
