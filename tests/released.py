"""A whole release run for tests of its evidence: a journal that the rules accept, made in a second, without acting.

People, machines, keys and the Sigstore are real; what steps would have done is made up. `Puppet.steps` lets a test put a
hand in between.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from attesting import LONG_AGO
from authenticator import Authenticator, text_of
from clock import TurnableClock
from customhouse.formats.dsse import IN_TOTO, pae
from customhouse.release.codec import write_line
from customhouse.release.engine.anchor import anchored_by
from customhouse.release.events import (
    Approved,
    Checked,
    Confirmed,
    Created,
    Event,
    Joined,
    Published,
    Rebuilt,
    SignedThing,
    StepDone,
    StepStarted,
    TagSeen,
)
from customhouse.release.evidence.attest import attest
from customhouse.release.evidence.bundle import members_of, write_bundle
from customhouse.release.evidence.points.case import Brought
from customhouse.release.journal import Head
from customhouse.release.machine_key import MachineKey
from customhouse.release.moves import Say, Start, next_moves
from customhouse.release.question import answer_message, idempotency_key, proof_by_gpg, proof_by_key
from customhouse.release.room.proof import Decision, check_proof, proof_of
from customhouse.release.rules import apply, begin
from customhouse.release.sealed import ENGINE, Sealed
from customhouse.release.sealing import EMPTY, say, seal
from customhouse.release.signing.openpgp import joining_bytes, joining_evidence
from customhouse.release.standing import flat, inputs_of
from customhouse.release.state import State
from customhouse.release.store_folder import FolderStore
from customhouse.release.things import Thing, Things
from customhouse.trust.private_sigstore.ca import OidcIdentity
from customhouse.trust.private_sigstore.keys import SigningKey
from memory_sigstore import PrivateSigstore, b64, new_key

ISSUER = "https://issuer.example"
SERVER = "http://localhost:8417"
RUN = "sealed-3.1.0-1"
VERSION = "3.1.0"
FROZEN, COMMIT, TAG = "f" * 40, "c" * 40, "a" * 40
PIPELINE = """
[pipeline]
schema = 1
version = {edition}
project = "sealed"
tag = "v{{version}}"
[params]
version = {{ pattern = '\\d+\\.\\d+\\.\\d+' }}
[actors.rm]
title = "Release manager"
identities = ["user:rosa", "oidc:{issuer}#rosa", "key:{rosa}"]
factor = "{factor}"
expert = true
[actors.windows]
title = "Windows expert"
identities = ["user:wim", "key:{wim}"]
factor = "{factor}"
expert = true
[actors.macos]
title = "macOS expert"
identities = ["user:mara", "key:{mara}"]
factor = "{factor}"
expert = true
[actors.ci-a]
title = "Builder A"
machine = true
identities = ["oidc:{issuer}#builder-a"]
[actors.ci-b]
title = "Builder B"
machine = true
identities = ["oidc:{issuer}#builder-b"]
[environments]
upstream = {{ title = "Forge", kind = "forge", writers = ["rm"] }}
desk = {{ title = "Desk", kind = "local" }}
ci = {{ title = "Builder A", kind = "ci", network = "none", ephemeral = true, cache = false }}
ci-b = {{ title = "Builder B", kind = "ci", network = "none", ephemeral = true, cache = false }}
index = {{ title = "Index", kind = "store" }}
[artifacts]
frozen = {{ type = "git-commit" }}
commit = {{ type = "git-commit" }}
tag = {{ type = "git-tag", points_to = "commit" }}
dists = {{ type = "files", names = ["sealed-{{version}}.tar.gz", "sealed-{{version}}-*.whl"], reproducible = true }}
sbom = {{ type = "files", names = ["sealed-{{version}}.cdx.json"], describes = "dists" }}
sigs = {{ type = "files", names = ["{{artifact}}.sigstore.json"], covers = ["dists", "sbom"] }}
[[steps]]
id = "freeze"
n = "1"
title = "Freeze"
actor = "rm"
env = "upstream"
uses = "git.freeze"
out = ["frozen"]
[[steps]]
id = "commit"
n = "2"
title = "Commit and tag"
actor = "rm"
env = "desk"
uses = "git.commit_and_tag"
in = ["frozen"]
out = ["commit", "tag"]
[[steps]]
id = "build"
n = "3"
title = "Build, twice"
actor = "ci-a"
env = "ci"
uses = "build.python"
in = ["commit", "tag"]
out = ["dists"]
rebuild = {{ by = ["ci-b"], env = "ci-b", agree = 2 }}
checks = ["rebuilds-agree", "complete"]
[[steps]]
id = "sbom"
n = "4"
title = "What is in it"
actor = "ci-a"
env = "ci"
uses = "build.sbom"
in = ["dists"]
out = ["sbom"]
[[steps]]
id = "stage"
n = "5"
title = "Stage"
actor = "rm"
env = "index"
uses = "index.stage"
in = ["dists", "sbom"]
checks = ["staged-as-built"]
[[steps]]
id = "test"
n = "6"
title = "Test from the stage"
actor = "ci-b"
env = "ci-b"
uses = "test.install"
in = ["dists"]
after = ["stage"]
checks = ["tested-as-staged"]
[[steps]]
id = "stop"
n = "7"
title = "STOP: wait for everybody"
actor = "rm"
env = "index"
uses = "gate"
in = ["dists", "sbom"]
after = ["test"]
gate = {{ need = ["rm", "windows", "macos"], quorum = 3, ask = "Green light for {{version}}?", factor = "{factor}" }}
[[steps]]
id = "sign"
n = "8"
title = "Sign what was tested"
actor = "rm"
env = "desk"
uses = "sign.all"
in = ["dists", "sbom"]
out = ["sigs"]
after = ["stop"]
gate = {{ need = ["rm"], ask = "Sign {{version}}?", factor = "{factor}" }}
checks = ["signatures-verify"]
with = {{ how = ["sigstore"] }}
[[steps]]
id = "publish"
n = "9"
title = "Publish"
actor = "rm"
env = "index"
uses = "index.publish"
in = ["dists", "sbom", "sigs"]
no_return = true
[[steps]]
id = "fetch-back"
n = "10"
title = "Fetch back"
actor = "ci-b"
env = "index"
uses = "index.fetch_back"
in = ["dists", "sbom", "sigs"]
after = ["publish"]
checks = ["fetched-back"]
[[steps]]
id = "push-last"
n = "11"
title = "Push the tag, last"
actor = "rm"
env = "upstream"
uses = "git.push_last"
in = ["commit", "tag"]
after = ["fetch-back"]
no_return = true
"""


class Notary:
    """A Sigstore in memory that signs statements and files."""

    def __init__(self, clock: TurnableClock, seed: bytes = b"released") -> None:
        self.sigstore = PrivateSigstore.open(clock, seed, "released", "log.example")
        self.log = self.sigstore.log

    @property
    def trusted_root(self) -> bytes:
        return json.dumps(
            json.loads(self.sigstore.trusted_root(since=LONG_AGO)), sort_keys=True, separators=(",", ":")
        ).encode()

    def sealer(self, subject: str, issuer: str = ISSUER) -> Seal:
        return Seal(self, subject, issuer)


@dataclass
class Seal:
    """A `Sealer` of the notary for one identity."""

    notary: Notary
    identity: str
    issuer: str

    def statement(self, payload: bytes) -> str:
        key, certificate = self._certificate()
        signature = key.sign(pae(IN_TOTO, payload))
        entry = self.notary.log.add(payload, signature, certificate)
        envelope = {
            "payload": b64(payload), "payloadType": "application/vnd.in-toto+json",
            "signatures": [{"sig": b64(signature)}],
        }  # fmt: skip
        return self._bundle(certificate, entry, {"dsseEnvelope": envelope})

    def file(self, path: Path) -> str:
        body = path.read_bytes()
        digest = hashlib.sha256(body).digest()
        key, certificate = self._certificate()
        signature = key.sign(body)
        entry = self.notary.log.add_file(digest, signature, certificate)
        signed = {"messageDigest": {"algorithm": "SHA2_256", "digest": b64(digest)}, "signature": b64(signature)}
        return self._bundle(certificate, entry, {"messageSignature": signed})

    def _certificate(self) -> tuple[SigningKey, x509.Certificate]:
        key = new_key()
        identity = OidcIdentity(self.issuer, self.identity)
        return key, self.notary.sigstore.certificate(identity, key.private.public_key())

    def _bundle(self, certificate: x509.Certificate, entry: dict[str, Any], content: dict[str, Any]) -> str:
        material = {
            "certificate": {"rawBytes": b64(certificate.public_bytes(Encoding.DER))}, "tlogEntries": [entry],
            "timestampVerificationData": {},
        }  # fmt: skip
        return json.dumps(
            {
                "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
                "verificationMaterial": material, **content,
            }
        )  # fmt: skip


@dataclass
class Puppet:
    """A run that is conducted without acting. Everything in it can be replaced before `release`."""

    folder: Path
    factor: str = "none"
    room: bool = True
    edition: int = 3
    run: str = RUN
    sigstore: bool = True
    engine: MachineKey = field(default_factory=MachineKey.new)
    clock: TurnableClock = field(default_factory=TurnableClock)
    notary: Notary = field(init=False)
    store: FolderStore = field(init=False)
    keys: dict[str, MachineKey] = field(default_factory=dict)
    security_keys: dict[str, Authenticator] = field(default_factory=dict)
    lines: list[Sealed] = field(default_factory=list)
    state: State | None = None
    bodies: dict[str, bytes] = field(default_factory=dict)
    between: Callable[[Puppet, str], None] | None = None
    """Called before each step starts."""
    sealers: dict[str, Any] = field(default_factory=dict)
    issuer: str = ISSUER
    trusted_root: bytes = b""
    openpgp: dict[str, Callable[[bytes], str]] = field(default_factory=dict)
    """Who proves himself by an OpenPGP key: the armored signature of a text."""
    fingerprints: dict[str, str] = field(default_factory=dict)
    public_keys: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.notary = Notary(self.clock)
        self.store = FolderStore(self.folder / "store")
        for who in ("rm", "windows", "macos", "ci-a", "ci-b"):
            self.keys[who] = MachineKey.from_seed(hashlib.sha256(f"key of {who}".encode()).digest())
            self.security_keys[who] = Authenticator(SERVER, "localhost")
        self.trusted_root = self.trusted_root or self.notary.trusted_root
        self.sealers = self.sealers or {
            "rm": self.notary.sealer("rosa"),
            "ci-a": self.notary.sealer("builder-a"),
            "ci-b": self.notary.sealer("builder-b"),
        }
        self.bodies = {
            f"sealed-{VERSION}.tar.gz": b"the sources\n" * 40,
            f"sealed-{VERSION}-cp311-cp311-linux_x86_64.whl": b"the wheel\n" * 40,
        }

    @property
    def pipeline(self) -> str:
        text = PIPELINE.format(
            edition=self.edition, issuer=self.issuer, factor=self.factor, rosa=self.keys["rm"].public,
            wim=self.keys["windows"].public, mara=self.keys["macos"].public,
        )  # fmt: skip
        for who, fingerprint in self.fingerprints.items():
            text = text.replace(f"key:{self.keys[who].public}", f"gpg:{fingerprint}")
        return text

    @property
    def places(self) -> dict[str, dict[str, str]]:
        found = {
            "upstream": {"url": "/srv/upstream.git"}, "index": {"url": "https://index.example"},
        }  # fmt: skip
        if self.room:
            found["room"] = {"url": SERVER}
        if self.sigstore:
            found["sigstore"] = {"trust_config": "trust.json"}
        return found

    def release(self) -> Puppet:
        """From the first line to the last."""
        self.begin()
        for _ in range(200):
            assert self.state is not None
            if self.state.status in ("released", "abandoned"):
                return self
            self.turn()
        raise AssertionError(self.state)

    def begin(self) -> None:
        text = self.pipeline
        self.say(
            Created("sealed", text, hashlib.sha256(text.encode()).hexdigest(), self.edition, {"version": VERSION}, self.places, self.engine.public)
        )  # fmt: skip
        assert self.state is not None
        for who in ("rm", "windows", "macos"):
            self.speak(who, self.joined(who))
            self.speak(who, Confirmed(who, self.person(who)))
        for who, subject in (("ci-a", "builder-a"), ("ci-b", "builder-b")) if self.room else ():
            self.speak(who, Joined(who, f"oidc:{self.issuer}#{subject}", self.keys[who].public))

    def joined(self, who: str) -> Joined:
        key = self.keys[who].public
        if who not in self.fingerprints:
            return Joined(who, f"key:{key}", key)
        signature = self.openpgp[who](joining_bytes(self.run, who, key))
        return Joined(who, f"gpg:{self.fingerprints[who]}", key, joining_evidence(self.public_keys[who], signature))

    def turn(self) -> None:
        """The next thing that can happen."""
        self.clock.turn(timedelta(seconds=1))
        assert self.state is not None
        moves = next_moves(self.state, self.clock.now())
        if moves:
            move = moves[0]
            if isinstance(move, Say):
                if type(move.event).__name__ == "Finished":
                    self.attest()
                self.say(move.event)
            elif isinstance(move, Start):
                self.step(move.step)
            return
        for step, found in self.state.steps.items():
            if found.asked and found.status == "asked":
                for who in found.asked.need:
                    self.approve(step, who)
                return
        raise AssertionError("nothing can happen")

    def person(self, who: str) -> str:
        return {"rm": "user:rosa", "windows": "user:wim", "macos": "user:mara"}[who]

    def approve(self, step: str, who: str) -> None:
        assert self.state is not None
        asked = self.state.steps[step].asked
        assert asked is not None
        proof = self.proof(step, asked.attempt, asked.question, who)
        factor = "webauthn" if self.factor == "webauthn" else "none"
        self.speak(who, Approved(step, asked.attempt, asked.question, who, self.person(who), factor, proof))

    def proof(self, step: str, attempt: int, question: str, who: str) -> str:
        if who in self.fingerprints:
            return proof_by_gpg(self.fingerprints[who], self.openpgp[who](answer_message(question, actor=who)))
        if self.factor != "webauthn":
            return proof_by_key(question, actor=who, key=self.keys[who])
        account = self.person(who).removeprefix("user:")
        decision = Decision(SERVER, self.run, step, attempt, question, "approve", account)
        stated = hashlib.sha256(decision.text.encode()).digest()
        challenge = secrets.token_bytes(24) + stated + secrets.token_bytes(32)
        key = self.security_keys[who]
        answer = json.loads(key.get({"challenge": text_of(challenge)}))
        return proof_of(answer, decision, cbor2.dumps(key.cose))

    def step(self, name: str) -> None:
        """Do a step: its start, its checks, what it made."""
        assert self.state is not None
        if self.between is not None:
            self.between(self, name)
        step, found = self.state.pipeline.step(name), self.state.steps[name]
        who = step.actor if step.uses != "gate" else ENGINE
        inputs = inputs_of(self.state, step)
        self.speak(
            who,
            StepStarted(
                name, found.attempt, who, self.clock.now() + timedelta(hours=1),
                idempotency_key(self.run, name, found.attempt), inputs,
            ),
        )  # fmt: skip
        outputs, facts = self.made(name)
        for check in {*step.checks, *(("handover",) if flat(inputs) else ())} - {"rebuilds-agree"}:
            self.speak(who, Checked(name, found.attempt, check, True, "", "as expected"))
        if name == "sign":
            self.sign(who, found.attempt, outputs)
        if name == "publish":
            things = outputs.get("", ()) or flat({key: inputs[key] for key in ("dists",)})
            self.speak(who, Published(name, found.attempt, "https://index.example/project/sealed/3.1.0/", things))
            outputs = {}
        if name == "push-last":
            self.say(TagSeen("upstream", f"refs/tags/v{VERSION}", TAG, COMMIT))
        self.speak(who, StepDone(name, found.attempt, outputs, facts))
        if name == "build":
            self.speak("ci-b", Rebuilt(name, found.attempt, "ci-b", outputs, True, {"python": "3.11.2"}))
        self.attest()
        if name in ("stop", "push-last"):
            self.anchor()

    def made(self, name: str) -> tuple[dict[str, Things], dict[str, str]]:
        if name == "freeze":
            return {"frozen": (Thing("main", "gitCommit", FROZEN),)}, {"branch": "main"}
        if name == "commit":
            made: dict[str, Things] = {
                "commit": (Thing("main", "gitCommit", COMMIT),),
                "tag": (Thing(f"v{VERSION}", "gitTag", TAG),),
            }
            return made, {"tree": "e" * 40}
        if name == "build":
            return {"dists": tuple(sorted(self.put(one, body) for one, body in self.bodies.items()))}, {
                "python": "3.11.2"
            }
        if name == "sbom":
            text = {
                "bomFormat": "CycloneDX",
                "specVersion": "1.6",
                "components": [{"name": "sealed", "version": VERSION}],
            }
            return {"sbom": (self.put(f"sealed-{VERSION}.cdx.json", json.dumps(text).encode()),)}, {}
        if name == "sign":
            return {}, {}
        if name == "fetch-back":
            return {}, {f"fetched:{one.name}": one.digest for one in flat({"": self.dists})}
        return {}, {"passed": "12"}

    @property
    def dists(self) -> Things:
        assert self.state is not None
        return self.state.artifacts["dists"]

    def sign(self, who: str, attempt: int, outputs: dict[str, Things]) -> None:
        assert self.state is not None
        made = []
        for thing in flat(inputs_of(self.state, self.state.pipeline.step("sign"))):
            path = self.store.fetch(thing, self.folder / "fetched")
            kept = self.put(f"{thing.name}.sigstore.json", self.sealers["rm"].file(path).encode())
            made.append(kept)
            self.speak(who, SignedThing("sign", attempt, thing, kept, "sigstore", "rosa", self.issuer))
        outputs["sigs"] = tuple(sorted(made))

    def put(self, name: str, body: bytes) -> Thing:
        path = self.folder / "made" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        return self.store.put(path)

    def attest(self) -> None:
        """Each machine says its own, then the engine the rest (with the identity of the release manager)."""
        if not self.sigstore:
            return
        for speakers, who in (({"ci-a"}, "ci-a"), ({"ci-b"}, "ci-b"), (None, "rm")):
            while True:
                assert self.state is not None
                found = attest(self.state, self.lines, self.sealers[who], self.store, speakers=speakers)
                for event in found:
                    self.say(event)
                if not found:
                    break

    def anchor(self) -> None:
        if not self.sigstore:
            return
        assert self.state is not None
        self.say(anchored_by(self.sealers["rm"])(self.state.pipeline, self.lines))

    def say(self, event: Event) -> None:
        self.write(event, ENGINE, None)

    def speak(self, who: str, event: Event) -> None:
        if who == ENGINE or (who.startswith("ci-") and not self.room):
            # Alone, the engine speaks for machines: no server has let them in.
            self.say(event)
        else:
            self.write(event, who, say(event, run=self.run, by=who, key=self.keys[who]))

    def write(self, event: Event, by: str, said: Any) -> None:
        head = Head(self.lines[-1].seq, self.lines[-1].hash) if self.lines else EMPTY
        line = seal(event, run=self.run, head=head, at=self.clock.now(), by=by, key=self.engine, said=said)
        self.state = begin(line) if self.state is None else apply(self.state, line)
        self.lines.append(line)

    def members(self) -> dict[str, bytes]:
        assert self.state is not None
        return members_of(self.state, self.lines, self.body, trust_root=self.trusted_root if self.sigstore else b"")

    def body(self, thing: Thing) -> bytes:
        return self.store.fetch(thing, self.folder / "fetched").read_bytes()

    def lay(self, runs: Path) -> Path:
        """Write the run as the engine keeps it on one machine, below ``runs``; returns its folder."""
        folder = runs / self.run
        folder.mkdir(parents=True)
        (folder / "journal.jsonl").write_text("".join(f"{write_line(line)}\n" for line in self.lines))
        (folder / "engine.key").write_bytes(self.engine.seed().hex().encode())
        (folder / "engine.key").chmod(0o600)
        shutil.copytree(self.store.path, folder / "objects")
        return folder

    def bundle(self) -> bytes:
        return write_bundle(self.members())

    def brought(self, **more: Any) -> Brought:
        """What a careful stranger brings."""
        told: dict[str, Any] = {
            "trust_root": self.trusted_root,
            "pipeline_sha256": hashlib.sha256(self.pipeline.encode()).hexdigest(),
            "check_key": check_proof,
        }
        return Brought(**{**told, **more})
