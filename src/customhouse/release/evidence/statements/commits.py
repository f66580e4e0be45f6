"""Which commits a statement of somebody else says that it is of: SLSA provenance v1, in-toto link v0.3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def commits_in(predicate: Mapping[str, Any]) -> set[str]:
    """The commits that a provenance or a link is of, hexadecimal."""
    definition = predicate.get("buildDefinition")
    listed = definition.get("resolvedDependencies") if isinstance(definition, dict) else predicate.get("materials")
    found = set()
    for one in listed if isinstance(listed, list) else ():
        digests = one.get("digest") if isinstance(one, dict) else None
        if isinstance(digests, dict):
            found |= {str(digests[key]).lower() for key in ("gitCommit", "sha1") if key in digests}
    return found
