"""What every CSAF VEX document must fulfil: its required members and the mandatory tests of section 6.1 that apply.

Tests of what we neither read nor write (CVSS, CWE, hashes, translations, involvements) are left out. Each refusal names
the number of its test.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from customhouse.formats.osv.times import read_time
from customhouse.formats.vex.csaf_products import circle_in, group_ids, group_members, ids_in, references_in
from customhouse.formats.vex.model import CODE, MAX_STATEMENTS
from customhouse.formats.vex.parts import an_object, objects, text, texts
from customhouse.terms.errors import Rejected

_AFFECTED = frozenset({"first_affected", "known_affected", "last_affected"})
_SAFE = frozenset({"known_not_affected"})
_FIXED = frozenset({"first_fixed", "fixed"})
_DOUBTED = frozenset({"under_investigation"})
_CONTRARY = (_AFFECTED, _SAFE, _FIXED, _DOUBTED)
_LISTED = _AFFECTED | _SAFE | _FIXED | _DOUBTED | {"recommended"}
_TOLD = frozenset({"fixed", "known_affected", "known_not_affected", "under_investigation"})
_CVE = re.compile(r"CVE-[0-9]{4}-[0-9]{4,}", re.ASCII)
_INTEGER = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)
_SEMANTIC = re.compile(r"((0|[1-9][0-9]{0,8})\.){2}(0|[1-9][0-9]{0,8})([-+][0-9A-Za-z.+-]{1,100})?", re.ASCII)
_RANGE_WORDS = frozenset({"after", "all", "before", "earlier", "later", "prior", "versions"})


def check_csaf(top: Mapping[str, Any], where: str) -> None:
    """Raise `Rejected` at the first rule that the document breaks."""
    _document(top, where)
    known = _product_ids(top, where)
    vulnerabilities = objects(top, "vulnerabilities", where, most=MAX_STATEMENTS)
    if not vulnerabilities:
        raise _broken("6.1.27.11", f"{where}: vulnerabilities", "there are none")
    names: Counter[str] = Counter()
    for vulnerability, place in vulnerabilities:
        names.update(_cve(vulnerability, place))
        if not vulnerability.get("notes"):
            raise _broken("6.1.27.5", f"{place}: notes", "there are none")
        _statuses(vulnerability, place, known, group_members(top, where))
    twice = next((name for name, times in names.items() if times > 1), "")
    if twice:
        raise _broken("6.1.23", f"{where}: vulnerabilities", f"{twice} stands there twice")


def _broken(test: str, where: str, why: str) -> Rejected:
    return Rejected(CODE, where, f"{why} (CSAF 2.0, mandatory test {test})")


def _document(top: Mapping[str, Any], where: str) -> None:
    """Section 3.2.1, and tests 6.1.14, 6.1.16, 6.1.17 to 6.1.22, 6.1.26 and 6.1.30."""
    place = f"{where}: document"
    head = an_object(top.get("document"), place)
    category = text(head, "category", place, needed=True)
    if category != "csaf_vex":
        raise Rejected(CODE, f"{place}: category", f"{category[:60]!r} holds no VEX", "csaf_vex")
    version = text(head, "csaf_version", place, needed=True)
    if version != "2.0":
        raise Rejected(CODE, f"{place}: csaf_version", f"{version[:20]!r} is not known here", "2.0")
    text(head, "title", place, needed=True)
    publisher = an_object(head.get("publisher"), f"{place}: publisher")
    for key in ("category", "name", "namespace"):
        text(publisher, key, f"{place}: publisher", needed=True)
    tracking = an_object(head.get("tracking"), f"{place}: tracking")
    _tracking(tracking, f"{place}: tracking")


def _tracking(tracking: Mapping[str, Any], place: str) -> None:
    text(tracking, "id", place, needed=True)
    for key in ("initial_release_date", "current_release_date"):
        _moment(tracking, key, place)
    status, version = text(tracking, "status", place, needed=True), text(tracking, "version", place, needed=True)
    revisions = objects(tracking, "revision_history", place, most=10_000)
    if not revisions:
        raise Rejected(CODE, f"{place}: revision_history", "it is empty", "one revision at least")
    numbers = [text(one, "number", spot, needed=True) for one, spot in revisions]
    if not all(_INTEGER.fullmatch(one) for one in (*numbers, version)) and not all(
        _SEMANTIC.fullmatch(one) for one in (*numbers, version)
    ):
        raise _broken(
            "6.1.30", f"{place}: revision_history", "the versions are not all whole numbers, nor all semantic"
        )
    if len(set(numbers)) != len(numbers):
        raise _broken("6.1.22", f"{place}: revision_history", "a number stands there twice")
    latest = _in_order(revisions, numbers, place)
    plain = version.split("+", maxsplit=1)[0]
    if latest.split("+", maxsplit=1)[0] != plain and not (status == "draft" and latest.split("-")[0] == plain):
        raise _broken("6.1.16", f"{place}: version", f"it is {version}, and the last revision {latest}")
    if status != "draft" and (version.split(".")[0] == "0" or "-" in plain):
        raise _broken("6.1.17", f"{place}: status", f"version {version} is a draft, and the status says {status}")
    if status != "draft" and any(one.split(".")[0] == "0" for one in numbers):
        raise _broken("6.1.18", f"{place}: revision_history", f"it tells of drafts, and the status says {status}")
    if any("-" in one.split("+", maxsplit=1)[0] for one in numbers):
        raise _broken("6.1.19", f"{place}: revision_history", "it tells of a pre-release")
    if status not in ("draft", "final", "interim"):
        raise Rejected(CODE, f"{place}: status", f"{status[:40]!r} is not known", "draft, final, interim")


def _in_order(revisions: list[tuple[Mapping[str, Any], str]], numbers: list[str], place: str) -> str:
    """The number of the last revision: sorted by date, the numbers ascend without a gap (6.1.14 and 6.1.21)."""
    dates = [_moment(one, "date", spot) for one, spot in revisions]
    majors = [[int(part) for part in re.split(r"[-+]", one)[0].split(".")] for one in numbers]
    order = sorted(range(len(numbers)), key=lambda at: (dates[at], majors[at]))
    if [majors[at] for at in order] != sorted(majors):
        raise _broken("6.1.14", f"{place}: revision_history", "sorted by date the numbers do not ascend")
    firsts = sorted({major[0] for major in majors})
    if firsts[0] not in (0, 1) or firsts[-1] - firsts[0] + 1 != len(firsts):
        raise _broken("6.1.21", f"{place}: revision_history", "a revision is missing")
    return numbers[order[-1]]


def _moment(top: Mapping[str, Any], key: str, place: str) -> datetime:
    return read_time(text(top, key, place, needed=True), f"{place}: {key}")


def _product_ids(top: Mapping[str, Any], where: str) -> frozenset[str]:
    """Tests 6.1.1, 6.1.2, 6.1.3, 6.1.5 and 6.1.31."""
    if top.get("product_tree") is None:
        raise _broken("6.1.27.4", f"{where}: product_tree", "it is missing")
    defined: set[str] = set()
    for one, place in ids_in(top, where):
        if one in defined:
            raise _broken("6.1.2", place, f"the id {one[:60]!r} is defined twice")
        defined.add(one)
    used: list[tuple[str, str]] = references_in(top, where)
    used += [(one, f"{where}: product_groups") for ids in group_members(top, where).values() for one in ids]
    for one, place in used:
        if one not in defined:
            raise _broken("6.1.1", place, f"the id {one[:60]!r} is not defined")
    circle = circle_in(top, where)
    if circle:
        raise _broken("6.1.3", f"{where}: product_tree", f"{circle[:60]!r} is a component of itself")
    groups = group_ids(top, where)
    if len(set(groups)) != len(groups):
        raise _broken("6.1.5", f"{where}: product_tree: product_groups", "a group is defined twice")
    _plain_versions(an_object(top["product_tree"], where), f"{where}: product_tree", 0)
    return frozenset(defined)


def _plain_versions(node: Mapping[str, Any], where: str, depth: int) -> None:
    for branch, place in objects(node, "branches", where, most=MAX_STATEMENTS):
        name = text(branch, "name", place, needed=True)
        several = "<" in name or ">" in name or not _RANGE_WORDS.isdisjoint(name.lower().split())
        if branch.get("category") == "product_version" and several:
            raise _broken("6.1.31", f"{place}: name", f"{name[:60]!r} is more than one version")
        _plain_versions(branch, place, depth + 1)


def _cve(vulnerability: Mapping[str, Any], place: str) -> list[str]:
    cve = text(vulnerability, "cve", place)
    if cve and not _CVE.fullmatch(cve):
        raise Rejected(CODE, f"{place}: cve", f"{cve[:60]!r} is no CVE", "CVE-2026-1234")
    for one, spot in objects(vulnerability, "ids", place, most=100):
        text(one, "system_name", spot, needed=True)
        text(one, "text", spot, needed=True)
    if not cve and not vulnerability.get("ids"):
        raise _broken("6.1.27.8", place, "it has neither a CVE nor another id")
    return [cve] if cve else []


def _statuses(
    vulnerability: Mapping[str, Any], place: str, known: frozenset[str], groups: Mapping[str, tuple[str, ...]]
) -> None:
    """Tests 6.1.1, 6.1.4, 6.1.6, 6.1.27.7, 6.1.27.9, 6.1.27.10, 6.1.29, 6.1.32 and 6.1.33."""
    spot = f"{place}: product_status"
    status = an_object(vulnerability.get("product_status") or {}, spot)
    listed = {key: frozenset(texts(status, key, spot, most=MAX_STATEMENTS)) for key in status if key in _LISTED}
    if not any(listed.get(key) for key in _TOLD):
        raise _broken("6.1.27.7", spot, "it has none of " + ", ".join(sorted(_TOLD)))
    for ids in listed.values():
        _defined(ids, known, spot)
    kinds = [frozenset[str]().union(*(listed.get(key, frozenset()) for key in kind)) for kind in _CONTRARY]
    twice = next((one for one, times in Counter(one for kind in kinds for one in kind).items() if times > 1), "")
    if twice:
        raise _broken("6.1.6", spot, f"the statuses of {twice[:60]!r} contradict each other")
    told = {key: _told_of(vulnerability, key, place, known, groups) for key in ("flags", "threats", "remediations")}
    flagged = Counter(one for _, ids in told["flags"] for one in ids)
    several = next((one for one, times in flagged.items() if times > 1), "")
    if several:
        raise _broken("6.1.33", f"{place}: flags", f"{several[:60]!r} has several justifications")
    impacts = {one for entry, ids in told["threats"] for one in ids if entry.get("category") == "impact"}
    for one in sorted(listed.get("known_not_affected", frozenset()) - impacts - set(flagged)):
        raise _broken("6.1.27.9", spot, f"nothing says why {one[:60]!r} is not affected")
    mended = {one for _, ids in told["remediations"] for one in ids}
    for one in sorted(listed.get("known_affected", frozenset()) - mended):
        raise _broken("6.1.27.10", spot, f"nothing says what to do about {one[:60]!r}")


def _told_of(
    vulnerability: Mapping[str, Any], key: str, place: str, known: frozenset[str], groups: Mapping[str, tuple[str, ...]]
) -> list[tuple[Mapping[str, Any], frozenset[str]]]:
    found = []
    for entry, spot in objects(vulnerability, key, place, most=MAX_STATEMENTS):
        own = texts(entry, "product_ids", spot, most=MAX_STATEMENTS)
        named = texts(entry, "group_ids", spot)
        if not own and not named and key != "threats":
            raise _broken("6.1.29" if key == "remediations" else "6.1.32", spot, "it names no product")
        for group in named:
            if group not in groups:
                raise _broken("6.1.4", spot, f"the group {group[:60]!r} is not defined")
        ids = frozenset((*own, *(one for group in named for one in groups[group])))
        _defined(ids, known, spot)
        found.append((entry, ids))
    return found


def _defined(ids: Iterable[str], known: frozenset[str], place: str) -> None:
    for one in ids:
        if one not in known:
            raise _broken("6.1.1", place, f"the id {one[:60]!r} is not defined")
