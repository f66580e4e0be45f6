"""Point 2: the journal is whole, and a log that others see holds its head."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping

from customhouse.formats.strict_json import read_json
from customhouse.release.events import Anchored, Attested, Finished, Noted
from customhouse.release.evidence.points.case import Case, Finding, Point, fails, holds, some, unknown
from customhouse.terms.errors import Rejected
from customhouse.trust.private_sigstore.note import Checkpoint, read_checkpoint
from customhouse.trust.private_sigstore.tiles import is_consistent

_SAYS_NOTHING_NEW = (Anchored, Attested, Noted, Finished)
"""May stand after the last head that was logged: statements are signed and logged themselves."""
Roots = Mapping[tuple[str, int], bytes]
"""Of every checkpoint in the bundle: the root by origin and size."""


def journal(case: Case) -> Point:
    """The chain was verified before anything else; here is how far a log vouches for it."""
    lines = case.bundle.lines
    findings = [holds(f"{some(len(lines), 'line')}, each follows from the one before and is sealed by one engine key")]
    findings += _anchored(case)
    findings += _log(case)
    return Point(2, "Journal", tuple(findings), f"engine key {case.state.engine_key[:16]}…; its log, where anchored")


def _anchored(case: Case) -> list[Finding]:
    hashes = {line.hash: line.seq for line in case.bundle.lines}
    anchors = [line for line in case.bundle.lines if isinstance(line.event, Anchored)]
    if not anchors:
        return [unknown("no head of it stands in a transparency log: whoever has the engine's key could rewrite it")]
    reached = -1
    for line in anchors:
        assert isinstance(line.event, Anchored)  # noqa: S101 - chosen above
        proved = case.anchors.get(line.seq)
        if proved is None:
            continue  # told under point 1
        subjects = _subjects(proved.payload)
        if line.event.head not in subjects or hashes.get(line.event.head, line.seq) >= line.seq:
            return [fails(f"line {line.seq} anchors a head that the log's entry does not name")]
        reached = max(reached, hashes[line.event.head])
    if reached < 0:
        return [fails("no anchor of it verifies")]
    rest = case.bundle.lines[reached + 1 :]
    told = f"the log has its head of line {reached}; {some(len(rest), 'line')} after it rest on the key alone"
    telling = [line for line in rest if not isinstance(line.event, _SAYS_NOTHING_NEW)]
    return [unknown(f"{told}, and tell of the release")] if telling else [holds(told)]


def _log(case: Case) -> Iterator[Finding]:
    roots, faults = _roots(case)
    for fault in faults:
        yield fails(fault)
    broken = False
    for name, body in case.bundle.below("log/").items():
        if fault := _proof_fault(body, roots):
            broken = True
            yield fails(f"log/{name}: {fault}")
    if not faults and not broken:
        yield from _heads_tied(case, roots)
    known = case.brought.remembered
    if known is None or not known.checkpoints:
        return
    proofs = [*known.proofs, *_proofs(case)]
    for origin, note in sorted(known.checkpoints.items()):
        yield _against(origin, read_checkpoint(note, f"checkpoint of {origin}").checkpoint, roots, proofs)


def _heads_tied(case: Case, roots: Roots) -> Iterator[Finding]:
    """Whether the log's checkpoints with heads of this journal are of one tree, as far as the bundle shows it."""
    notes = [read_checkpoint(one.checkpoint).checkpoint for one in case.anchors.values() if one.checkpoint]
    proofs = list(_proofs(case))
    for origin in sorted({one.origin for one in notes}):
        newest = max(size for name, size in roots if name == origin)
        older = sorted({one.size for one in notes if one.origin == origin and one.size < newest})
        if older and all(_hashes(proofs, origin, size, newest) is not None for size in older):
            yield holds(f"the log with its heads has only grown from {older[0]:,} to {newest:,} entries meanwhile")


def grown(case: Case, origin: str, note: str) -> bool:
    """Whether it was shown that the bundle's log continues this checkpoint."""
    roots, _ = _roots(case)
    known = case.brought.remembered
    proofs = [*(known.proofs if known is not None else ()), *_proofs(case)]
    return _against(origin, read_checkpoint(note).checkpoint, roots, proofs).sign == "holds"


def _against(origin: str, old: Checkpoint, roots: Roots, proofs: list[Mapping[str, object]]) -> Finding:
    """Whether the log as the bundle knows it has grown out of the one that somebody remembers, or the other way."""
    sizes = sorted(size for name, size in roots if name == origin)
    if not sizes:
        return unknown(f"the bundle has no checkpoint of the log {origin} that you remember")
    if roots.get((origin, old.size), old.root) != old.root:
        return fails(f"the log {origin} shows two trees of {old.size:,} entries: you and the bundle see other logs")
    # The newest counts: an older one may be of the true log, and the rest of another.
    newest = Checkpoint(origin, sizes[-1], roots[origin, sizes[-1]])
    if newest.size == old.size:
        return holds(f"the log's checkpoint of {old.size:,} entries is the one that you remember")
    small, large = sorted((old, newest), key=lambda one: one.size)
    hashes = _hashes(proofs, origin, small.size, large.size)
    if hashes is not None:
        if is_consistent(small.size, small.root, large.size, large.root, hashes):
            return holds(f"the log has only grown between {small.size:,} and {large.size:,} entries")
        return fails(f"the log {origin} was rewritten between {small.size:,} and {large.size:,} entries")
    return unknown(
        f"nothing shows how the log came from {old.size:,} to {sizes[-1]:,} entries: ask for a bundle since then"
    )


def _roots(case: Case) -> tuple[Roots, list[str]]:
    """Every checkpoint of the bundle. Two of one size with different roots are two logs under one name."""
    notes = [one.proved.checkpoint for one in case.attestations if one.proved is not None]
    notes += [one.checkpoint for one in (*case.signatures.values(), *case.anchors.values())]
    found: dict[tuple[str, int], bytes] = {}
    faults = []
    for note in filter(None, notes):
        try:
            one = read_checkpoint(note).checkpoint
        except Rejected as error:
            faults.append(str(error))
            continue
        if found.setdefault((one.origin, one.size), one.root) != one.root:
            faults.append(f"the log {one.origin} shows two trees of {one.size:,} entries in this very bundle")
    return found, faults


def checkpoints_of(case: Case) -> dict[str, str]:
    """The newest signed note of each log, by origin: what to remember."""
    notes = [one.proved.checkpoint for one in case.attestations if one.proved is not None]
    notes += [one.checkpoint for one in (*case.signatures.values(), *case.anchors.values())]
    found: dict[str, tuple[int, str]] = {}
    for note in filter(None, notes):
        one = read_checkpoint(note).checkpoint
        if one.size >= found.get(one.origin, (0, ""))[0]:
            found[one.origin] = (one.size, note)
    return {origin: note for origin, (_, note) in sorted(found.items())}


def _proof_fault(body: bytes, roots: Roots) -> str:
    """What is wrong with a proof of the bundle: it must lead from its own old checkpoint to one of the bundle's."""
    try:
        value = read_json(body.decode())
        old = read_checkpoint(str(value["checkpoint"])).checkpoint
        new = int(value["new"])
        hashes = [base64.b64decode(str(one), validate=True) for one in value["hashes"]]
        fits = (old.origin, old.size) == (value["origin"], value["old"])
    except (ValueError, KeyError, TypeError, OverflowError, Rejected):
        return "is no consistency proof"
    root = roots.get((old.origin, new))
    if not fits or root is None:
        return "is of no checkpoint of this bundle"
    return "" if is_consistent(old.size, old.root, new, root, hashes) else "does not hold"


def _proofs(case: Case) -> Iterator[Mapping[str, object]]:
    for body in case.bundle.below("log/").values():
        try:
            value = read_json(body.decode())
        except ValueError:
            continue
        if isinstance(value, dict):
            yield value


def _hashes(proofs: list[Mapping[str, object]], origin: str, old: int, new: int) -> list[bytes] | None:
    for one in proofs:
        if (one.get("origin"), one.get("old"), one.get("new")) == (origin, old, new):
            listed = one.get("hashes")
            try:
                return (
                    [base64.b64decode(str(text), validate=True) for text in listed]
                    if isinstance(listed, list)
                    else None
                )
            except ValueError:
                return None
    return None


def _subjects(payload: bytes) -> set[str]:
    try:
        return {str(one["digest"]["sha256"]) for one in read_json(payload.decode())["subject"]}
    except (ValueError, KeyError, TypeError):
        return set()
