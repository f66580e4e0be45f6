"""Evidence signed by a real private Sigstore through the unmodified library: its second log API, its timestamps."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from clock import TurnableClock
from customhouse.release.evidence.shown import lines_of
from customhouse.release.evidence.verify import verify
from customhouse.release.signing.sealer import SigstoreSealer
from customhouse.release.signing.trust_config import read_trust
from customhouse.terms.clock import SystemClock
from released import Puppet
from shipping import Harbour

pytestmark = pytest.mark.slow
LONGEST_SECONDS = 1.0


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
