"""Which level of SLSA's build track a release reaches, by what is attested of its files here, and why no higher one.

https://slsa.dev/spec/v1.1/levels. A release has the level of its weakest file.

1. There is provenance: each file has a SLSA provenance statement.
2. It was signed by a build service, and not by somebody's own machine.
3. That service keeps the project's own build steps away from the key that signs.
"""

from __future__ import annotations

from collections.abc import Mapping

from customhouse.index.checklist.model import Facts, Level

HOSTED = frozenset({"github", "gitlab", "google", "activestate"})
"""Kinds of publishers that are build services run by others."""
_ISOLATED = "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/"
"""Reusable workflows that sign in a job of their own (slsa-framework/slsa-github-generator)."""


def is_hosted(publisher: Mapping[str, object]) -> bool:
    """Whether a publisher (as provenance objects name it) is a build service, on machines of its own."""
    claims = publisher.get("claims")
    runner = claims.get("runner_environment", "") if isinstance(claims, Mapping) else ""
    return str(publisher.get("kind", "")).lower() in HOSTED and runner != "self-hosted"


def is_isolated(publisher: Mapping[str, object], builder: str) -> bool:
    """Whether the builder that signed cannot be reached by the project's own steps."""
    return is_hosted(publisher) and builder.startswith(_ISOLATED)


def level_of(facts: Facts) -> Level:
    """The level, from what is attested alone: claims of a pipeline or of a README count for nothing."""
    files = facts.files
    if not files:
        return Level(0, "There is no release.", "Publish one.")
    if facts.with_provenance < files:
        if facts.attested == files:
            why = "Each file says who has uploaded it, and none who has built it and from what."
        else:
            why = f"{files - facts.with_provenance} of {files} files have no provenance."
        return Level(0, why, "Attach a SLSA provenance to each file when it is uploaded (PEP 740).")
    if facts.hosted < files:
        return Level(
            1,
            "Each file has provenance.",
            "It was signed by a builder that nobody here knows to be a build service; build on one.",
        )
    if facts.isolated < files:
        return Level(
            2,
            "Each file has provenance that a build service has signed.",
            "The build's own steps could reach the identity that signs; let an isolated builder sign it.",
        )
    return Level(3, "Each file has provenance that an isolated builder of a build service has signed.")
