"""Which level of SLSA's build track a release reaches, by what is attested of its files here, and why no higher one.

https://slsa.dev/spec/v1.1/levels. A release has the level of its weakest file.

1. There is provenance: each file has a SLSA provenance statement.
2. It was signed by a build service, and not by somebody's own machine.
3. That service keeps the project's own build steps away from the key that signs.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from customhouse.formats.attestations import SLSA
from customhouse.index.checklist.model import Facts, Level
from customhouse.trust.attestations import Attested

HOSTED = frozenset({"github", "gitlab", "google", "activestate"})
"""Kinds of publishers that are build services run by others."""
_ISOLATED = "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/"
"""Reusable workflows that sign in a job of their own (slsa-framework/slsa-github-generator)."""


def level_of_file(attested: Sequence[Attested], build_services: Collection[str] = ()) -> int:
    """The level that one file reaches, from 0 to 3.

    ``build_services`` are the issuers whose machines the operator knows to be a build service.
    """
    return max((_level(one, build_services) for one in attested if one.predicate_type == SLSA), default=0)


def _level(one: Attested, build_services: Collection[str]) -> int:
    if not is_hosted(one.publisher, build_services):
        return 1
    return 3 if one.summary.get("builder", "").startswith(_ISOLATED) else 2


def is_hosted(publisher: Mapping[str, object], build_services: Collection[str] = ()) -> bool:
    """Whether a publisher (as provenance objects name it) is a build service, on machines of its own."""
    claims = publisher.get("claims")
    runner = claims.get("runner_environment", "") if isinstance(claims, Mapping) else ""
    known = str(publisher.get("kind", "")).lower() in HOSTED or publisher.get("issuer") in build_services
    return known and runner != "self-hosted"


def builders_of(attested: Sequence[Attested]) -> frozenset[str]:
    """Who has signed how a file was built, as people read it."""
    names = ("subject", "email", "repository")
    return frozenset(
        next((str(one.publisher[name]) for name in names if one.publisher.get(name)), str(one.publisher.get("kind")))
        for one in attested
        if one.predicate_type == SLSA
    )


def level_of(facts: Facts) -> Level:
    """The level, from what is attested alone: claims of a pipeline or of a README count for nothing."""
    files = facts.files
    if not files:
        return Level(0, "There is no release.", "Publish one.")
    if facts.with_provenance < files:
        if facts.attested == files and not facts.with_provenance:
            why = "Each file says who has uploaded it, and none who has built it and from what."
        else:
            why = f"{files - facts.with_provenance} of {files} files have no provenance."
        return Level(0, why, "Attach a SLSA provenance to each file when it is uploaded (PEP 740).")
    by = f" by {', '.join(facts.builders[:3])}" if facts.builders else ""
    if facts.hosted < files:
        return Level(
            1,
            f"Each file has provenance, signed{by}.",
            "Nobody here knows that to be a build service, so it may be somebody's own machine. Build on one; if it is"
            " one, the operator of this index can say so of its issuer (build_service).",
        )
    if facts.isolated < files:
        return Level(
            2,
            f"Each file has provenance that a build service has signed{by}.",
            "Nothing shows that the build's own steps could not reach the identity that signs; let an isolated builder"
            " sign it.",
        )
    return Level(3, f"Each file has provenance that an isolated builder of a build service has signed{by}.")
