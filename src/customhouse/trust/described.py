"""A publisher as somebody describes it, checked by its kind: what a deed needs to write its row, and no more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from customhouse.trust.issuers import Kind, PublisherIssuer
from customhouse.trust.providers.known import PROVIDERS
from customhouse.trust.providers.provider import read_fields

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
    asked = {name: text for name, text in read_fields(provider.rules(issuer), rules).items() if text}
    title = provider.title(issuer, settings)[:LONGEST_TITLE]
    return Described(issuer.kind, issuer.url, settings, asked, provider.place(settings), title)


def rules_in_words(rules: Mapping[str, str]) -> str:
    """What is asked of its tokens besides: ``ref refs/tags/v*; hosted_runner``."""
    return "; ".join(name if text == "true" else f"{name} {text}" for name, text in sorted(rules.items()))
