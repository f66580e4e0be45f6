"""Whoever hands a stranger a false release: each way of making one is seen, and named."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from customhouse.release.codec import write_line
from customhouse.release.events import (
    Anchored,
    Approved,
    Attested,
    Created,
    Event,
    Finished,
    Noted,
    Published,
    Rebuilt,
    StepDone,
    TagSeen,
)
from customhouse.release.evidence.attest import attest
from customhouse.release.evidence.bundle import manifest, members_of, read_bundle, write_bundle
from customhouse.release.evidence.points.case import Remembered
from customhouse.release.evidence.shown import lines_of
from customhouse.release.evidence.statements import uris
from customhouse.release.evidence.statements.statement import Statement, read_statement
from customhouse.release.evidence.verify import Report, verify
from customhouse.release.journal import Head
from customhouse.release.machine_key import MachineKey
from customhouse.release.sealed import Sealed
from customhouse.release.sealing import EMPTY, seal
from customhouse.release.things import Thing
from customhouse.terms.errors import Rejected
from released import Puppet


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Puppet:
    return Puppet(tmp_path_factory.mktemp("released"), factor="webauthn").release()


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Puppet:
    """Another run of the same project, by the same people and machines."""
    run = Puppet(tmp_path_factory.mktemp("other"), factor="webauthn", run="sealed-3.1.0-2")
    run.bodies = {name: body + b"of the other run" for name, body in run.bodies.items()}
    return run.release()


def said(report: Report) -> str:
    """All that is wrong, as people read it."""
    assert report.exit_code == 1, "\n".join(lines_of(report))
    return " ".join("\n".join(lines_of(report)).split())


def unlogged(event: Event) -> Event:
    """Without anchors: they would give a rewritten journal away at once. Numbers of lines stay."""
    return Noted("nothing") if isinstance(event, Anchored) else event


def resealed(lines: Sequence[Sealed], key: MachineKey, change: Callable[[Sealed], Event]) -> list[Sealed]:
    """The journal as somebody writes it who has an engine's key and obeys no rule."""
    made: list[Sealed] = []
    for line in lines:
        head = Head(made[-1].seq, made[-1].hash) if made else EMPTY
        made.append(seal(change(line), run=line.run, head=head, at=line.at, by=line.by, key=key, said=line.said))
    return made


def packed(members: dict[str, bytes], lines: Sequence[Sealed]) -> bytes:
    """Members with another journal, and the manifest that fits."""
    more = {name: body for name, body in members.items() if name != "manifest.json"}
    more["journal.jsonl"] = "".join(f"{write_line(line)}\n" for line in lines).encode()
    created = lines[0].event
    assert isinstance(created, Created)
    more["pipeline.toml"] = created.pipeline.encode()
    more["trust/engine.key"] = f"{created.engine_key}\n".encode()
    more["manifest.json"] = manifest(more, created, lines[0].run)
    return write_bundle(more)


def replaced(run: Puppet, member: str, body: bytes) -> bytes:
    """The run's bundle with another statement, which the journal is made to name."""
    name = member.rpartition("/")[2]
    thing = Thing(name, "sha256", hashlib.sha256(body).hexdigest(), len(body))

    def change(line: Sealed) -> Event:
        event = line.event
        if isinstance(event, Attested) and event.bundle.name == name:
            return replace(event, bundle=thing)
        return unlogged(event)

    return packed({**run.members(), member: body}, resealed(run.lines, run.engine, change))


def member_of(run: Puppet, ending: str) -> str:
    return next(name for name in run.members() if name.startswith("statements/") and name.endswith(ending))


def statement_in(run: Puppet, member: str) -> Statement:
    envelope = json.loads(run.members()[member])["dsseEnvelope"]
    return read_statement(base64.b64decode(envelope["payload"]), member)


def test_the_journal_of_another_run_is_not_this_one(released: Puppet, other: Puppet) -> None:
    with pytest.raises(Rejected, match="statements"):
        verify(packed(released.members(), other.lines), released.brought())


def test_a_statement_of_another_run_is_none_of_this_one(released: Puppet, other: Puppet) -> None:
    member = member_of(released, ".build.provenance.sigstore.json")
    report = verify(replaced(released, member, other.members()[member]), released.brought())
    assert "says something else than line" in said(report)


def test_a_journal_that_was_rolled_back_did_not_come_to_its_end(released: Puppet) -> None:
    shorter = [line for line in released.lines if not isinstance(line.event, Finished)]
    assert "has not come to its end" in said(verify(packed(released.members(), shorter), released.brought()))
    before = next(line.seq for line in released.lines if isinstance(line.event, Published))
    with pytest.raises(Rejected, match="of no line of the journal"):
        verify(packed(released.members(), released.lines[:before]), released.brought())


def test_what_a_machine_has_said_the_engine_does_not_change(released: Puppet) -> None:
    def change(line: Sealed) -> Event:
        event = line.event
        return replace(event, facts={"passed": "9"}) if isinstance(event, StepDone) and event.step == "test" else event

    report = verify(packed(released.members(), resealed(released.lines, released.engine, change)), released.brought())
    assert "the signature of ci-b is not of what it says" in said(report)


def test_a_journal_that_was_written_anew_is_not_the_one_that_was_logged(released: Puppet) -> None:
    def change(line: Sealed) -> Event:
        return replace(line.event, oid="0" * 40) if isinstance(line.event, TagSeen) else line.event

    report = verify(packed(released.members(), resealed(released.lines, released.engine, change)), released.brought())
    assert "anchors a head that this journal never had" in said(report)


def test_a_journal_that_another_engine_has_sealed_is_not_the_one_that_was_signed(released: Puppet) -> None:
    key = MachineKey.new()

    def change(line: Sealed) -> Event:
        event = line.event
        if isinstance(event, Created):
            return replace(event, engine_key=key.public)
        return unlogged(event)

    # People were asked in the run that the other engine began: their yes is of that one.
    report = verify(packed(released.members(), resealed(released.lines, key, change)), released.brought())
    assert "The question's digest is not that of what is asked" in said(report)


def test_an_approval_of_another_run_answers_another_question(released: Puppet, other: Puppet) -> None:
    theirs = {
        (line.event.step, line.event.actor): line.event for line in other.lines if isinstance(line.event, Approved)
    }

    def change(line: Sealed) -> Event:
        event = line.event
        if isinstance(event, Approved):
            return theirs[event.step, event.actor]
        return unlogged(event)

    lines = [replace(line, said=None) if isinstance(line.event, Approved) else line for line in released.lines]
    report = verify(packed(released.members(), resealed(lines, released.engine, change)), released.brought())
    assert "answers another question" in said(report)


def test_a_proof_of_another_run_is_no_proof_for_this_question(released: Puppet, other: Puppet) -> None:
    """The approval names this question, and the security key has signed the other one."""
    theirs = {
        (line.event.step, line.event.actor): line.event.proof
        for line in other.lines
        if isinstance(line.event, Approved)
    }

    def change(line: Sealed) -> Event:
        event = line.event
        if isinstance(event, Approved):
            return replace(event, proof=theirs[event.step, event.actor])
        return unlogged(event)

    lines = [replace(line, said=None) if isinstance(line.event, Approved) else line for line in released.lines]
    report = verify(packed(released.members(), resealed(lines, released.engine, change)), released.brought())
    assert "has signed another question" in said(report)


def test_somebody_whom_the_pipeline_does_not_name_has_signed_nothing(released: Puppet) -> None:
    member = member_of(released, ".test.test-result.sigstore.json")
    body = released.notary.sealer("mallory").statement(statement_in(released, member).to_bytes()).encode()
    report = verify(replaced(released, member, body), released.brought())
    assert "whom the pipeline does not name" in said(report)


def test_the_same_name_of_another_provider_is_somebody_else(released: Puppet) -> None:
    """CPython 3.10.14 was signed with the wrong provider, and it was found months later."""
    member = member_of(released, ".publish.release.sigstore.json")
    sealer = released.notary.sealer("rosa", "https://another.example")
    body = sealer.statement(statement_in(released, member).to_bytes()).encode()
    assert "whom the pipeline does not name" in said(verify(replaced(released, member, body), released.brought()))


def test_one_builder_does_not_speak_for_the_other(released: Puppet) -> None:
    member = member_of(released, ".provenance.ci-b.sigstore.json")
    body = released.sealers["ci-a"].statement(statement_in(released, member).to_bytes()).encode()
    report = verify(replaced(released, member, body), released.brought())
    assert "tells of ci-b and is signed by" in said(report)


def test_a_verdict_on_other_files_is_no_verdict_on_these(released: Puppet) -> None:
    member = member_of(released, ".verdict.sigstore.json")
    honest = statement_in(released, member)
    assert honest.predicate_type == uris.VERDICT
    forged = replace(honest, subjects=tuple(replace(one, sha256="0" * 64) for one in honest.subjects))
    body = released.sealers["rm"].statement(forged.to_bytes()).encode()
    assert "it is of other files" in said(verify(replaced(released, member, body), released.brought()))


def test_a_statement_that_is_left_out_is_missed(released: Puppet) -> None:
    member = member_of(released, ".provenance.ci-b.sigstore.json")
    name = member.rpartition("/")[2]

    def change(line: Sealed) -> Event:
        event = line.event
        if isinstance(event, Attested) and event.bundle.name == name:
            return Noted("nothing")
        return unlogged(event)

    members = {one: body for one, body in released.members().items() if one != member}
    report = verify(packed(members, resealed(released.lines, released.engine, change)), released.brought())
    assert "1 provenance, and 2 are needed" in said(report)


def test_a_rebuild_that_did_not_agree_is_no_agreement(released: Puppet) -> None:
    def change(line: Sealed) -> Event:
        event = line.event
        if isinstance(event, Rebuilt):
            things = tuple(replace(one, digest="0" * 64) for one in event.outputs["dists"])
            return replace(event, outputs={"dists": things})
        return unlogged(event)

    lines = [replace(line, said=None) if isinstance(line.event, Rebuilt) else line for line in released.lines]
    report = verify(packed(released.members(), resealed(lines, released.engine, change)), released.brought())
    assert "did not follow its pipeline" in said(report)


def test_a_pipeline_of_a_lower_version_was_put_back(released: Puppet) -> None:
    seen = Remembered(pipeline_version=4, pipeline_sha256="0" * 64)
    report = verify(released.bundle(), released.brought(remembered=seen, pipeline_sha256=""))
    assert "is version 3; you have seen version 4 before" in said(report)
    same = replace(seen, pipeline_version=3)
    report = verify(released.bundle(), released.brought(remembered=same, pipeline_sha256=""))
    assert "another version 3" in said(report)


def test_another_pipeline_than_the_expected_one_is_refused(released: Puppet) -> None:
    report = verify(released.bundle(), released.brought(pipeline_sha256="0" * 64))
    assert "its pipeline is sha256:" in said(report)


def test_a_whole_false_release_is_false_for_who_brings_a_root_and_never_fine_for_who_does_not(
    released: Puppet, tmp_path: Path
) -> None:
    """Everything of it fits together: own Sigstore, own people, own keys."""
    false = Puppet(tmp_path, factor="webauthn")
    false.notary = type(false.notary)(false.clock, b"mallory's")
    false.trusted_root = false.notary.trusted_root
    false.sealers = {name: false.notary.sealer(one.identity) for name, one in false.sealers.items()}
    false.bodies = dict.fromkeys(false.bodies, b"malware")
    bundle = false.release().bundle()
    assert verify(bundle, false.brought()).exit_code == 0
    found = said(verify(bundle, released.brought(pipeline_sha256=false.brought().pipeline_sha256)))
    assert "trust root is not the one that you brought" in found
    assert "does not verify" in found
    unknowing = verify(bundle, replace(false.brought(), trust_root=b"", pipeline_sha256=""))
    assert unknowing.exit_code == 3


class Rehearsed(Puppet):
    def say(self, event: Event) -> None:
        super().say(replace(event, rehearsal=True) if isinstance(event, Created) else event)


def test_a_rehearsal_is_no_release(tmp_path: Path) -> None:
    played = Rehearsed(tmp_path).release()
    assert "rehearsal" in said(verify(played.bundle(), played.brought()))


def test_a_file_that_was_signed_before_it_was_tested_is_seen(tmp_path: Path) -> None:
    """The journal looks right; the log's clock says otherwise."""
    run = Puppet(tmp_path)
    early: dict[str, str] = {}

    def between(puppet: Puppet, step: str) -> None:
        if step == "test":
            assert puppet.state is not None
            for thing in (*puppet.state.artifacts["dists"], *puppet.state.artifacts["sbom"]):
                path = puppet.store.fetch(thing, tmp_path / "early")
                early[thing.name] = puppet.sealers["rm"].file(path)

    run.between = between
    honest = type(run.sealers["rm"]).file
    run.sealers["rm"].file = lambda path: early.get(path.name) or honest(run.sealers["rm"], path)
    report = verify(run.release().bundle(), run.brought())
    assert "signed before the tests had been said to hold" in said(report)


def test_two_statements_of_one_line_are_one(released: Puppet) -> None:
    """Nobody makes a second builder by saying the same again under another name."""
    assert released.state is not None
    assert attest(released.state, released.lines, released.sealers["ci-a"], released.store) == []
    members = members_of(released.state, released.lines, released.body, trust_root=released.notary.trusted_root)
    assert write_bundle(members) == released.bundle()
    assert read_bundle(released.bundle()).sha256 == read_bundle(write_bundle(members)).sha256
