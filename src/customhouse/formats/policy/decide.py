"""What a policy says of one file. Rules are looked at in their order, and the first that decides ends the search.

* A rule binds files from upstreams; files of projects that are hosted here only if it says so.
* An exception spares from a rule before anything is looked up for it.
* A condition whose signal is unknown is neither true nor false. If the others do not settle it, the rule's ``unknown``
  says what becomes of the file.
* A rule that warns, warns and goes on. One that allows ends the search; only rules that warn are looked at after it.
* A limit under ``[data]`` is compared with a fact's date: if the data are older, or there are none, the file is denied,
  and the reason says which data are missing. A fact without a date cannot age.

A decision is a function of the facts and the moment, and moments turn only the conditions on ages, the ends of
exceptions and the limits of data. Whatever was looked at on the way notes when it turns; until the earliest of these
moments the same way leads to the same end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache

from customhouse.formats.policy.conditions.model import AnyOf, Condition, all_of, later, moment_words
from customhouse.formats.policy.durations import duration_words
from customhouse.formats.policy.model import LETS_THROUGH, Action, Decision, Explaining, Fact, Facts, Match, Seen
from customhouse.formats.policy.rule import Limit, Policy, Rule, Spared, Table
from customhouse.formats.policy.unknown import not_known
from customhouse.terms.versions import version_of

DATA = "data"
"""The rule that a decision names if data is missing or too old."""
DEFAULT = "default"
"""The rule that a decision names if no rule decided and the policy lets nothing else in."""


class _TooOld(Exception):
    """Data that a rule needs is missing or too old; the reason."""


class _Look:
    """One look at one file at one moment."""

    __slots__ = ("_answered", "_facts", "_known", "_limits", "name", "now", "turn", "version")

    def __init__(
        self, policy: Policy, facts: Facts, now: datetime, name: str, version: str,
        answered: dict[str, Fact | None] | None = None,
    ) -> None:  # fmt: skip
        """``answered`` is filled with the facts as they are, for other moments of the same file."""
        self.now = now
        self.turn: datetime | None = None
        self._facts = facts
        self._limits: Mapping[str, Limit] = policy.limits
        self.name = name
        self.version = version
        self._answered: dict[str, Fact | None] = {} if answered is None else answered
        # Many rules ask for the same: what may be used at this moment may be used by all of them.
        self._known: dict[str, Fact | None] = {
            "name": Fact(name, "the index"),
            "version": Fact(version, "the index"),
        }

    def fact(self, signal: str) -> Fact | None:
        """The fact; raises `_TooOld` if its data may not be used."""
        if signal in self._known:
            return self._known[signal]
        if signal not in self._answered:
            self._answered[signal] = self._facts.fact(signal)
        found = self._answered[signal]
        limit = self._limits.get(signal)
        if limit is not None:
            self._check(signal, found, limit)
        self._known[signal] = found
        return found

    def peek(self, signal: str) -> Fact | None:
        """The fact, however old it is."""
        try:
            return self.fact(signal)
        except _TooOld:
            return self._facts.fact(signal)

    def why_unknown(self, signal: str) -> str:
        """Why there is no fact, if those who know say so."""
        return self._facts.why_unknown(signal) if isinstance(self._facts, Explaining) else ""

    def _check(self, signal: str, fact: Fact | None, limit: Limit) -> None:
        if fact is None:
            if limit.missing == "deny":
                raise _TooOld(f"there are no {limit.source} data to answer '{signal}', and they {_allowed(limit)}")
            return
        if fact.dated is None:
            return
        end = later(fact.dated, limit.max_age)
        if end is not None and self.now >= end:
            dated = moment_words(fact.dated)
            raise _TooOld(f"the {limit.source} data behind '{signal}' are of {dated}, and {_allowed(limit)}")
        if end is not None:
            self.turns_at(end)

    def turns_at(self, moment: datetime) -> None:
        """Note a moment from which an answer is another."""
        if moment > self.now and (self.turn is None or moment < self.turn):
            self.turn = moment


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What one rule says of the file."""

    applies: bool
    action: Action
    reason: str = ""
    rule: str = ""
    spared: Spared | None = None


@cache
def _not(action: Action) -> _Verdict:
    """Of a rule that does not apply: nearly all of them."""
    return _Verdict(False, action)


def _allowed(limit: Limit) -> str:
    return f"may be {duration_words(limit.max_age)} old"


def decide(policy: Policy, facts: Facts, *, now: datetime, hosted: bool, name: str, version: str) -> Decision:
    """What becomes of the file; ``name`` is normalised. Nothing is looked up that the decision does not need.

    ``changes_at`` is the first moment at which the same facts lead to another decision. Only to find it, rules
    after the one that decided are looked at, as of the moment at which that one decides no more.
    """
    answered: dict[str, Fact | None] = {}
    found = _decide_at(policy, _Look(policy, facts, now, name, version, answered), hosted=hosted)
    at = found.changes_at
    while at is not None:
        then = _decide_at(policy, _Look(policy, facts, at, name, version, answered), hosted=hosted)
        if replace(then, changes_at=found.changes_at) != found:
            break
        at = then.changes_at
    return found if at == found.changes_at else replace(found, changes_at=at)


def explain(policy: Policy, facts: Facts, *, now: datetime, hosted: bool, name: str, version: str) -> Decision:
    """The same decision, with every rule and every condition of it, also of those after the one that decided."""
    found = decide(policy, facts, now=now, hosted=hosted, name=name, version=version)
    matches = (_explained(policy, rule, _Look(policy, facts, now, name, version), hosted) for rule in policy.rules)
    return replace(found, matches=tuple(matches))


def _decide_at(policy: Policy, look: _Look, *, hosted: bool) -> Decision:
    """The decision of one moment; ``changes_at`` is then the first moment at which it may be another."""
    warnings: list[_Verdict] = []
    allowed: _Verdict | None = None
    for rule in policy.rules:
        if allowed is not None and rule.action != "warn":
            continue
        verdict = _verdict(policy, rule, look, hosted=hosted)
        if not verdict.applies:
            continue
        if verdict.action == "warn":
            warnings.append(verdict)
        elif verdict.action == "allow":
            allowed = verdict
        elif allowed is None:
            told = tuple(one.reason for one in warnings)
            return Decision(verdict.action, verdict.rule, verdict.reason, (), told, look.turn)
    if allowed is None and policy.default not in LETS_THROUGH and not hosted:
        return Decision(policy.default, DEFAULT, "no rule lets it in", (), (), look.turn)
    if warnings:
        told = tuple(one.reason for one in warnings)
        return Decision("warn", warnings[0].rule, warnings[0].reason, (), told, look.turn)
    return Decision("allow", allowed.rule if allowed else "", allowed.reason if allowed else "", (), (), look.turn)


def _verdict(policy: Policy, rule: Rule, look: _Look, *, hosted: bool) -> _Verdict:
    if (hosted and not rule.hosted) or not rule.covers(look.name):
        return _not(rule.action)
    spared = _spared(policy, rule, look, hosted=hosted)
    if spared is not None:
        return _Verdict(False, rule.action, spared.sentence, rule.name, spared)
    try:
        answer = _holds(rule.tables, look) if rule.tables else True
        # What is to restrict may be spared from only by what is known.
        if answer is False or (rule.unless and _is_excused(rule, look)):
            return _not(rule.action)
        if answer is None:
            return _unknown(rule, look)
        return _Verdict(True, rule.action, _reason(rule, look), rule.name)
    except _TooOld as error:
        action: Action = "warn" if rule.action == "warn" else "deny"
        return _Verdict(True, action, f"{error}; rule '{rule.name}' needs them", DATA)


def _holds(tables: tuple[Table, ...], look: _Look) -> bool | None:
    """`any_of` the tables `all_of` their conditions; written out, because most of all decisions is this."""
    unknown = False
    for table in tables:
        answer: bool | None = True
        for one in table:
            told = one.test(look.fact(one.signal), look)
            if told is None:
                answer = None
            elif not told:
                answer = False
                break
        if answer:
            return True
        unknown = unknown or answer is None
    return None if unknown else False


def _is_excused(rule: Rule, look: _Look) -> bool:
    try:
        return _holds(rule.unless, look) is True
    except _TooOld:
        return False


def _unknown(rule: Rule, look: _Look) -> _Verdict:
    """What the rule says of a file of which it does not know enough."""
    if rule.unknown == "skip":
        return _not(rule.action)
    missing = dict.fromkeys(
        one.signal for table in rule.tables for one in table if one.test(look.fact(one.signal), look) is None
    )
    return _Verdict(True, rule.unknown, not_known(missing), rule.name)


def _spared(policy: Policy, rule: Rule, look: _Look, *, hosted: bool) -> Spared | None:
    """The exception that spares the file from the rule; of several, the one that counts longest."""
    found: Spared | None = None
    for one in policy.exceptions.get(rule.name, ()):
        if (one.for_hosted_only and not hosted) or not one.covers(look.name):
            continue
        if one.specifier is not None:
            version = version_of(look.version)
            if version is None or not one.specifier.contains(version, prereleases=True):
                continue
        if one.ends_at is None:
            return one
        if look.now < one.ends_at and (found is None or found.ends_at is None or one.ends_at > found.ends_at):
            found = one
    if found is not None and found.ends_at is not None:
        look.turns_at(found.ends_at)
    return found


def _reason(rule: Rule, look: _Look) -> str:
    said = ""
    for table in rule.tables:
        if all_of(one.test(look.fact(one.signal), look) for one in table):
            said = "; ".join(_says(one, look) for one in table)
            break
    if not said and not rule.reason:
        return f"the rule is for {', '.join(rule.packages[:3])}{' and more' if len(rule.packages) > 3 else ''}"  # noqa: PLR2004
    return ": ".join(one for one in (rule.reason, said) if one)


def _says(condition: Condition, look: _Look) -> str:
    fact = look.fact(condition.signal)
    told = condition.holding(fact, look) if isinstance(condition, AnyOf) else condition
    return told.says(fact or Fact(None, ""))


def _explained(policy: Policy, rule: Rule, look: _Look, hosted: bool) -> Match:
    if hosted and not rule.hosted:
        return Match(rule.name, rule.action, False, "it binds only files from upstreams")
    if not rule.covers(look.name):
        return Match(rule.name, rule.action, False, f"it is for {', '.join(rule.packages[:3])}")
    verdict = _verdict(policy, rule, look, hosted=hosted)
    turn = look.turn
    seen = (*_seen(rule.tables, look), *_seen(rule.unless, look, excuses=True))
    reason = "" if verdict.spared else verdict.reason
    if not verdict.applies and not verdict.spared and rule.unless and _applies_otherwise(rule, look):
        reason = f"it would apply, but {_excuse(rule, look)}"
    exception = verdict.spared.sentence if verdict.spared else ""
    return Match(rule.name, verdict.action, verdict.applies, reason, tuple(seen), exception, turn)


def _applies_otherwise(rule: Rule, look: _Look) -> bool:
    try:
        return _holds(rule.tables, look) is not False if rule.tables else True
    except _TooOld:
        return False


def _excuse(rule: Rule, look: _Look) -> str:
    for table in rule.unless:
        if all_of(one.test(look.peek(one.signal), look) for one in table):
            return "; ".join(_says(one, look) for one in table)
    return "what it does not know is left to other rules"


def _seen(tables: tuple[Table, ...], look: _Look, *, excuses: bool = False) -> Iterator[Seen]:
    for table in tables:
        for one in table:
            fact = look.peek(one.signal)
            try:
                matched = one.test(fact, look) is True
            except _TooOld:
                matched = False
            why = look.why_unknown(one.signal) if fact is None else ""
            yield Seen(one.signal, one.wanted, fact, matched, why, excuses)
