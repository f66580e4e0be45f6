"""The door of an index for a step: its address, what opens it, and the files that it takes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Lock

from customhouse.client.address import Index
from customhouse.client.ambient import Ambient, find_ambient
from customhouse.client.credentials import Fixed, Minted, Sources, find_credential
from customhouse.client.dists import Release, Unfit, read_releases
from customhouse.client.patience import Patience
from customhouse.client.upload_2 import Upload2
from customhouse.client.wire import Wire
from customhouse.formats.plain import plain
from customhouse.release.actions import Problem, StepRun
from customhouse.release.ship.words import our_words
from customhouse.terms.names import normalize
from customhouse.terms.versions import version_of

TOKEN, IDENTITY = "index-token", "index-identity"
"""Secrets: an API token of the index; or an ID token that the index trades for one (trusted publishing)."""

_NOWHERE = Path(os.devnull)
_LOCK = Lock()
_MINTED: dict[tuple[str, str], Minted] = {}
"""By index and digest of the identity."""


def index_of(run: StepRun, env: str = "") -> Index:
    """The index of the step's environment; raises `Problem`."""
    place = run.place(env)
    with our_words(env or run.step.env, "Say --place ENVIRONMENT.url=https://… ."):
        return Index.parse(place.get("url", ""), allow_http=place.get("allow_http") == "yes")


@contextmanager
def index_door(run: StepRun, env: str = "") -> Iterator[Upload2]:
    """Upload 2.0 of the index, opened by a token or by an identity; what is raised inside is a `Problem`."""
    index = index_of(run, env)
    patience = Patience(stop=run.children.stop, clock=run.clock)
    wire = Wire(index, patience, say=run.tell)
    try:
        with our_words(index.host):
            wire.credential = credential(run, wire)
            yield Upload2(wire)
    finally:
        wire.close()


def credential(run: StepRun, wire: Wire) -> Fixed | Minted:
    """The token of the secrets, or one minted for an identity: of the secrets, or of the service that runs us.

    Nothing of this machine's user, no ``.pypirc`` and no keyring: what a release may use was given to it by name.
    """
    if token := _secret(run, TOKEN):
        return find_credential(Sources(token, {}, None, handed=True, pypirc=_NOWHERE), wire)
    identity = _secret(run, IDENTITY)
    if identity:
        return _minted_for(run, wire, identity)
    ambient = find_ambient(os.environ, None)
    if ambient is None:
        raise Problem(
            "no-credentials", "there is nothing to show at the index", f"the secret {TOKEN} or {IDENTITY}",
            place=wire.index.host, next_step="Make a token there, or add this machine as a trusted publisher.",
        )  # fmt: skip
    return find_credential(Sources("", {}, ambient, handed=True, pypirc=_NOWHERE), wire)


def _minted_for(run: StepRun, wire: Wire, identity: str) -> Fixed | Minted:
    """The token that the index gives for this identity: one, because an identity is good for one."""
    key = (wire.index.base, hashlib.sha256(identity.encode()).hexdigest())
    with _LOCK:
        known = _MINTED.get(key)
        if known is None:
            where = f"the secret {IDENTITY}"
            ambient = Ambient(where, lambda _for: run.secrets(IDENTITY), renewable=True, tailored=False)
            first = Ambient(where, lambda _for: identity, renewable=True, tailored=False)
            found = find_credential(Sources("", {}, first, handed=True, pypirc=_NOWHERE), wire)
            if not isinstance(found, Minted):
                return found
            known = _MINTED[key] = replace(found, ambient=ambient)
        # When it is not taken any more, another identity is asked for.
        return replace(known, wire=wire)


def _secret(run: StepRun, name: str) -> str:
    try:
        return run.secrets(name)
    except Problem:
        return ""


def read_release(run: StepRun, paths: Sequence[Path]) -> Release:
    """The one release that these files are; raises `Problem` for another version, or more than one release."""
    try:
        releases = read_releases(paths)
    except Unfit as unfit:
        raise Problem(
            "unfit", plain(unfit.findings[0], 400), "files that an index takes", place=run.step.id,
            next_step=f"{len(unfit.findings)} faults; build again.",
        ) from unfit  # fmt: skip
    wanted = version_of(run.params.get("version", ""))
    if len(releases) != 1 or (wanted is not None and version_of(releases[0].version) != wanted):
        seen = ", ".join(str(one) for one in releases) or "no wheel and no sdist"
        expected = f"{run.params.get('project', run.pipeline.project)} {run.params.get('version', '')}".strip()
        raise Problem("other-release", f"the files are of {seen}", expected, place=run.step.id)
    # Sent in the order of their names: what happens is the same each time.
    return replace(releases[0], dists=tuple(sorted(releases[0].dists, key=lambda one: one.filename)))


def project_of(run: StepRun, env: str = "") -> str:
    """The project on the index, normalised: what its place says, else the pipeline's."""
    return normalize(run.place(env).get("project") or run.params.get("project", run.pipeline.project))


def version_in(run: StepRun) -> str:
    """The version that is released: the parameter of that name."""
    return run.params.get("version", "")
