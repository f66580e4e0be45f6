"""That these files are this release: in-toto's release predicate, version 0.1, with a purl for each file."""

from __future__ import annotations

from urllib.parse import quote

from customhouse.release.events import Published
from customhouse.release.evidence.statements import uris
from customhouse.release.evidence.statements.history import History
from customhouse.release.evidence.statements.statement import Statement, Subject
from customhouse.release.sealed import Sealed


def release(told: History, line: Sealed) -> Statement:
    """Of the line of `Published`. Each subject's ``uri`` is its package URL, which names the file (purl-spec, pypi)."""
    event = line.event
    assert isinstance(event, Published)  # noqa: S101 - whoever calls has looked
    purl = package_url(told.pipeline.project, told.created.params.get("version", ""))
    subjects = tuple(
        sorted(
            Subject(one.name, one.digest, f"{purl}?file_name={quote(one.name, safe='')}")
            for one in event.things
            if one.algorithm == "sha256"
        )
    )
    return Statement(
        uris.RELEASE,
        subjects,
        {"purl": purl, "releaseId": uris.minted(uris.base_of(told.created.places), "run", told.run),
         "address": event.address},
    )  # fmt: skip


def package_url(project: str, version: str) -> str:
    """``pkg:pypi/NAME@VERSION``: the name in lower case, with hyphens (purl-spec, type pypi)."""
    name = project.lower().replace("_", "-").replace(".", "-")
    return f"pkg:pypi/{quote(name, safe='')}@{quote(version, safe='')}"
