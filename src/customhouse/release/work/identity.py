"""Who a machine says it is when it joins, and what of its token is written into the journal.

The machine signs the evidence together with its key, so both sides make it of the same claims in the same way.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from customhouse.release.codec import canonical

# Of the standard, of GitHub, of GitLab and of custom issuers: where it builds, from what, and by whom it was begun.
KEPT = (
    "iss", "sub", "aud", "iat", "exp", "repository", "repository_id", "repository_owner", "repository_owner_id",
    "workflow_ref", "workflow_sha", "job_workflow_ref", "job_workflow_sha", "ref", "sha", "event_name", "run_id",
    "run_attempt", "runner_environment", "environment", "actor", "actor_id", "project_path", "project_id",
    "namespace_path", "namespace_id", "pipeline_id", "job_id", "ci_config_ref_uri", "ci_config_sha", "ref_protected",
)  # fmt: skip
LONGEST_CLAIM = 400


def identity_of(claims: Mapping[str, Any]) -> str:
    """As a pipeline names it: ``oidc:ISSUER#SUBJECT``."""
    return f"oidc:{claims.get('iss', '')}#{claims.get('sub', '')}"


def evidence_of(claims: Mapping[str, Any]) -> str:
    """What is kept of a token: known claims that are texts, numbers or truths, canonical JSON; never the token."""
    kept = {
        name: value if not isinstance(value, str) else value[:LONGEST_CLAIM]
        for name in KEPT
        if isinstance(value := claims.get(name), (str, int, bool))
    }
    return canonical(kept).decode()


def account_evidence(account: str) -> str:
    """What is kept of a person: which account."""
    return canonical({"account": account}).decode()
