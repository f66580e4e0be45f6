"""A release pipeline as values: who acts, where, what is made, what can go wrong, and the steps in between.

One TOML file describes it (`read.py`); `lint.py` says what is wrong with it; nothing here acts. Texts may hold
``{version}``, ``{tag}``, ``{project}`` and any parameter; `resolve` in `resolve.py` fills them in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal, TypeVar

SCHEMA = 1

EnvironmentKind = Literal["forge", "local", "ci", "store"]
ArtifactType = Literal["git-commit", "git-tag", "tree", "files"]
Network = Literal["none", "pinned", "open"]
Factor = Literal["none", "totp", "webauthn"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a run must be told. ``pattern`` must match all of the value; it never holds a character of shells."""

    name: str
    pattern: str
    title: str = ""
    default: str | None = None


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who acts: a person (golden), or a machine. Quorums count people, never identities."""

    id: str
    title: str
    machine: bool = False
    identities: tuple[str, ...] = ()
    """``oidc:ISSUER#SUBJECT``, ``gpg:FINGERPRINT``, ``user:NAME`` (an account of the index), ``key:HEX`` (Ed25519)."""
    factor: Factor = "none"
    """What a person must show when he decides."""
    expert: bool = False
    """The run opens only after he has said that he is around."""


@dataclass(frozen=True, slots=True)
class Environment:
    """A boundary (grey): whoever controls it controls what is made in it. Digests are compared where one is left."""

    id: str
    title: str
    kind: EnvironmentKind
    network: Network = "open"
    ephemeral: bool = False
    cache: bool = True
    """Whether anything may be left there by an earlier build."""
    writers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Artifact:
    """Something that is handed over (blue)."""

    id: str
    type: ArtifactType
    title: str = ""
    names: tuple[str, ...] = ()
    """Of ``files``: each with ``{version}`` and so on; ``*`` stands for what a build decides (tags of a wheel)."""
    version_in: str = ""
    """The member that says the version, ``PKG-INFO`` or ``METADATA`` where nothing is given."""
    reproducible: bool = False
    """Whether independent rebuilders must agree on it bit for bit."""
    describes: str = ""
    """Of an SBOM: the artifact it is of."""
    covers: tuple[str, ...] = ()
    """Of signatures: the artifacts that they sign."""
    points_to: str = ""
    """Of a tag: the artifact that is the commit."""
    when: str = ""


@dataclass(frozen=True, slots=True)
class Risk:
    """What can go wrong (red), the attack that is known to have done it, and what of the pipeline stops it."""

    id: str
    title: str
    slsa: str = ""
    """The letter of the threat in SLSA's picture, A to I."""
    attack: str = ""
    mitigations: tuple[str, ...] = ()
    """By the grammar of `vocabulary.MITIGATIONS`."""


@dataclass(frozen=True, slots=True)
class Gate:
    """People who must say yes before a step starts."""

    need: tuple[str, ...]
    """Ids of actors that are people."""
    quorum: int
    """How many of them; all where nothing is given."""
    ask: str
    factor: Factor = "none"
    expires: timedelta = timedelta(hours=24)
    """An approval is worth nothing after so long."""


@dataclass(frozen=True, slots=True)
class Rebuild:
    """Who builds the same thing once more, elsewhere."""

    by: tuple[str, ...]
    env: str
    agree: int
    """How many builds, the first one included, must be the same bit for bit."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step: an actor does one action in one environment."""

    id: str
    number: str
    title: str
    actor: str
    env: str
    uses: str
    """The action, a name of `vocabulary.ACTIONS`."""
    run: tuple[str, ...] = ()
    """Arguments of a program; no shell ever reads them."""
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    """Besides the steps that make its inputs."""
    gate: Gate | None = None
    checks: tuple[str, ...] = ()
    """Names of `vocabulary.CHECKS`, beside those that every hand-over has."""
    rebuild: Rebuild | None = None
    attest: str = ""
    """The predicate type of what is said of it; what the action makes by itself where nothing is given."""
    watch: tuple[str, ...] = ()
    """Tags that must not move from here to the end of the run."""
    when: str = ""
    """``PARAMETER == VALUE`` or ``PARAMETER != VALUE``; the step is skipped where it does not hold."""
    timeout: timedelta = timedelta(hours=1)
    on_fail: str = ""
    """``restart:STEP``: another attempt from there; the run stops where nothing is given."""
    undo: bool = True
    """Whether what it did is taken back when the run is abandoned (if its action can)."""
    no_return: bool = False
    always: bool = False
    """Runs when the run is abandoned, too."""
    risks: tuple[str, ...] = ()
    options: Mapping[str, str | int | bool | tuple[str, ...]] = field(default_factory=dict)
    """``with = { … }``: what only this action knows; `vocabulary.ACTIONS` names the keys."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """One file, read. Collections are in the file's own order."""

    schema: int
    version: int
    """Of the definition: it only ever rises, so that an old one cannot be put back."""
    project: str
    tag: str
    params: tuple[Parameter, ...]
    actors: tuple[Actor, ...]
    environments: tuple[Environment, ...]
    artifacts: tuple[Artifact, ...]
    risks: tuple[Risk, ...]
    steps: tuple[Step, ...]
    title: str = ""
    embargoed: bool = False
    """Nothing may be public before it is published; needs the place ``case``."""
    text: str = ""
    """The file itself; its SHA-256 is the pipeline's digest."""

    def step(self, name: str) -> Step:
        """A step by id; raises `KeyError`."""
        return _called(self.steps, name)

    def actor(self, name: str) -> Actor:
        """An actor by id; raises `KeyError`."""
        return _called(self.actors, name)

    def environment(self, name: str) -> Environment:
        """An environment by id; raises `KeyError`."""
        return _called(self.environments, name)

    def artifact(self, name: str) -> Artifact:
        """An artifact by id; raises `KeyError`."""
        return _called(self.artifacts, name)


_Named = TypeVar("_Named", Step, Actor, Environment, Artifact)


def _called(all_of: tuple[_Named, ...], name: str) -> _Named:
    for one in all_of:
        if one.id == name:
            return one
    raise KeyError(name)
