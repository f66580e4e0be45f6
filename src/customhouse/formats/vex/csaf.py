"""CSAF 2.0 documents of the category ``csaf_vex``, read and written (OASIS CSAF 2.0, sections 3.2 and 4.5).

The words of statuses differ, the five justifications are the labels of flags. A vulnerability stands there once, with
all products and their statuses (test 6.1.23), so what belongs to one statement alone is in a note of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from customhouse.formats.osv.times import write_time
from customhouse.formats.vex.csaf_products import Tree, read_tree
from customhouse.formats.vex.csaf_rules import check_csaf
from customhouse.formats.vex.model import (
    MAX_STATEMENTS,
    STRICTEST,
    Document,
    Justification,
    Product,
    Statement,
    Status,
    Written,
    check,
)
from customhouse.formats.vex.notes import joined, own_part, with_line, without_line
from customhouse.formats.vex.parts import an_object, moment, objects, text, texts
from customhouse.terms.errors import Rejected

CATEGORY = "csaf_vex"
STATUSES: Mapping[Status, str] = {
    Status.NOT_AFFECTED: "known_not_affected",
    Status.AFFECTED: "known_affected",
    Status.FIXED: "fixed",
    Status.UNDER_INVESTIGATION: "under_investigation",
}
READ: Mapping[str, Status] = {
    **{theirs: ours for ours, theirs in STATUSES.items()},
    "first_affected": Status.AFFECTED,
    "last_affected": Status.AFFECTED,
    "first_fixed": Status.FIXED,
}
"""``recommended`` is no status: what to upgrade to."""
REMEDIES: Mapping[str, str] = {
    "update": "vendor_fix",
    "workaround_available": "workaround",
    "will_not_fix": "no_fix_planned",
    "can_not_fix": "none_available",
}
_CVE = re.compile(r"CVE-[0-9]{4}-[0-9]{4,}", re.ASCII)
_TITLE = "Statement "


def read_csaf(value: object, where: str) -> Document:
    """The statements of a document; raises `Rejected`, also for what breaks a mandatory test of CSAF."""
    top = an_object(value, where)
    check_csaf(top, where)
    head = an_object(top.get("document"), f"{where}: document")
    tracking = an_object(head.get("tracking"), f"{where}: document.tracking")
    place = f"{where}: document.tracking"
    issued = moment(tracking, "initial_release_date", place)
    current = moment(tracking, "current_release_date", place)
    assert issued is not None  # noqa: S101 - check_csaf has seen it
    assert current is not None  # noqa: S101
    publisher = an_object(head.get("publisher"), f"{where}: document.publisher")
    identifier = text(tracking, "id", place, needed=True)
    products = read_tree(top, where)
    vulnerabilities = objects(top, "vulnerabilities", where, most=MAX_STATEMENTS)
    statements = [
        one
        for at, (vulnerability, spot) in enumerate(vulnerabilities, 1)
        for one in _Vulnerability(vulnerability, spot, products, current, f"{identifier}#{at}").statements()
    ]
    if len(statements) > MAX_STATEMENTS:
        raise Rejected("bad-vex", where, f"{len(statements)} statements", f"at most {MAX_STATEMENTS}")
    return Document(
        id=identifier,
        author=text(publisher, "name", f"{where}: document.publisher", needed=True),
        timestamp=issued,
        statements=tuple(statements),
        version=_revision(text(tracking, "version", place, needed=True)),
        updated=current if current != issued else None,
    )


def _revision(version: str) -> int:
    return max(1, int(version.split(".", maxsplit=1)[0]))


class _Vulnerability:
    """One entry of ``vulnerabilities``, taken apart into statements: products that are said the same of go together."""

    def __init__(
        self,
        top: Mapping[str, Any],
        where: str,
        products: Mapping[str, tuple[Product, ...]],
        issued: datetime,
        id_: str,
    ) -> None:
        self._top, self._where, self._products, self._issued, self._id = top, where, products, issued, id_
        self._names = _names(top, where)
        self._description = ""
        self._told: dict[str, tuple[str, dict[str, Any]]] = {}
        self._owner_of: dict[str, str] = {}
        self._read_notes()

    def _read_notes(self) -> None:
        for note, place in objects(self._top, "notes", self._where, most=MAX_STATEMENTS):
            title, said = text(note, "title", place), text(note, "text", place, needed=True)
            if title.startswith(_TITLE):
                reason, part = without_line(said, place)
                self._told[title[len(_TITLE) :]] = (reason, part)
                for product in texts(part, "products", place):
                    self._owner_of[product] = title[len(_TITLE) :]
            elif text(note, "category", place) in ("description", "summary") and not self._description:
                self._description = said

    def statements(self) -> Iterable[Statement]:
        """Each with the products that share status, justification, words and note."""
        states = self._states()
        labels = {one: (found, "") for found, ids in self._entries("flags", "label") for one in ids}
        impacts = {one: said for said, ids in self._entries("threats", "details", category="impact") for one in ids}
        actions: dict[str, tuple[str, str]] = {}
        for entry, place in objects(self._top, "remediations", self._where, most=MAX_STATEMENTS):
            for one in texts(entry, "product_ids", place, most=MAX_STATEMENTS):
                actions.setdefault(one, (text(entry, "details", place), text(entry, "category", place)))
        alike: dict[tuple[str, ...], list[str]] = {}
        for product, status in states.items():
            label = labels.get(product, ("", ""))[0] if status is Status.NOT_AFFECTED else ""
            key: tuple[str, ...] = (
                status.value, label, impacts.get(product, ""), *actions.get(product, ("", "")),
                self._owner_of.get(product, ""),
            )  # fmt: skip
            alike.setdefault(key, []).append(product)
        for at, (key, ids) in enumerate(alike.items(), 1):
            yield self._statement(at, key, ids)

    def _states(self) -> dict[str, Status]:
        status = an_object(self._top.get("product_status"), f"{self._where}: product_status")
        return {
            product: ours
            for theirs, ours in READ.items()
            for product in texts(status, theirs, f"{self._where}: product_status", most=MAX_STATEMENTS)
        }

    def _entries(self, key: str, what: str, *, category: str = "") -> list[tuple[str, tuple[str, ...]]]:
        return [
            (text(entry, what, place), texts(entry, "product_ids", place, most=MAX_STATEMENTS))
            for entry, place in objects(self._top, key, self._where, most=MAX_STATEMENTS)
            if not category or text(entry, "category", place) == category
        ]

    def _statement(self, at: int, key: tuple[str, ...], ids: list[str]) -> Statement:
        status, label, impact, action, category, note = key
        reason, part = self._told.get(note, ("", {}))
        known = {one.value for one in Justification}
        responses = tuple(ours for ours, theirs in REMEDIES.items() if theirs == category)
        found = Statement(
            id=note or f"{self._id}.{at}",
            vulnerability=self._names[0],
            aliases=self._names[1:],
            description=self._description,
            products=tuple(dict.fromkeys(one for product in ids for one in self._products[product])),
            status=Status(status),
            timestamp=moment(part, "timestamp", self._where) or self._issued,
            updated=moment(part, "updated", self._where),
            justification=Justification(label) if label in known else None,
            impact=impact,
            action=action,
            responses=responses,
            reason=reason,
            supplier=text(part, "supplier", self._where),
            version=part["version"] if isinstance(part.get("version"), int) else 1,
        )
        found = joined(found, part, self._where)
        check(found, self._where)
        return found


def _names(top: Mapping[str, Any], where: str) -> tuple[str, ...]:
    cve = text(top, "cve", where)
    others = [text(one, "text", place, needed=True) for one, place in objects(top, "ids", where, most=100)]
    return tuple(dict.fromkeys(name for name in (cve, *others) if name))


@dataclass(frozen=True, slots=True)
class Publisher:
    """Who publishes a CSAF document; ``namespace`` is an address that he alone controls."""

    namespace: str
    category: str = "vendor"
    """coordinator | discoverer | other | translator | user | vendor"""


def write_csaf(document: Document, publisher: Publisher) -> Written:
    """The document as JSON values that pass CSAF's mandatory tests, and what it cannot say."""
    losses: list[str] = []
    tree = Tree()
    groups: dict[str, list[Statement]] = {}
    for one in document.statements:
        check(one, one.id)
        groups.setdefault(_main_name(one), []).append(one)
    written = [_group(group, tree, losses) for group in groups.values()]
    issued, current = write_time(document.timestamp), write_time(document.updated or document.timestamp)
    revisions = [{"date": issued, "number": "1", "summary": "First version"}]
    # Test 6.1.21: no number may be missing, and only the first and the last date are known here.
    revisions += [
        {"date": current, "number": str(number), "summary": "Changed"} for number in range(2, document.version + 1)
    ]
    top: dict[str, Any] = {
        "document": {
            "category": CATEGORY,
            "csaf_version": "2.0",
            "lang": "en",
            "publisher": {"category": publisher.category, "name": document.author, "namespace": publisher.namespace},
            "title": f"VEX of {document.author}",
            "tracking": {
                "current_release_date": current if document.version > 1 else issued,
                "generator": {"engine": {"name": "Customhouse"}},
                "id": document.id,
                "initial_release_date": issued,
                "revision_history": revisions[-1000:],
                "status": "final",
                "version": str(document.version),
            },
        },
        "product_tree": tree.written(),
        "vulnerabilities": [one for one in written if one],
    }
    check_csaf(top, "what we have written")
    return Written(top, tuple(losses))


def _main_name(statement: Statement) -> str:
    """Under which a vulnerability stands there: its CVE if it has one."""
    names = (statement.vulnerability, *statement.aliases)
    return next((name for name in names if _CVE.fullmatch(name)), statement.vulnerability)


def _group(group: list[Statement], tree: Tree, losses: list[str]) -> dict[str, Any]:
    """One entry of ``vulnerabilities``: what several statements say of one of them."""
    first = group[0]
    name = _main_name(first)
    aliases = dict.fromkeys(one for each in group for one in (each.vulnerability, *each.aliases) if one != name)
    told: dict[str, Any] = {"cve": name} if _CVE.fullmatch(name) else {}
    others = [*aliases] if told else [name, *aliases]
    if others:
        told["ids"] = [{"system_name": _system(one), "text": one} for one in others]
    said: dict[str, list[dict[str, Any]]] = {"flags": [], "threats": [], "remediations": []}
    notes = [
        {"category": "description", "text": first.description, "title": "What it is"}
        if first.description
        else {"category": "general", "text": f"The vulnerability {name}.", "title": "What it is"}
    ]
    status: dict[str, list[str]] = {}
    taken: dict[str, Statement] = {}
    for one in sorted(group, key=lambda one: STRICTEST.index(one.status)):
        ids = []
        for known, product in [(known, each) for each in one.products for known in tree.add(each)]:
            if known in taken and taken[known].status is not one.status:
                losses.append(f"{one.id}: {taken[known].id} says {taken[known].status} of {product}, which wins.")
            elif known in taken:
                losses.append(f"{one.id}: {taken[known].id} says the same of {product} already.")
            else:
                taken[known] = one
                ids.append(known)
        if ids:
            status.setdefault(STATUSES[one.status], []).extend(ids)
            _tell(one, ids, said, notes, losses)
    told["notes"] = notes
    told["product_status"] = dict(sorted(status.items()))
    told.update({key: entries for key, entries in said.items() if entries})
    return told


def _tell(
    one: Statement,
    ids: list[str],
    said: dict[str, list[dict[str, Any]]],
    notes: list[dict[str, Any]],
    losses: list[str],
) -> None:
    """What one statement says, beside the status of its products."""
    since = write_time(one.since)
    if one.justification:
        said["flags"].append({"date": since, "label": one.justification.value, "product_ids": ids})
    if one.impact:
        said["threats"].append({"category": "impact", "date": since, "details": one.impact, "product_ids": ids})
    if one.action:
        category = next((REMEDIES[each] for each in one.responses if each in REMEDIES), "mitigation")
        said["remediations"].append({"category": category, "date": since, "details": one.action, "product_ids": ids})
        if len(one.responses) > 1 or any(each not in REMEDIES for each in one.responses):
            losses.append(
                f"{one.id}: CSAF has no word for the responses {', '.join(one.responses)}; a note keeps them."
            )
    part = {
        **own_part(one),
        "products": ids,
        "timestamp": write_time(one.timestamp),
        **({"updated": write_time(one.updated)} if one.updated else {}),
        **({"supplier": one.supplier} if one.supplier else {}),
        **({"version": one.version} if one.version > 1 else {}),
    }
    notes.append({"category": "details", "text": with_line(one.reason, part), "title": f"{_TITLE}{one.id}"})


def _system(name: str) -> str:
    """Who numbers vulnerabilities so."""
    return {"GHSA": "GitHub Security Advisories", "PYSEC": "Python Packaging Advisory Database"}.get(
        name.partition("-")[0], name.partition("-")[0] or "other"
    )
