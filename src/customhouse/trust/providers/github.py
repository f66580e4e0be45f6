"""GitHub Actions. Claims: docs.github.com, "OpenID Connect reference"; what is compared follows PyPI's own index.

Owner, repository and environment are compared without regard to case, as GitHub does; the workflow's file exactly. Both
the workflow that began the run and the one that holds the job must be that file: a reusable workflow cannot be a
publisher, because whoever calls it decides what it publishes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from customhouse.infra.targets import Target
from customhouse.trust.issuers import GITHUB, PublisherIssuer
from customhouse.trust.jwt import Claims
from customhouse.trust.letters import same_letters
from customhouse.trust.providers.provider import (
    TRUE,
    Field,
    Ids,
    Mismatch,
    Settings,
    check_shape,
    differs,
    kept_of,
    read_fields,
    ref_fits,
    split_values,
    text_of,
)
from customhouse.trust.signer_identity import GITHUB as SERVER
from customhouse.trust.signer_identity import SignerIdentity
from customhouse.trust.signer_identity import github as signed_by_github

FIELDS = (
    Field("owner", "Owner", "acme"),
    Field("repository", "Repository", "demo"),
    Field("workflow", "Workflow file", "release.yml"),
    Field("environment", "Environment", "pypi", required=False),
)
RULES = (
    Field("ref", "Only from this ref; a star at the end stands for the rest", "refs/tags/v*", required=False),
    Field("protected_ref", "Only from a protected branch or tag", required=False, choice=True),
    Field("hosted_runner", "Only on a runner of GitHub's own", required=False, choice=True),
    Field("any_environment", "Only in an environment, whichever", required=False, choice=True),
    Field("events", "Dangerous events that are allowed all the same", "workflow_run", required=False),
)
REFUSED_EVENTS = frozenset(
    {
        "pull_request_target", "workflow_run", "issue_comment", "pull_request", "pull_request_review",
        "pull_request_review_comment", "issues", "discussion", "discussion_comment", "commit_comment", "fork", "watch",
        "gollum", "public", "check_run", "check_suite", "status", "deployment", "deployment_status",
    }
)  # fmt: skip
"""Strangers bring these about, and have published other people's projects that way (Ultralytics 2024-12, TanStack and
mistralai 2026-05). Checks, statuses and deployments come about by apps that a stranger's pull request sets to work."""
_OWNER = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,98}[A-Za-z0-9])?", re.ASCII)
_REPOSITORY = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._-]{1,100}", re.ASCII)
_WORKFLOW = re.compile(r"[^/\\@]{1,100}\.ya?ml")
_SUBJECT = re.compile(r"repo:([^:/@]+)(?:@([0-9]+))?/([^:/@]+)(?:@([0-9]+))?(?::.*)?", re.DOTALL)
_KEPT = {
    "repository": "repository", "ref": "ref", "sha": "sha", "run": "run_id", "attempt": "run_attempt",
    "event": "event_name", "environment": "environment", "runner": "runner_environment", "actor": "actor",
    "protected": "ref_protected", "workflow": "workflow_ref",
}  # fmt: skip


class GitHub:
    """Workflows of GitHub Actions."""

    certified = frozenset({"owner", "repository", "workflow"})

    def fields(self, _issuer: PublisherIssuer) -> Sequence[Field]:
        """Owner, repository, workflow file, environment."""
        return FIELDS

    def rules(self, _issuer: PublisherIssuer) -> Sequence[Field]:
        """Ref, protection, runner, environment, events."""
        return RULES

    def settings(self, _issuer: PublisherIssuer, typed: Mapping[str, str]) -> Settings:
        """An environment is lower case, as PyPI keeps it; ``owner/repository`` may stand in either field."""
        given = dict(typed)
        if "/" in given.get("repository", ""):
            owner, _, given["repository"] = given["repository"].strip().partition("/")
            given["owner"] = given.get("owner") or owner
        found = read_fields(FIELDS, given)
        check_shape("owner", found["owner"], _OWNER, "the name of a user or an organization on GitHub")
        check_shape("repository", found["repository"], _REPOSITORY, "the name of a repository on GitHub")
        file = found["workflow"].removeprefix(".github/workflows/")
        check_shape("workflow", file, _WORKFLOW, "the name of a file in .github/workflows, ending in .yml or .yaml")
        return {**found, "workflow": file, "environment": found["environment"].lower()}

    def place(self, settings: Settings) -> str:
        """Owner and repository in lower case."""
        return _slug(settings).lower()

    def place_of(self, _issuer: PublisherIssuer, claims: Claims) -> str:
        """The same from the claim ``repository``."""
        return text_of(claims, "repository").lower()

    def mismatch(
        self, _issuer: PublisherIssuer, settings: Settings, rules: Settings, claims: Claims
    ) -> Mismatch | None:
        """Repository, owner and subject; the workflow; the environment; then event and rules."""
        return (
            _other_repository(settings, claims)
            or _other_workflow(settings, claims)
            or _other_environment(settings, claims)
            or refused_event(rules, claims)
            or _broken_rule(rules, claims)
        )

    def ids(self, _issuer: PublisherIssuer, claims: Claims) -> Ids:
        """Those of owner and repository: a name that somebody else takes over later has others."""
        return {name: text_of(claims, name) for name in ("repository_owner_id", "repository_id")}

    def kept(self, _issuer: PublisherIssuer, claims: Claims) -> dict[str, str]:
        """Repository, ref, commit, run, event, environment, runner, actor."""
        return kept_of(claims, _KEPT)

    def title(self, issuer: PublisherIssuer, settings: Settings) -> str:
        """``GitHub acme/demo release.yml``."""
        environment = f" ({settings['environment']})" if settings.get("environment") else ""
        return f"{issuer.title} {_slug(settings)} {settings['workflow']}{environment}"

    def address(self, issuer: PublisherIssuer, settings: Settings) -> str:
        """The repository's page."""
        return f"{_server(issuer)}/{_slug(settings)}"

    def signer(
        self, issuer: PublisherIssuer, settings: Settings, learned: Ids, _claims: Mapping[str, str]
    ) -> SignerIdentity:
        """The workflow, of the repository with the learned ids."""
        return signed_by_github(
            _slug(settings), settings["workflow"], settings.get("environment", ""),
            repository_id=learned.get("repository_id", ""), owner_id=learned.get("repository_owner_id", ""),
            issuer=issuer.url, server=_server(issuer),
        )  # fmt: skip


def _server(issuer: PublisherIssuer) -> str:
    """The web address of GitHub itself, or of the GitHub Enterprise Server that issues the tokens."""
    return SERVER if issuer.url == GITHUB.url else Target.parse(issuer.url).origin


def _slug(settings: Settings) -> str:
    return f"{settings['owner']}/{settings['repository']}"


def _other_repository(settings: Settings, claims: Claims) -> Mismatch | None:
    slug = _slug(settings)
    for claim, expected in (("repository", slug), ("repository_owner", settings["owner"])):
        if not same_letters(text_of(claims, claim), expected):
            return differs(claim, expected, text_of(claims, claim))
    if any(not text_of(claims, name) for name in ("repository_owner_id", "repository_id")):
        return Mismatch("other-claims", "repository_id", "has no ids of owner and repository")
    subject = _SUBJECT.fullmatch(text_of(claims, "sub"))
    # Since 2026-07 a subject may carry both ids: repo:acme@12/demo@34:ref:refs/heads/main.
    if subject is None or not same_letters(f"{subject[1]}/{subject[3]}", slug):
        return differs("sub", f"repo:{slug}", text_of(claims, "sub"))
    for given, claim in ((subject[2], "repository_owner_id"), (subject[4], "repository_id")):
        if given is not None and given != text_of(claims, claim):
            return differs("sub", f"repo:{slug} with the id {text_of(claims, claim)}", text_of(claims, "sub"))
    return None


def _other_workflow(settings: Settings, claims: Claims) -> Mismatch | None:
    path = f"{_slug(settings)}/.github/workflows/{settings['workflow']}"
    ends = [text_of(claims, name) for name in ("ref", "sha") if text_of(claims, name)]
    for claim in ("workflow_ref", "job_workflow_ref"):
        found = text_of(claims, claim)
        repository, slash, rest = found.partition("/.github/workflows/")
        if not same_letters(repository, _slug(settings)) or rest not in [
            f"{settings['workflow']}@{end}" for end in ends
        ]:
            reusable = claim == "job_workflow_ref" and slash
            told = "; reusable workflows cannot publish" if reusable else ""
            return Mismatch(
                "other-claims", claim, f"has the {claim} {found[:160]!r} and not {path!r} at its own ref{told}"
            )
    return None


def _other_environment(settings: Settings, claims: Claims) -> Mismatch | None:
    expected = settings.get("environment", "")
    if expected and not same_letters(text_of(claims, "environment"), expected):
        return differs("environment", expected, text_of(claims, "environment"))
    return None


def refused_event(rules: Settings, claims: Claims) -> Mismatch | None:
    """In what the event that has begun its run is one that no publisher has allowed; strangers can bring such about."""
    event, ref = text_of(claims, "event_name"), text_of(claims, "ref")
    if not event:
        return Mismatch("refused-event", "event_name", "does not say what has begun its run")
    allowed = split_values(rules.get("events", ""))
    if event in REFUSED_EVENTS - allowed:
        return Mismatch(
            "refused-event", "event_name", f"comes from the event {event!r}, which strangers can bring about"
        )
    if ref.startswith("refs/pull/") and not any(one.startswith("pull_request") for one in allowed):
        return Mismatch("refused-event", "ref", f"comes from a pull request ({ref[:80]})")
    return None


def _broken_rule(rules: Settings, claims: Claims) -> Mismatch | None:
    ref = text_of(claims, "ref")
    if rules.get("ref") and not ref_fits(rules["ref"], ref):
        return Mismatch("broken-rule", "ref", f"comes from {ref[:80]!r}, and only {rules['ref']!r} may publish")
    if rules.get("protected_ref") and text_of(claims, "ref_protected") != TRUE:
        return Mismatch("broken-rule", "ref_protected", "comes from a branch or tag that is not protected")
    if rules.get("hosted_runner") and text_of(claims, "runner_environment") != "github-hosted":
        return Mismatch("broken-rule", "runner_environment", "comes from a runner that is not GitHub's own")
    if rules.get("any_environment") and not text_of(claims, "environment"):
        return Mismatch("broken-rule", "environment", "comes from no environment")
    return None
