"""A run as an in-toto layout and links, so that the unmodified ``in-toto-verify`` judges its hand-overs as well.

https://github.com/in-toto/docs/blob/master/in-toto-spec.md (1.0), in DSSE envelopes as in-toto 3 reads them. Each step
of the pipeline is a step of the layout; what it takes must match the products of the steps that made it; builders that
must agree are functionaries of one step with a threshold. Files are called ``ARTIFACT/NAME``.

Nobody's keys sign links while a release runs, so each actor gets a key made for this export. in-toto therefore judges
how digests flow, and not who said so: for that there are the bundle's own signatures.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from customhouse.formats.dsse import IN_TOTO, pae
from customhouse.formats.pipeline.model import Pipeline, Step
from customhouse.release.machine_key import MachineKey
from customhouse.release.standing import inputs_of
from customhouse.release.state import State
from customhouse.release.things import Thing, Things

LAYOUT, OWNER = "root.layout", "owner.pub"
_NAMES = {"gitCommit": "sha1", "gitTag": "sha1", "gitTree": "sha1", "sha256": "sha256"}


@dataclass(frozen=True)
class Keys:
    """One key for each actor, and the owner's, who signs the layout. Made for one export and then forgotten."""

    owner: MachineKey
    actors: Mapping[str, MachineKey]

    @classmethod
    def new(cls, pipeline: Pipeline) -> Keys:
        """Fresh ones."""
        return cls(MachineKey.new(), {one.id: MachineKey.new() for one in pipeline.actors})


def layout_files(state: State, keys: Keys, *, expires: datetime) -> dict[str, bytes]:
    """The files to write: the layout, the owner's public key (PEM), and a link for each step and builder."""
    found = {
        LAYOUT: envelope(layout(state, keys, expires), keys.owner),
        OWNER: _pem(keys.owner),
    }
    for step in _steps(state):
        for actor, value in links(state, step):
            found[link_name(step.id, keys.actors[actor])] = envelope(value, keys.actors[actor])
    return found


def layout(state: State, keys: Keys, expires: datetime) -> dict[str, Any]:
    """The layout itself."""
    return {
        "_type": "layout",
        "readme": f"{state.pipeline.project}, run {state.run}, pipeline sha256:{state.pipeline_sha256}",
        "expires": f"{expires:%Y-%m-%dT%H:%M:%SZ}",
        "keys": {key_id(one): _key(one) for one in keys.actors.values()},
        "inspect": [],
        "steps": [
            {
                "_type": "step",
                "name": step.id,
                "threshold": step.rebuild.agree if step.rebuild and _comparable(state, step) else 1,
                "pubkeys": [key_id(keys.actors[actor]) for actor in _functionaries(state, step)],
                "expected_command": [],
                "expected_materials": _material_rules(state, step),
                "expected_products": _product_rules(state, step),
            }
            for step in _steps(state)
        ],
    }


def links(state: State, step: Step) -> Iterator[tuple[str, dict[str, Any]]]:
    """What each builder says of the step: the actor, and the link. Others than the first said it as `Rebuilt`."""
    found = state.steps[step.id]
    materials = _artifacts(found.inputs)
    yield step.actor, _link(step, materials, _artifacts(found.outputs))
    if step.rebuild and _comparable(state, step):
        for one in found.rebuilds:
            yield one.by, _link(step, materials, _artifacts(one.outputs))


def envelope(value: Mapping[str, Any], key: MachineKey) -> bytes:
    """A DSSE envelope around it, with one signature."""
    payload = json.dumps(value, sort_keys=True).encode()
    signature = {"keyid": key_id(key), "sig": key.sign(pae(IN_TOTO, payload))}
    return json.dumps(
        {"payload": base64.b64encode(payload).decode(), "payloadType": IN_TOTO, "signatures": [signature]}
    ).encode()


def link_name(step: str, key: MachineKey) -> str:
    """How in-toto finds a link."""
    return f"{step}.{key_id(key)[:8]}.link"


def key_id(key: MachineKey) -> str:
    """As securesystemslib computes it: SHA-256 of the key's canonical JSON."""
    return hashlib.sha256(
        rfc8785.dumps({"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": key.public}})
    ).hexdigest()


def _steps(state: State) -> list[Step]:
    return [step for step in state.pipeline.steps if state.steps[step.id].status == "done"]


def _functionaries(state: State, step: Step) -> list[str]:
    return [step.actor, *(step.rebuild.by if step.rebuild and _comparable(state, step) else ())]


def _comparable(state: State, step: Step) -> bool:
    """Whether all that the step makes must be the same everywhere: in-toto compares whole links."""
    return all(state.pipeline.artifact(name).reproducible for name in step.outputs)


def _material_rules(state: State, step: Step) -> list[list[str]]:
    rules = [
        ["MATCH", f"{artifact}/*", "WITH", "PRODUCTS", "FROM", maker.id]
        for artifact in step.inputs
        for maker in _steps(state)
        if artifact in maker.outputs and maker.id != step.id
    ]
    required = [
        ["REQUIRE", f"{artifact}/{thing.name}"]
        for artifact, things in sorted(inputs_of(state, step).items())
        if artifact not in step.outputs
        for thing in sorted(things)
    ]
    return [*required, *rules, ["DISALLOW", "*"]]


def _product_rules(state: State, step: Step) -> list[list[str]]:
    made = [["ALLOW" if name in step.inputs else "CREATE", f"{name}/*"] for name in step.outputs]
    required = [
        ["REQUIRE", f"{artifact}/{thing.name}"]
        for artifact, things in sorted(state.steps[step.id].outputs.items())
        for thing in sorted(things)
    ]
    return [*required, *made, ["DISALLOW", "*"]]


def _link(step: Step, materials: Mapping[str, Any], products: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "_type": "link",
        "name": step.id,
        "command": list(step.run) or [step.uses],
        "materials": dict(materials),
        "products": dict(products),
        "byproducts": {},
        "environment": {},
    }


def _artifacts(by_artifact: Mapping[str, Things]) -> dict[str, dict[str, str]]:
    return {
        f"{artifact}/{thing.name}": _digest(thing)
        for artifact, things in sorted(by_artifact.items())
        for thing in sorted(things)
    }


def _digest(thing: Thing) -> dict[str, str]:
    return {_NAMES[thing.algorithm]: thing.digest}


def _key(key: MachineKey) -> dict[str, Any]:
    return {"keyid": key_id(key), "keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": key.public}}


def _pem(key: MachineKey) -> bytes:
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key.public))
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
