"""A dry run of the whole: the same engine, on clones of the remotes and a scratch index; nothing outside changes.

What stands behind the places is replaced: each remote by a clone of it, the index by one that is started for this,
GPG's home by one with a fresh key, mail and webhooks by nothing. People are replaced, too: each of them gets a key of
this rehearsal and says yes to everything. So the pipeline that is played is the given one with other identities; the
journal's first line says so, and that it is a rehearsal.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import tomlkit

from customhouse.formats.pipeline.model import Pipeline
from customhouse.formats.pipeline.read import read_pipeline
from customhouse.formats.pipeline.resolve import resolve
from customhouse.release.actions import Problem
from customhouse.release.children import Children
from customhouse.release.engine.alone import Alone
from customhouse.release.engine.conduct import Conductor
from customhouse.release.engine.folder import RunFolder, begin_run
from customhouse.release.engine.person import Person
from customhouse.release.events import Approved, Confirmed
from customhouse.release.machine_key import MachineKey
from customhouse.release.question import proof_by_key
from customhouse.release.standing import PUBLISH, factor_demanded
from customhouse.release.state import State
from customhouse.terms.clock import Clock, SystemClock
from customhouse.terms.errors import Refused

_PROGRAMS = "/usr/local/bin:/usr/bin:/bin"
_QUIET = ("mail", "webhook", "webhooks", "case")
"""Places that reach people, or a case that is under embargo."""


@dataclass(frozen=True)
class Scratch:
    """What stands in for the services: settings by environment, secrets by name, a login by actor."""

    places: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    secrets: Mapping[str, Callable[[], str]] = field(default_factory=dict)
    logins: Mapping[str, str] = field(default_factory=dict)
    """``oidc:ISSUER#SUBJECT`` by actor."""


def rehearse(
    text: str,
    params: Mapping[str, str],
    places: Mapping[str, Mapping[str, str]],
    *,
    runs: Path,
    tell: Callable[[str], None] = lambda _text: None,
    scratch: Callable[[Pipeline, Path], AbstractContextManager[Scratch]] = lambda _pipeline, _folder: nullcontext(
        Scratch()
    ),
    clock: Clock | None = None,
) -> tuple[State, RunFolder]:
    """Play a run through; returns its end and its folder. What was made for it is taken away afterwards.

    ``scratch`` runs the services that stand in, as long as its context; it is given the pipeline and a folder of its
    own. Raises `Rejected` for what is none of a pipeline, `Refused` where something cannot be rehearsed.
    """
    pipeline = resolve(read_pipeline(text), params)
    clock = clock or SystemClock()
    folder = runs / "rehearsal"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    children = Children()
    with ExitStack() as around:
        around.callback(shutil.rmtree, folder, ignore_errors=True)
        tell("Making ready: clones of the remotes, a scratch index with a Sigstore of its own. Nothing gets out.")
        try:
            made = around.enter_context(scratch(pipeline, folder))
            keys = {one.id: MachineKey.new() for one in pipeline.actors}
            home = around.enter_context(_gpg_home(children))
            gpg = _gpg(pipeline, home, children)
            where = _places(pipeline, places, made, folder, children)
            if gpg:
                where["gpg"] = {"home": str(home), "key": gpg}
        except Problem as problem:
            raise Refused("no-rehearsal", f"It cannot be rehearsed: {problem}") from problem
        played = _with_identities(text, pipeline, keys, gpg, made.logins)
        run = begin_run(runs, played, params, where, clock, rehearsal=True)
        tell(f"Rehearsal {run.name}: nothing of it is real but the work; people are played.")
        alone = Alone(run, tell=tell, clock=clock, secrets=_secrets(made.secrets), answer=_Understudies(keys))
        return alone.conduct(), run


class _Understudies:
    """Everybody is around, and says yes."""

    def __init__(self, keys: Mapping[str, MachineKey]) -> None:
        self.keys = keys

    def __call__(self, conductor: Conductor) -> bool:
        state = conductor.state
        for actor in state.pipeline.actors:
            if actor.machine:
                continue
            person = Person(actor, f"key:{self.keys[actor.id].public}", self.keys[actor.id])
            if not person.has_joined(state):
                return _said(conductor, person, person.join())
            if state.status == "gathering" and actor.expert and actor.id not in state.confirmed:
                return _said(conductor, person, Confirmed(actor.id, actor.id))
            for one in state.steps.values():
                asked = one.asked
                if one.status != "asked" or asked is None or actor.id not in asked.need:
                    continue
                if len(one.approvals) < asked.quorum and actor.id not in {each.actor for _, _, each in one.approvals}:
                    return _said(conductor, person, self._yes(state, person, one.id))
        return False

    @staticmethod
    def _yes(state: State, person: Person, step: str) -> Approved:
        asked = state.steps[step].asked
        assert asked is not None  # noqa: S101 - it is asked
        name = person.actor.id
        factor = factor_demanded(state, state.pipeline.step(step), name)
        proof = proof_by_key(asked.question, actor=name, key=person.key)
        return Approved(step, asked.attempt, asked.question, name, name, factor, proof)


def _said(conductor: Conductor, person: Person, event: Any) -> bool:
    conductor.say([event], by=person.actor.id, said=person.said(event, conductor.state.run))
    return True


def _places(
    pipeline: Pipeline,
    places: Mapping[str, Mapping[str, str]],
    made: Scratch,
    folder: Path,
    children: Children,
) -> dict[str, dict[str, str]]:
    """The places of the rehearsal."""
    stores = {one.id for one in pipeline.environments if one.kind == "store"}
    found: dict[str, dict[str, str]] = {}
    for name, settings in places.items():
        if name in _QUIET:
            continue
        found[name] = dict(settings)
        if "adapter" in settings or _is_remote(pipeline, name):
            found[name] = {**settings, "url": _clone(settings, folder / f"{name}.git", children)}
            if "adapter" in settings:
                found[name]["adapter"] = "hook"
        elif name in stores and name not in made.places and "url" in settings:
            raise Problem("no-scratch-index", f"nothing stands in for {name}", "a scratch index", place=name)
    for name, stood_in in made.places.items():
        found[name] = {**found.get(name, {}), **stood_in}
    if any(step.uses == "announce" for step in pipeline.steps):
        found["atom"] = {"path": str(folder / "feed.atom")}
    return found


def _is_remote(pipeline: Pipeline, name: str) -> bool:
    return any(one.id == name and one.kind == "forge" for one in pipeline.environments)


def _clone(settings: Mapping[str, str], into: Path, children: Children) -> str:
    """A bare clone, made with whatever opens the remote for this person, that knows no way back."""
    url = settings.get("url", "")
    for words in (
        ["clone", "--quiet", "--bare", "--no-local", "--", url, str(into)],
        ["-C", str(into), "remote", "remove", "origin"],
    ):
        ran = children.run(["git", "-c", "protocol.ext.allow=never", *words], env={**os.environ, "LC_ALL": "C"})
        if not ran.ok:
            raise Problem("no-clone", ran.tail, "a clone of it", place=url)
    return str(into)


@contextmanager
def _gpg_home(children: Children) -> Iterator[Path]:
    """A home of GnuPG for the time of the rehearsal. Its path is short: names of sockets have 107 letters at most."""
    with TemporaryDirectory(prefix="ch", ignore_cleanup_errors=True) as home:
        try:
            yield Path(home)
        finally:
            with suppress(FileNotFoundError):
                children.run(["gpgconf", "--homedir", home, "--kill", "all"], env={"PATH": _PROGRAMS})


def _gpg(pipeline: Pipeline, home: Path, children: Children) -> str:
    """The fingerprint of a fresh key, if anybody signs by GPG."""
    wanted = any("gpg" in str(step.options.get("how", "")) or "key" in step.options for step in pipeline.steps)
    if not wanted and not any(one.startswith("gpg:") for actor in pipeline.actors for one in actor.identities):
        return ""
    base = ["gpg", "--homedir", str(home), "--batch", "--no-tty", "--quiet", "--pinentry-mode", "loopback"]
    env = {"PATH": _PROGRAMS, "GNUPGHOME": str(home), "HOME": str(home)}
    made = children.run(
        [*base, "--passphrase", "", "--quick-generate-key", "Rehearsal <rehearsal@invalid>", "ed25519", "sign", "1d"],
        env=env,
    )
    listed = children.run([*base, "--with-colons", "--list-secret-keys"], env=env)
    found = [line.split(":")[9] for line in listed.out.splitlines() if line.startswith("fpr:")]
    if not made.ok or not found:
        raise Problem("no-key", made.tail or "gpg made no key", "a key for the rehearsal", place="gpg")
    return found[0]


def _with_identities(
    text: str, pipeline: Pipeline, keys: Mapping[str, MachineKey], gpg: str, logins: Mapping[str, str]
) -> str:
    """The pipeline's text with the identities of this rehearsal, and everything else as it was."""
    written = tomlkit.parse(text)
    actors: Any = written["actors"]
    signers = {step.actor for step in pipeline.steps}
    taken = False
    for actor in pipeline.actors:
        mine = [f"key:{keys[actor.id].public}"]
        has_gpg = any(one.startswith("gpg:") for one in actor.identities)
        if gpg and not taken and has_gpg and actor.id in signers:
            mine.append(f"gpg:{gpg}")
            taken = True
        if actor.id in logins:
            mine.append(logins[actor.id])
        actors[actor.id]["identities"] = mine
    # The case is a real one, and the scratch index has none.
    for step in cast("list[dict[str, Any]]", written.get("steps", [])):
        if step.get("uses") == PUBLISH:
            step.get("with", {}).pop("case", None)
    return tomlkit.dumps(written)


def _secrets(known: Mapping[str, Callable[[], str]]) -> Callable[[str], str]:
    """Only those of the rehearsal: no real one is ever asked for."""

    def secret(name: str) -> str:
        if name not in known:
            raise Problem("no-secret", f"a rehearsal has no secret {name!r}", place=name)
        return known[name]()

    return secret
