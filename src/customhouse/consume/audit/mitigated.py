"""Findings that do not count although the version is affected, because a VEX statement holds: and whether it does.

A statement holds while it has not expired, for the versions that it names, and as long as the facts stand on which it
rests. Whatever else there is to say about statements, the finding carries as remarks: nothing ends in silence.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time

from customhouse.consume.audit.model import Component, Finding, Mitigation
from customhouse.formats.vex.model import STRICTEST, Product, Statement, Status

SILENCING = frozenset({Status.NOT_AFFECTED, Status.FIXED})
"""Statements of these kinds let a finding count no more. Of the others it is said what they say."""


def mitigate(
    findings: Iterable[Finding], statements: Sequence[Statement], today: date, components: Iterable[Component] = ()
) -> tuple[Finding, ...]:
    """The same findings, each with the statement that holds for it. ``components`` is everything that is there.

    Of one owner the statement that was made last counts. Where owners contradict each other, the stricter one wins.
    """
    there = tuple(components)
    return tuple(_judged(finding, _about(finding, statements), today, there) for finding in findings)


def _about(finding: Finding, statements: Sequence[Statement]) -> list[Statement]:
    """The statements about this vulnerability that name this package, in whatever version."""
    names = set(finding.same.names)
    return [one for one in statements if not names.isdisjoint(one.names) and _names(one, finding)]


def _names(statement: Statement, finding: Finding) -> bool:
    name = finding.component.name
    return any(name in (product.name, *(part.name for part in product.parts)) for product in statement.products)


def _judged(finding: Finding, statements: Sequence[Statement], today: date, there: Sequence[Component]) -> Finding:
    remarks: list[str] = []
    held: dict[str, Statement] = {}
    for one in sorted(statements, key=lambda one: (one.since, -STRICTEST.index(one.status))):
        why = why_not(one, finding, today, there)
        if why:
            remarks.append(f"{_called(one)} counts no more: {why}.")
            continue
        held[one.owner or one.supplier] = one
    if not held:
        return replace(finding, remarks=(*finding.remarks, *remarks)) if remarks else finding
    winner = min(held.values(), key=lambda one: (STRICTEST.index(one.status), one.since))
    others = [one for one in held.values() if one.status is not winner.status]
    if others:
        said = ", ".join(f"{_called(one)} says {one.status}" for one in others)
        remarks.append(f"Statements contradict each other: {_called(winner)} says {winner.status} and wins; {said}.")
    if winner.status not in SILENCING:
        todo = f" {winner.action}" if winner.action else ""
        remarks.append(f"{_called(winner)} says {winner.status}.{todo}")
        return replace(finding, remarks=(*finding.remarks, *remarks))
    return replace(finding, mitigation=_mitigation(winner), remarks=(*finding.remarks, *remarks))


def why_not(statement: Statement, finding: Finding, today: date, there: Sequence[Component] = ()) -> str:
    """Why a statement about this vulnerability of this package does not hold here; empty if it does.

    It holds up to the day on which it expires. It holds for the versions that it names. Unless it says otherwise, it
    holds until the advisory is modified. It holds until one of the packages that it excludes is there.
    """
    if statement.expires is not None and today > statement.expires:
        return f"it has expired on {statement.expires.isoformat()}"
    why = _product_differs(statement.products, finding, there)
    if why:
        return why
    if statement.reopening.advisory:
        changed = max(one.modified for one in finding.same.records)
        if changed > _end(statement):
            return f"the advisory was modified on {changed.date().isoformat()}, after it was made"
    present = {one.name: one.version for one in there}
    for name in statement.reopening.components:
        if name in present:
            return f"{name} {present[name]} is there, and it holds only without {name}"
    return ""


def _end(statement: Statement) -> datetime:
    """Until when the advisory may have been modified: the moment of the statement, or its day if only that is known."""
    since = statement.since
    return datetime.combine(since.date(), time.max, UTC) if since.time() == time.min else since


def _product_differs(products: Sequence[Product], finding: Finding, there: Sequence[Component]) -> str:
    component = finding.component
    why = ""
    for product in products:
        if product.covers(component.name, component.version):
            return ""
        if product.name == component.name:
            why = why or f"it is for {product}, and {component.name} {component.version} is here"
        elif any(part.covers(component.name, component.version) for part in product.parts):
            if _comes_only_by(product, finding, there):
                return ""
            why = why or f"it is for {product}, and {component.name} is here not only because of that"
        elif any(part.name == component.name for part in product.parts):
            why = why or f"it is for {product}, and {component.name} {component.version} is here"
    return why or "it is for another product"


def _comes_only_by(product: Product, finding: Finding, there: Sequence[Component]) -> bool:
    """Whether each way to the component leads through this product, in the versions that it names."""
    if not any(product.covers(one.name, one.version) for one in there):
        return False
    return bool(finding.paths) and all(product.name in path[:-1] for path in finding.paths)


def _mitigation(statement: Statement) -> Mitigation:
    return Mitigation(
        statement=statement.id,
        status=statement.status.value,
        justification=statement.justification.value if statement.justification else "",
        reason=" ".join(one for one in (statement.reason, statement.impact) if one),
        owner=statement.owner or statement.supplier,
        expires=statement.expires,
    )


def _called(statement: Statement) -> str:
    """How people know it: by who answers for it and when it was said; its id is in the JSON report."""
    by = statement.owner or statement.supplier
    day = statement.since.date().isoformat()
    return f"{by}'s statement of {day}" if by else f"{statement.id} of {day}"
