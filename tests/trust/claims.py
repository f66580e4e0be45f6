"""What the ID tokens of each service hold, whole, as their own documentation shows it; the values are made up.

Time, issuer, audience and ``jti`` are added when a token is made.
"""

from __future__ import annotations

from typing import Any

Claims = dict[str, Any]

GITHUB: Claims = {
    # docs.github.com/actions/reference/security/oidc and /concepts/security/openid-connect, read 2026-11
    "sub": "repo:acme/demo:environment:pypi",
    "environment": "pypi",
    "environment_node_id": "EN_kwDOAA",
    "ref": "refs/tags/v1.0",
    "sha": "0123456789abcdef0123456789abcdef01234567",
    "repository": "acme/demo",
    "repository_owner": "acme",
    "actor_id": "12",
    "repository_visibility": "public",
    "repository_id": "74",
    "repository_owner_id": "65",
    "run_id": "1234567890",
    "run_number": "10",
    "run_attempt": "2",
    "runner_environment": "github-hosted",
    "actor": "octocat",
    "workflow": "Release",
    "head_ref": "",
    "base_ref": "",
    "event_name": "release",
    "ref_type": "tag",
    "ref_protected": "true",
    "workflow_ref": "acme/demo/.github/workflows/release.yml@refs/tags/v1.0",
    "workflow_sha": "0123456789abcdef0123456789abcdef01234567",
    "job_workflow_ref": "acme/demo/.github/workflows/release.yml@refs/tags/v1.0",
    "job_workflow_sha": "0123456789abcdef0123456789abcdef01234567",
    "check_run_id": "55",
    "enterprise": "acme-corp",
    "enterprise_id": "9",
}

GITLAB: Claims = {
    # docs.gitlab.com/ci/secrets/id_token_authentication, read 2026-11
    "namespace_id": "72",
    "namespace_path": "acme/tools",
    "project_id": "20",
    "project_path": "acme/tools/demo",
    "user_id": "1",
    "user_login": "alice",
    "user_email": "alice@example.com",
    "user_access_level": "maintainer",
    "user_identities": [{"provider": "github", "extern_uid": "2435223452345"}],
    "job_project_id": "20",
    "job_project_path": "acme/tools/demo",
    "job_namespace_id": "72",
    "job_namespace_path": "acme/tools",
    "pipeline_id": "574",
    "pipeline_source": "push",
    "job_id": "302",
    "ref": "v1.0",
    "ref_type": "tag",
    "ref_path": "refs/tags/v1.0",
    "ref_protected": "true",
    "groups_direct": ["acme", "acme/tools"],
    "environment": "Release",
    "environment_protected": "true",
    "deployment_tier": "production",
    "deployment_action": "start",
    "runner_id": 1,
    "runner_environment": "gitlab-hosted",
    "sha": "714a629c0b401fdce83e847fc9589983fc6f46bc",
    "project_visibility": "public",
    "ci_config_ref_uri": "gitlab.com/acme/tools/demo//.gitlab-ci.yml@refs/tags/v1.0",
    "ci_config_sha": "714a629c0b401fdce83e847fc9589983fc6f46bc",
    "sub": "project_path:acme/tools/demo:ref_type:tag:ref:v1.0",
}

GOOGLE: Claims = {
    # cloud.google.com/docs/authentication/get-id-token and Compute Engine's "Verify VM identity", read 2026-11
    "azp": "112233445566778899001",
    "email": "release@acme.iam.gserviceaccount.com",
    "email_verified": True,
    "sub": "112233445566778899001",
    "google": {
        "compute_engine": {
            "project_id": "acme", "project_number": 739419398126, "zone": "europe-west6-a",
            "instance_id": "152986662232938449", "instance_name": "builder", "instance_creation_timestamp": 1704067200,
        }
    },
}  # fmt: skip

ACTIVESTATE: Claims = {
    # the claims that pypi/warehouse knows (warehouse/oidc/models/activestate.py), read 2026-11
    "sub": "org:acme:project:demo",
    "actor": "alice",
    "actor_id": "e2a2f3c4-0000-4000-8000-000000000001",
    "artifact_id": "e2a2f3c4-0000-4000-8000-000000000002",
    "builder": "pypi-publisher",
    "ingredient": "demo",
    "organization": "acme",
    "organization_id": "e2a2f3c4-0000-4000-8000-000000000003",
    "project": "demo",
    "project_id": "e2a2f3c4-0000-4000-8000-000000000004",
    "project_path": "acme/demo",
    "project_visibility": "public",
}

FORGEJO: Claims = {
    # forgejo.org/docs/next/user/actions/security-openid-connect, read 2026-11; Gitea's are named alike
    "sub": "repo:acme/demo:ref:refs/tags/v1.0",
    "actor": "alice",
    "base_ref": "",
    "event_name": "push",
    "head_ref": "",
    "ref": "refs/tags/v1.0",
    "ref_protected": "true",
    "ref_type": "tag",
    "repository": "acme/demo",
    "repository_id": "74",
    "repository_owner": "acme",
    "repository_owner_id": "65",
    "run_attempt": "1",
    "run_id": "31",
    "run_number": "7",
    "sha": "0123456789abcdef0123456789abcdef01234567",
    "workflow": "release.yml",
    "workflow_ref": "acme/demo/.forgejo/workflows/release.yml@refs/tags/v1.0",
}
FORGEJO_SETTING: Claims = {
    "claims": ("repository", "workflow"),
    "optional_claims": ("ref",),
    "ids": ("repository_id", "repository_owner_id"),
    "refused": {"event_name": ("pull_request", "pull_request_target", "issue_comment", "workflow_run")},
    "kept": ("sha", "run_id", "event_name"),
}

BUILDKITE: Claims = {
    # buildkite.com/docs/agent/cli/reference/oidc, read 2026-11: no jti
    "sub": "organization:acme:pipeline:demo:ref:refs/tags/v1.0:commit:9f3182061f1e2cca4702c368cbc039b7dc9d4485:step:pub",
    "organization_id": "018485f6-0000-4000-8000-000000000001",
    "organization_slug": "acme",
    "pipeline_id": "018485f6-0000-4000-8000-000000000002",
    "pipeline_slug": "demo",
    "build_number": 1,
    "build_branch": "main",
    "build_tag": "v1.0",
    "build_commit": "9f3182061f1e2cca4702c368cbc039b7dc9d4485",
    "build_source": "webhook",
    "step_key": "pub",
    "job_id": "0184990a-477b-4fa8-9968-496074483cee",
    "agent_id": "0184990a-4782-42b5-afc1-16715b10b8ff",
    "runner_environment": "self-hosted",
}
BUILDKITE_SETTING: Claims = {
    "claims": ("pipeline_slug", "organization_slug"),
    "optional_claims": ("step_key", "build_branch"),
    "ids": ("organization_id", "pipeline_id"),
    "refused": {"build_source": ("ui",)},
    "kept": ("build_commit", "build_number"),
}

CIRCLECI: Claims = {
    # circleci.com/docs/guides/permissions-authentication/openid-connect-tokens, read 2026-11: no jti, one hour
    "sub": "org/0b1c/project/2d3e/user/4f5a",
    "oidc.circleci.com/project-id": "2d3e",
    "oidc.circleci.com/context-ids": ["a74579f1-2e7d-451e-b009-5c082ad2729e"],
    "oidc.circleci.com/vcs-origin": "github.com/acme/demo",
    "oidc.circleci.com/vcs-ref": "refs/heads/main",
    "oidc.circleci.com/ssh-rerun": False,
}
CIRCLECI_SETTING: Claims = {
    "claims": ("oidc.circleci.com/project-id",),
    "optional_claims": ("oidc.circleci.com/vcs-ref",),
    "refused": {"oidc.circleci.com/ssh-rerun": ("true",)},
    "kept": ("oidc.circleci.com/vcs-origin",),
}

JENKINS: Claims = {
    # plugins.jenkins.io/oidc-provider, read 2026-11
    "sub": "https://jenkins.example/job/demo/",
    "build_number": "42",
    "branch": "main",
}
JENKINS_SETTING: Claims = {"claims": ("sub",), "optional_claims": ("branch",), "kept": ("build_number",)}

KEYCLOAK: Claims = {
    # A service account's token (grant type client_credentials) with a mapper for our audience, Keycloak 26
    "sub": "5f9d9a3c-0000-4000-8000-000000000001",
    "typ": "ID",
    "azp": "release-robot",
    "clientHost": "192.0.2.7",
    "clientAddress": "192.0.2.7",
    "client_id": "release-robot",
    "preferred_username": "service-account-release-robot",
    "email_verified": False,
    "acr": "1",
}
KEYCLOAK_SETTING: Claims = {"claims": ("azp",), "ids": ("sub",), "jti": True}
