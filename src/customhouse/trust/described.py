"""A publisher as somebody describes it, checked by its kind: what a deed needs to write its row, and no more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from customhouse.terms.errors import Rejected
from customhouse.trust.issuers import Kind, PublisherIssuer
from customhouse.trust.providers.known import PROVIDERS
from customhouse.trust.providers.provider import ATTESTS_ONLY, attests_only, read_fields, rules_of

LONGEST_TITLE = 300


@dataclass(frozen=True, slots=True)
class Described:
    """Plain values, so that a change that waits can keep them."""

    kind: Kind
    issuer: str
    settings: Mapping[str, str]
    rules: Mapping[str, str]
    place: str
    title: str

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "kind": self.kind, "issuer": self.issuer, "settings": dict(self.settings), "rules": dict(self.rules),
            "place": self.place, "title": self.title,
        }  # fmt: skip

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Described:
        """From what `plain` gave."""
        return cls(**plain)


def describe(issuer: PublisherIssuer, typed: Mapping[str, str], rules: Mapping[str, str]) -> Described:
    """Check what somebody has typed; raises `Rejected` naming the field."""
    provider = PROVIDERS[issuer.kind]
    settings = provider.settings(issuer, typed)
    asked = {name: text for name, text in read_fields(rules_of(provider, issuer), rules).items() if text}
    if attests_only(asked):
        _refuse_unproved(provider.certified, settings, asked)
    title = provider.title(issuer, settings)[:LONGEST_TITLE]
    return Described(issuer.kind, issuer.url, settings, asked, provider.place(settings), title)


def _refuse_unproved(certified: frozenset[str], settings: Mapping[str, str], asked: Mapping[str, str]) -> None:
    """A builder shows no token, only its certificate: what that does not prove would be asked for in vain."""
    more = [name for name, text in settings.items() if text and name not in certified]
    more += [name for name in asked if name != ATTESTS_ONLY.name]
    if more or not any(settings.get(name) for name in certified):
        raise Rejected(
            "bad-setting", ATTESTS_ONLY.name,
            f"nothing proves {', '.join(sorted(more)) or 'who it is'} of who attests without a token",
            f"nothing but {', '.join(sorted(certified))}",
        )  # fmt: skip


def rules_in_words(rules: Mapping[str, str]) -> str:
    """What is asked of its tokens besides: ``ref refs/tags/v*; hosted_runner``."""
    return "; ".join(name if text == "true" else f"{name} {text}" for name, text in sorted(rules.items()))
