"""Attestations for tests: signed by a private Sigstore of this process, as workflows of GitHub and GitLab would."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from customhouse.app import App
from customhouse.catalog.tables import file
from customhouse.formats.attestations import SLSA, statement_bytes
from customhouse.index.provenance import forget_pages_with_addresses
from customhouse.ledger.tx import Tx
from customhouse.terms.clock import Clock
from customhouse.trust.attestations import keep_attestations
from customhouse.trust.private_sigstore.ca import OidcIdentity
from customhouse.trust.roots import Root
from customhouse.trust.signer_identity import GITHUB_ISSUER, SignerIdentity, github
from customhouse.trust.verify import Verified, verify_attestations
from memory_sigstore import PrivateSigstore
from packages import Dist

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
"""Since when the keys are good: the sigstore library looks at the machine's own clock, which tests do not turn."""
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass(frozen=True)
class Workflow:
    """A run of a workflow of GitHub Actions."""

    repository: str = "octo/demo"
    workflow: str = "release.yml"
    ref: str = "refs/tags/v1.0"
    commit: str = COMMIT
    trigger: str = "release"
    environment: str = "pypi"
    runner: str = "github-hosted"
    repository_id: str = "1296269"

    @property
    def uri(self) -> str:
        """How GitHub names it."""
        return f"https://github.com/{self.repository}/.github/workflows/{self.workflow}@{self.ref}"

    @property
    def expected(self) -> SignerIdentity:
        """What a trusted publisher for it knows beforehand."""
        return github(self.repository, self.workflow, self.environment)

    @property
    def identity(self) -> OidcIdentity:
        """What its token says."""
        claims = {
            "build_signer_uri": self.uri, "build_config_uri": self.uri, "build_config_digest": self.commit,
            "repository_uri": f"https://github.com/{self.repository}", "commit": self.commit, "ref": self.ref,
            "repository_id": self.repository_id, "owner_id": "583231", "runner_environment": self.runner,
            "trigger": self.trigger, "run_uri": f"https://github.com/{self.repository}/actions/runs/1/attempts/1",
        }  # fmt: skip
        return OidcIdentity(GITHUB_ISSUER, self.uri, claims)

    @property
    def predicate(self) -> dict[str, Any]:
        """What its SLSA provenance says."""
        return {
            "buildDefinition": {
                "buildType": "https://actions.github.io/buildtypes/workflow/v1",
                "externalParameters": {
                    "workflow": {
                        "ref": self.ref, "repository": f"https://github.com/{self.repository}",
                        "path": f".github/workflows/{self.workflow}",
                    }
                },
                "resolvedDependencies": [
                    {"uri": f"git+https://github.com/{self.repository}@{self.ref}", "digest": {"gitCommit": self.commit}}
                ],
            },
            "runDetails": {
                "builder": {"id": self.uri},
                "metadata": {"invocationId": f"https://github.com/{self.repository}/actions/runs/1/attempts/1"},
            },
        }  # fmt: skip


RELEASE = Workflow()


@dataclass
class House:
    """A private Sigstore and the root that trusts it."""

    clock: Clock
    name: str = "house"
    sigstore: PrivateSigstore = field(init=False)

    def __post_init__(self) -> None:
        self.sigstore = PrivateSigstore.open(self.clock, self.name.encode(), self.name)

    @property
    def trusted_root(self) -> str:
        """Its ``trusted_root.json``."""
        return self.sigstore.trusted_root(since=LONG_AGO)

    @property
    def root(self) -> Root:
        """The same as verification wants it."""
        return Root(self.name, self.trusted_root.encode())

    def attestation(
        self, filename: str, sha256: str, by: Workflow = RELEASE, *, identity: OidcIdentity | None = None,
        slsa: bool = False,
    ) -> dict[str, Any]:  # fmt: skip
        """One attestation object about a file."""
        statement = statement_bytes(filename, sha256, SLSA, by.predicate) if slsa else statement_bytes(filename, sha256)
        return self.sigstore.sign(statement, identity or by.identity)

    def field(self, dist: Dist, by: Workflow = RELEASE, *, slsa: bool = True) -> str:
        """What an upload carries: a publish attestation, and one of SLSA."""
        kinds = (False, True) if slsa else (False,)
        return json.dumps([self.attestation(dist.filename, dist.sha256, by, slsa=kind) for kind in kinds])

    def verified(self, dist: Dist, by: Workflow = RELEASE, *, slsa: bool = True) -> tuple[Verified, ...]:
        """The same, verified."""
        text = self.field(dist, by, slsa=slsa)
        return verify_attestations(text, dist.filename, dist.sha256, by.expected, [self.root], self.clock.now())


def attest(app: App, dist: Dist, verified: Sequence[Verified]) -> None:
    """Keep what was verified of a file that is published already, as its publication would have."""
    app.do(_attest, (dist.filename, verified))


def _attest(command: tuple[str, Sequence[Verified]], tx: Tx) -> None:
    filename, verified = command
    file_id = tx.sql.execute(sa.select(file.c.id).where(file.c.filename == filename)).scalar_one()
    keep_attestations(tx.sql, file_id, verified, tx.now())
    forget_pages_with_addresses(tx.sql)


def changed(attestation: Mapping[str, Any], *path: str | int, to: Any) -> dict[str, Any]:
    """The same attestation with one part of it replaced, or left out (None)."""
    copy: dict[str, Any] = json.loads(json.dumps(attestation))
    place: Any = copy
    for step in path[:-1]:
        place = place[step]
    if to is None:
        del place[path[-1]]
    else:
        place[path[-1]] = to
    return copy
