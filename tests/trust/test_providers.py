"""Each kind of publisher: its documented claims are taken, and for every claim that is compared one token is refused.

Every token is signed by an issuer of the test, verified, and judged as one that was sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from build_service import AUDIENCE, ec_key, signed, timed
from clock import TurnableClock
from customhouse.infra.settings import Settings
from customhouse.terms.errors import Rejected
from customhouse.trust.advice import advice
from customhouse.trust.described import describe
from customhouse.trust.issuers import (
    ACTIVESTATE,
    GITHUB,
    GITLAB,
    GOOGLE,
    PublisherIssuer,
    issuer_named,
    issuer_of_token,
    issuers_of,
)
from customhouse.trust.judge import judge
from customhouse.trust.jwt import take_apart, verify
from customhouse.trust.providers.known import PROVIDERS
from customhouse.trust.providers.provider import Mismatch
from customhouse.trust.publishers import TrustedPublisher
from customhouse.trust.tables import trusted_publisher
from trust import claims as documented

ClaimSet = Mapping[str, Any]


def listed(setting: ClaimSet, name: str = "forge", kind: str = "custom") -> PublisherIssuer:
    """An issuer as an operator lists it."""
    entry = {"name": name, "title": "Forge", "issuer": f"https://{name}.example", "kind": kind, **setting}
    return issuer_named(issuers_of(Settings.model_validate({"oidc_issuers": [entry]})), name)


OWN_GITLAB = listed({}, "git", "gitlab")
SELF_MANAGED = {
    **documented.GITLAB, "ci_config_ref_uri": "git.example/acme/tools/demo//.gitlab-ci.yml@refs/tags/v1.0",
}  # fmt: skip
ENTERPRISE = listed({}, "ghes", "github")

KINDS: dict[str, tuple[PublisherIssuer, dict[str, str], ClaimSet]] = {
    "github": (
        GITHUB, {"owner": "acme", "repository": "demo", "workflow": "release.yml", "environment": "pypi"},
        documented.GITHUB,
    ),
    "github-package": (
        GITHUB, {"owner": "acme", "repository": "package", "workflow": "release.yml"},
        {name: value.replace("acme/demo", "acme/package") for name, value in documented.GITHUB.items()},
    ),
    "github-enterprise": (
        ENTERPRISE, {"owner": "acme", "repository": "demo", "workflow": "release.yml"}, documented.GITHUB,
    ),
    "gitlab": (
        GITLAB,
        {"namespace": "acme/tools", "project": "demo", "workflow": ".gitlab-ci.yml", "environment": "Release"},
        documented.GITLAB,
    ),
    "gitlab-self-managed": (OWN_GITLAB, {"namespace": "acme/tools", "project": "demo"}, SELF_MANAGED),
    "google": (
        GOOGLE, {"email": "release@acme.iam.gserviceaccount.com", "subject": "112233445566778899001"},
        documented.GOOGLE,
    ),
    "activestate": (
        ACTIVESTATE, {"organization": "acme", "project": "demo", "actor": "alice", "ingredient": "demo"},
        documented.ACTIVESTATE,
    ),
    "forgejo": (
        listed(documented.FORGEJO_SETTING), {"repository": "acme/demo", "workflow": "release.yml", "ref": "refs/tags/v1.0"},
        documented.FORGEJO,
    ),
    "buildkite": (
        listed(documented.BUILDKITE_SETTING),
        {"pipeline_slug": "demo", "organization_slug": "acme", "step_key": "pub"}, documented.BUILDKITE,
    ),
    "circleci": (
        listed(documented.CIRCLECI_SETTING),
        {"oidc.circleci.com/project-id": "2d3e", "oidc.circleci.com/vcs-ref": "refs/heads/main"}, documented.CIRCLECI,
    ),
    "jenkins": (
        listed(documented.JENKINS_SETTING), {"sub": "https://jenkins.example/job/demo/", "branch": "main"},
        documented.JENKINS,
    ),
    "keycloak": (listed(documented.KEYCLOAK_SETTING), {"azp": "release-robot"}, documented.KEYCLOAK),
}  # fmt: skip


def publisher(
    issuer: PublisherIssuer, typed: Mapping[str, str], rules: Mapping[str, str] | None = None,
    learned: Mapping[str, str] | None = None,
) -> TrustedPublisher:  # fmt: skip
    described = describe(issuer, typed, rules or {})
    return TrustedPublisher(
        id=1, project_id=1, pending_name="", pending_normalized="", pending_by=None, organization_id=None,
        kind=described.kind, issuer=described.issuer, settings=described.settings, rules=described.rules,
        learned=learned or {}, title=described.title, stages_only=False, created_at=TurnableClock().now(),
        created_by=None, used_at=None, expires_at=None, removed_at=None, alarm=None, warned_at=None,
    )  # fmt: skip


def judged(
    kind: str, changes: ClaimSet | None = None, rules: Mapping[str, str] | None = None,
    learned: Mapping[str, str] | None = None, typed: Mapping[str, str] | None = None,
) -> Mismatch | None:  # fmt: skip
    """A build whose claims differ from the documented ones by this (None: missing), sent to its publisher."""
    issuer, known, claims = KINDS[kind]
    clock = TurnableClock()
    changed = {name: value for name, value in {**claims, **(changes or {})}.items() if value is not None}
    text = signed(timed(changed, clock, issuer.url))
    unverified = take_apart(text)
    assert issuer_of_token([issuer], unverified.issuer) == issuer
    token = verify(unverified, [ec_key().as_dict(private=False)], issuer.expected(AUDIENCE), clock.now())
    return judge(issuer, publisher(issuer, known if typed is None else typed, rules, learned), token.claims)


@pytest.mark.parametrize("kind", KINDS)
def test_the_documented_claims_are_taken_and_found_by_their_place(kind: str) -> None:
    issuer, typed, claims = KINDS[kind]
    assert judged(kind) is None
    provider = PROVIDERS[issuer.kind]
    known = publisher(issuer, typed)
    assert provider.place(known.settings) == provider.place_of(issuer, claims) != ""
    assert provider.kept(issuer, claims)
    assert judged(kind, learned=provider.ids(issuer, claims)) is None
    signer = provider.signer(issuer, known.settings, provider.ids(issuer, claims), provider.kept(issuer, claims))
    assert signer is not None
    assert signer.issuer == issuer.url


EVIL = "acme-evil"
OTHER_SHA = "f" * 40
REFUSED: list[tuple[str, str, dict[str, object]]] = [
    # kind, the claim that is at fault, what the token says
    ("github", "repository", {"repository": "acme/other"}),
    ("github", "repository", {"repository": f"{EVIL}/demo"}),
    ("github", "repository", {"repository": None}),
    ("github", "repository", {"repository": ["acme/demo"]}),
    # U+212A and U+0130: letters whose lower case is, or begins with, one of ASCII.
    ("github-package", "repository", {"repository": "acme/pac\u212aage"}),
    ("github-package", "sub", {"sub": "repo:acme/pac\u212aage:environment:pypi"}),
    ("github-package", "workflow_ref", {"workflow_ref": "acme/pac\u212aage/.github/workflows/release.yml@refs/tags/v1.0"}),
    ("gitlab", "namespace_path", {"namespace_path": "acme/tool\u017f"}),
    ("github", "repository_owner", {"repository_owner": EVIL}),
    ("github", "repository_owner", {"repository_owner": None}),
    ("github", "repository_id", {"repository_id": None}),
    ("github", "repository_id", {"repository_owner_id": None}),
    ("github", "sub", {"sub": "repo:acme/other:environment:pypi"}),
    ("github", "sub", {"sub": "repo:acme/demo-evil:environment:pypi"}),
    ("github", "sub", {"sub": "repository_owner_id:65:environment:pypi"}),
    ("github", "sub", {"sub": "repo:acme@66/demo@74:environment:pypi"}),
    ("github", "sub", {"sub": "repo:acme@65/demo@75:environment:pypi"}),
    ("github", "sub", {"sub": "repo:*"}),
    ("github", "sub", {"sub": None}),
    ("github", "workflow_ref", {"workflow_ref": "acme/demo/.github/workflows/other.yml@refs/tags/v1.0"}),
    ("github", "workflow_ref", {"workflow_ref": "acme/demo/.github/workflows/Release.yml@refs/tags/v1.0"}),
    ("github", "workflow_ref", {"workflow_ref": "acme/demo/.github/workflows/x/release.yml@refs/tags/v1.0"}),
    ("github", "workflow_ref", {"workflow_ref": "acme/demo/.github/workflows/release.yml@refs/heads/evil"}),
    ("github", "workflow_ref", {"workflow_ref": "acme/demo/.github/workflows/release.yml@evil/release.yml@refs/tags/v1.0"}),
    ("github", "workflow_ref", {"workflow_ref": f"{EVIL}/demo/.github/workflows/release.yml@refs/tags/v1.0"}),
    ("github", "workflow_ref", {"workflow_ref": None}),
    ("github", "workflow_ref", {"ref": "refs/heads/main"}),
    ("github", "workflow_ref", {"ref": "", "sha": ""}),
    ("github", "job_workflow_ref", {"job_workflow_ref": "acme/shared/.github/workflows/publish.yml@refs/heads/main"}),
    ("github", "job_workflow_ref", {"job_workflow_ref": "acme/demo/.github/workflows/reusable.yml@refs/tags/v1.0"}),
    ("github", "job_workflow_ref", {"job_workflow_ref": None}),
    ("github", "environment", {"environment": None}),
    ("github", "environment", {"environment": ""}),
    ("github", "environment", {"environment": "pypi-test"}),
    ("github", "environment", {"environment": "*"}),
    ("github", "event_name", {"event_name": None}),
    ("github", "event_name", {"event_name": "pull_request_target"}),
    ("github", "event_name", {"event_name": "workflow_run"}),
    ("github", "event_name", {"event_name": "issue_comment"}),
    ("github", "event_name", {"event_name": "pull_request"}),
    ("github", "event_name", {"event_name": "check_run"}),
    ("github", "event_name", {"event_name": "check_suite"}),
    ("github", "event_name", {"event_name": "status"}),
    ("github", "event_name", {"event_name": "deployment"}),
    ("github", "event_name", {"event_name": "deployment_status"}),
    ("github", "ref", {"ref": "refs/pull/7/head",
                       "workflow_ref": "acme/demo/.github/workflows/release.yml@refs/pull/7/head",
                       "job_workflow_ref": "acme/demo/.github/workflows/release.yml@refs/pull/7/head"}),
    ("gitlab", "project_path", {"project_path": "acme/tools/other"}),
    ("gitlab", "project_path", {"project_path": "acme/toolѕ/demo"}),
    ("gitlab", "project_path", {"project_path": None}),
    ("gitlab", "namespace_path", {"namespace_path": "acme"}),
    ("gitlab", "namespace_path", {"namespace_path": None}),
    ("gitlab", "project_id", {"project_id": None}),
    ("gitlab", "project_id", {"namespace_id": None}),
    ("gitlab", "sub", {"sub": "project_path:acme/tools/other:ref_type:tag:ref:v1.0"}),
    ("gitlab", "sub", {"sub": "project_id:20:ref:v1.0"}),
    ("gitlab", "sub", {"sub": None}),
    ("gitlab", "ci_config_ref_uri", {"ci_config_ref_uri": "gitlab.com/acme/tools/demo//other.yml@refs/tags/v1.0"}),
    ("gitlab", "ci_config_ref_uri", {"ci_config_ref_uri": "gitlab.com/acme/tools/demo//.gitlab-ci.yml@refs/heads/evil"}),
    ("gitlab", "ci_config_ref_uri", {"ci_config_ref_uri": "gitlab.com/acme/tools/evil//.gitlab-ci.yml@refs/tags/v1.0"}),
    ("gitlab", "ci_config_ref_uri", {"ci_config_ref_uri": "git.example/acme/tools/demo//.gitlab-ci.yml@refs/tags/v1.0"}),
    ("gitlab", "ci_config_ref_uri", {"ci_config_ref_uri": "https://evil.example/.gitlab-ci.yml"}),
    ("gitlab", "ci_config_ref_uri", {"ci_config_ref_uri": None}),
    ("gitlab", "ref_path", {"ref_path": None}),
    ("gitlab", "ref_path", {"sha": ""}),
    ("gitlab", "environment", {"environment": "release"}),
    ("gitlab", "environment", {"environment": None}),
    ("gitlab", "pipeline_source", {"pipeline_source": "merge_request_event"}),
    ("gitlab", "pipeline_source", {"pipeline_source": "external_pull_request_event"}),
    ("gitlab", "pipeline_source", {"pipeline_source": None}),
    ("gitlab", "ref_path", {"ref_path": "refs/merge-requests/7/head",
                            "ci_config_ref_uri": "gitlab.com/acme/tools/demo//.gitlab-ci.yml@refs/merge-requests/7/head"}),
    ("gitlab-self-managed", "ci_config_ref_uri",
     {"ci_config_ref_uri": "gitlab.com/acme/tools/demo//.gitlab-ci.yml@refs/tags/v1.0"}),
    ("google", "email", {"email": "other@acme.iam.gserviceaccount.com"}),
    ("google", "email", {"email": "Release@acme.iam.gserviceaccount.com"}),
    ("google", "email", {"email": None}),
    ("google", "email_verified", {"email_verified": False}),
    ("google", "email_verified", {"email_verified": "true"}),
    ("google", "email_verified", {"email_verified": None}),
    ("google", "sub", {"sub": "999"}),
    ("google", "sub", {"sub": None}),
    ("activestate", "sub", {"sub": "org:acme:project:demo2"}),
    ("activestate", "sub", {"sub": None}),
    ("activestate", "organization", {"organization": "evil"}),
    ("activestate", "project", {"project": "other"}),
    ("activestate", "actor", {"actor": "mallory"}),
    ("activestate", "builder", {"builder": "wheel-builder"}),
    ("activestate", "ingredient", {"ingredient": "other"}),
    ("activestate", "actor_id", {"actor_id": None}),
    ("forgejo", "repository", {"repository": "Acme/demo"}),
    ("forgejo", "workflow", {"workflow": "test.yml"}),
    ("forgejo", "ref", {"ref": "refs/heads/main"}),
    ("forgejo", "event_name", {"event_name": "pull_request_target"}),
    ("forgejo", "event_name", {"event_name": None}),
    ("forgejo", "event_name", {"event_name": ""}),
    ("forgejo", "event_name", {"event_name": ["pull_request_target"]}),
    ("forgejo", "event_name", {"event_name": {"is": "pull_request_target"}}),
    ("forgejo", "repository_id", {"repository_id": None}),
    ("buildkite", "pipeline_slug", {"pipeline_slug": "other"}),
    ("buildkite", "organization_slug", {"organization_slug": "evil"}),
    ("buildkite", "step_key", {"step_key": None}),
    ("buildkite", "build_source", {"build_source": "ui"}),
    ("buildkite", "organization_id", {"organization_id": None}),
    ("circleci", "oidc.circleci.com/project-id", {"oidc.circleci.com/project-id": "other"}),
    ("circleci", "oidc.circleci.com/vcs-ref", {"oidc.circleci.com/vcs-ref": "refs/heads/evil"}),
    ("circleci", "oidc.circleci.com/ssh-rerun", {"oidc.circleci.com/ssh-rerun": True}),
    ("jenkins", "sub", {"sub": "https://jenkins.example/job/demo"}),
    ("jenkins", "branch", {"branch": "evil"}),
    ("keycloak", "azp", {"azp": "another-robot"}),
    ("keycloak", "sub", {"sub": None}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "claim", "changes"), REFUSED)
def test_a26_for_every_claim_that_is_compared_a_token_is_refused(
    kind: str, claim: str, changes: dict[str, object]
) -> None:
    found = judged(kind, changes)
    assert found is not None
    assert found.claim == claim, found


TAKEN: list[tuple[str, dict[str, object]]] = [
    ("github", {"repository": "Acme/Demo", "repository_owner": "Acme", "sub": "repo:ACME/demo:ref:refs/tags/v1.0"}),
    ("github", {"environment": "PyPI"}),
    ("github", {"sub": "repo:acme@65/demo@74:environment:pypi"}),
    ("github", {"workflow_ref": f"acme/demo/.github/workflows/release.yml@{documented.GITHUB['sha']}"}),
    ("github", {"event_name": "push"}),
    ("github", {"runner_environment": "self-hosted", "ref_protected": "false"}),
    ("gitlab", {"project_path": "Acme/Tools/Demo", "namespace_path": "Acme/tools"}),
    ("gitlab", {"ci_config_ref_uri": f"gitlab.com/acme/tools/demo//.gitlab-ci.yml@{documented.GITLAB['sha']}"}),
    ("activestate", {"sub": "org:acme:project:demo:ingredient:demo"}),
    ("circleci", {"oidc.circleci.com/context-ids": []}),
]


@pytest.mark.parametrize(("kind", "changes"), TAKEN)
def test_what_the_services_themselves_take_for_the_same_is_the_same(kind: str, changes: dict[str, object]) -> None:
    assert judged(kind, changes) is None


NO_ENVIRONMENT = {"owner": "acme", "repository": "demo", "workflow": "release.yml"}


def test_a_publisher_without_an_environment_takes_any() -> None:
    for environment in ("pypi", "other", None):
        assert judged("github", {"environment": environment}, typed=NO_ENVIRONMENT) is None


PR_REF = "refs/pull/7/head"
ON_PR: dict[str, object] = {
    "ref": PR_REF, "event_name": "pull_request",
    "workflow_ref": f"acme/demo/.github/workflows/release.yml@{PR_REF}",
    "job_workflow_ref": f"acme/demo/.github/workflows/release.yml@{PR_REF}",
}  # fmt: skip
MR_REF = "refs/merge-requests/7/head"
ON_MR: dict[str, object] = {
    "ref_path": MR_REF, "ci_config_ref_uri": f"gitlab.com/acme/tools/demo//.gitlab-ci.yml@{MR_REF}",
}  # fmt: skip
RULES: list[tuple[str, dict[str, str], dict[str, object], str]] = [
    # kind, rules, what the token says, the claim at fault or nothing
    ("github", {"ref": "refs/tags/v*"}, {}, ""),
    ("github", {"ref": "refs/tags/v1.0"}, {}, ""),
    ("github", {"ref": "refs/tags/v1"}, {}, "ref"),
    ("github", {"ref": "refs/tags/v1.0*"}, {}, "ref"),
    ("github", {"ref": "refs/heads/*"}, {}, "ref"),
    ("github", {"protected_ref": "true"}, {}, ""),
    ("github", {"protected_ref": "true"}, {"ref_protected": "false"}, "ref_protected"),
    ("github", {"protected_ref": "true"}, {"ref_protected": None}, "ref_protected"),
    ("github", {"hosted_runner": "true"}, {}, ""),
    ("github", {"hosted_runner": "true"}, {"runner_environment": "self-hosted"}, "runner_environment"),
    ("github", {"hosted_runner": "true"}, {"runner_environment": None}, "runner_environment"),
    ("github", {"any_environment": "true"}, {}, ""),
    ("github", {"events": "workflow_run"}, {"event_name": "workflow_run"}, ""),
    ("github", {"events": "workflow_run"}, {"event_name": "pull_request_target"}, "event_name"),
    ("github", {"events": "pull_request, workflow_run"}, ON_PR, ""),
    ("github", {"events": "workflow_run"}, ON_PR, "event_name"),
    ("github", {"events": "workflow_run"}, {**ON_PR, "event_name": "workflow_run"}, "ref"),
    ("github", {"events": "workflow_run issues"}, {**ON_PR, "event_name": "push"}, "ref"),
    ("github", {"events": "pull_request_review"}, {**ON_PR, "event_name": "pull_request_review"}, ""),
    ("github", {"events": "pull_request"}, {**ON_PR, "event_name": "workflow_dispatch"}, ""),
    ("github", {"events": "deployment"}, {"event_name": "deployment"}, ""),
    ("gitlab", {"events": "chat"}, ON_MR, "ref_path"),
    ("gitlab", {"events": "chat"}, {**ON_MR, "pipeline_source": "chat"}, "ref_path"),
    ("gitlab", {"events": "merge_request_event"}, ON_MR, ""),
    ("gitlab", {"events": "merge_request_event"}, {**ON_MR, "pipeline_source": "merge_request_event"}, ""),
    ("gitlab", {"ref": "refs/tags/*"}, {}, ""),
    ("gitlab", {"ref": "refs/heads/main"}, {}, "ref_path"),
    ("gitlab", {"protected_ref": "true"}, {"ref_protected": "false"}, "ref_protected"),
    ("gitlab", {"hosted_runner": "true"}, {"runner_environment": "self-hosted"}, "runner_environment"),
    ("gitlab", {"any_environment": "true"}, {}, ""),
    ("gitlab", {"events": "chat"}, {"pipeline_source": "chat"}, ""),
    ("gitlab", {"events": "chat"}, {"pipeline_source": "merge_request_event"}, "pipeline_source"),
    ("forgejo", {"event_name": "workflow_run"}, {"event_name": "workflow_run"}, ""),
    ("forgejo", {"event_name": "workflow_run"}, {"event_name": "issue_comment"}, "event_name"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "rules", "changes", "claim"), RULES)
def test_a26_rules_that_a_publisher_may_make_hold(
    kind: str, rules: dict[str, str], changes: dict[str, object], claim: str
) -> None:
    found = judged(kind, changes, rules)
    assert (found.claim if found is not None else "") == claim


def test_a26_some_environment_may_be_asked_for_without_naming_it() -> None:
    for kind, typed in (("github", NO_ENVIRONMENT), ("gitlab", {"namespace": "acme/tools", "project": "demo"})):
        found = judged(kind, {"environment": None}, {"any_environment": "true"}, typed=typed)
        assert found == Mismatch("broken-rule", "environment", "comes from no environment")


LEARNED: list[tuple[str, dict[str, object]]] = [
    ("github", {"repository_owner_id": "66"}),
    ("github", {"repository_id": "75"}),
    ("github", {"repository_id": None}),
    ("gitlab", {"namespace_id": "73"}),
    ("gitlab", {"project_id": "21"}),
    ("google", {"sub": "999"}),
    ("activestate", {"actor_id": "another"}),
    ("activestate", {"organization_id": "another"}),
    ("activestate", {"project_id": None}),
    ("forgejo", {"repository_id": "75"}),
    ("buildkite", {"pipeline_id": "another"}),
    ("keycloak", {"sub": "another"}),
]


@pytest.mark.parametrize(("kind", "changes"), LEARNED)
def test_a25_other_ids_behind_the_same_name_are_refused(kind: str, changes: dict[str, object]) -> None:
    issuer, _, claims = KINDS[kind]
    found = judged(kind, changes, learned=PROVIDERS[issuer.kind].ids(issuer, claims))
    assert found is not None
    assert (found.code, found.claim) == ("other-ids", next(iter(changes)))


def test_a27_the_same_path_at_another_issuer_is_somebody_else() -> None:
    mine = publisher(OWN_GITLAB, KINDS["gitlab-self-managed"][1])
    other = listed({}, "other", "gitlab")
    for issuer in (GITLAB, other):
        found = judge(issuer, mine, documented.GITLAB)
        assert found is not None
        assert found.claim == "iss"


@pytest.mark.parametrize(
    ("kind", "typed", "normal"),
    [
        ("github", {"repository": "acme/demo", "workflow": ".github/workflows/release.yml", "environment": " PyPI "},
         {"owner": "acme", "repository": "demo", "workflow": "release.yml", "environment": "pypi"}),
        ("gitlab", {"namespace": "acme", "project": "demo"},
         {"namespace": "acme", "project": "demo", "workflow": ".gitlab-ci.yml", "environment": ""}),
        ("google", {"email": " release@acme.example "}, {"email": "release@acme.example", "subject": ""}),
        ("forgejo", {"repository": "acme/demo", "workflow": "x.yml"},
         {"repository": "acme/demo", "workflow": "x.yml", "ref": ""}),
    ],
)  # fmt: skip
def test_what_people_type_is_kept_in_one_spelling(kind: str, typed: dict[str, str], normal: dict[str, str]) -> None:
    assert describe(KINDS[kind][0], typed, {}).settings == normal


@pytest.mark.parametrize(
    ("kind", "changes", "field"),
    [
        ("github", {"owner": ""}, "owner"),
        ("github", {"owner": "a/b"}, "owner"),
        ("github", {"owner": "-acme"}, "owner"),
        ("github", {"repository": ".."}, "repository"),
        ("github", {"repository": "demo demo"}, "repository"),
        ("github", {"workflow": "release"}, "workflow"),
        ("github", {"workflow": "../release.yml"}, "workflow"),
        ("github", {"workflow": "release@v1.yml"}, "workflow"),
        ("github", {"environment": "x" * 201}, "environment"),
        ("github", {"environment": "pypi\n"}, ""),
        ("github", {"environment": "py\0pi"}, "environment"),
        ("github", {"owner": "аcme"}, "owner"),
        ("github", {"colour": "blue"}, "colour"),
        ("gitlab", {"namespace": "acme//tools"}, "namespace"),
        ("gitlab", {"namespace": ""}, "namespace"),
        ("gitlab", {"workflow": "/ci.yml"}, "workflow"),
        ("gitlab", {"workflow": "../ci.yml"}, "workflow"),
        ("google", {"email": "release"}, "email"),
        ("google", {"subject": "abc"}, "subject"),
        ("activestate", {"actor": ""}, "actor"),
        ("forgejo", {"workflow": ""}, "workflow"),
    ],
)
def test_what_cannot_be_right_is_rejected_by_its_field(kind: str, changes: dict[str, str], field: str) -> None:
    issuer, typed, _ = KINDS[kind]
    if not field:
        assert describe(issuer, {**typed, **changes}, {}).settings["environment"] == "pypi"
        return
    with pytest.raises(Rejected) as rejected:
        describe(issuer, {**typed, **changes}, {})
    assert rejected.value.where == field


def test_an_unknown_rule_or_one_that_is_neither_yes_nor_no_is_rejected() -> None:
    issuer, typed, _ = KINDS["github"]
    for rules in ({"colour": "blue"}, {"protected_ref": "yes"}):
        with pytest.raises(Rejected):
            describe(issuer, typed, rules)


def test_the_longest_settings_fit_into_their_columns() -> None:
    columns = trusted_publisher.c
    for issuer, typed in (
        (GITLAB, {"namespace": "n" * 200, "project": "p" * 200, "environment": "e" * 200}),
        (ACTIVESTATE, {"organization": "o" * 200, "project": "p" * 200, "actor": "a" * 200, "ingredient": "i" * 200}),
        (GITHUB, {"owner": "o" * 100, "repository": "r" * 100, "workflow": "w" * 100 + ".yml"}),
        (KINDS["forgejo"][0], {"repository": "r" * 200, "workflow": "w" * 200, "ref": "x" * 200}),
    ):
        made = describe(issuer, typed, {})
        for name, text in (("place", made.place), ("title", made.title)):
            kind = columns[name].type
            assert isinstance(kind, sa.String)
            assert kind.length is not None
            assert len(text) <= kind.length, f"{issuer.name}: {name}"


def test_titles_and_addresses_tell_people_which_it_is() -> None:
    shown = {}
    for kind, (issuer, typed, _) in KINDS.items():
        known = publisher(issuer, typed)
        shown[kind] = (known.title, PROVIDERS[issuer.kind].address(issuer, known.settings))
    assert shown["github"] == ("GitHub acme/demo release.yml (pypi)", "https://github.com/acme/demo")
    assert shown["github-enterprise"] == ("Forge acme/demo release.yml", "https://ghes.example/acme/demo")
    assert shown["gitlab"][0] == "GitLab acme/tools/demo .gitlab-ci.yml (Release)"
    assert shown["gitlab-self-managed"][1] == "https://git.example/acme/tools/demo"
    assert shown["google"] == ("Google release@acme.iam.gserviceaccount.com", "")
    assert shown["activestate"] == ("ActiveState acme/demo", "https://platform.activestate.com/acme/demo")
    assert shown["forgejo"] == ("Forge acme/demo release.yml refs/tags/v1.0", "")


def test_an_operator_says_whose_tokens_are_taken() -> None:
    assert [one.name for one in issuers_of(Settings())] == ["github", "gitlab", "google", "activestate"]
    assert issuers_of(Settings.model_validate({"publisher_issuers": []})) == ()
    own = {
        "name": "ours",
        "title": "Ours",
        "issuer": "https://gitlab.com",
        "kind": "gitlab",
        "longest_age_seconds": 1800,
    }
    found = issuers_of(Settings.model_validate({"publisher_issuers": ["github", "gitlab"], "oidc_issuers": [own]}))
    assert [(one.name, one.longest_age) for one in found] == [
        ("github", timedelta(minutes=10)), ("ours", timedelta(minutes=30)),
    ]  # fmt: skip
    for wrong in (
        {"kind": "custom"},
        {"kind": "gitlab", "claims": ["x"]},
        {"kind": "gitlab", "issuer": "http://a.example"},
    ):
        with pytest.raises(ValueError, match="validation error"):
            Settings.model_validate({"oidc_issuers": [{**own, **wrong}]})


ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(), st.lists(st.text(), max_size=2),
    st.dictionaries(st.text(), st.text(), max_size=2),
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
@settings(max_examples=40)
def test_whatever_a_claim_holds_it_is_judged_and_what_is_kept_is_plain(kind: str, data: st.DataObject) -> None:
    issuer, typed, documented_claims = KINDS[kind]
    names = data.draw(st.lists(st.sampled_from(sorted(documented_claims)), min_size=1, max_size=3))
    claims = {**documented_claims, **{name: data.draw(ODD) for name in names}}
    provider = PROVIDERS[issuer.kind]
    found = judge(issuer, publisher(issuer, typed), claims)
    assert found is None or found.says.startswith(("has ", "is ", "comes ", "does ", "meets "))
    assert isinstance(provider.place_of(issuer, claims), str)
    kept = provider.kept(issuer, claims)
    assert all(text.isprintable() and 0 < len(text) <= 300 for text in kept.values())
    assert all(isinstance(text, str) for text in provider.ids(issuer, claims).values())


@pytest.mark.parametrize("subject", [None, "", "x" * 301, "a\nb", "a\u202eb", 7.5, ["repo"]])
def test_who_has_no_whole_subject_signs_nothing(subject: object) -> None:
    """A subject that was cut would be somebody else's."""
    issuer, typed, claims = KINDS["forgejo"]
    provider, known = PROVIDERS[issuer.kind], publisher(issuer, typed)
    kept = provider.kept(issuer, {**claims, "sub": subject})
    assert "subject" not in kept
    assert provider.signer(issuer, known.settings, {}, kept) is None
    other = listed({**documented.FORGEJO_SETTING, "kept": ("subject",)})
    assert "subject" not in provider.kept(other, {**claims, "sub": subject, "subject": "another"})
    whole = provider.kept(issuer, {**claims, "sub": "x" * 300})
    assert provider.signer(issuer, known.settings, {}, whole) is not None


def test_the_subject_of_a_build_of_activestate_is_never_cut() -> None:
    issuer, _typed, claims = KINDS["activestate"]
    kept = PROVIDERS[issuer.kind].kept(issuer, {**claims, "sub": f"org:acme:project:demo:{'x' * 300}"})
    assert "subject" not in kept


def test_an_owner_is_told_which_setting_would_have_stopped_an_attack() -> None:
    plain = {"owner": "acme", "repository": "demo", "workflow": "release.yml", "environment": ""}
    assert [one[:24] for one in advice("github", plain, {})] == ["It names no environment:", "It publishes from every "]
    careful = {**plain, "environment": "pypi"}
    assert advice("github", careful, {"protected_ref": "true"}) == []
    assert advice("gitlab", plain, {"any_environment": "true", "ref": "refs/tags/*"}) == []
    assert "workflow_run" in advice("github", careful, {"ref": "refs/tags/*", "events": "workflow_run"})[0]
    assert advice("google", {"email": "x"}, {}) == []
