"""The files of one release must not contradict each other.

An sdist of metadata 2.2 or later promises every field that it does not call Dynamic (PEP 643); Import-Name and
Import-Namespace agree across all files of a release (PEP 794). A hidden dependency in one file is how a resolver that
trusts another is deceived, so a contradiction is refused and both files are named.
"""

from __future__ import annotations

from collections.abc import Sequence

from customhouse.formats.metadata import CoreMetadata, parse_stored_metadata, requirement_key
from customhouse.terms.errors import Rejected

# What a resolver acts on; other fields may differ between the tools that wrote the files without harming anybody.
PROMISED = ("requires_dist", "requires_python")


def check_agreement(filename: str, kind: str, metadata: CoreMetadata, siblings: Sequence[tuple[str, str, str]]) -> None:
    """Compare a new file's metadata with that of the files its release already has.

    ``siblings`` holds (file name, kind, metadata text). Raises `Rejected` naming the field and both files.
    """
    for sibling_name, sibling_kind, text in siblings:
        other = parse_stored_metadata(text)
        for field in ("import_names", "import_namespaces"):
            _compare(field, (filename, metadata), (sibling_name, other))
        if kind != sibling_kind:
            sdist = metadata if kind == "sdist" else other
            for field in PROMISED:
                if sdist.promises_static and not sdist.is_dynamic(field):
                    _compare(field, (filename, metadata), (sibling_name, other))


def _compare(field: str, new: tuple[str, CoreMetadata], old: tuple[str, CoreMetadata]) -> None:
    ours, theirs = _meaning(field, new[1]), _meaning(field, old[1])
    if ours != theirs:
        difference = ", ".join(sorted(ours ^ theirs))[:200]
        raise Rejected(
            "files-disagree", field.replace("_", "-").title(), f"{new[0]} and {old[0]} differ in it: {difference}",
            "the same in all files of a release, or Dynamic in the sdist (PEP 643)",
        )  # fmt: skip


def _meaning(field: str, metadata: CoreMetadata) -> frozenset[str]:
    if field == "requires_dist":
        return frozenset(requirement_key(text) for text in metadata.requires_dist)
    value = getattr(metadata, field)
    if isinstance(value, str):
        return frozenset(part.strip() for part in value.split(",") if part.strip())
    return frozenset(value or ())
