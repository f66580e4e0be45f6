"""Putting the bundle of a run together: its journal, the files that it names, and whom one had to trust then."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from customhouse.release.actions import Problem
from customhouse.release.events import Created
from customhouse.release.evidence.bundle import file_name, files_in_bundle, members_of, write_bundle
from customhouse.release.evidence.growth import SIGSTORE, Prove, anchored, growth, newest_in, no_proof
from customhouse.release.evidence.log_tiles import prover_of
from customhouse.release.rules import replay
from customhouse.release.sealed import Sealed
from customhouse.release.sealing import verify_lines
from customhouse.release.signing.trust_config import Trust, read_trust
from customhouse.release.state import State
from customhouse.release.store import Store
from customhouse.release.things import Thing
from customhouse.terms.errors import Rejected
from customhouse.trust.private_sigstore.note import SignedCheckpoint

_SIGSTORE = "sigstore"


def _silent(_text: str) -> None:
    """Nobody listens."""


def collect(
    lines: Sequence[Sealed], store: Store, *, trust_root: bytes = b"",
    earlier: Iterable[SignedCheckpoint] = (), tell: Callable[[str], None] = _silent,
) -> tuple[str, bytes]:  # fmt: skip
    """The bundle's name and bytes; the same for the same run, after the same releases.

    Without ``trust_root`` it is read where the run says (`trust_config`), and the log is asked how it has grown since
    ``earlier``, which releases before this one have shown; ``tell`` hears why that could not be found out. Raises
    `Rejected` or `Refused` for a journal that is none, `Problem` for a file that is missing.
    """
    with tempfile.TemporaryDirectory(prefix="customhouse-bundle-") as folder:

        def body(thing: Thing) -> bytes:
            return store.fetch(thing, Path(folder)).read_bytes()

        if trust_root:
            return bundle_of(lines, body, lambda _state: trust_root)
        verify_lines(lines)
        trust = _trust_of(replay(lines))
        if trust is None:
            return bundle_of(lines, body, lambda _state: b"")
        prove = _until_away(prover_of(trust.config), tell)
        return bundle_of(lines, body, lambda _state: trust.trusted_root, earlier=earlier, prove=prove, tell=tell)


def _until_away(prove: Prove, tell: Callable[[str], None]) -> Prove:
    """The same; a log that is away is told of once, and nothing is asked any more."""
    away = False

    def proved(origin: str, old: int, new: int) -> Sequence[bytes] | None:
        nonlocal away
        try:
            return None if away else prove(origin, old, new)
        except Problem as problem:
            away = True
            tell(f"It is not proved how the log has grown: {problem}")
            return None

    return proved


def bundle_of(
    lines: Sequence[Sealed], body: Callable[[Thing], bytes], root_of: Callable[[State], bytes], *,
    earlier: Iterable[SignedCheckpoint] = (), prove: Prove = no_proof, tell: Callable[[str], None] = _silent,
) -> tuple[str, bytes]:  # fmt: skip
    """The same, for whoever has the files in another way, and knows by himself whom one had to trust.

    Nothing is opened that the run names: not its places, and no file but by ``body``.
    """
    verify_lines(lines)
    state = replay(lines)
    things = files_in_bundle(state, lines)
    bodies = {thing.digest: body(thing) for thing in {one.digest: one for one in things.values()}.values()}
    root, files = root_of(state), {name: bodies[thing.digest] for name, thing in things.items()}
    log, faults = growth(newest_in(lines, files), (*earlier, *anchored(lines)), prove)
    for fault in faults:
        tell(fault)
    members = members_of(state, lines, lambda thing: bodies[thing.digest], trust_root=root, log=log)
    created = lines[0].event
    assert isinstance(created, Created)  # noqa: S101 - or the rules would have refused it
    return file_name(created), write_bundle(members)


def shown_by(lines: Sequence[Sealed], body: Callable[[Thing], bytes]) -> list[SignedCheckpoint]:
    """What the bundle of a run has shown of logs: the newest checkpoint of each. Raises as `bundle_of` does."""
    state = replay(lines)
    signed = {name: thing for name, thing in files_in_bundle(state, lines).items() if name.endswith(SIGSTORE)}
    return list(newest_in(lines, {name: body(thing) for name, thing in signed.items()}).values())


def shown_in(lines: Sequence[Sealed], store: Store) -> list[SignedCheckpoint]:
    """The same of a run whose files lie in a store; raises `Rejected` for a file that is missing."""
    with tempfile.TemporaryDirectory(prefix="customhouse-bundle-") as folder:
        try:
            return shown_by(lines, lambda thing: store.fetch(thing, Path(folder)).read_bytes())
        except Problem as problem:
            raise Rejected(problem.code, problem.place, problem.saw, problem.expected) from problem


def _trust_of(state: State) -> Trust | None:
    """What the run's place says now; None where it has none. Raises `Problem`."""
    place = state.places.get(_SIGSTORE)
    if place is None:
        return None
    try:
        return read_trust(place)
    except Problem as problem:
        raise Problem(
            problem.code, problem.saw, problem.expected, place=problem.place or _SIGSTORE,
            next_step="Say which it was: --trust-root FILE.",
        ) from problem  # fmt: skip
