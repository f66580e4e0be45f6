"""Attesting on the spot, by the unmodified sigstore client and a Sigstore of the tests (PEP 740)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from joserfc import jws
from reference_server import reference_server
from sender import Sender

from build_service import ec_key, signed, timed
from clock import TurnableClock
from customhouse.client.ambient import find_ambient
from customhouse.client.dists import find_files, read_releases
from customhouse.client.releasing import Plan
from customhouse.client.signing import sign_releases
from customhouse.terms.errors import Refused, Rejected, Unavailable
from packages import sdist, wheel
from sigstore_server import SigstoreServer, sigstore_server
from trust.claims import GITHUB

pytestmark = pytest.mark.slow


def _claims_of(token: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(jws.deserialize_compact(token, ec_key(), algorithms=["ES256"]).payload)
    return found


@pytest.fixture(scope="module")
def sigstore() -> Iterator[SigstoreServer]:
    with sigstore_server(_claims_of) as made:
        yield made


def identity() -> str:
    """What GitHub would say of this job to Sigstore."""
    return signed(
        timed(GITHUB, TurnableClock(datetime.now(UTC)), "https://token.actions.githubusercontent.com", "sigstore")
    )


def test_files_are_signed_for_the_identity_of_the_job_and_sent_with_what_was_signed(
    sigstore: SigstoreServer, tmp_path: Path
) -> None:
    (tmp_path / "trust.json").write_text(sigstore.trust_config)
    (tmp_path / "dist").mkdir()
    with reference_server() as index:
        sender = Sender(tmp_path / "dist", index)
        sender.put(wheel("demo"), sdist("demo"))
        releases = read_releases(find_files([str(tmp_path / "dist")]))
        ambient = find_ambient({"CUSTOMHOUSE_OIDC_TOKEN": identity()}, None)
        attested = sign_releases(releases, ambient, tmp_path / "trust.json")
        assert set(attested) == {"demo-1.0-py3-none-any.whl", "demo-1.0.tar.gz"}
        (result,) = sender.publish(Plan(attestations=attested))
        assert result.ending == "published"
        assert index.published_attestations == {name: json.loads(text) for name, text in attested.items()}


def test_attestations_are_not_thrown_away_silently(tmp_path: Path) -> None:
    """An index that takes none says so by its silence; whoever wants them published hears of it."""
    with reference_server() as index:
        index.takes_attestations = False
        sender = Sender(tmp_path, index)
        sender.put(wheel("demo"))
        (result,) = sender.publish(Plan(attestations={"demo-1.0-py3-none-any.whl": "[]"}))
        assert result.ending == "failed"
        assert "it takes no attestations" in str(result.outcomes[0].error)


def test_nothing_is_signed_without_an_identity_or_with_a_bad_one(sigstore: SigstoreServer, tmp_path: Path) -> None:
    (tmp_path / "trust.json").write_text(sigstore.trust_config)
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(Refused, match="no identity to sign with"):
        sign_releases([], None, tmp_path / "trust.json")
    ambient = find_ambient({"CUSTOMHOUSE_OIDC_TOKEN": "not.a.token"}, None)
    with pytest.raises(Unavailable, match="nothing was signed"):
        sign_releases([], ambient, tmp_path / "trust.json")
    with pytest.raises(Rejected, match="client trust config"):
        sign_releases([], ambient, tmp_path / "bad.json")
