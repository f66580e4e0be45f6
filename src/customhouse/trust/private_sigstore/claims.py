"""From the claims of a verified token to what a certificate says, as Sigstore's Fulcio maps them (docs/oid-info.md).

Workflows of GitHub and pipelines of GitLab, also on servers of one's own, are told by what the settings say of the
issuer: others may let their users put any claim into a token. Of everybody else the certificate says the address, if
the issuer has verified one, or the subject.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from customhouse.trust.certificate import MAX_CLAIM
from customhouse.trust.issuers import Kind
from customhouse.trust.private_sigstore.ca import OidcIdentity
from customhouse.trust.signer_identity import GITHUB, GITHUB_ISSUER, subject_name


def identity_of(claims: Mapping[str, Any], kind: Kind | None = None) -> OidcIdentity:
    """Who a certificate is for. The token's signature, issuer, audience and time the caller has verified.

    ``kind`` is what the settings say of the issuer; without it the claims tell. Raises `ValueError` for claims that
    name nobody, or somebody whom the log would not take: longer than `MAX_CLAIM`, or not printable.
    """
    found = _named(claims, kind)
    for text in (found.subject, subject_name(found.issuer, found.subject), *found.claims.values()):
        if len(text) > MAX_CLAIM or not text.isprintable():
            raise ValueError(f"what it says of its subject is no printable text of at most {MAX_CLAIM} characters")
    return found


def _named(claims: Mapping[str, Any], kind: Kind | None) -> OidcIdentity:
    issuer, subject = str(claims.get("iss", "")), str(claims.get("sub", ""))
    if not issuer or not subject:
        raise ValueError("the token names no issuer or no subject")
    if kind in ("github", None) and "job_workflow_ref" in claims:
        return _github(issuer, claims)
    if kind in ("gitlab", None) and "ci_config_ref_uri" in claims:
        return _gitlab(issuer, claims)
    verified = claims.get("email") if claims.get("email_verified") is True else None
    return OidcIdentity(issuer, str(verified or subject))


def _github(issuer: str, claims: Mapping[str, Any]) -> OidcIdentity:
    parts = urlsplit(issuer)
    server = GITHUB if issuer == GITHUB_ISSUER else f"{parts.scheme}://{parts.netloc}"
    repository = f"{server}/{_text(claims, 'repository')}"
    signer = f"{server}/{_text(claims, 'job_workflow_ref')}"
    said = {
        "build_signer_uri": signer,
        "build_signer_digest": _text(claims, "job_workflow_sha"),
        "runner_environment": _text(claims, "runner_environment"),
        "repository_uri": repository,
        "commit": _text(claims, "sha"),
        "ref": _text(claims, "ref"),
        "repository_id": _text(claims, "repository_id"),
        "owner_uri": f"{server}/{_text(claims, 'repository_owner')}",
        "owner_id": _text(claims, "repository_owner_id"),
        "build_config_uri": f"{server}/{_text(claims, 'workflow_ref')}",
        "build_config_digest": _text(claims, "workflow_sha"),
        "trigger": _text(claims, "event_name"),
        "run_uri": f"{repository}/actions/runs/{_text(claims, 'run_id')}/attempts/{_text(claims, 'run_attempt')}",
        "visibility": _text(claims, "repository_visibility"),
    }
    return OidcIdentity(issuer, signer, _said(said))


def _gitlab(issuer: str, claims: Mapping[str, Any]) -> OidcIdentity:
    parts = urlsplit(issuer)
    told = _text(claims, "ci_config_ref_uri")
    ours = f"{parts.netloc}{parts.path}/"
    # Whatever host it names, it is the one whose tokens these are.
    config = f"{issuer}/{told.removeprefix(ours) if told.startswith(ours) else told.partition('/')[2]}"
    repository = f"{issuer}/{_text(claims, 'project_path')}"
    said = {
        "build_signer_uri": config,
        "build_signer_digest": _text(claims, "ci_config_sha"),
        "runner_environment": _text(claims, "runner_environment"),
        "repository_uri": repository,
        "commit": _text(claims, "sha"),
        "ref": _text(claims, "ref_path"),
        "repository_id": _text(claims, "project_id"),
        "owner_uri": f"{issuer}/{_text(claims, 'namespace_path')}",
        "owner_id": _text(claims, "namespace_id"),
        "build_config_uri": config,
        "build_config_digest": _text(claims, "ci_config_sha"),
        "trigger": _text(claims, "pipeline_source"),
        "run_uri": f"{repository}/-/jobs/{_text(claims, 'job_id')}",
        "visibility": _text(claims, "project_visibility"),
    }
    return OidcIdentity(issuer, config, _said(said))


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name, "")
    return value if isinstance(value, str) else str(value) if isinstance(value, int) else ""


def _said(values: Mapping[str, str]) -> dict[str, str]:
    """Without what the token does not say."""
    return {name: value for name, value in values.items() if value}
