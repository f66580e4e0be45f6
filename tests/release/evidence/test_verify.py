"""A stranger verifies a bundle: eight points, what each rests on, and what was not proved."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from customhouse.release.evidence.bundle import manifest, read_bundle, write_bundle
from customhouse.release.evidence.points.case import Point
from customhouse.release.evidence.remembered import read_remembered, remember
from customhouse.release.evidence.shown import WIDTH, lines_of
from customhouse.release.evidence.verify import Report, verify
from customhouse.terms.errors import Rejected
from customhouse.trust.private_sigstore.merkle import leaf_hash
from memory_sigstore import b64, consistency_proof
from released import Notary, Puppet


def point(report: Report, number: int) -> Point:
    return next(one for one in report.points if one.number == number)


def texts(report: Report, number: int) -> str:
    return "\n".join(one.text for one in point(report, number).findings)


def test_everything_holds_for_who_brings_root_and_pipeline(released: Puppet, bundle: bytes) -> None:
    report = verify(bundle, released.brought())
    assert report.exit_code == 0, list(lines_of(report))
    assert [one.sign for one in report.points] == ["holds"] * 7 + ["unasked"]
    assert "3 needed" in texts(report, 5)
    assert "by a security key" in texts(report, 5)
    assert "2 signed by the builder itself" in texts(report, 6)


def test_who_brings_nothing_is_told_what_to_bring(released: Puppet, bundle: bytes) -> None:
    report = verify(bundle, replace(released.brought(), trust_root=b"", pipeline_sha256=""))
    assert report.exit_code == 3
    assert "--trust-root" in texts(report, 1)
    assert point(report, 1).rests_on == "the trust root of this bundle"
    assert "--pipeline" in texts(report, 3)


def test_a_digest_of_the_root_is_enough(released: Puppet, bundle: bytes) -> None:
    digest = hashlib.sha256(released.notary.trusted_root).hexdigest()
    brought = replace(released.brought(), trust_root=b"", trust_root_sha256=digest)
    assert verify(bundle, brought).exit_code == 0
    assert verify(bundle, replace(brought, trust_root_sha256="0" * 64)).exit_code == 1


def test_lines_are_short_and_say_what_is_not_proved(released: Puppet, bundle: bytes) -> None:
    lines = list(lines_of(verify(bundle, released.brought())))
    assert max(map(len, lines)) <= WIDTH
    text = "\n".join(lines)
    assert "It does not prove:" in text
    assert "the source is honest" in text
    assert hashlib.sha256(released.notary.trusted_root).hexdigest() in text


def test_json_says_the_same(released: Puppet, bundle: bytes) -> None:
    found = json.loads(json.dumps(verify(bundle, released.brought()).to_json()))
    assert found["result"] == "verified"
    assert [one["number"] for one in found["points"]] == list(range(1, 9))
    assert all(one["rests_on"] for one in found["points"])


def test_a_file_of_the_release_is_known_and_another_is_not(released: Puppet, bundle: bytes, tmp_path: Path) -> None:
    name, body = next(iter(released.bodies.items()))
    (tmp_path / name).write_bytes(body)
    assert verify(bundle, released.brought(artifacts=(tmp_path / name,))).exit_code == 0
    (tmp_path / name).write_bytes(body + b"\n")
    report = verify(bundle, released.brought(artifacts=(tmp_path / name,)))
    assert (report.exit_code, point(report, 8).sign) == (1, "fails")
    (tmp_path / "other.whl").write_bytes(body)
    assert "under another name" in texts(verify(bundle, released.brought(artifacts=(tmp_path / "other.whl",))), 8)
    assert verify(bundle, released.brought(artifacts=(tmp_path / "missing",))).exit_code == 1


def test_a_tag_that_is_another_in_the_repository_is_seen(released: Puppet, bundle: bytes, tmp_path: Path) -> None:
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"}
    who = ["-c", "user.name=a", "-c", "user.email=a@b.example"]
    (tmp_path / "release.toml").write_text(released.pipeline)
    for words in (
        ["init", "-q"],
        ["add", "release.toml"],
        [*who, "commit", "-qm", "x"],
        [*who, "tag", "-am", "x", "v3.1.0"],
    ):
        subprocess.run(["git", *words], cwd=tmp_path, env=env, check=True, capture_output=True)
    report = verify(bundle, released.brought(repository=tmp_path))
    assert "the tag of v3.1.0 is" in texts(report, 8)
    assert point(report, 8).sign == "fails"
    assert "its pipeline is the file release.toml" in texts(report, 8)
    assert verify(bundle, released.brought(repository=tmp_path / "none")).exit_code == 1


def test_a_run_without_a_sigstore_says_what_is_missing(tmp_path: Path) -> None:
    run = Puppet(tmp_path, sigstore=False)
    run.release()
    report = verify(run.bundle(), run.brought())
    assert report.exit_code == 3, list(lines_of(report))
    assert "had no Sigstore" in texts(report, 1)
    assert "no head of it stands in a transparency log" in texts(report, 2)


def test_alone_on_one_machine_rebuilds_rest_on_that_machine(tmp_path: Path) -> None:
    run = Puppet(tmp_path, room=False).release()
    report = verify(run.bundle(), run.brought())
    assert report.exit_code == 0, list(lines_of(report))
    assert "one machine" in point(report, 6).rests_on


def test_what_was_seen_is_remembered_and_compared(released: Puppet, bundle: bytes, tmp_path: Path) -> None:
    memory = tmp_path / "seen.json"
    first = verify(bundle, replace(released.brought(), remembered=read_remembered(memory, "sealed")))
    assert first.case is not None
    remember(memory, first.case, first.trust_root_sha256)
    known = read_remembered(memory, "sealed")
    again = verify(bundle, replace(released.brought(), trust_root=b"", pipeline_sha256="", remembered=known))
    assert again.exit_code == 0, list(lines_of(again))
    assert "the one that you remember" in texts(again, 2)


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"projects": [], "logs": {}}', '{"projects": {"a": {}}, "logs": {}}', "no note"]
)
def test_a_damaged_memory_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "seen.json").write_text(text)
    with pytest.raises(Rejected):
        read_remembered(tmp_path / "seen.json", "sealed")


def test_a_checkpoint_of_another_log_under_the_same_name_is_a_split_view(
    released: Puppet, bundle: bytes, tmp_path: Path
) -> None:
    other = Notary(released.clock)
    size = len(released.notary.log.leaves)
    other.log.leaves = [leaf_hash(b"%d" % number) for number in range(size)]
    for shown, sign in (
        (other.log.checkpoint(size), "fails"),
        (other.log.checkpoint(size - 3), "fails"),
        (released.notary.log.checkpoint(size), "holds"),
    ):
        (tmp_path / "note").write_text(shown)
        report = verify(bundle, replace(released.brought(), remembered=read_remembered(tmp_path / "note", "sealed")))
        assert point(report, 2).sign == sign, texts(report, 2)


def test_how_the_log_grew_is_proved_or_unknown(released: Puppet, bundle: bytes, tmp_path: Path) -> None:
    notary = Notary(released.clock)
    notary.log.leaves = [*released.notary.log.leaves, leaf_hash(b"later")]
    (tmp_path / "note").write_text(notary.log.checkpoint())
    known = read_remembered(tmp_path / "note", "sealed")
    assert known is not None
    report = verify(bundle, replace(released.brought(), remembered=known))
    assert (report.exit_code, point(report, 2).sign) == (3, "unknown")
    size = len(released.notary.log.leaves)
    proof: dict[str, Any] = {
        "origin": "log.example",
        "old": size,
        "new": size + 1,
        "hashes": [b64(one) for one in consistency_proof(size, notary.log.leaves)],
    }
    assert verify(bundle, replace(released.brought(), remembered=replace(known, proofs=(proof,)))).exit_code == 0
    proof["hashes"][0] = b64(b"\0" * 32)
    assert verify(bundle, replace(released.brought(), remembered=replace(known, proofs=(proof,)))).exit_code == 1


def test_one_flipped_byte_is_refused_wherever_it_is(bundle: bytes) -> None:
    assert _taken_with_a_flip(bundle, range(0, len(bundle), 1009)) == []


@pytest.mark.prove
def test_any_flipped_byte_is_refused(tmp_path: Path) -> None:
    # One without signatures is as strictly read, and a third as long.
    small = Puppet(tmp_path, sigstore=False).release().bundle()
    assert _taken_with_a_flip(small, range(len(small))) == []


def _taken_with_a_flip(bundle: bytes, places: Iterable[int]) -> list[int]:
    """Where a byte may be another, and nobody minds."""
    return [place for place in places if _is_taken(_flipped(bundle, place))]


def _flipped(bundle: bytes, place: int) -> bytes:
    changed = bytearray(bundle)
    changed[place] ^= 1 << (place % 8)
    return bytes(changed)


def _is_taken(bundle: bytes) -> bool:
    try:
        read_bundle(bundle)
    except Rejected:
        return False
    return True


def test_a_member_more_or_less_is_refused(members: dict[str, bytes]) -> None:
    for name in members:
        with pytest.raises(Rejected):
            read_bundle(write_bundle({other: body for other, body in members.items() if other != name}))
    for name in ("extra.txt", "statements/00000.x.sigstore.json", "signatures/x.asc", "trust/more.json", "log/x.json"):
        with pytest.raises(Rejected):
            read_bundle(write_bundle({**members, name: b"{}"}))


def test_a_member_more_that_the_manifest_names_is_refused(released: Puppet, members: dict[str, bytes]) -> None:
    for name in (
        "statements/00000.x.sigstore.json",
        "signatures/x.asc",
        "sboms/x",
        "extra.txt",
        "trust/gpg-0.asc",
    ):
        more = {key: body for key, body in members.items() if key != "manifest.json"} | {name: b"{}"}
        more["manifest.json"] = manifest(more, read_bundle(write_bundle(members)).created, released.run)
        with pytest.raises(Rejected, match=name.replace(".", r"\.")):
            verify(write_bundle(more), released.brought())


def test_a_proof_that_proves_nothing_is_seen(released: Puppet, members: dict[str, bytes]) -> None:
    more = {key: body for key, body in members.items() if key != "manifest.json"} | {"log/x.json": b"{}"}
    more["manifest.json"] = manifest(more, read_bundle(write_bundle(members)).created, released.run)
    report = verify(write_bundle(more), released.brought())
    assert (report.exit_code, point(report, 2).sign) == (1, "fails")
