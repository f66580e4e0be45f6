"""``external.hand_in``: an expert builds elsewhere, and hands in his files with evidence that they are of this commit.

He lays the files into the place's ``folder``, or gives them to the release room; `accept` judges both. Where the place
says ``wait = "no"``, what is not there is not waited for. With them comes a statement (in-toto) that he has signed: it
names each file by its SHA-256 and the commit. Files of other names, of another commit, or that nobody has signed for
are refused. What he built can be taken for what he says, not for more.

Option: ``evidence``: ``provenance`` (SLSA provenance v1, what is asked for where nothing is said) or ``link`` (in-toto
link v0.3). The signature is by an identity that the pipeline gives to the step's actor:

- ``oidc:…``: ``NAME.sigstore.json``, a Sigstore bundle of the statement;
- ``gpg:…``: ``NAME.intoto.json`` and ``NAME.intoto.json.asc``; the place ``gpg`` knows the public key;
- ``key:…``: ``NAME.dsse.json``, a DSSE envelope signed with that Ed25519 key.

Sources: in-toto Statement v1, SLSA provenance v1, in-toto link v0.3; DSSE (protocol.md, PAE).
"""

from __future__ import annotations

import base64
import binascii
import json
import shutil
import time
from dataclasses import replace
from pathlib import Path

from customhouse.formats.dsse import IN_TOTO, pae
from customhouse.formats.plain import plain
from customhouse.release.actions import Outcome, Problem, StepRun
from customhouse.release.building.outputs import declared, keep, kept, matches, option_text
from customhouse.release.events import Attested
from customhouse.release.evidence.statements.commits import commits_in
from customhouse.release.evidence.statements.statement import Statement, read_statement
from customhouse.release.machine_key import signed_by
from customhouse.release.signing.gpg import fingerprint_of, public_key, verify_detached
from customhouse.release.signing.trust_config import read_trust
from customhouse.release.signing.verify import verify_bundle
from customhouse.terms.errors import Rejected

BUNDLE, ENVELOPE, PLAIN, DETACHED = ".sigstore.json", ".dsse.json", ".intoto.json", ".intoto.json.asc"
_PREDICATES = {"provenance": "https://slsa.dev/provenance/v1", "link": "https://in-toto.io/attestation/link/v0.3"}
_LOOK_SECONDS = 1.0
_MOST_EVIDENCE_BYTES = 4 * 2**20


class HandIn:
    """See the module."""

    def do(self, run: StepRun) -> Outcome:
        """Wait until the files lie there, and accept them."""
        folder = _folder(run)
        run.tell(f"waiting for {run.pipeline.actor(run.step.actor).title}: {', '.join(_names(run))} into {folder}")
        ends = time.monotonic() + run.step.timeout.total_seconds()
        before: object = None
        while True:
            now = _seen(folder)
            if _is_all_there(run, folder):
                try:
                    return accept(run, folder)
                except Problem:
                    # Perhaps somebody is still copying: only what no longer changes is judged.
                    if now == before:
                        raise
            before = now
            is_final = run.place().get("wait") == "no" and not _is_all_there(run, folder)
            if is_final or run.children.stop.wait(_LOOK_SECONDS) or time.monotonic() > ends:
                raise Problem(
                    "not-handed-in", f"there is {', '.join(_listed(folder)) or 'nothing'} in {folder}",
                    f"{', '.join(_names(run))} and the evidence", place=run.step.id,
                    next_step=f"Ask {run.pipeline.actor(run.step.actor).title}.",
                )  # fmt: skip

    def probe(self, run: StepRun) -> Outcome | None:
        """What was accepted already; if the files still lie there, with what was attested of them."""
        noted = kept(run)
        if noted is None:
            return None
        try:
            again = accept(run, _folder(run))
        except (Problem, OSError):
            return noted
        return again if again.outputs == noted.outputs else noted

    def undo(self, run: StepRun) -> str:
        """Nothing: the files are the expert's own."""
        del run
        return "nothing to undo"


def accept(run: StepRun, folder: Path) -> Outcome:
    """Judge what lies in a folder, and take it.

    Raises `Problem`: ``undeclared-file``, ``no-evidence``, ``bad-evidence``, ``other-commit``, ``other-file``, or what
    the verification of the signature says.
    """
    files, evidence = _sorted(run, folder)
    # Kept first, judged then: what is judged is what was kept, whatever happens to the folder.
    outputs = declared(run, files)
    digests = {thing.name: thing.digest for things in outputs.values() for thing in things}
    commit = run.commit()
    told: dict[str, str] = {}
    events = []
    facts = {"commit": commit, "handed-in-by": run.step.actor}
    for path in _as_it_is_now(run, evidence):
        statement, by = _judged(run, path, commit)
        told |= {one.name: one.sha256 for one in statement.subjects}
        subjects = tuple(sorted(one for things in outputs.values() for one in things if one.name in told))
        # By a name that no other evidence of the run has, whatever experts call theirs.
        bundle = run.store.put(path, f"{run.step.id}.{path.name}")
        events.append(Attested(run.step.id, statement.predicate_type, bundle, subjects))
        facts[f"evidence.{path.name}"] = by
    missing = sorted(digests.keys() - told.keys())
    if missing:
        raise Problem(
            "no-evidence", f"nobody has signed for {', '.join(missing)}", "a signed statement with its SHA-256",
            place=run.step.id, next_step="Sign a statement of these files and of the commit.",
        )  # fmt: skip
    for name, digest in sorted(told.items()):
        if digests.get(name) != digest:
            raise Problem(
                "other-file", f"the evidence is of {plain(name, 150)} with SHA-256 {digest}",
                digests.get(name, "a file that was handed in"), place=run.step.id,
            )  # fmt: skip
    return replace(keep(run, Outcome(outputs, facts)), events=tuple(events))


def is_evidence(name: str) -> bool:
    """Whether a file of this name is a statement or its signature, and not what was built."""
    return name.endswith((BUNDLE, ENVELOPE, PLAIN, DETACHED))


def _as_it_is_now(run: StepRun, evidence: list[Path]) -> list[Path]:
    """The evidence in a folder of our own: what was verified is what is read, and what is kept."""
    ours = run.folder / "evidence"
    shutil.rmtree(ours, ignore_errors=True)
    ours.mkdir(parents=True)
    for path in evidence:
        for one in (path, path.with_name(f"{path.name}.asc")):
            if one.is_file() and not one.is_symlink():
                if one.stat().st_size > _MOST_EVIDENCE_BYTES:
                    raise Problem("bad-evidence", f"{one.stat().st_size:,} bytes", "a statement", place=one.name)
                shutil.copyfile(one, ours / one.name)
    return [ours / path.name for path in evidence]


def _sorted(run: StepRun, folder: Path) -> tuple[list[Path], list[Path]]:
    """The files and the evidence; raises `Problem` for anything else."""
    names = _names(run)
    files, evidence = [], []
    for path in sorted(folder.iterdir()):
        if path.is_symlink() or not path.is_file():
            raise Problem("undeclared-file", f"{path.name} is no file", ", ".join(names), place=str(folder))
        if matches(path.name, names):
            files.append(path)
        elif path.name.endswith((BUNDLE, ENVELOPE, PLAIN)):
            evidence.append(path)
        elif not path.name.endswith(DETACHED):
            raise Problem(
                "undeclared-file", f"{plain(path.name, 150)} was handed in", f"{', '.join(names)} and evidence",
                place=run.step.id, next_step="Take it away, or declare it in [artifacts].",
            )  # fmt: skip
    return files, evidence


def _judged(run: StepRun, path: Path, commit: str) -> tuple[Statement, str]:
    """A statement that is signed by the actor, of the right kind, and of this commit alone."""
    wanted = _PREDICATES.get(option_text(run, "evidence", "provenance"))
    if wanted is None:
        raise Problem("option", "evidence is neither", "provenance or link", place=f"step {run.step.id}, with")
    statement, by = _verified(run, path)
    if statement.predicate_type != wanted:
        raise Problem("bad-evidence", f"it says {plain(statement.predicate_type, 100)}", wanted, place=path.name)
    seen = commits_in(statement.predicate)
    if seen != {commit}:
        raise Problem(
            "other-commit", f"it is of {', '.join(sorted(seen)) or 'no commit'}", commit, place=path.name,
            next_step="Build the release's commit, and hand in again.",
        )  # fmt: skip
    return statement, by


# --- signatures


def _verified(run: StepRun, path: Path) -> tuple[Statement, str]:
    """The statement, once its signature holds for an identity of the step's actor; and whose it is."""
    identities = run.pipeline.actor(run.step.actor).identities
    if path.name.endswith(BUNDLE):
        payload, by = _by_sigstore(run, path, identities)
    elif path.name.endswith(ENVELOPE):
        payload, by = _by_key(path, identities)
    else:
        payload, by = _by_gpg(run, path, identities)
    try:
        return read_statement(payload, path.name), by
    except Rejected as error:
        raise Problem("bad-evidence", str(error), "an in-toto statement", place=path.name) from error


def _by_sigstore(run: StepRun, path: Path, identities: tuple[str, ...]) -> tuple[bytes, str]:
    root = read_trust(run.place("sigstore")).trusted_root
    problem: Problem | None = None
    for name in identities:
        if not name.startswith("oidc:"):
            continue
        issuer, _, subject = name.removeprefix("oidc:").partition("#")
        try:
            found = verify_bundle(
                path.read_text("utf-8"), trust_root=root, identity=subject, issuer=issuer, where=path.name
            )  # fmt: skip
        except Problem as error:
            problem = error
            continue
        return found.payload, name
    raise problem or _nobody(run, path, "oidc:ISSUER#SUBJECT")


def _by_gpg(run: StepRun, path: Path, identities: tuple[str, ...]) -> tuple[bytes, str]:
    signature = path.with_name(f"{path.name}.asc")
    if not signature.is_file():
        raise Problem("no-evidence", f"{path.name} is not signed", signature.name, place=run.step.id)
    problem: Problem | None = None
    for name in identities:
        if not name.startswith("gpg:"):
            continue
        key = fingerprint_of(name.removeprefix("gpg:"))
        try:
            public = public_key(run.children, Path(run.place("gpg").get("home", "")), key)
            verify_detached(run.children, signature.read_text("utf-8"), path, key=key, public=public, where=path.name)
        except Problem as error:
            problem = error
            continue
        return path.read_bytes(), name
    raise problem or _nobody(run, path, "gpg:FINGERPRINT")


def _by_key(path: Path, identities: tuple[str, ...]) -> tuple[bytes, str]:
    try:
        envelope = json.loads(path.read_bytes())
        payload = base64.b64decode(envelope["payload"], validate=True)
        kind = envelope["payloadType"]
        signatures = [str(one["sig"]) for one in envelope["signatures"]]
    except (ValueError, KeyError, TypeError, RecursionError, binascii.Error) as error:
        expected = "payload, payloadType, signatures"
        raise Problem("bad-evidence", "it is no DSSE envelope", expected, place=path.name) from error
    if kind != IN_TOTO:
        raise Problem("bad-evidence", f"its payload is {plain(str(kind), 80)}", IN_TOTO, place=path.name)
    message = pae(kind, payload)
    for name in identities:
        key = name.removeprefix("key:")
        if key != name and any(signed_by(key, one, message) for one in signatures):
            return payload, name
    raise Problem("bad-evidence", "no key of the actor has signed it", "a signature by key:HEX", place=path.name)


def _nobody(run: StepRun, path: Path, form: str) -> Problem:
    return Problem(
        "bad-evidence", f"{path.name} cannot be of {run.step.actor}, who has no such identity", form, place=run.step.id
    )


# --- the folder


def _folder(run: StepRun) -> Path:
    where = run.place().get("folder", "")
    if not where:
        raise Problem(
            "no-place", "the place has no folder for what is handed in", "folder", place=run.step.env,
            next_step=f"--place {run.step.env}.folder=FOLDER, or let him hand in at the release room.",
        )  # fmt: skip
    return Path(where)


def _names(run: StepRun) -> list[str]:
    return [pattern for one in run.step.outputs for pattern in run.pipeline.artifact(one).names]


def _listed(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def _seen(folder: Path) -> list[tuple[str, int, int]]:
    if not folder.is_dir():
        return []
    return [(path.name, path.lstat().st_size, path.lstat().st_mtime_ns) for path in sorted(folder.iterdir())]


def _is_all_there(run: StepRun, folder: Path) -> bool:
    there = _listed(folder)
    return all(any(matches(name, [pattern]) for name in there) for pattern in _names(run)) and any(
        name.endswith((BUNDLE, ENVELOPE, PLAIN)) for name in there
    )
