"""A policy's TOML to a `Policy`: read whole or refused whole, with the line and what was probably meant.

The order in which rules are looked at: those marked ``always`` (the level's, then the policy's own), the policy's own
others, the level's others. A rule of the same name replaces the level's in its place, and stays ``always`` if that was.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import cast, get_args

from customhouse.formats.policy.conditions.read import ALIASES, check_name, read_condition
from customhouse.formats.policy.durations import EXAMPLE, duration_of
from customhouse.formats.policy.exceptions import read_exception
from customhouse.formats.policy.globs import matcher_of, project_pattern
from customhouse.formats.policy.level_texts import DEFAULT, LEVELS, level_text
from customhouse.formats.policy.model import Action
from customhouse.formats.policy.place import Place
from customhouse.formats.policy.rejected import BadPolicy
from customhouse.formats.policy.rule import Limit, Policy, Rule, Spared, Table, Unknown
from customhouse.formats.policy.signals import SIGNALS
from customhouse.formats.toml_text.fault import shown, suggestion
from customhouse.formats.toml_text.lines import Lines
from customhouse.formats.toml_text.parse import parse_toml
from customhouse.terms.errors import Rejected

__all__ = ["Policy", "read_level", "read_policy"]

LONGEST = 256 * 1024
"""Characters of a policy."""
MOST_RULES, MOST_EXCEPTIONS = 500, 5000
ACTIONS: tuple[Action, ...] = get_args(Action)
UNKNOWN: tuple[Unknown, ...] = get_args(Unknown)
DATA = {
    "advisories": ("vulnerabilities", "fixes", "malware", "bundled-vulnerabilities"),
    "people": ("owner-2fa", "owners", "owner-changed"),
    "popularity": ("downloads", "dependents", "critical"),
}
"""What keys under ``[data]`` stand for; the name of a signal stands for itself."""

_INSIDE = frozenset(("bundled-vulnerabilities",))
_TOP = ("level", "default", "unknown", "internal", "without", "data", "rule", "exception", "title")
_TABLES = tuple(f"{action}-if" for action in ACTIONS)
_RULE = ("name", "packages", "hosted", "unknown", "action", "always", "reason", "unless", *_TABLES)
_SAY_MORE = 'deny-if.age = "< 7d", or packages = ["acme-*"] with an action'


def read_policy(text: str, *, now: datetime, internal: Sequence[str] = ()) -> Policy:
    """The policy; raises `Rejected` (a `BadPolicy` with ``line``) for anything that it cannot mean.

    Exceptions are judged as of ``now``. Whoever reads a policy again that was accepted earlier hands in *that* moment,
    so that an exception that has ended meanwhile simply counts no more. ``internal`` are patterns of project names that
    are our own: their exceptions need no end.
    """
    document, lines = _parse(text)
    place = Place(lines)
    place.only(document, _TOP, "key")
    name = place.at("level").word(document.get("level", DEFAULT), LEVELS)
    base = read_level(name)
    return _read(text, document, place, base, now=now, internal=internal)


@cache
def read_level(name: str) -> Policy:
    """A level, as its own text says; raises `Rejected` for a name that is none."""
    if name not in LEVELS:
        raise Rejected("bad-level", "level", f"there is no level {shown(name)}", suggestion(name, LEVELS))
    text = level_text(name)
    document, lines = _parse(text)
    nothing = Policy(name, (), "allow")
    found = _read(text, document, Place(lines), nothing, now=datetime.min.replace(tzinfo=UTC), internal=())
    return replace(found, rules=tuple(replace(one, level=name) for one in found.rules))


def _parse(text: str) -> tuple[dict[str, object], Lines]:
    if len(text) > LONGEST:
        raise BadPolicy(1, "", f"{len(text)} characters", f"at most {LONGEST}")
    return parse_toml(text, lambda line, why, accepted: BadPolicy(line, "", why, accepted))


def _read(
    text: str, document: dict[str, object], place: Place, base: Policy, *, now: datetime, internal: Sequence[str]
) -> Policy:
    against = place.at("unknown").word(document.get("unknown", "allow"), ("allow", "against")) == "against" or (
        "unknown" not in document and base.unknown_counts_against
    )
    own = _rules(document, place, base, against=against)
    kept = [one for one in base.rules if one.name not in _without(document, place, base, own)]
    rules = in_order(kept, own)
    ours = _internal(document, place, internal)
    matches = matcher_of(ours)
    exceptions, remarks = _exceptions(document, place, rules, now=now, internal=matches)
    default = place.at("default").word(document.get("default", base.default), ("allow", "warn", "hide", "deny", "hold"))
    return Policy(
        level=base.level, rules=tuple(rules), default=cast("Action", default), exceptions=exceptions,
        limits={**base.limits, **_limits(document, place)},
        signals=frozenset().union(*(one.signals for one in rules)), text=text, remarks=remarks,
        unknown_counts_against=against,
    )  # fmt: skip


def in_order(level: Iterable[Rule], own: Sequence[Rule]) -> list[Rule]:
    """The rules of a level and those of a policy in the order in which they are looked at."""
    replaced = {one.name: one for one in own}
    theirs = list(level)
    names = {one.name for one in theirs}
    new = [one for one in own if one.name not in names]
    theirs = [replaced.get(one.name, one) for one in theirs]
    return [
        *(one for one in theirs if one.always), *(one for one in new if one.always),
        *(one for one in new if not one.always), *(one for one in theirs if not one.always),
    ]  # fmt: skip


def _rules(document: Mapping[str, object], place: Place, base: Policy, *, against: bool) -> list[Rule]:
    tables = _array(document, "rule", place, MOST_RULES)
    found: dict[str, Rule] = {}
    for table, here in tables:
        rule = _rule(table, here, base, against=against)
        if rule.name in found:
            here.called(f"rule {shown(rule.name)}").at("name").reject(
                f"there is a rule {shown(rule.name)} already, on line {found[rule.name].line}", "a name of its own"
            )
        found[rule.name] = rule
    return list(found.values())


def _array(document: Mapping[str, object], key: str, place: Place, most: int) -> list[tuple[dict[str, object], Place]]:
    """The tables under ``[[key]]``, each with its place."""
    value = document.get(key, [])
    here = place.at(key)
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        here.reject(f"{key} is no list of tables", f"[[{key}]]")
    if len(value) > most:
        here.at(most).reject(f"{len(value)} of them", f"at most {most}")
    return [(one, here.at(number)) for number, one in enumerate(value)]


def _rule(table: dict[str, object], place: Place, base: Policy, *, against: bool) -> Rule:
    name = place.called("rule").at("name").text(table.get("name"), 'name = "cooldown"')
    place = place.called(f"rule {shown(name)}")
    place.only(table, _RULE, "key of a rule called")
    given = [key for key in table if key in _TABLES]
    if len(given) > 1:
        place.at(given[1]).reject(
            f"the rule has '{given[0]}' already", "one table of conditions for each rule; several rules for several"
        )
    conditions = _tables(table[given[0]], place.at(given[0])) if given else ()
    action = _action(table, place, given)
    packages = place.at("packages").texts(table["packages"], '["acme-*"]') if "packages" in table else ()
    for number, pattern in enumerate(packages):
        here = place.at("packages", number) if isinstance(table["packages"], list) else place.at("packages")
        check_name(pattern, here)
    if not conditions and not packages:
        place.reject("it has neither conditions nor packages", _SAY_MORE)
    replaced = base.rule(name)
    return Rule(
        name, action, conditions, _tables(table["unless"], place.at("unless")) if "unless" in table else (),
        packages, matcher_of(map(project_pattern, packages)) if packages else lambda _name: True,
        place.at("hosted").flag(table.get("hosted", False)), _unknown(table, place, action, against=against),
        place.at("always").flag(table.get("always", replaced is not None and replaced.always)),
        place.at("reason").text(table["reason"], "why, in a few words") if "reason" in table else "", line=place.line,
    )  # fmt: skip


def _action(table: Mapping[str, object], place: Place, given: Sequence[str]) -> Action:
    if "action" in table:
        return cast("Action", place.at("action").word(table["action"], ACTIONS))
    if not given:
        place.reject("it does not say what it does", f"action = one of {', '.join(ACTIONS)}")
    return cast("Action", given[0].removesuffix("-if"))


def _unknown(table: Mapping[str, object], place: Place, action: Action, *, against: bool) -> Unknown:
    """What it means that a signal is unknown; by default the rule does not apply, at stricter levels it does."""
    if "unknown" not in table:
        return action if against and action != "allow" else "skip"
    said = cast("Unknown", place.at("unknown").word(table["unknown"], UNKNOWN))
    if action == "allow" and said not in ("allow", "skip"):
        place.at("unknown").reject(f"a rule that allows cannot {said}", "'skip', or 'allow'")
    # For a rule that restricts, to allow what is unknown is to leave it to the rules that follow.
    return "skip" if said == "allow" and action != "allow" else said


def _tables(value: object, place: Place) -> tuple[Table, ...]:
    """One table of conditions, or a list of them of which one must hold."""
    if isinstance(value, list):
        if not value:
            place.reject("an empty list of conditions", 'age = "< 7d"')
        return tuple(_conditions(one, place.at(number)) for number, one in enumerate(value))
    return (_conditions(value, place),)


def _conditions(value: object, place: Place) -> Table:
    table = place.table(value, 'conditions by signal, like .age = "< 7d"')
    if not table:
        place.reject("no condition", 'one by signal, like .age = "< 7d"')
    seen: dict[str, str] = {}
    found = []
    for key, one in _flattened(table).items():
        here = place.at(*key.split(".")) if key not in table else place.at(key)
        signal = ALIASES.get(key, key)
        if signal not in SIGNALS:
            here.reject(f"there is no signal {shown(key)}", suggestion(key, [*SIGNALS, *ALIASES]))
        if signal in seen:
            here.reject(
                f"{shown(key)} is asked for twice, as {shown(seen[signal])}", "a list, if one of several is meant"
            )
        seen[signal] = key
        found.append(read_condition(signal, one, here))
    return tuple(found)


def _flattened(table: dict[str, object]) -> dict[str, object]:
    """The table, with ``downloads.30d`` and ``bundled.vulns`` as single keys, as the vocabulary spells them."""
    found: dict[str, object] = {}
    for key, value in table.items():
        inner = {f"{key}.{rest}": one for rest, one in value.items()} if isinstance(value, dict) else {}
        if inner and all(one in ALIASES for one in inner):
            found |= inner
        else:
            found[key] = value
    return found


def _without(document: Mapping[str, object], place: Place, base: Policy, own: Sequence[Rule]) -> frozenset[str]:
    """The rules of the level that the policy does without."""
    if "without" not in document:
        return frozenset()
    here = place.at("without")
    names = here.texts(document["without"], '["similar name"]')
    known = [one.name for one in base.rules]
    for number, name in enumerate(names):
        spot = here.at(number) if isinstance(document["without"], list) else here
        if name not in known:
            spot.reject(f"the level '{base.level}' has no rule {shown(name)}", suggestion(name, known))
        if any(one.name == name for one in own):
            spot.reject(f"the policy has a rule {shown(name)} itself", "either of the two")
    return frozenset(names)


def _internal(document: Mapping[str, object], place: Place, given: Sequence[str]) -> tuple[str, ...]:
    if "internal" not in document:
        return tuple(map(project_pattern, given))
    here = place.at("internal")
    patterns = here.texts(document["internal"], '["acme-*"]')
    for number, pattern in enumerate(patterns):
        spot = here.at(number) if isinstance(document["internal"], list) else here
        check_name(pattern, spot)
        if not re.match(r"[A-Za-z0-9]{2}", pattern):
            spot.reject(f"{shown(pattern)} could be anybody's", 'a name, or a prefix of names, like "acme-*"')
    return tuple(map(project_pattern, (*given, *patterns)))


def _limits(document: Mapping[str, object], place: Place) -> dict[str, Limit]:
    here = place.at("data")
    table = here.table(document.get("data", {}), '[data] advisories = "2d"')
    known = (*DATA, *SIGNALS)
    here.only(table, known, "data called")
    found: dict[str, Limit] = {}
    # What is said of a single signal counts before what is said of its kind.
    for key in sorted(table, key=lambda one: one not in DATA):
        limit = _limit(key, table[key], here.at(key))
        for signal in DATA.get(key, (key,)):
            # What is inside of a file is not known before it is here: that says nothing of the advisories.
            found[signal] = replace(limit, missing="unknown") if key in DATA and signal in _INSIDE else limit
    return found


def _limit(key: str, value: object, place: Place) -> Limit:
    missing = "deny"
    if isinstance(value, dict):
        place.only(value, ("max-age", "missing"), "key called")
        if "missing" in value:
            missing = place.at("missing").word(value["missing"], ("deny", "unknown"))
        place, value = place.at("max-age"), value.get("max-age")
    length = duration_of(place.text(value, '"2d"'))
    if not length:
        place.reject(f"{shown(value)} is no duration", EXAMPLE)
    return Limit(key, length, "unknown" if missing == "unknown" else "deny")


def _exceptions(
    document: Mapping[str, object], place: Place, rules: Sequence[Rule], *, now: datetime, internal: object
) -> tuple[dict[str, tuple[Spared, ...]], tuple[str, ...]]:
    found: dict[str, tuple[Spared, ...]] = {}
    remarks = []
    for table, here in _array(document, "exception", place, MOST_EXCEPTIONS):
        package = table.get("package")
        label = f"exception for {shown(package)}" if isinstance(package, str) else "exception"
        one = read_exception(table, here.called(label), rules, now=now, internal=internal)  # type: ignore[arg-type]
        for name in one.rules:
            found[name] = (*found.get(name, ()), one)
        if one.for_hosted_only:
            remarks.append(
                f"line {one.line}: the exception for {one.package} has no end, so it counts only for projects that are"
                f" hosted here; give it 'expires', or name {one.package} under 'internal'"
            )
    return found, tuple(remarks)
