"""``[[exception]]``: which package is spared from which rules, why, by whom, and until when."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, date, datetime, time, timedelta

from customhouse.formats.policy.conditions.read import check_name, check_possible
from customhouse.formats.policy.globs import matcher_of, project_pattern
from customhouse.formats.policy.place import Place
from customhouse.formats.policy.rule import Rule, Spared
from customhouse.formats.toml_text.fault import shown, suggestion
from customhouse.terms.versions import specifiers_of

LONGEST_DAYS = 180
"""How far ahead an exception may end: whoever still needs it then looks again."""
VEX = (
    "component_not_present", "vulnerable_code_not_present", "vulnerable_code_not_in_execute_path",
    "vulnerable_code_cannot_be_controlled_by_adversary", "inline_mitigations_already_exist",
)  # fmt: skip
"""OpenVEX 0.2, "Status Justifications"."""
_KEYS = ("package", "version", "rules", "reason", "owner", "expires", "vex")
_NAMESPACE = re.compile(r"[a-z0-9][a-z0-9-]+-\*")
_ABOUT_VULNERABILITIES = frozenset(("vulnerabilities", "bundled-vulnerabilities"))


def read_exception(
    table: dict[str, object], place: Place, rules: Collection[Rule], *, now: datetime, internal: Callable[[str], object]
) -> Spared:
    """One exception; raises `Rejected` with the line."""
    place.only(table, _KEYS, "key of an exception called")
    written = place.at("package").text(table.get("package"), '"torch", or "acme-*"')
    check_name(written, place.at("package"))
    package = project_pattern(written)
    reason = place.at("reason").text(table.get("reason"), "why, in a few words")
    named = _rules(table, place.at("rules"), [one.name for one in rules])
    expires = _expiry(table["expires"], place.at("expires"), now) if "expires" in table else None
    # A pattern is our own if all that it stands for is: names that nobody would think of stand for these.
    is_ours = all(internal(package.replace("*", one).replace("?", one[0])) for one in ("x", "q7j", "0zv"))
    if expires is None and not is_ours and not _NAMESPACE.fullmatch(package):
        latest = now.date() + timedelta(days=LONGEST_DAYS)
        place.reject("an exception for what is not our own ends some day", f"expires = a day, {latest} at the latest")
    if "owner" not in table and expires is not None:
        place.reject("nobody answers for it", 'owner = "alice"')
    version = place.at("version").text(table["version"], '"==2.9.0"') if "version" in table else ""
    specifier = specifiers_of(version) if version else None
    if version and specifier is None:
        meant = f'did you mean "=={version}"?' if specifiers_of(f"=={version}") else 'as of PEP 440, like "==2.9.0"'
        place.at("version").reject(f"{shown(version)} is no specifier of versions", meant)
    if specifier is not None:
        check_possible(specifier, version, place.at("version"))
    return Spared(
        package, matcher_of((package,)), named, reason, version, specifier,
        place.at("owner").text(table["owner"], '"alice"') if "owner" in table else "", expires, _end_of(expires),
        _vex(table, place.at("vex"), [one for one in rules if one.name in named]),
        for_hosted_only=expires is None and not is_ours, line=place.line,
    )  # fmt: skip


def _rules(table: dict[str, object], place: Place, known: Sequence[str]) -> tuple[str, ...]:
    if "rules" not in table:
        place.reject("it names no rule", f'rules = ["{known[0]}"]' if known else "the names of rules")
    named = place.texts(table["rules"], 'rules = ["cooldown"]')
    for number, name in enumerate(named):
        if name not in known:
            here = place.at(number) if isinstance(table["rules"], list) else place
            here.reject(f"there is no rule {shown(name)}", suggestion(name, known))
    return named


def _expiry(value: object, place: Place, now: datetime) -> date:
    if isinstance(value, str):
        place.reject(f"{shown(value)} is a text", "a day without quotes, like 2027-02-01")
    if isinstance(value, datetime) or not isinstance(value, date):
        place.reject(f"{shown(value)} is no day", "like 2027-02-01")
    if value < now.date():
        place.reject(f"the exception has expired on {value}", "a new look at it, and another day; or take it out")
    if (value - now.date()).days > LONGEST_DAYS:
        latest = now.date() + timedelta(days=LONGEST_DAYS)
        place.reject(f"{value} is more than {LONGEST_DAYS} days away", f"{latest} at the latest")
    return value


def _end_of(day: date | None) -> datetime | None:
    """It counts on its last day, in UTC, and not on the next."""
    return None if day is None else datetime.combine(day, time(), UTC) + timedelta(days=1)


def _vex(table: dict[str, object], place: Place, rules: Collection[Rule]) -> str:
    if "vex" not in table:
        return ""
    word = place.word(table["vex"], VEX)
    if not any(rule.signals & _ABOUT_VULNERABILITIES for rule in rules):
        place.reject(
            "a VEX justification speaks of vulnerabilities, and none of these rules asks for them", "leave it out"
        )
    return word
