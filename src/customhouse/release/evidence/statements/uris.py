"""The names of what we say: standard predicate types, and those that we mint below an address of the run's own.

What is minted begins with a setting: the place ``evidence`` of the run (``--place evidence.base=https://…``), else the
address of its index. Where neither is known it is a URN that belongs to nobody's domain.
"""

from __future__ import annotations

from collections.abc import Mapping

PROVENANCE = "https://slsa.dev/provenance/v1"
LINK = "https://in-toto.io/attestation/link/v0.3"
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
RELEASE = "https://in-toto.io/attestation/release/v0.1"
SIMPLE_RESULT = "https://in-toto.io/attestation/svr/v0.1"
VERDICT = "https://slsa.dev/verification_summary/v1"
SPDX = "https://spdx.dev/Document"
CYCLONEDX = "https://cyclonedx.org/bom"
NOBODYS = "urn:x-customhouse"


def base_of(places: Mapping[str, Mapping[str, str]]) -> str:
    """What everything that a run mints begins with, without a slash at the end."""
    return places.get("evidence", {}).get("base") or places.get("index", {}).get("url") or NOBODYS


def minted(base: str, *parts: str) -> str:
    """``BASE/attestation/ref-state/v1``; of a URN ``BASE:attestation:ref-state:v1``."""
    base = base.rstrip("/:")
    between = ":" if base.startswith("urn:") else "/"
    return between.join((base, *parts))


def ref_state(base: str) -> str:
    """Where a ref is, and whether it is locked."""
    return minted(base, "attestation", "ref-state", "v1")


def approval(base: str) -> str:
    """Who has said yes to what."""
    return minted(base, "attestation", "approval", "v1")


def rebuild(base: str) -> str:
    """Whether an independent build came to the same."""
    return minted(base, "attestation", "rebuild", "v1")


def journal_head(base: str) -> str:
    """How far a journal went."""
    return minted(base, "attestation", "journal-head", "v1")


def builder(base: str, actor: str, env: str) -> str:
    """Who builds, and in which environment."""
    return minted(base, "builder", actor, env)


def run_step(base: str, run: str, step: str, attempt: int) -> str:
    """One attempt of one step."""
    return minted(base, "run", run, step, str(attempt))
