"""What the owner of a publisher should think about: what other settings would have stopped."""

from __future__ import annotations

from collections.abc import Mapping

from customhouse.trust.issuers import Kind
from customhouse.trust.providers.provider import attests_only


def advice(kind: Kind, settings: Mapping[str, str], rules: Mapping[str, str]) -> list[str]:
    """Sentences for people, the most important first; empty if there is nothing to say."""
    if kind not in ("github", "gitlab"):
        return []
    if attests_only(rules):
        return ["Whoever can push to the repository can say how files were built. None of them can publish one by it."]
    found = []
    if not settings.get("environment") and not rules.get("any_environment"):
        found.append(
            "It names no environment: whoever can push to the repository can publish. An environment can ask people"
            " first."
        )
    if not rules.get("ref") and not rules.get("protected_ref"):
        found.append("It publishes from every branch and tag. Ask for a protected ref, or name the tags.")
    if rules.get("events"):
        found.append(f"It allows events that strangers can bring about: {rules['events']}.")
    return found
