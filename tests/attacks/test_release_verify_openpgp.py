"""Somebody makes a stranger believe that a person has said yes with his OpenPGP key: each way is seen, and named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from clock import TurnableClock
from customhouse.release.events import Approved, Event, Joined
from customhouse.release.evidence.bundle import manifest, read_bundle, write_bundle
from customhouse.release.evidence.points.case import Point
from customhouse.release.evidence.shown import lines_of
from customhouse.release.evidence.verify import verify
from customhouse.release.question import answer_message, proof_by_gpg, read_proof
from customhouse.release.signing.openpgp import joining_bytes, joining_evidence, read_evidence
from released import Puppet
from shipping import gpg, gpg_home

pytestmark = pytest.mark.slow

THEN = datetime(2025, 1, 1, tzinfo=UTC)
"""When the keys were made. What they sign is signed then, whatever this machine's clock says."""
DURING, AFTER = datetime(2025, 1, 1, 12, tzinfo=UTC), datetime(2025, 1, 9, tzinfo=UTC)
NAME = "Wim <wim@example.org>"


@dataclass(frozen=True)
class Key:
    """A key in the one home of these tests."""

    home: Path
    fingerprint: str

    def public(self) -> str:
        return gpg(self.home, "--armor", "--export-options", "export-minimal", "--export", self.fingerprint)

    def sign(self, message: bytes) -> str:
        return gpg(self.home, *then(), "--armor", "--local-user", self.fingerprint, "--detach-sign", stdin=message)


def then(moment: datetime = THEN) -> tuple[str, str]:
    return "--faked-system-time", f"{int(moment.timestamp())}!"


def made(home: Path, *, ends: str = "never") -> Key:
    """Another key of the same name."""
    known = set(fingerprints(home))
    gpg(home, *then(), "--passphrase", "", "--quick-gen-key", NAME, "ed25519", "sign", ends)
    return Key(home, next(one for one in fingerprints(home) if one not in known))


def fingerprints(home: Path) -> list[str]:
    listed = gpg(home, "--with-colons", "--list-keys").splitlines()
    return [line.split(":")[9] for line in listed if line.startswith("fpr")]


@dataclass(frozen=True)
class Ring:
    """The keys that these tests know."""

    wim: Key
    other: Key
    """Of the same name."""
    short: Key
    """It expires on the second day."""


@pytest.fixture(scope="module")
def ring() -> Iterator[Ring]:
    with gpg_home() as home:
        yield Ring(made(home.path), made(home.path), made(home.path, ends="1d"))


class Run(Puppet):
    """A release on one machine, where Wim proves himself by an OpenPGP key; ``instead`` changes what he says."""

    instead: Callable[[Event], Event] = staticmethod(lambda event: event)

    def speak(self, who: str, event: Event) -> None:
        super().speak(who, self.instead(event) if who == "windows" else event)


def run_by(folder: Path, key: Key, at: datetime = DURING, *, run: str = "sealed-3.1.0-1") -> Run:
    made = Run(folder, sigstore=False, room=False, clock=TurnableClock(at), run=run)
    made.fingerprints, made.public_keys = {"windows": key.fingerprint}, {"windows": key.public()}
    made.openpgp = {"windows": key.sign}
    return made


def people(run: Puppet, bundle: bytes = b"") -> Point:
    """Point 5 of its bundle."""
    return verify(bundle or run.bundle(), run.brought()).points[4]


def said(point: Point) -> str:
    return " ".join(one.text for one in point.findings)


@pytest.fixture(scope="module")
def released(ring: Ring, tmp_path_factory: pytest.TempPathFactory) -> Puppet:
    return run_by(tmp_path_factory.mktemp("released"), ring.wim).release()


def test_a_yes_by_an_openpgp_key_is_verified_by_a_stranger_without_any_keyring(released: Puppet, ring: Ring) -> None:
    found = people(released)
    assert found.sign == "holds", said(found)
    assert f"windows speaks by the OpenPGP key {ring.wim.fingerprint}, which the pipeline names" in said(found)
    assert "user:wim by his OpenPGP key" in said(found)
    member = read_bundle(released.bundle()).members[f"trust/gpg-{ring.wim.fingerprint}.asc"]
    assert member.startswith(b"-----BEGIN PGP PUBLIC KEY BLOCK-----")


def test_where_there_is_no_gpg_nobody_can_tell_and_the_program_is_named(
    released: Puppet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    report = verify(released.bundle(), released.brought())
    assert (report.exit_code, report.points[4].sign) == (3, "unknown")
    assert "install gnupg" in " ".join("\n".join(lines_of(report)).split())


def test_a_key_of_the_same_name_is_another_key(ring: Ring, tmp_path: Path) -> None:
    run = run_by(tmp_path, ring.wim)
    run.openpgp, run.public_keys = {"windows": ring.other.sign}, {"windows": ring.other.public()}
    found = people(run.release())
    assert found.sign == "fails"
    assert f"the public key that was declared is {ring.other.fingerprint}" in said(found)


def test_a_key_of_the_same_name_does_not_sign_for_the_declared_one(ring: Ring, tmp_path: Path) -> None:
    """The public key is the right one; the signatures are the other's."""
    run = run_by(tmp_path, ring.wim)
    run.openpgp = {"windows": ring.other.sign}
    found = people(run.release())
    assert found.sign == "fails"
    assert "it was signed by the key" in said(found)


def test_another_public_key_in_the_bundle_is_none_of_the_journal(released: Puppet, ring: Ring) -> None:
    members = {**released.members(), f"trust/gpg-{ring.wim.fingerprint}.asc": ring.other.public().encode()}
    del members["manifest.json"]
    members["manifest.json"] = manifest(members, read_bundle(released.bundle()).created, released.run)
    with pytest.raises(Exception, match="is missing or another"):
        verify(write_bundle(members), released.brought())


def test_a_key_file_without_an_openpgp_key_behind_it_speaks_for_nobody(ring: Ring, tmp_path: Path) -> None:
    """Whoever conducts the run writes that Wim has joined, with a key file of the conductor's own."""
    run = run_by(tmp_path, ring.wim)
    run.instead = _unproved
    found = people(run.release())
    assert found.sign == "fails"
    assert "it has signed nothing of the kind" in said(found)
    assert "stop: user:wim: his key file has no OpenPGP key behind it" in said(found)


def _unproved(event: Event) -> Event:
    if isinstance(event, Joined):
        return replace(event, evidence="")
    return replace(event, proof="") if isinstance(event, Approved) else event


def test_a_forged_signature_is_none(ring: Ring, tmp_path: Path) -> None:
    """One letter of it is another."""
    run = run_by(tmp_path, ring.wim)

    def forged(event: Event) -> Event:
        if not isinstance(event, Approved):
            return event
        lines = str(read_proof(event.proof)["signature"]).splitlines()
        lines[2] = lines[2][:40] + ("A" if lines[2][40] != "A" else "B") + lines[2][41:]
        return replace(event, proof=proof_by_gpg(ring.wim.fingerprint, "\n".join(lines)))

    run.instead = forged
    assert people(run.release()).sign == "fails"


@pytest.mark.parametrize("what", ["run", "step", "digest"])
def test_a_yes_that_was_copied_answers_another_question(what: str, ring: Ring, tmp_path: Path) -> None:
    """From the gate of another run, before another step, or of other files."""
    other = run_by(tmp_path / "other", ring.wim, run="sealed-3.1.0-2" if what == "run" else "sealed-3.1.0-1")
    if what == "digest":
        other.bodies = {name: body + b"!" for name, body in other.bodies.items()}
    other.release()
    theirs = next(line.event for line in other.lines if isinstance(line.event, Approved) and line.by == "windows")
    run = run_by(tmp_path / "this", ring.wim)
    copied = theirs.proof
    if what == "step":
        question = "0" * 64
        copied = proof_by_gpg(ring.wim.fingerprint, ring.wim.sign(answer_message(question, actor="windows")))
    run.instead = lambda event: replace(event, proof=copied) if isinstance(event, Approved) else event
    found = people(run.release())
    assert found.sign == "fails"
    assert f"stop: user:wim: the OpenPGP key {ring.wim.fingerprint} has not signed this" in said(found)


def test_what_a_key_said_of_a_key_file_in_another_run_is_nothing_in_this_one(ring: Ring, tmp_path: Path) -> None:
    run = run_by(tmp_path, ring.wim)
    key = run.keys["windows"].public
    old = joining_evidence(ring.wim.public(), ring.wim.sign(joining_bytes("sealed-3.0.0-1", "windows", key)))
    run.instead = lambda event: replace(event, evidence=old) if isinstance(event, Joined) else event
    found = people(run.release())
    assert found.sign == "fails"
    assert "windows speaks by the OpenPGP key" in said(found)


@pytest.mark.parametrize(("at", "sign"), [(DURING, "holds"), (AFTER, "fails")])
def test_a_key_counts_if_it_had_not_expired_when_it_was_used(
    at: datetime, sign: str, ring: Ring, tmp_path: Path
) -> None:
    """By the journal's time, which the log vouches for: the signer's own clock can be turned back."""
    found = people(run_by(tmp_path, ring.short, at).release())
    assert (found.sign, "the key has expired" in said(found)) == (sign, sign == "fails"), said(found)


def test_a_key_that_was_revoked_says_nothing(tmp_path: Path) -> None:
    """Whatever the date of the revocation: nobody knows who has had the key before."""
    with gpg_home() as home:
        key = made(home.path)
        certificate = (home.path / "openpgp-revocs.d" / f"{key.fingerprint}.rev").read_text()
        run = run_by(tmp_path, key).release()
        gpg(home.path, "--import", stdin=certificate.replace(":-----BEGIN", "-----BEGIN").encode())
        run.public_keys = {"windows": key.public()}
        revoked = run_by(tmp_path / "again", key)
        joined = next(line.event for line in run.lines if isinstance(line.event, Joined) and line.by == "windows")
        told = read_evidence(joined.evidence)["signature"]
        revoked.openpgp = {"windows": lambda _message: str(told)}
        found = people(revoked.release())
    assert found.sign == "fails"
    assert "the key was revoked" in said(found)


def test_an_answer_by_somebody_elses_openpgp_key_is_refused_when_it_is_given(ring: Ring, tmp_path: Path) -> None:
    run = run_by(tmp_path, ring.wim)
    mine = ring.other.fingerprint

    def instead(event: Event) -> Event:
        if not isinstance(event, Approved):
            return event
        return replace(
            event, proof=proof_by_gpg(mine, ring.other.sign(answer_message(event.question, actor="windows")))
        )

    run.instead = instead
    with pytest.raises(Exception, match="not one of windows"):
        run.release()


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"type": "gpg", "public_key": 1, "signature": []}', '"\\ud800"', "{}"]
)
def test_odd_evidence_is_a_finding_and_no_crash(text: str, ring: Ring, tmp_path: Path) -> None:
    run = run_by(tmp_path, ring.wim)
    run.instead = lambda event: replace(event, evidence=text) if isinstance(event, Joined) else event
    assert people(run.release()).sign == "fails"
