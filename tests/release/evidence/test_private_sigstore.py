"""Evidence signed by a real private Sigstore through the unmodified library: its second log API, its timestamps."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from clock import TurnableClock
from command_line import customhouse
from customhouse.release.evidence.archive import read_archive
from customhouse.release.evidence.collect import bundle_of, shown_by
from customhouse.release.evidence.log_tiles import prover_of
from customhouse.release.evidence.remembered import read_remembered, remember
from customhouse.release.evidence.shown import lines_of
from customhouse.release.evidence.verify import verify
from customhouse.release.signing.sealer import SigstoreSealer
from customhouse.release.signing.trust_config import read_trust
from customhouse.terms.clock import SystemClock
from customhouse.trust.private_sigstore.note import SignedCheckpoint
from released import Puppet
from shipping import Harbour

pytestmark = pytest.mark.slow
LONGEST_SECONDS = 1.0
BUNDLE = "sealed-3.1.0.release.tar"


class _Now(TurnableClock):
    """The system's: certificates of a real authority are good now."""

    def now(self) -> datetime:
        return SystemClock().now()

    def turn(self, by: timedelta) -> None:
        del by


def test_a_release_that_a_real_sigstore_has_signed_is_verified_in_a_second(harbour: Harbour, tmp_path: Path) -> None:
    trust = read_trust({"trust_config": str(harbour.trust_config)})

    def sealer(subject: str) -> SigstoreSealer:
        return SigstoreSealer(trust.config, lambda: harbour.sigstore_token(subject))

    sealers = {"rm": sealer("rosa"), "ci-a": sealer("builder-a"), "ci-b": sealer("builder-b")}
    run = Puppet(
        tmp_path, factor="webauthn", clock=_Now(), issuer=harbour.issuer.url, trusted_root=trust.trusted_root,
        sealers=sealers,
    ).release()  # fmt: skip
    bundle, brought = run.bundle(), run.brought()
    report = verify(bundle, brought)
    assert report.exit_code == 0, "\n".join(lines_of(report))
    assert report.trust_root_sha256 == trust.sha256
    best = min(_seconds(bundle, run) for _ in range(3))
    assert best < LONGEST_SECONDS, f"{best:.2f} s"


def _seconds(bundle: bytes, run: Puppet) -> float:
    began = time.process_time()
    verify(bundle, run.brought())
    return time.process_time() - began


def test_a_second_release_shows_offline_that_the_log_of_the_first_has_only_grown(
    harbour: Harbour, tmp_path: Path
) -> None:
    """The log is asked over HTTP by its tiles; the stranger asks nobody."""
    trust = read_trust({"trust_config": str(harbour.trust_config)})
    sealers = {
        actor: SigstoreSealer(trust.config, lambda subject=subject: harbour.sigstore_token(subject))  # type: ignore[misc]
        for actor, subject in {"rm": "rosa", "ci-a": "builder-a", "ci-b": "builder-b"}.items()
    }
    prove, earlier, memory = prover_of(trust.config), list[SignedCheckpoint](), tmp_path / "seen.json"
    for number in (1, 2):
        run = Puppet(
            tmp_path / str(number), run=f"sealed-3.1.0-{number}", clock=_Now(), issuer=harbour.issuer.url,
            trusted_root=trust.trusted_root, sealers=sealers,
        ).release()  # fmt: skip
        _, bundle = bundle_of(run.lines, run.body, lambda _state: trust.trusted_root, earlier=earlier, prove=prove)
        report = verify(bundle, replace(run.brought(), remembered=read_remembered(memory, "sealed")))
        assert report.exit_code == 0, "\n".join(lines_of(report))
        assert report.case is not None
        remember(memory, report.case, report.trust_root_sha256)
        earlier = shown_by(run.lines, run.body)
        run.lay(tmp_path / ".customhouse" / "release")
    (journal,) = [point for point in report.points if point.number == 2]
    assert any("the log has only grown between" in one.text for one in journal.findings), journal

    # So does who types it, of the runs in one folder; and with a log that is away he is told what the bundle lacks.
    (tmp_path / "trust.json").write_text(trust.config)
    done = customhouse("release", "bundle", run.run, "-o", "now", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "now" / BUNDLE).read_bytes() == bundle
    (tmp_path / "trust.json").write_text(trust.config.replace(harbour.server.url, "http://127.0.0.1:9"))
    done = customhouse("release", "bundle", run.run, "-o", "later", folder=tmp_path)
    assert done.returncode == 0
    assert done.stderr.count("It is not proved how the log has grown") == 1
    assert not [name for name in read_archive((tmp_path / "later" / BUNDLE).read_bytes()) if name.startswith("log/")]
