"""What of its holder's rights an API token carries: pure conditions, all of which must hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Literal, TypeVar, get_args

from packaging.specifiers import InvalidSpecifier, Specifier

from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.names import ProjectName
from customhouse.terms.versions import version_of

T = TypeVar("T")
Action = Literal["read", "stage", "upload", "yank"]
ACTIONS: tuple[Action, ...] = get_args(Action)
MOST_VALUES = 32
"""How many projects or networks one condition may name."""
LONGEST_CONDITION = 200
_REMEMBERED = 1024
_DOES = {
    "read": "read private projects", "stage": "stage releases", "upload": "upload files", "yank": "yank",
}  # fmt: skip
_VERSIONS = "one version as 1.2.3, or specifiers as >=1.2,<2 (PEP 440, without ===)"


@dataclass(frozen=True, slots=True)
class Scope:
    """Where, when and for what a token works. What is None or empty limits nothing."""

    projects: frozenset[str] | None = None
    """Normalised names of the only projects that it is for."""
    versions: tuple[str, ...] = ()
    """Sets of specifiers as `version_condition` writes them. A version must lie in each."""
    actions: frozenset[Action] | None = None
    networks: tuple[tuple[str, ...], ...] = ()
    """Groups of networks. The client must lie in one network of each group."""
    not_before: datetime | None = None
    expires: datetime | None = None

    @property
    def whole(self) -> bool:
        """Whether it speaks for the whole account, as long as it works at all."""
        return self.projects is None and not self.versions and self.actions is None

    @property
    def only_project(self) -> str | None:
        """The project, if it is for exactly one."""
        return next(iter(self.projects)) if self.projects is not None and len(self.projects) == 1 else None

    def allows(self, action: Action, project: str | None = None, version: str | None = None) -> bool:
        """Whether an action is in it, in this project (normalised) and for this version, where they are known."""
        return self.refusal(action, project, version) is None

    def refusal(self, action: Action, project: str | None = None, version: str | None = None) -> Refused | None:
        """Why an action is not in it; None if it is."""
        if self.actions is not None and action not in self.actions:
            return _wrong_action(self.actions, action)
        if project is not None and self.projects is not None and project not in self.projects:
            return Refused(
                "token-scope",
                f"This token is for {_projects(self.projects)}, not for {project!r}.",
                "Use a token for this project or for the whole account.",
            )
        if version is not None and (outside := [one for one in self.versions if not _lies_in(version, one)]):
            return Refused(
                "token-version",
                f"This token is for versions {outside[0]}, not for {version}.",
                "Use a token without this limit.",
            )
        return None

    def refusal_here(self, now: datetime, address: str) -> Refused | None:
        """Why it does not work at this moment or from this address; None if it does."""
        if self.expires is not None and now >= self.expires:
            return Refused("token-expired", f"This token expired on {_moment(self.expires)}.", "Make a new one.")
        if self.not_before is not None and now < self.not_before:
            return Refused("token-not-yet", f"This token works from {_moment(self.not_before)} on.", "Wait until then.")
        if not all(_is_in(address, group) for group in self.networks):
            seen = f"from {address}" if address else "from an unknown address"
            return Refused(
                "token-network", f"This token does not work {seen}: it is tied to other networks.",
                "Use it where it was made for, or a token without this limit.",
            )  # fmt: skip
        return None

    def and_also(self, other: Scope) -> Scope:
        """Both together: never wider than either."""
        return Scope(
            _both(self.projects, other.projects),
            tuple(dict.fromkeys(self.versions + other.versions)),
            _both(self.actions, other.actions),
            tuple(dict.fromkeys(self.networks + other.networks)),
            _last(self.not_before, other.not_before),
            _first(self.expires, other.expires),
        )

    def words(self) -> list[str]:
        """Its conditions for people, one phrase each; nothing for a token that may all that its holder may."""
        found = [] if self.projects is None else [f"only {_projects(self.projects)}"]
        found += [f"only versions {condition}" for condition in self.versions]
        if self.actions is not None:
            found.append(
                "only to " + _list([_DOES[one] for one in sorted(self.actions)]) if self.actions else "nothing"
            )
        found += ["only from " + _list(group, "or") for group in self.networks]
        if self.not_before is not None:
            found.append(f"from {_moment(self.not_before)} on")
        if self.expires is not None:
            found.append(f"until {_moment(self.expires)}")
        return found


WHOLE = Scope()
"""No limit at all: a session, a command line, or a token without caveats."""


def scope_for(
    *, projects: Iterable[str] = (), versions: Iterable[str] = (), actions: Iterable[str] = (),
    networks: Iterable[str] = (), not_before: datetime | None = None, expires: datetime | None = None,
) -> Scope:  # fmt: skip
    """A scope from what somebody has typed; raises `Rejected` naming the field and what is accepted."""
    names = frozenset(ProjectName.parse(text, where="project").normalized for text in projects)
    deeds = frozenset(_action(text) for text in actions)
    group = tuple(sorted({network_condition(text) for text in networks}))
    if max(len(names), len(group)) > MOST_VALUES:
        raise Rejected("too-many-values", "project or network", "too many of them", f"at most {MOST_VALUES}")
    return Scope(
        names or None,
        tuple(dict.fromkeys(version_condition(text) for text in versions)),
        deeds or None,
        (group,) if group else (),
        not_before.replace(microsecond=0) if not_before else None,
        expires.replace(microsecond=0) if expires else None,
    )


def version_condition(text: str) -> str:
    """The one spelling of a set of version specifiers; a bare version means exactly that one."""
    if len(text) > LONGEST_CONDITION:
        raise Rejected("bad-version", "version", f"{len(text)} characters", f"at most {LONGEST_CONDITION}")
    if text.strip()[:1].isalnum():
        exactly = version_of(text)
        if exactly is None:
            raise Rejected("bad-version", "version", f"{text[:80]!r} says no versions", _VERSIONS)
        return f"=={exactly}"
    try:
        clauses = [Specifier(part) for part in text.split(",")]
    except InvalidSpecifier as error:
        raise Rejected("bad-version", "version", f"{text[:80]!r} says no versions", _VERSIONS) from error
    if any(clause.operator == "===" for clause in clauses):
        raise Rejected("bad-version", "version", "'===' compares text", _VERSIONS)
    return ",".join(sorted({str(clause) for clause in clauses}))


def network_condition(text: str) -> str:
    """The one spelling of a network or of one address."""
    try:
        return str(ip_network(text.strip(), strict=False))
    except ValueError as error:
        raise Rejected(
            "bad-network", "network", f"{text[:80]!r} is no network", "203.0.113.0/24, 2001:db8::/48 or one address"
        ) from error


def _action(text: str) -> Action:
    for action in ACTIONS:
        if text == action:
            return action
    raise Rejected("bad-action", "action", f"{text[:80]!r} is no action", ", ".join(ACTIONS))


def _wrong_action(actions: frozenset[Action], action: Action) -> Refused:
    if action == "upload" and "stage" in actions:
        return Refused(
            "token-stage-only",
            "This token may only stage a release, and a file that is uploaded here is published at once.",
            "Use a token that may upload.",
        )
    may = _list([_DOES[one] for one in sorted(actions)]) if actions else "do nothing"
    return Refused(
        "token-action", f"This token may not {_DOES[action]}: it may {may}.", f"Use a token that may {_DOES[action]}."
    )


def _lies_in(version: str, condition: str) -> bool:
    """Whether a version meets every specifier. ``==1.2`` means 1.2 itself and no local version such as 1.2+mine."""
    parsed = version_of(version)
    if parsed is None:
        return False
    return all(
        parsed == version_of(clause.version)
        if clause.operator == "==" and not clause.version.endswith(".*")
        else clause.contains(parsed, prereleases=True)
        for clause in _clauses(condition)
    )


@lru_cache(_REMEMBERED)
def _clauses(condition: str) -> tuple[Specifier, ...]:
    return tuple(Specifier(part) for part in condition.split(","))


def _is_in(address: str, group: Sequence[str]) -> bool:
    try:
        here = ip_address(address)
    except ValueError:
        return False
    here = (here.ipv4_mapped or here) if isinstance(here, IPv6Address) else here
    return any(here in network for network in map(_network, group))


@lru_cache(_REMEMBERED)
def _network(text: str) -> IPv4Network | IPv6Network:
    return ip_network(text)


def _both(one: frozenset[T] | None, other: frozenset[T] | None) -> frozenset[T] | None:
    return other if one is None else one if other is None else one & other


def _first(one: datetime | None, other: datetime | None) -> datetime | None:
    return min((moment for moment in (one, other) if moment is not None), default=None)


def _last(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((moment for moment in (one, other) if moment is not None), default=None)


def _projects(names: frozenset[str]) -> str:
    if not names:
        return "no project"
    return f"the project{'s' if len(names) > 1 else ''} " + _list([repr(name) for name in sorted(names)])


def _list(words: Sequence[str], last: str = "and") -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
