"""The unmodified sigstore client signs with our authority and log, and what it signs is verified at our door."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from joserfc import jws
from pypi_attestations import Attestation, Distribution
from sigstore._internal.fulcio.client import FulcioClientError
from sigstore.models import ClientTrustConfig
from sigstore.oidc import IdentityToken
from sigstore.sign import SigningContext

from build_service import ec_key, signed, timed
from customhouse.terms.clock import SystemClock
from customhouse.terms.errors import Rejected
from customhouse.trust import signer_identity as identities
from customhouse.trust.private_sigstore.claims import identity_of
from customhouse.trust.signer_identity import SignerIdentity
from customhouse.trust.verify import verify_attestations
from packages import wheel
from sigstore_server import SigstoreServer, sigstore_server
from trust.claims import GITHUB, GITLAB

DIST = wheel()
SELF_MANAGED = "https://git.example.org/forge"
PEOPLE: dict[str, tuple[str, Mapping[str, Any], SignerIdentity]] = {
    "GitHub": (identities.GITHUB_ISSUER, GITHUB, identities.github(
        "acme/demo", "release.yml", repository_id="74", owner_id="65",
    )),
    "GitHub of one's own": ("https://git.example.org/_services/token", GITHUB, identities.github(
        "acme/demo", "release.yml", issuer="https://git.example.org/_services/token", server="https://git.example.org",
    )),
    "GitLab": (identities.GITLAB, GITLAB, identities.gitlab(
        "acme/tools/demo", repository_id="20", owner_id="72",
    )),
    "GitLab of one's own": (SELF_MANAGED, {
        **GITLAB, "ci_config_ref_uri": "git.example.org/forge/acme/tools/demo//.gitlab-ci.yml@refs/tags/v1.0",
    }, identities.gitlab("acme/tools/demo", issuer=SELF_MANAGED)),
    "GitLab that names another host": (SELF_MANAGED, GITLAB, identities.gitlab("acme/tools/demo", issuer=SELF_MANAGED)),
    "Google": (identities.GOOGLE_ISSUER, {
        "sub": "1122", "email": "release@acme.iam.gserviceaccount.com", "email_verified": True,
    }, identities.google("release@acme.iam.gserviceaccount.com")),
    "an address that nobody has verified": ("https://ci.example.org", {
        "sub": "build", "email": "root@example.org", "email_verified": False,
    }, identities.custom("https://ci.example.org", "build")),
}  # fmt: skip


def _claims_of(token: str) -> Mapping[str, Any]:
    """As an authority would: only what our issuer has signed."""
    found: Mapping[str, Any] = json.loads(jws.deserialize_compact(token, ec_key(), algorithms=["ES256"]).payload)
    return found


@pytest.fixture(scope="module")
def server() -> Iterator[SigstoreServer]:
    with sigstore_server(_claims_of) as made:
        yield made


def sign(server: SigstoreServer, token: str) -> str:
    """What an upload carries."""
    config = ClientTrustConfig.from_json(server.trust_config)
    with SigningContext.from_trust_config(config).signer(IdentityToken(token)) as signer:
        attestation = Attestation.sign(signer, Distribution(name=DIST.filename, digest=DIST.sha256))
    return f"[{attestation.model_dump_json()}]"


@pytest.mark.parametrize("who", PEOPLE, ids=list(PEOPLE))
def test_what_the_client_signs_is_verified_as_its_own_and_as_nobody_elses(who: str, server: SigstoreServer) -> None:
    issuer, claims, expected = PEOPLE[who]
    text = sign(server, signed(timed(claims, SystemClock(), issuer, "sigstore")))
    now = SystemClock().now()
    (verified,) = verify_attestations(text, DIST.filename, DIST.sha256, expected, [server.root], now)
    assert verified.publisher["kind"] == expected.kind
    stranger = identities.github("evil/demo", "release.yml")
    with pytest.raises(Rejected, match="attestations"):
        verify_attestations(text, DIST.filename, DIST.sha256, stranger, [server.root], now)


def test_a_token_that_somebody_else_has_signed_gets_no_certificate(server: SigstoreServer) -> None:
    token = signed(timed(GITHUB, SystemClock(), identities.GITHUB_ISSUER, "sigstore"), ec_key("two"))
    with pytest.raises(FulcioClientError):
        sign(server, token)


def test_a_workflow_is_told_by_everything_that_its_token_says() -> None:
    found = identity_of({"iss": identities.GITHUB_ISSUER, **GITHUB})
    assert found.subject == "https://github.com/acme/demo/.github/workflows/release.yml@refs/tags/v1.0"
    assert found.claims == {
        "build_signer_uri": found.subject,
        "build_signer_digest": GITHUB["sha"],
        "runner_environment": "github-hosted",
        "repository_uri": "https://github.com/acme/demo",
        "commit": GITHUB["sha"],
        "ref": "refs/tags/v1.0",
        "repository_id": "74",
        "owner_uri": "https://github.com/acme",
        "owner_id": "65",
        "build_config_uri": found.subject,
        "build_config_digest": GITHUB["sha"],
        "trigger": "release",
        "run_uri": "https://github.com/acme/demo/actions/runs/1234567890/attempts/2",
        "visibility": "public",
    }


def test_an_issuer_of_ones_own_does_not_speak_as_a_forge() -> None:
    """Where people choose the claims of their tokens, one claim more would name somebody else's repository or subject."""
    claims = {"iss": "https://ci.example/a", "sub": "mallory", "job_workflow_ref": "a#builder", "repository": "a"}
    assert identity_of(claims, "custom").subject == "mallory"
    assert identity_of(claims | {"ci_config_ref_uri": "ci.example/a/b//c@d"}, "custom").subject == "mallory"
    assert identity_of({"iss": identities.GITHUB_ISSUER, **GITHUB}, "github").claims["repository_uri"]


@pytest.mark.parametrize("claims", [{}, {"iss": "https://ci.example.org"}, {"sub": "x"}, {"iss": "", "sub": "x"}])
def test_claims_that_name_nobody_are_nobodys(claims: Mapping[str, Any]) -> None:
    with pytest.raises(ValueError, match="names no issuer or no subject"):
        identity_of(claims)
