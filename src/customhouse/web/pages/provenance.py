"""The part of a project's page that says where a release comes from, and in what it is unlike the one before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from customhouse.catalog.model import File
from customhouse.formats.attestations import SLSA
from customhouse.index.provenance import provenance_path
from customhouse.trust.attestations import Attested
from customhouse.trust.continuity import Alarm, Continuity, ReleaseProvenance, State

STATES: Mapping[State, str] = {
    "none": "No file of this release says where it comes from.",
    "full": "Every file of this release says where it comes from, and this index has verified it.",
    "partial": "Some files of this release say where they come from, and this index has verified that; others do not.",
    "inconsistent": "The files of this release come from different places, as far as they say.",
}


HEADLINES: Mapping[str, str] = {
    "changed": "This release does not come from where the one before it came from.",
    "lost": "This release says less about where it comes from than the one before it.",
    "inconsistent": "The files of this release do not come from one place.",
}
"""Of what is alarming, the worst first."""


@dataclass(frozen=True, slots=True)
class AttestedFile:
    """One file, and where its provenance object is."""

    filename: str
    address: str


@dataclass(frozen=True, slots=True)
class Origin:
    """What was proved of files that come from the same place, and what their builder says. Empty where nothing is."""

    publisher: str
    issuer: str
    repository: str
    repository_url: str
    workflow: str
    commit: str
    commit_url: str
    ref: str
    run_url: str
    trigger: str
    environment: str
    builder: str
    trust_root: str
    files: Sequence[AttestedFile]


@dataclass(frozen=True, slots=True)
class ProvenanceView:
    """The whole part."""

    state: State
    words: str
    alarms: Sequence[Alarm]
    origins: Sequence[Origin]
    bare: Sequence[str]
    """The names of the files of which nothing is attested."""

    @property
    def headline(self) -> str:
        """The worst of what is alarming, in a sentence; empty if nothing is."""
        codes = {alarm.code for alarm in self.alarms}
        return next((text for code, text in HEADLINES.items() if code in codes), "")


def provenance_view(
    project: str, files: Sequence[File], now: ReleaseProvenance, compared: Continuity
) -> ProvenanceView | None:
    """What to show of a version, of all offered files; None if there is nothing, and was nothing before."""
    if compared.state == "none" and not compared.alarms:
        return None
    groups: dict[Origin, list[AttestedFile]] = {}
    for row in files:
        found = now.files.get(row.filename, ())
        for origin in dict.fromkeys(_origin(one, found) for one in found):
            groups.setdefault(origin, []).append(AttestedFile(row.filename, provenance_path(project, row)))
    return ProvenanceView(
        state=compared.state,
        words=STATES[compared.state],
        alarms=compared.alarms,
        origins=[_with_files(origin, attested) for origin, attested in groups.items()],
        bare=[name for name, found in now.files.items() if not found],
    )


def _origin(one: Attested, beside: Sequence[Attested]) -> Origin:
    """``beside`` are all attestations of the same file: of the same publisher, one may name the builder for all."""
    publisher, claims = one.publisher, one.publisher.get("claims") or {}
    repository = _web(claims.get("repository_uri"))
    commit = str(claims.get("commit", ""))
    builder = next((other.summary["builder"] for other in beside if _speaks(other, publisher)), "")
    return Origin(
        publisher=str(publisher.get("kind", "")),
        issuer=str(publisher.get("issuer") or publisher.get("email") or ""),
        repository=str(publisher.get("repository") or publisher.get("subject") or ""),
        repository_url=repository,
        workflow=str(publisher.get("workflow") or publisher.get("workflow_filepath") or ""),
        commit=commit,
        commit_url=_commit_url(str(publisher.get("kind")), repository, commit),
        ref=str(claims.get("ref", "")).removeprefix("refs/tags/").removeprefix("refs/heads/"),
        run_url=_web(claims.get("run_uri")),
        trigger=str(claims.get("trigger", "")),
        environment=str(publisher.get("environment") or ""),
        builder=builder,
        trust_root=one.trust_root,
        files=(),
    )


def _speaks(other: Attested, publisher: Mapping[str, Any]) -> bool:
    return other.predicate_type == SLSA and other.publisher == publisher and bool(other.summary.get("builder"))


def _with_files(origin: Origin, files: Sequence[AttestedFile]) -> Origin:
    values = {name: getattr(origin, name) for name in Origin.__slots__}
    return Origin(**{**values, "files": tuple(files)})


def _web(address: object) -> str:
    """An address that may stand in a link: nothing but https, whoever has put it into a certificate."""
    return address if isinstance(address, str) and address.startswith("https://") else ""


def _commit_url(kind: str, repository: str, commit: str) -> str:
    if not repository or not commit.isalnum():
        return ""
    return f"{repository}/-/commit/{commit}" if kind == "GitLab" else f"{repository}/commit/{commit}"
