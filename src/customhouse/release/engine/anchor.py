"""The journal's head in a transparency log: from then on, not even who has the engine's key rewrites what was before.

A Sigstore signs a statement whose subject is the head's hash; the bundle that comes back holds the log's entry with its
proof. That is one function, so that another log can stand there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from customhouse.formats.pipeline.model import Pipeline
from customhouse.release.actions import Problem
from customhouse.release.events import Anchored, Asked, Attested, Created, KeyGranted, Published, StepDone
from customhouse.release.sealed import Sealed
from customhouse.release.signing.sealer import Sealer

EVERY_LINES = 50
"""Beside each gate and each publication."""

Anchor = Callable[[Pipeline, Sequence[Sealed]], Anchored]
"""Logs the head of these lines; raises `Problem`."""


def anchored_by(sealer: Sealer) -> Anchor:
    """An anchor in the log of this Sigstore."""

    def anchor(pipeline: Pipeline, lines: Sequence[Sealed]) -> Anchored:
        from customhouse.release.evidence.statements.history import history  # noqa: PLC0415 - only where one is made
        from customhouse.release.evidence.statements.journal_head import journal_head  # noqa: PLC0415 - as above

        bundle = sealer.statement(journal_head(history(pipeline, lines), lines[-1]).to_bytes())
        return _read(lines[-1].hash, bundle)

    return anchor


def is_due(lines: Sequence[Sealed]) -> bool:
    """Whether the head is to be logged now: since the last time a gate was passed, something became public, or much."""
    last = max((place for place, line in enumerate(lines) if isinstance(line.event, Anchored)), default=-1)
    since = lines[last + 1 :]
    gates = {line.event.step for line in lines if isinstance(line.event, Asked)}
    telling = any(
        isinstance(line.event, KeyGranted | Published)
        or (isinstance(line.event, StepDone) and line.event.step in gates)
        # The last word on the whole run (`evidence.statements.verdict`) is of no step.
        or (isinstance(line.event, Attested) and not line.event.step)
        for line in since
    )
    return telling or (len(since) >= EVERY_LINES and not isinstance(since[-1].event, Created))


def _read(head: str, bundle: str) -> Anchored:
    try:
        entry = json.loads(bundle)["verificationMaterial"]["tlogEntries"][0]
        note = entry.get("inclusionProof", {}).get("checkpoint", {}).get("envelope", "")
        log = note.partition("\n")[0] or entry["logId"]["keyId"]
        return Anchored(head, log, int(entry["logIndex"]), bundle)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise Problem("no-entry", "the log's answer holds no entry", "a bundle with one", place="sigstore") from error
