"""Two releases, one after the other: whoever has verified the first sees in the second that the log has only grown."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from customhouse.release.events import Anchored, Created
from customhouse.release.evidence.archive import read_archive
from customhouse.release.evidence.bundle import manifest, write_bundle
from customhouse.release.evidence.collect import bundle_of, shown_by
from customhouse.release.evidence.growth import Prove, no_proof
from customhouse.release.evidence.remembered import read_remembered, remember
from customhouse.release.evidence.shown import lines_of
from customhouse.release.evidence.verify import Report, verify
from customhouse.trust.private_sigstore.merkle import leaf_hash
from customhouse.trust.private_sigstore.note import SignedCheckpoint
from memory_sigstore import consistency_proof
from released import Notary, Puppet

pytestmark = pytest.mark.slow
GROWN = "the log has only grown between"
Proofs = Callable[[Sequence[bytes]], Prove]


def of(leaves: Sequence[bytes]) -> Prove:
    """A log that can be asked."""
    return lambda origin, old, new: consistency_proof(old, leaves[:new]) if origin == "log.example" else None


def bundled(run: Puppet, earlier: Sequence[SignedCheckpoint], prove: Prove, told: list[str] | None = None) -> bytes:
    tell = (told if told is not None else []).append
    _, data = bundle_of(run.lines, run.body, lambda _state: run.trusted_root, earlier=earlier, prove=prove, tell=tell)
    return data


class Two:
    """The first release, verified and remembered; and the second."""

    def __init__(self, folder: Path) -> None:
        self.first = Puppet(folder / "one").release()
        self.notary = self.first.notary
        for _ in range(7):  # others sign meanwhile
            self.notary.log.leaves.append(leaf_hash(b"somebody else %d" % len(self.notary.log.leaves)))
        self.first.clock.turn(timedelta(days=1))
        self.second = Puppet(
            folder / "two", run="sealed-3.1.0-2", clock=self.first.clock, sealers=self.first.sealers,
            trusted_root=self.first.trusted_root,
        ).release()  # fmt: skip
        self.memory = folder / "seen.json"
        data = bundled(self.first, (), of(self.notary.log.leaves))
        report = self.seen(data)
        assert report.exit_code == 0, list(lines_of(report))
        assert report.case is not None
        remember(self.memory, report.case, report.trust_root_sha256)
        self.shown = shown_by(self.first.lines, self.first.body)

    def seen(self, data: bytes) -> Report:
        known = read_remembered(self.memory, "sealed")
        return verify(data, replace(self.second.brought(), remembered=known))


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Two:
    return Two(tmp_path_factory.mktemp("two"))


def journal_of(report: Report) -> str:
    (point,) = [one for one in report.points if one.number == 2]
    return " | ".join(one.text for one in point.findings)


def test_who_remembers_the_first_release_sees_in_the_second_that_the_log_has_only_grown(two: Two) -> None:
    data = bundled(two.second, two.shown, of(two.notary.log.leaves))
    report = two.seen(data)
    assert report.exit_code == 0, list(lines_of(report))
    assert GROWN in journal_of(report)
    assert "the log with its heads has only grown from" in journal_of(report)
    # From there it goes on: what was shown to continue the last is what is remembered.
    before = two.memory.read_text()
    assert report.case is not None
    remember(two.memory, report.case, report.trust_root_sha256)
    assert "is the one that you remember" in journal_of(two.seen(data))
    two.memory.write_text(before)


def test_heads_of_one_journal_are_tied_to_the_newest_checkpoint(two: Two) -> None:
    members = read_archive(bundled(two.second, (), of(two.notary.log.leaves)))
    proofs = [json.loads(body) for name, body in members.items() if name.startswith("log/")]
    anchors = [line for line in two.second.lines if isinstance(line.event, Anchored)]
    assert len(anchors) >= 2
    assert {one["new"] for one in proofs} == {max(one["new"] for one in proofs)}
    assert len(proofs) in (len(anchors), len(anchors) - 1)


def test_without_a_proof_it_is_said_that_nothing_shows_it(two: Two) -> None:
    report = two.seen(bundled(two.second, two.shown, no_proof))
    assert report.exit_code == 3
    assert "nothing shows how the log came from" in journal_of(report)


def test_a_log_that_was_rewritten_in_between_cannot_prove_anything(two: Two) -> None:
    other = [leaf_hash(b"another %d" % number) for number in range(len(two.notary.log.leaves))]
    told: list[str] = []
    data = bundled(two.second, two.shown, of(other), told)
    assert not [name for name in read_archive(data) if name.startswith("log/")]
    assert all("cannot show how it came from" in one for one in told)
    assert told


def test_a_memory_of_another_log_under_the_same_name_is_a_fault(two: Two) -> None:
    other = Notary(two.first.clock)
    size = two.shown[0].checkpoint.size
    other.log.leaves = [leaf_hash(b"%d" % number) for number in range(size)]
    note = two.memory.with_name("note")
    note.write_text(other.log.checkpoint(size))
    data = bundled(two.second, two.shown, of(two.notary.log.leaves))
    report = verify(data, replace(two.second.brought(), remembered=read_remembered(note, "sealed")))
    assert report.exit_code == 1
    assert f"was rewritten between {size:,} and" in journal_of(report)


def test_a_proof_that_was_changed_is_found(two: Two) -> None:
    members = read_archive(bundled(two.second, two.shown, of(two.notary.log.leaves)))
    name = next(name for name in members if name.startswith("log/"))
    value = json.loads(members[name])
    value["hashes"][0] = value["hashes"][-1] if len(value["hashes"]) > 1 else value["hashes"][0][::-1]
    members[name] = json.dumps(value).encode()
    created = two.second.lines[0].event
    assert isinstance(created, Created)
    members["manifest.json"] = manifest(members, created, two.second.run)
    report = two.seen(write_bundle(members))
    assert report.exit_code == 1
    assert f"{name}: does not hold" in journal_of(report)
