"""How the log came from what earlier releases have shown of it to what this one shows: the members ``log/…``.

Whoever has verified an earlier release remembers the newest checkpoint in its bundle. A consistency proof from there
to the newest one in this bundle (RFC 9162, 2.1.4) shows him, without a network, that the log has only grown. Heads of
one journal are tied to each other in the same way. ``prove`` gets the hashes; what they show is looked at here, too.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from customhouse.release.events import Anchored
from customhouse.release.sealed import Sealed
from customhouse.terms.errors import Rejected
from customhouse.trust.private_sigstore.note import SignedCheckpoint, read_checkpoint
from customhouse.trust.private_sigstore.tiles import is_consistent

MOST_EARLIER = 5
"""Of how many releases before this one a proof begins: who has missed more looks at the log himself."""
SIGSTORE = ".sigstore.json"
"""How the names of files end that hold a Sigstore bundle."""

Prove = Callable[[str, int, int], Sequence[bytes] | None]
"""``prove(origin, old, new)``: the hashes between two sizes of a log; None for a log that it does not know."""
Newest = Mapping[str, SignedCheckpoint]
"""The newest checkpoint by the log's origin."""


def no_proof(_origin: str, _old: int, _new: int) -> None:
    """Where no log can be asked."""


def newest_in(lines: Sequence[Sealed], files: Mapping[str, bytes]) -> Newest:
    """The newest checkpoint of each log in a journal and in the files of its bundle."""
    bundles = [body for name, body in files.items() if name.endswith(SIGSTORE)]
    found: dict[str, SignedCheckpoint] = {}
    for note in (*_notes(bundles), *anchored(lines)):
        known = found.get(note.checkpoint.origin)
        if known is None or note.checkpoint.size > known.checkpoint.size:
            found[note.checkpoint.origin] = note
    return found


def anchored(lines: Sequence[Sealed]) -> Iterator[SignedCheckpoint]:
    """The checkpoints under which heads of the journal stand in a log."""
    yield from _notes(line.event.entry.encode() for line in lines if isinstance(line.event, Anchored))


def growth(newest: Newest, before: Iterable[SignedCheckpoint], prove: Prove) -> tuple[dict[str, bytes], list[str]]:
    """The members (without their folder) that lead from each checkpoint before to the newest of its log.

    What cannot be proved is left out; the second value says of which logs it was shown to be false.
    """
    members: dict[str, bytes] = {}
    faults: list[str] = []
    for note in before:
        old, now = note.checkpoint, newest.get(note.checkpoint.origin)
        if now is None or not 0 < old.size < now.checkpoint.size:
            continue
        new = now.checkpoint
        hashes = prove(old.origin, old.size, new.size)
        if hashes is None:
            continue
        if not is_consistent(old.size, old.root, new.size, new.root, hashes):
            faults.append(f"the log {old.origin} cannot show how it came from {old.size:,} to {new.size:,} entries")
            continue
        name = f"{hashlib.sha256(old.origin.encode()).hexdigest()[:12]}-{old.size}-{new.size}.json"
        value = {
            "origin": old.origin, "old": old.size, "new": new.size, "checkpoint": note.note(),
            "hashes": [base64.b64encode(one).decode() for one in hashes],
        }  # fmt: skip
        members[name] = (json.dumps(value, indent=1, sort_keys=True) + "\n").encode()
    return members, faults


def _notes(bundles: Iterable[bytes]) -> Iterator[SignedCheckpoint]:
    """The signed checkpoints in Sigstore bundles. What is none is passed over: who verifies tells of it."""
    for bundle in bundles:
        try:
            for entry in json.loads(bundle)["verificationMaterial"]["tlogEntries"]:
                yield read_checkpoint(entry["inclusionProof"]["checkpoint"]["envelope"])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, Rejected):
            continue
