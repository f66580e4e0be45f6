"""``sign.all``: signs exactly what was tested, with keys that people have granted, and verifies each signature at once.

Before a key is used: what comes in must be what was tested and what was granted, name by name and digest by digest, and
the key holder must agree. After it: each signature is verified as a stranger would, for the declared identity and
issuer; one that is missing, or by anybody else, stops the release before anything is published.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from customhouse.release.actions import Outcome, Problem, StepRun, Tampered
from customhouse.release.sealed import Sealed
from customhouse.release.signing.declared import Declared, How, declared, files_of, signatures_of
from customhouse.release.signing.gpg import public_key, sign_detached
from customhouse.release.signing.key_holder import KeyHolder, Wish
from customhouse.release.signing.sealer import Sealer, SigstoreSealer
from customhouse.release.signing.signatures import Judge, judge_of, read_signature, signed_thing
from customhouse.release.signing.tested import untested
from customhouse.release.signing.trust_config import read_trust
from customhouse.release.standing import meets_at_a_room
from customhouse.release.things import Thing, Things

_FOLDER, _FILES = "signatures", "files"


class SignAll:
    """See the module."""

    def do(self, run: StepRun) -> Outcome:
        """Sign; raises `Problem`, `Tampered`."""
        wanted = declared(run)
        things = files_of(run)
        _refuse_unless_tested(run)
        wish = _granted(run, wanted, things)
        holder = _holder(run)
        holder.release(wish, _journal(run), run.clock.now())
        began = time.perf_counter()
        signers = _signers(run, wanted)
        judge = _judge(run, wanted)
        folder = run.folder / _FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        files = _fetched(run)
        for thing, how, name in signatures_of(things, wanted.how):
            text = signers[how](files[thing.name])
            judge.verify(how, text, files[thing.name], name)
            (folder / name).write_text(text, encoding="utf-8")
        seconds = time.perf_counter() - began
        outcome = _outcome(run, wanted, judge, things, {"seconds": f"{seconds:.3f}"})
        holder.finish(wish, run.clock.now())
        return outcome

    def probe(self, run: StepRun) -> Outcome | None:
        """All signatures are there, and each verifies."""
        wanted = declared(run)
        things = files_of(run)
        folder = run.folder / _FOLDER
        expected = list(signatures_of(things, wanted.how))
        if not expected or any(not (folder / name).is_file() for _, _, name in expected):
            return None
        judge = _judge(run, wanted)
        files = _fetched(run)
        try:
            for thing, how, name in expected:
                judge.verify(how, read_signature(folder / name), files[thing.name], name)
        except Problem:
            # A crash in the middle of writing one: it is made again, by the same grant.
            return None
        outcome = _outcome(run, wanted, judge, things, {})
        _holder(run).finish(_wish(run, wanted, things), run.clock.now())
        return outcome

    def undo(self, _run: StepRun) -> str:
        """A signature cannot be taken back; that nothing was published makes it worth nothing."""
        return "nothing to undo"


def _refuse_unless_tested(run: StepRun) -> None:
    fault = untested(run)
    if fault is not None:
        raise Tampered("not-tested", fault[0], "exactly what was tested", place=fault[1])


def _granted(run: StepRun, wanted: Declared, things: Things) -> Wish:
    if run.grant is None:
        raise Problem(
            "no-grant", "nobody has released the key to this step", "a grant for these digests", place=run.step.id,
            next_step="Give the step a gate; people approve there what is signed.",
        )  # fmt: skip
    if (run.grant.step, run.grant.attempt) != (run.step.id, run.attempt):
        raise Tampered("grant-of-another-attempt", f"{run.grant.step}, attempt {run.grant.attempt}", place=run.step.id)
    granted = {(one.name, one.digest) for one in run.grant.things}
    mine = {(one.name, one.digest) for one in things}
    if granted != mine:
        odd = sorted(name for name, _ in granted ^ mine)
        raise Tampered("grant-of-other-digests", f"{odd[0]} is not what was approved", place=run.step.id)
    return _wish(run, wanted, things)


def _wish(run: StepRun, wanted: Declared, things: Things) -> Wish:
    return Wish(run.run, run.step.id, run.attempt, run.idempotency_key, wanted.keys, things)


def _journal(run: StepRun) -> Sequence[Sealed]:
    if run.journal is None:
        raise Problem("no-journal", "the key holder cannot see the journal", "the run's journal", place=run.step.id)
    return run.journal()


def _holder(run: StepRun) -> KeyHolder:
    """The notes lie beside the key: in its home, or where the place ``signing`` says, or beside the run.

    The place may also name the pipeline that this key signs by (``pipeline``, a path of this machine).
    """
    said, home, pinned = _own(run, "signing", "notes"), _own(run, "gpg", "home"), _own(run, "signing", "pipeline")
    notes = Path(said) if said else Path(home) / "customhouse" if home else run.repository.parent / "grants"
    try:
        digest = hashlib.sha256(Path(pinned).read_bytes()).hexdigest() if pinned else ""
    except OSError as error:
        raise Problem("no-pipeline", f"it cannot be read: {error}", "the pinned pipeline", place=pinned) from error
    return KeyHolder(notes, digest)


def _own(run: StepRun, place: str, setting: str) -> str:
    """A setting that this machine says itself. Whoever opens a run at a room does not choose where our notes lie."""
    here, told = (one.get(place, {}).get(setting, "") for one in (run.places, run.state.places))
    return "" if meets_at_a_room(run.state) and here == told else here


def _signers(run: StepRun, wanted: Declared) -> dict[How, Callable[[Path], str]]:
    found: dict[How, Callable[[Path], str]] = {}
    if "sigstore" in wanted.how:
        trust = read_trust(run.place("sigstore"))
        sealer: Sealer = SigstoreSealer(trust.config, lambda: run.secrets("sigstore-token"), clock=run.clock)
        _refuse_another_provider(sealer, wanted)
        found["sigstore"] = sealer.file
    if "gpg" in wanted.how:
        home = _home(run)
        passphrase = _passphrase(run)
        found["gpg"] = lambda file: sign_detached(
            run.children, home, wanted.fingerprint, file, passphrase=passphrase
        )  # fmt: skip
    return found


def _refuse_another_provider(sealer: Sealer, wanted: Declared) -> None:
    """Before anything is signed: the certificate must be of the declared provider (python/release-tools#158)."""
    if sealer.issuer != wanted.issuer:
        raise Problem(
            "wrong-issuer", f"the token is of {sealer.issuer}", wanted.issuer, place="sigstore-token",
            next_step="Sign in with the declared provider. Nothing was signed.",
        )  # fmt: skip


def _judge(run: StepRun, wanted: Declared) -> Judge:
    public = public_key(run.children, _home(run), wanted.fingerprint) if "gpg" in wanted.how else ""
    return judge_of(run, wanted, public)


def _home(run: StepRun) -> Path:
    home = run.place("gpg").get("home", "")
    if not home:
        raise Problem(
            "no-home", "the place names no home of gpg", place="gpg", next_step="Say --place gpg.home=FOLDER."
        )
    return Path(home)


def _passphrase(run: StepRun) -> str:
    try:
        return run.secrets("gpg-passphrase")
    except Problem:
        return ""


def _fetched(run: StepRun) -> dict[str, Path]:
    """The files by name, out of the store and hashed on the way."""
    found: dict[str, Path] = {}
    for artifact, things in run.inputs.items():
        for thing in things:
            if thing.algorithm == "sha256":
                found[thing.name] = run.store.fetch(thing, run.folder / _FILES / artifact)
    return found


def _outcome(run: StepRun, wanted: Declared, judge: Judge, things: Things, more: dict[str, str]) -> Outcome:
    folder = run.folder / _FOLDER
    made: list[Thing] = []
    events = []
    for thing, how, name in signatures_of(things, wanted.how):
        kept = run.store.put(folder / name)
        made.append(kept)
        events.append(signed_thing(run, thing, kept, how, wanted))
    facts = {"signatures": str(len(made)), **more}
    if "sigstore" in wanted.how:
        facts |= {
            "sigstore_identity": wanted.identity, "sigstore_issuer": wanted.issuer,
            "trust_root_sha256": read_trust(run.place("sigstore")).sha256,
        }  # fmt: skip
    if "gpg" in wanted.how:
        facts |= {"gpg_fingerprint": wanted.fingerprint, "gpg_public_key": judge.public_key}
    if not run.step.outputs:
        raise Problem("no-output", "the step names no artifact for its signatures", 'out = ["sigs"]', place=run.step.id)
    return Outcome(outputs={run.step.outputs[0]: tuple(sorted(made))}, facts=facts, events=tuple(events))
