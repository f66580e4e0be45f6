"""Putting the bundle of a run together: its journal, the files that it names, and whom one had to trust then."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from customhouse.release.actions import Problem
from customhouse.release.events import Created
from customhouse.release.evidence.bundle import file_name, members_of, write_bundle
from customhouse.release.rules import replay
from customhouse.release.sealed import Sealed
from customhouse.release.sealing import verify_lines
from customhouse.release.signing.trust_config import read_trust
from customhouse.release.state import State
from customhouse.release.store import Store
from customhouse.release.things import Thing

_SIGSTORE = "sigstore"


def collect(
    lines: Sequence[Sealed], store: Store, *, trust_root: bytes = b"", log: Mapping[str, bytes] | None = None
) -> tuple[str, bytes]:
    """The bundle's name and bytes; the same for the same run.

    Without ``trust_root`` it is read where the run says (`trust_config`). Raises `Rejected` or `Refused` for a journal
    that is none, `Problem` for a file that is missing.
    """
    with tempfile.TemporaryDirectory(prefix="customhouse-bundle-") as folder:

        def body(thing: Thing) -> bytes:
            return store.fetch(thing, Path(folder)).read_bytes()

        return bundle_of(lines, body, lambda state: trust_root or _root_of(state), log=log)


def bundle_of(
    lines: Sequence[Sealed], body: Callable[[Thing], bytes], root_of: Callable[[State], bytes], *,
    log: Mapping[str, bytes] | None = None,
) -> tuple[str, bytes]:  # fmt: skip
    """The same, for whoever has the files in another way, and knows by himself whom one had to trust.

    Nothing is opened that the run names: not its places, and no file but by ``body``.
    """
    verify_lines(lines)
    state = replay(lines)
    members = members_of(state, lines, body, trust_root=root_of(state), log=log)
    created = lines[0].event
    assert isinstance(created, Created)  # noqa: S101 - or the rules would have refused it
    return file_name(created), write_bundle(members)


def _root_of(state: State) -> bytes:
    place = state.places.get(_SIGSTORE)
    if place is None:
        return b""
    try:
        return read_trust(place).trusted_root
    except Problem as problem:
        raise Problem(
            problem.code, problem.saw, problem.expected, place=problem.place or _SIGSTORE,
            next_step="Say which it was: --trust-root FILE.",
        ) from problem  # fmt: skip
