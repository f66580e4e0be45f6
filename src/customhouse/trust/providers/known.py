"""Every kind of trusted publisher that there is."""

from __future__ import annotations

from collections.abc import Mapping

from customhouse.trust.issuers import Kind, PublisherIssuer
from customhouse.trust.jwt import Claims
from customhouse.trust.providers.activestate import ActiveState
from customhouse.trust.providers.custom import Custom
from customhouse.trust.providers.github import GitHub
from customhouse.trust.providers.github import refused_event as refused_by_github
from customhouse.trust.providers.gitlab import GitLab
from customhouse.trust.providers.gitlab import refused_source as refused_by_gitlab
from customhouse.trust.providers.google import Google
from customhouse.trust.providers.provider import Mismatch, Provider

PROVIDERS: Mapping[Kind, Provider] = {
    "github": GitHub(),
    "gitlab": GitLab(),
    "google": Google(),
    "activestate": ActiveState(),
    "custom": Custom(),
}


def begun_by_strangers(issuer: PublisherIssuer, claims: Claims) -> Mismatch | None:
    """In what a token comes from a build that strangers can bring about; None if it does not, or says nothing of it.

    For whoever knows a build by its issuer and subject alone, which do not always tell (A26).
    """
    if issuer.kind == "github" and claims.get("event_name"):
        return refused_by_github({}, claims)
    if issuer.kind == "gitlab" and claims.get("pipeline_source"):
        return refused_by_gitlab({}, claims)
    for claim, refused in issuer.refused.items():
        if str(claims.get(claim, "")) in refused:
            return Mismatch("refused-event", claim, f"has the {claim} {str(claims[claim])[:120]!r}, refused here")
    return None
