"""Somebody with one identity of many, or with a word in the bundle, makes a stranger's verification say yes."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path

import pytest

from customhouse.release.children import Children
from customhouse.release.engine.anchor import anchored_by
from customhouse.release.evidence.bundle import JOURNAL, MOST_LINES, manifest, read_bundle, write_bundle
from customhouse.release.evidence.points.case import Remembered
from customhouse.release.evidence.points.yours import pipeline_of_repository
from customhouse.release.evidence.remembered import read_remembered, remember
from customhouse.release.evidence.shown import lines_of
from customhouse.release.evidence.signatures import Judge
from customhouse.release.evidence.verify import Report, verify
from customhouse.release.git.git import Git
from customhouse.terms.errors import Rejected
from customhouse.trust.private_sigstore.note import read_checkpoint
from released import Notary, Puppet, Seal


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Puppet:
    return Puppet(tmp_path_factory.mktemp("released"), factor="webauthn").release()


def said(report: Report, code: int = 1) -> str:
    text = "\n".join(lines_of(report))
    assert report.exit_code == code, text
    return " ".join(text.split())


# Who speaks for whom.


def test_one_identity_is_not_two_builders_because_the_bundle_names_no_room(tmp_path: Path) -> None:
    """Whether actors met at a room is the bundle's own word; that builders have identities is the pipeline's."""
    run = Puppet(tmp_path, room=False)
    run.sealers = dict.fromkeys(run.sealers, run.notary.sealer("rosa"))
    found = said(verify(run.release().bundle(), run.brought()), 3)
    assert "tells of ci-" in found
    assert "nothing shows that they were there" in found


def test_a_builder_does_not_speak_for_the_whole_run(tmp_path: Path) -> None:
    """Approvals, the verdict and the journal's head are said by who publishes, not by anybody with some identity."""
    run = Puppet(tmp_path, factor="webauthn")
    attest = run.attest

    def by_the_builder() -> None:
        run.sealers["rm"] = run.notary.sealer("builder-b")
        attest()
        run.sealers["rm"] = run.notary.sealer("rosa")

    run.attest = by_the_builder  # type: ignore[method-assign]
    assert "tells of the engine and is signed by" in said(verify(run.release().bundle(), run.brought()))


def test_a_head_that_a_builder_has_logged_is_no_anchor(tmp_path: Path) -> None:
    run = Puppet(tmp_path, factor="webauthn")
    anchor = run.anchor

    def by_the_builder() -> None:
        run.sealers["rm"] = run.notary.sealer("builder-b")
        anchor()
        run.sealers["rm"] = run.notary.sealer("rosa")

    run.anchor = by_the_builder  # type: ignore[method-assign]
    assert "is anchored by" in said(verify(run.release().bundle(), run.brought()))


def test_a_file_that_a_builder_has_signed_is_not_signed_by_who_had_to(tmp_path: Path) -> None:
    """The key was released to the release manager, and the journal says that a builder has signed."""
    run = Puppet(tmp_path, factor="webauthn")
    builder = run.notary.sealer("builder-b")
    honest = run.sealers["rm"]
    run.sealers["rm"] = _Two(honest, builder)
    found = said(verify(run.release().bundle(), run.brought()))
    assert "the key was released to" in found


class _Two:
    """Statements by one identity, files by another."""

    def __init__(self, statements: Seal, files: Seal) -> None:
        self.statement, self.file = statements.statement, files.file


# Memory.


def test_a_newer_pipeline_is_not_believed_because_an_older_one_is_remembered(tmp_path: Path) -> None:
    """Anybody with an account at that Sigstore can write version 4 and name himself in it."""
    run = Puppet(tmp_path, edition=4, factor="webauthn").release()
    seen = Remembered(pipeline_version=3, pipeline_sha256="0" * 64)
    found = said(verify(run.bundle(), run.brought(remembered=seen, pipeline_sha256="")), 3)
    assert "version 4, and you know version 3" in found
    assert verify(run.bundle(), run.brought(remembered=seen)).exit_code == 0


def test_nothing_is_remembered_that_nobody_has_compared(released: Puppet, tmp_path: Path) -> None:
    """Seen once and never compared, a false root would be the right one the next time."""
    memory = tmp_path / "seen.json"
    told = released.bundle()
    _remember(memory, verify(told, released.brought(trust_root=b"")))
    _remember(memory, verify(told, released.brought(pipeline_sha256="")))
    again = released.brought(trust_root=b"", pipeline_sha256="", remembered=read_remembered(memory, "sealed"))
    assert verify(told, again).exit_code == 3


def test_a_log_whose_growth_nobody_has_shown_is_not_remembered(released: Puppet, tmp_path: Path) -> None:
    notary = Notary(released.clock)
    notary.log.leaves = released.notary.log.leaves[:5]
    memory = tmp_path / "seen.json"
    memory.write_text(json.dumps({"projects": {}, "logs": {"log.example": notary.log.checkpoint()}}))
    report = verify(released.bundle(), released.brought(remembered=read_remembered(memory, "sealed")))
    assert "nothing shows how the log came from 5 to" in said(report, 3)
    _remember(memory, report)
    kept = read_remembered(memory, "sealed")
    assert kept is not None
    assert read_checkpoint(kept.checkpoints["log.example"]).checkpoint.size == 5
    assert kept.pipeline_version == 3


def _remember(path: Path, report: Report) -> None:
    assert report.case is not None
    remember(path, report.case, report.trust_root_sha256)


# What is signed, and what only stands beside it.


def test_an_entry_whose_place_is_made_up_is_refused(released: Puppet) -> None:
    """A proof of inclusion shows a place only in a tree of the size that the log has signed."""
    notary = Notary(released.clock)
    sealer = notary.sealer("rosa")
    for _ in range(4):
        sealer.statement(b"{}")
    made = json.loads(sealer.statement(b"{}"))
    judge = Judge(notary.trusted_root)
    assert judge.statement(json.dumps(made).encode(), "here").log_index == 4
    proof = made["verificationMaterial"]["tlogEntries"][0]["inclusionProof"]
    proof["logIndex"], proof["treeSize"] = "8", "9"
    with pytest.raises(Rejected, match="size"):
        judge.statement(json.dumps(made).encode(), "here")


def test_a_statement_says_nothing_besides(tmp_path: Path) -> None:
    """Another program might read what we do not: a second digest of a subject, or a field more."""
    run = Puppet(tmp_path, factor="webauthn")
    honest = run.sealers["ci-b"]

    class More:
        def statement(self, payload: bytes) -> str:
            value = json.loads(payload)
            value["subject"][0]["digest"]["sha512"] = "0" * 128
            return str(honest.statement(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()))

    run.sealers["ci-b"] = More()
    assert "is not written as" in said(verify(run.release().bundle(), run.brought()))


def test_lines_after_the_last_anchor_that_tell_of_the_release_are_not_vouched_for(tmp_path: Path) -> None:
    run = Puppet(tmp_path, factor="webauthn")

    def old_head() -> None:
        assert run.state is not None
        run.say(anchored_by(run.sealers["rm"])(run.state.pipeline, run.lines[:20]))

    run.anchor = old_head  # type: ignore[method-assign]
    assert "rest on the key alone" in said(verify(run.release().bundle(), run.brought()), 3)


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"checkpoint": "", "new": 1e999}', b"{}", b"\xff"])
def test_an_odd_proof_of_growth_is_a_finding_and_no_crash(released: Puppet, body: bytes) -> None:
    note = released.notary.log.checkpoint()
    if b"1e999" in body:
        body = json.dumps({"checkpoint": note, "origin": "log.example", "old": 1, "hashes": []})[:-1].encode()
        body += b', "new": 1e999}'
    members = {**released.members(), "log/x.json": body}
    del members["manifest.json"]
    members["manifest.json"] = manifest(members, read_bundle(released.bundle()).created, released.run)
    assert "log/x.json" in said(verify(write_bundle(members), released.brought()))


def test_an_odd_number_in_the_manifest_is_refused(released: Puppet) -> None:
    members = dict(released.members())
    members["manifest.json"] = members["manifest.json"].replace(b'"makers":1', b'"makers":1e999')
    with pytest.raises(Rejected, match="manifest"):
        read_bundle(write_bundle(members))


def test_a_digest_of_a_root_is_no_root(released: Puppet) -> None:
    run = released.members()
    del run["trust/trusted_root.json"], run["manifest.json"]
    run["manifest.json"] = manifest(run, read_bundle(released.bundle()).created, released.run)
    report = verify(write_bundle(run), released.brought(trust_root=b"", trust_root_sha256="0" * 64))
    assert "the trust root is the one that you brought" not in said(report)


def test_a_journal_has_an_end(released: Puppet) -> None:
    """What takes hours says neither yes nor no."""
    members, created = released.members(), read_bundle(released.bundle()).created
    members[JOURNAL] += b"{}\n" * MOST_LINES
    members["manifest.json"] = manifest(members, created, released.run)
    with pytest.raises(Rejected, match=f"at most {MOST_LINES:,}"):
        read_bundle(write_bundle(members))


# What is shown.


def test_no_text_of_the_bundle_reaches_a_terminal_as_it_is(tmp_path: Path) -> None:
    run = Puppet(tmp_path, factor="webauthn", run="sealed\x1b[2J\x9b1A\u202e-1")
    report = verify(run.release().bundle(), run.brought())
    shown = "".join(lines_of(report)) + json.dumps(report.to_json(), ensure_ascii=False)
    assert all(one.isprintable() for one in shown)


def test_the_name_of_a_file_does_not_reach_a_terminal_as_it_is(released: Puppet, tmp_path: Path) -> None:
    (tmp_path / "a\x1b[2Jb").write_bytes(b"x")
    report = verify(released.bundle(), released.brought(artifacts=(tmp_path / "a\x1b[2Jb",)))
    assert "\x1b" not in "".join(lines_of(report))


# What the stranger has himself.


def test_a_pipeline_somewhere_among_the_tests_is_not_the_projects(released: Puppet, tmp_path: Path) -> None:
    """Anybody may contribute an example; who releases stands in a file at the top."""
    git = Git(Children())
    _committed(tmp_path, "tests/examples/release.toml", released.pipeline)
    report = verify(released.bundle(), released.brought(repository=tmp_path, pipeline_sha256=""))
    assert "not a file at the top of that commit" in " ".join("\n".join(lines_of(report)).split())
    assert pipeline_of_repository(git, tmp_path, "refs/tags/v3.1.0", _sha256(released)) == ""
    _committed(tmp_path, "release.toml", released.pipeline)
    assert pipeline_of_repository(git, tmp_path, "refs/tags/v3.1.0", _sha256(released)) == _sha256(released)


@pytest.mark.parametrize("kind", ["fifo", "zero", "folder"])
def test_a_file_that_never_ends_is_not_read(released: Puppet, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "sealed-3.1.0.tar.gz"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "zero":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    assert "is no plain file" in said(verify(released.bundle(), released.brought(artifacts=(path,))))


def _sha256(run: Puppet) -> str:
    return hashlib.sha256(run.pipeline.encode()).hexdigest()


def _committed(folder: Path, name: str, text: str) -> None:
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    who = ["-c", "user.name=a", "-c", "user.email=a@b.example"]
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    for words in (
        ["init", "-q"],
        ["add", name],
        [*who, "commit", "-qm", "x"],
        [*who, "tag", "-f", "-am", "x", "v3.1.0"],
    ):
        subprocess.run(["git", *words], cwd=folder, env=env, check=True, capture_output=True)
