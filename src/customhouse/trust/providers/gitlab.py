"""GitLab CI/CD: gitlab.com, and the GitLabs of their own that an operator lists. Claims: docs.gitlab.com, "ID tokens".

Publishers of two GitLabs with the same path have nothing to do with each other: the issuer is part of what is compared.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from customhouse.trust.issuers import PublisherIssuer
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
from customhouse.trust.signer_identity import SignerIdentity
from customhouse.trust.signer_identity import gitlab as signed_by_gitlab

FIELDS = (
    Field("namespace", "Group, with subgroups, or user", "acme/tools"),
    Field("project", "Project", "demo"),
    Field("workflow", "Path of the pipeline's file", ".gitlab-ci.yml"),
    Field("environment", "Environment", "release", required=False),
)
RULES = (
    Field("ref", "Only from this ref; a star at the end stands for the rest", "refs/tags/v*", required=False),
    Field("protected_ref", "Only from a protected branch or tag", required=False, choice=True),
    Field("hosted_runner", "Only on a runner of gitlab.com", required=False, choice=True),
    Field("any_environment", "Only in an environment, whichever", required=False, choice=True),
    Field("events", "Dangerous sources of pipelines that are allowed all the same", "chat", required=False),
)
MERGE_REQUESTS = frozenset({"merge_request_event", "external_pull_request_event"})
REFUSED_SOURCES = MERGE_REQUESTS | {"chat", "external"}
"""What somebody outside can bring about: a pipeline of a fork may run for the project that it wants to merge into."""
_NAMESPACE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.-]*){0,20}", re.ASCII)
_PROJECT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", re.ASCII)
_WORKFLOW = re.compile(r"(?![/])(?!.*(?:^|/)\.\.?/)(?!.*//)[^@\\]+[^/@\\]\.ya?ml")
_KEPT = {
    "repository": "project_path", "ref": "ref_path", "sha": "sha", "run": "pipeline_id", "job": "job_id",
    "event": "pipeline_source", "environment": "environment", "runner": "runner_environment", "actor": "user_login",
    "protected": "ref_protected", "workflow": "ci_config_ref_uri",
}  # fmt: skip


class GitLab:
    """Pipelines of a GitLab."""

    certified = frozenset({"namespace", "project", "workflow"})

    def fields(self, _issuer: PublisherIssuer) -> Sequence[Field]:
        """Namespace, project, pipeline's file, environment."""
        return FIELDS

    def rules(self, _issuer: PublisherIssuer) -> Sequence[Field]:
        """Ref, protection, runner, environment, sources."""
        return RULES

    def settings(self, _issuer: PublisherIssuer, typed: Mapping[str, str]) -> Settings:
        """An environment keeps its case: GitLab tells ``Release`` from ``release``."""
        found = read_fields(FIELDS, {**typed, "workflow": typed.get("workflow", "").strip() or ".gitlab-ci.yml"})
        check_shape("namespace", found["namespace"], _NAMESPACE, "the path of a group or user, like acme/tools")
        check_shape("project", found["project"], _PROJECT, "the last part of a project's path")
        check_shape("workflow", found["workflow"], _WORKFLOW, "a path inside the project, ending in .yml or .yaml")
        return found

    def place(self, settings: Settings) -> str:
        """The project's path in lower case."""
        return _path(settings).lower()

    def place_of(self, _issuer: PublisherIssuer, claims: Claims) -> str:
        """The same from the claim ``project_path``."""
        return text_of(claims, "project_path").lower()

    def mismatch(self, issuer: PublisherIssuer, settings: Settings, rules: Settings, claims: Claims) -> Mismatch | None:
        """Project and subject; the pipeline's file at the very ref; the environment; then source and rules."""
        return (
            _other_project(settings, claims)
            or _other_file(issuer, settings, claims)
            or _other_environment(settings, claims)
            or refused_source(rules, claims)
            or _broken_rule(rules, claims)
        )

    def ids(self, _issuer: PublisherIssuer, claims: Claims) -> Ids:
        """Those of namespace and project."""
        return {name: text_of(claims, name) for name in ("namespace_id", "project_id")}

    def kept(self, _issuer: PublisherIssuer, claims: Claims) -> dict[str, str]:
        """Project, ref, commit, pipeline, source, environment, runner, user."""
        return kept_of(claims, _KEPT)

    def title(self, issuer: PublisherIssuer, settings: Settings) -> str:
        """``GitLab acme/tools/demo .gitlab-ci.yml``."""
        environment = f" ({settings['environment']})" if settings.get("environment") else ""
        return f"{issuer.title} {_path(settings)} {settings['workflow']}{environment}"

    def address(self, issuer: PublisherIssuer, settings: Settings) -> str:
        """The project's page."""
        return f"{issuer.url.rstrip('/')}/{_path(settings)}"

    def signer(
        self, issuer: PublisherIssuer, settings: Settings, learned: Ids, _claims: Mapping[str, str]
    ) -> SignerIdentity:
        """The pipeline, of the project with the learned ids."""
        return signed_by_gitlab(
            _path(settings), settings["workflow"], settings.get("environment", ""),
            repository_id=learned.get("project_id", ""), owner_id=learned.get("namespace_id", ""), issuer=issuer.url,
        )  # fmt: skip


def _path(settings: Settings) -> str:
    return f"{settings['namespace']}/{settings['project']}"


def _other_project(settings: Settings, claims: Claims) -> Mismatch | None:
    path = _path(settings)
    for claim, expected in (("project_path", path), ("namespace_path", settings["namespace"])):
        if not same_letters(text_of(claims, claim), expected):
            return differs(claim, expected, text_of(claims, claim))
    if any(not text_of(claims, name) for name in ("namespace_id", "project_id")):
        return Mismatch("other-claims", "project_id", "has no ids of namespace and project")
    subject = text_of(claims, "sub").split(":")
    if subject[0] != "project_path" or len(subject) < 2 or not same_letters(subject[1], path):  # noqa: PLR2004 - the name and the path
        return differs("sub", f"project_path:{path}", text_of(claims, "sub"))
    return None


def _other_file(issuer: PublisherIssuer, settings: Settings, claims: Claims) -> Mismatch | None:
    """``gitlab.com/acme/tools/demo//.gitlab-ci.yml@refs/heads/main``: at the very ref that the pipeline runs for."""
    server = issuer.url.partition("://")[2].rstrip("/")
    found, ref, sha = (text_of(claims, name) for name in ("ci_config_ref_uri", "ref_path", "sha"))
    if not ref or not sha:
        return Mismatch("other-claims", "ref_path", "does not say which ref and which commit it runs for")
    project, _, rest = found.partition("//")
    fits = same_letters(project, f"{server}/{_path(settings)}")
    if not fits or rest not in (f"{settings['workflow']}@{ref}", f"{settings['workflow']}@{sha}"):
        return differs("ci_config_ref_uri", f"{server}/{_path(settings)}//{settings['workflow']}@{ref}", found)
    return None


def _other_environment(settings: Settings, claims: Claims) -> Mismatch | None:
    expected = settings.get("environment", "")
    if expected and text_of(claims, "environment") != expected:
        return differs("environment", expected, text_of(claims, "environment"))
    return None


def refused_source(rules: Settings, claims: Claims) -> Mismatch | None:
    """In what the source of its pipeline is one that no publisher has allowed; strangers can bring such about."""
    source, ref = text_of(claims, "pipeline_source"), text_of(claims, "ref_path")
    if not source:
        return Mismatch("refused-event", "pipeline_source", "does not say what has begun its pipeline")
    allowed = split_values(rules.get("events", ""))
    if source in REFUSED_SOURCES - allowed:
        return Mismatch(
            "refused-event", "pipeline_source", f"comes from a pipeline of {source!r}, which strangers can bring about"
        )
    if ref.startswith("refs/merge-requests/") and not allowed & MERGE_REQUESTS:
        return Mismatch("refused-event", "ref_path", f"comes from a merge request ({ref[:80]})")
    return None


def _broken_rule(rules: Settings, claims: Claims) -> Mismatch | None:
    ref = text_of(claims, "ref_path")
    if rules.get("ref") and not ref_fits(rules["ref"], ref):
        return Mismatch("broken-rule", "ref_path", f"comes from {ref[:80]!r}, and only {rules['ref']!r} may publish")
    if rules.get("protected_ref") and text_of(claims, "ref_protected") != TRUE:
        return Mismatch("broken-rule", "ref_protected", "comes from a branch or tag that is not protected")
    if rules.get("hosted_runner") and text_of(claims, "runner_environment") != "gitlab-hosted":
        return Mismatch("broken-rule", "runner_environment", "comes from a runner that is not gitlab.com's own")
    if rules.get("any_environment") and not text_of(claims, "environment"):
        return Mismatch("broken-rule", "environment", "comes from no environment")
    return None
