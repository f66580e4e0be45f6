"""PEP 740: what the index shows beside each file, that this publisher has uploaded it.

It is signed by the identity that uploads (the machine that runs the step), and says only that. That the release was
tested and approved is what `sign.all` signs later, by another identity. Only where the place of the index says
``attest = "yes"``: an index takes attestations of trusted publishers alone, and of Sigstores that it trusts.
"""

from __future__ import annotations

from customhouse.client.dists import Release
from customhouse.client.upload_2 import Upload2
from customhouse.formats.attestations import statement_bytes
from customhouse.formats.plain import plain
from customhouse.release.actions import Problem, StepRun
from customhouse.release.signing.sealer import Sealer, SigstoreSealer
from customhouse.release.signing.trust_config import read_trust

SIGSTORE_TOKEN = "sigstore-token"  # noqa: S105 - a secret's name


def attestations_for(run: StepRun, door: Upload2, release: Release) -> dict[str, str]:
    """A JSON list with one publish attestation for each file, by file name; none where the place wants none."""
    if run.place().get("attest", "no") != "yes":
        return {}
    trust = read_trust(run.place("sigstore"))
    # PEP 740 attestations hold entries of Rekor v1 alone (pypi-attestations 0.0.30 takes no other).
    sealer = SigstoreSealer(trust.config, lambda: run.secrets(SIGSTORE_TOKEN), rekor=1, clock=run.clock)
    return {
        one.filename: publish_attestation(sealer, one.filename, one.sha256, door.wire.index.host)
        for one in release.dists
    }


def publish_attestation(sealer: Sealer, filename: str, sha256: str, place: str) -> str:
    """A JSON list with one attestation, for the predicate of PyPI's publish attestation."""
    from pypi_attestations import Attestation  # noqa: PLC0415 - heavy, and seldom wanted
    from sigstore.models import Bundle  # noqa: PLC0415 - as above

    try:
        bundle = Bundle.from_json(sealer.statement(statement_bytes(filename, sha256)))
        return f"[{Attestation.from_bundle(bundle).model_dump_json()}]"
    except Problem:
        raise
    except Exception as error:
        raise Problem("not-attested", f"{filename}: {plain(error, 200)}", "an attestation", place=place) from error
