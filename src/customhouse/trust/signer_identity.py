"""Who must have signed the attestations of an upload: the identity of the publisher that sends it, and nobody else.

GitHub and GitLab put the workflow into the certificate's Build Config URI, followed by ``@`` and the ref or the commit,
which the publisher does not know beforehand; so it is compared with the certificate's own. The others sign as one name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

from customhouse.trust.certificate import Signer
from customhouse.trust.letters import same_letters

GITHUB_ISSUER = "https://token.actions.githubusercontent.com"
GITHUB = "https://github.com"
GITLAB = "https://gitlab.com"
GOOGLE_ISSUER = "https://accounts.google.com"
ACTIVESTATE_ISSUER = "https://platform.activestate.com/api/v1/oauth/oidc"

Kind = Literal["GitHub", "GitLab", "Google", "ActiveState", "OIDC"]
URI = "%:/?#[]@!$&'()*+,;=~"
"""What may stand in a URI besides letters, digits and ``-._`` (RFC 3986)."""
_ADDRESS = re.compile(r"[!-?A-~]{1,64}@[A-Za-z0-9.-]{1,255}")


@dataclass(frozen=True, slots=True)
class SignerIdentity:
    """Which certificates speak for a publisher. Empty fields ask for nothing."""

    kind: Kind
    issuer: str
    name: str = ""
    """The subject alternative name, exactly."""
    repository_uri: str = ""
    """Compared without regard to case, as the forges do."""
    workflow: str = ""
    """GitHub: the workflow's file name; GitLab: the path of the configuration."""
    environment: str = ""
    """Not in any certificate: the publisher's own rule, told along with it."""
    repository_id: str = ""
    """With these a repository of the same name that somebody else has made since is none of the publisher's."""
    owner_id: str = ""


def github(
    repository: str, workflow: str, environment: str = "", *, repository_id: str = "", owner_id: str = "",
    issuer: str = GITHUB_ISSUER, server: str = GITHUB,
) -> SignerIdentity:  # fmt: skip
    """A workflow of GitHub Actions: ``owner/name``, and the file's name under ``.github/workflows``."""
    return SignerIdentity(
        "GitHub", issuer, "", f"{server}/{repository}", workflow, environment, repository_id, owner_id
    )


def gitlab(
    repository: str, workflow: str = ".gitlab-ci.yml", environment: str = "", *, repository_id: str = "",
    owner_id: str = "", issuer: str = GITLAB,
) -> SignerIdentity:  # fmt: skip
    """A pipeline of GitLab, also of one's own: ``group/…/project``, and the path of its configuration."""
    return SignerIdentity(
        "GitLab", issuer, "", f"{issuer}/{repository}", workflow, environment, repository_id, owner_id
    )


def google(email: str) -> SignerIdentity:
    """A service account of Google Cloud."""
    return SignerIdentity("Google", GOOGLE_ISSUER, email)


def activestate(subject: str) -> SignerIdentity:
    """A build of ActiveState, by the ``sub`` of its tokens."""
    return SignerIdentity("ActiveState", ACTIVESTATE_ISSUER, subject_name(ACTIVESTATE_ISSUER, subject))


def custom(issuer: str, subject: str) -> SignerIdentity:
    """Whoever another issuer's tokens speak of: ``subject`` is their ``sub``, or their ``email`` if they have one."""
    return SignerIdentity("OIDC", issuer, subject_name(issuer, subject))


def subject_name(issuer: str, subject: str) -> str:
    """The name in a certificate for an OpenID Connect subject: addresses and URIs as they are, else under the issuer.

    So nobody's subject reads like somebody else's. What no URI may hold is escaped.
    """
    if _ADDRESS.fullmatch(subject):
        return subject
    return quote(subject, safe=URI) if "://" in subject else f"{issuer}#{quote(subject, safe='')}"


def mismatch(expected: SignerIdentity, signer: Signer) -> str:
    """In what a certificate is not the publisher's, as the end of a sentence; empty if it is."""
    claims = signer.claims
    if signer.issuer != expected.issuer:
        return f"was vouched for by {signer.issuer or 'nobody'} and not by {expected.issuer}"
    if expected.name and signer.names != {expected.name}:
        return f"is for {', '.join(sorted(signer.names)) or 'nobody'} and not for {expected.name}"
    if expected.repository_uri and not same_letters(claims.get("repository_uri", ""), expected.repository_uri):
        return f"is for the repository {claims.get('repository_uri') or 'of nobody'} and not {expected.repository_uri}"
    if expected.repository_id and claims.get("repository_id") != expected.repository_id:
        return f"is for the repository numbered {claims.get('repository_id')} and not {expected.repository_id}"
    if expected.owner_id and claims.get("owner_id") != expected.owner_id:
        return f"is for the owner numbered {claims.get('owner_id')} and not {expected.owner_id}"
    if expected.workflow and not _is_workflow(expected, claims):
        config = claims.get("build_config_uri") or "no workflow"
        return f"is for {config} and not for the workflow {expected.workflow} of {expected.repository_uri}"
    return ""


def publisher_of(expected: SignerIdentity, signer: Signer) -> dict[str, object]:
    """The publisher as provenance objects name it (PEP 740, in the shapes that PyPI serves), with what was proved.

    The repository is spelt as in the certificate, because clients compare it letter by letter.
    """
    claims = {name: signer.claims[name] for name in sorted(signer.claims)}
    match expected.kind:
        case "GitHub":
            own = {"repository": _path(signer), "workflow": expected.workflow}
        case "GitLab":
            own = {"repository": _path(signer), "workflow_filepath": expected.workflow}
        case "Google":
            return {"kind": "Google", "email": expected.name, "claims": claims}
        case _:
            return {"kind": expected.kind, "issuer": expected.issuer, "subject": expected.name, "claims": claims}
    server = {} if signer.issuer in (GITHUB_ISSUER, GITLAB) else {"issuer": signer.issuer}
    return {"kind": expected.kind, **own, "environment": expected.environment or None, **server, "claims": claims}


def _is_workflow(expected: SignerIdentity, claims: Mapping[str, str]) -> bool:
    repository = claims["repository_uri"]
    folder = f"{repository}/.github/workflows/" if expected.kind == "GitHub" else f"{repository}//"
    found = claims.get("build_config_uri", "")
    at = [claims[name] for name in ("commit", "ref") if claims.get(name)]
    return found in [f"{folder}{expected.workflow}@{one}" for one in at]


def _path(signer: Signer) -> str:
    """``owner/name``: the repository without its server."""
    return signer.claims["repository_uri"].split("/", 3)[3]
