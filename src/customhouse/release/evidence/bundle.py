"""One file from which a stranger verifies a release: what is in it, and reading it strictly.

=================== ==================================================================================
``manifest.json``   each member with its SHA-256 and size; which run of which project
``journal.jsonl``   every line of the journal, canonical
``pipeline.toml``   the definition that the run followed
``statements/…``    Sigstore bundles of the in-toto statements
``signatures/…``    the files' signatures, Sigstore and GPG
``sboms/…``         what the SBOM statements are of
``trust/…``         whom one had to trust then: ``trusted_root.json``, ``engine.key``, ``gpg-FPR.asc``
``log/…``           checkpoints of the log and proofs that it only grew
=================== ==================================================================================

Nothing here says that a bundle is true. A member that the manifest does not name, or another byte anywhere, is refused;
whether the whole is what it says, `verify.py` judges.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import rfc8785

from customhouse.formats.strict_json import read_json
from customhouse.release.codec import read_line, write_line
from customhouse.release.events import Attested, Created, Joined, StepDone
from customhouse.release.evidence.archive import FIRST, read_archive, write_archive
from customhouse.release.evidence.statements.history import history
from customhouse.release.evidence.statements.sbom import documents
from customhouse.release.evidence.statements.told import MAKERS
from customhouse.release.sealed import Sealed
from customhouse.release.signing.gpg import FINGERPRINT
from customhouse.release.signing.openpgp import read_evidence
from customhouse.release.state import State
from customhouse.release.things import Thing
from customhouse.terms.errors import Rejected

SCHEMA = 1
MOST_LINES = 50_000
"""Of a journal. A run has some hundred; rules look at all that came before, so time grows with the square."""
JOURNAL = "journal.jsonl"
PIPELINE = "pipeline.toml"
ROOT = "trust/trusted_root.json"
ENGINE_KEY = "trust/engine.key"
STATEMENTS = "statements/"
SIGNATURES = "signatures/"
SBOMS = "sboms/"
LOG = "log/"
_ACCEPTED = "a bundle as customhouse release bundle writes it"


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle that is whole: each member is what the manifest says, and there is no other."""

    sha256: str
    members: Mapping[str, bytes]
    lines: tuple[Sealed, ...]
    created: Created
    makers: int

    def below(self, folder: str) -> dict[str, bytes]:
        """The members of a folder, by name without it."""
        return {name.removeprefix(folder): body for name, body in self.members.items() if name.startswith(folder)}

    @property
    def file_name(self) -> str:
        """What it is called: ``NAME-VERSION.release.tar``."""
        return file_name(self.created)


def file_name(created: Created) -> str:
    """What the bundle of a run is called."""
    return f"{created.project}-{created.params.get('version', '0')}.release.tar"


def members_of(
    state: State, lines: Sequence[Sealed], body: Callable[[Thing], bytes], *, trust_root: bytes = b"",
    log: Mapping[str, bytes] | None = None,
) -> dict[str, bytes]:  # fmt: skip
    """Everything that goes into the bundle of a run.

    ``body`` gives the bytes of a file of the store, ``trust_root`` is the ``trusted_root.json`` that signatures were
    made under (empty where there was no Sigstore), ``log`` has members without their folder.
    """
    told = history(state.pipeline, lines)
    created = told.created
    members = {
        JOURNAL: "".join(f"{write_line(line)}\n" for line in lines).encode(),
        PIPELINE: created.pipeline.encode(),
        ENGINE_KEY: f"{created.engine_key}\n".encode(),
    }
    if trust_root:
        members[ROOT] = trust_root
    members |= gpg_keys(state, lines)
    members |= {f"{LOG}{name}": one for name, one in (log or {}).items()}
    for name, thing in files_in_bundle(state, lines).items():
        members[name] = body(thing)
    members[FIRST] = manifest(members, created, told.run)
    return members


def gpg_keys(state: State, lines: Iterable[Sealed]) -> dict[str, bytes]:
    """The OpenPGP keys of people and signing steps, as they were noted then: members by name.

    They are in the journal. Here other programs find them; and where both have noted one, it is the signing step's.
    """
    joined = (line.event for line in lines if isinstance(line.event, Joined))
    said = [(one.identity.removeprefix("gpg:"), read_evidence(one.evidence).get("public_key", "")) for one in joined]
    said += [
        (one.facts.get("gpg_fingerprint", ""), one.facts.get("gpg_public_key", "")) for one in state.steps.values()
    ]
    keys = {name.upper(): key.encode("utf-8", "replace") for name, key in said if key}
    return {gpg_member(name): key for name, key in keys.items() if FINGERPRINT.fullmatch(name)}


def gpg_member(fingerprint: str) -> str:
    """What the public key with this fingerprint is called."""
    return f"trust/gpg-{fingerprint.upper()}.asc"


def files_in_bundle(state: State, lines: Sequence[Sealed]) -> dict[str, Thing]:
    """The members that are files of the store: what the journal names, and nothing else may be there."""
    told = history(state.pipeline, lines)
    found: dict[str, Thing] = {}
    for line in lines:
        event = line.event
        if isinstance(event, Attested):
            found[f"{STATEMENTS}{event.bundle.name}"] = event.bundle
        elif isinstance(event, StepDone) and event.attempt == told.newest[event.step]:
            for artifact, things in event.outputs.items():
                if state.pipeline.artifact(artifact).covers:
                    found |= {f"{SIGNATURES}{one.name}": one for one in things}
        if isinstance(event, StepDone):
            found |= {f"{SBOMS}{line.seq:05d}.{one.name}": one for one in documents(told, line)}
    return found


def manifest(members: Mapping[str, bytes], created: Created, run: str, makers: int = MAKERS) -> bytes:
    """The manifest of these members (itself left out), canonical."""
    listed: list[dict[str, Any]] = [
        {"name": name, "sha256": hashlib.sha256(members[name]).hexdigest(), "size": len(members[name])}
        for name in sorted(members)
        if name != FIRST
    ]
    value: Any = {
        "schema": SCHEMA, "makers": makers, "run": run, "project": created.project,
        "version": created.params.get("version", ""), "members": listed,
    }  # fmt: skip
    return rfc8785.dumps(value)


def write_bundle(members: Mapping[str, bytes]) -> bytes:
    """The file: the same for the same members."""
    return write_archive(members)


def read_bundle(data: bytes) -> Bundle:
    """A bundle, whole; raises `Rejected` naming the member (or the byte) where it is not."""
    members = read_archive(data)
    for name in (FIRST, JOURNAL, PIPELINE, ENGINE_KEY):
        if name not in members:
            raise Rejected("bundle-short", name, "is missing", _ACCEPTED)
    said = _manifest_of(members[FIRST])
    _as_listed(members, said["members"])
    lines = _lines_of(members[JOURNAL])
    created = lines[0].event
    if not isinstance(created, Created):
        raise Rejected("journal-broken", f"{JOURNAL} line 0", f"is {created.kind!r}", "created")
    if manifest(members, created, lines[0].run, said["makers"]) != members[FIRST]:
        raise Rejected("bundle-odd", FIRST, "is not the manifest of these members and this run", _ACCEPTED)
    if members[PIPELINE] != created.pipeline.encode():
        raise Rejected("bundle-odd", PIPELINE, "is not the pipeline of the journal", "the text in its first line")
    if members[ENGINE_KEY] != f"{created.engine_key}\n".encode():
        raise Rejected("bundle-odd", ENGINE_KEY, "is not the key of the journal", created.engine_key)
    return Bundle(hashlib.sha256(data).hexdigest(), members, lines, created, said["makers"])


def _manifest_of(body: bytes) -> dict[str, Any]:
    try:
        value = read_json(body.decode())
        listed = {str(one["name"]): (str(one["sha256"]), int(one["size"])) for one in value["members"]}
        schema, makers = value["schema"], int(value["makers"])
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise Rejected("bundle-odd", FIRST, "cannot be read", _ACCEPTED) from error
    if schema != SCHEMA or makers != MAKERS:
        raise Rejected(
            "bundle-newer", FIRST, f"is of schema {schema!r}, makers {makers!r}",
            f"schema {SCHEMA}, makers {MAKERS}; a newer customhouse may read it",
        )  # fmt: skip
    return {"members": listed, "makers": makers}


def _as_listed(members: Mapping[str, bytes], listed: Mapping[str, tuple[str, int]]) -> None:
    for name in members:
        if name != FIRST and name not in listed:
            raise Rejected("bundle-member", name, "is not in the manifest", "only members that it names")
    for name, (sha256, _) in listed.items():
        if name not in members:
            raise Rejected("bundle-short", name, "is missing; the manifest names it", _ACCEPTED)
        found = hashlib.sha256(members[name]).hexdigest()
        if found != sha256:
            raise Rejected("bundle-digest", name, f"SHA-256 {found}", f"SHA-256 {sha256}")


def _lines_of(body: bytes) -> tuple[Sealed, ...]:
    if not body.endswith(b"\n"):
        raise Rejected("journal-broken", JOURNAL, "does not end with a line's end", _ACCEPTED)
    if (number := body.count(b"\n")) > MOST_LINES:
        raise Rejected("bundle-too-large", JOURNAL, f"has {number:,} lines", f"at most {MOST_LINES:,}")
    return tuple(read_line(raw, where=f"{JOURNAL} line {number}") for number, raw in enumerate(body[:-1].split(b"\n")))
