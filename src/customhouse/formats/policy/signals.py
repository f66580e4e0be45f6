"""The signals that policies ask for: their types, and what each means, for the language and for whoever answers.

Types: ``age`` a moment from which time has passed (an aware datetime); ``number``; ``words`` text from a few words;
``text`` compared by patterns; ``set`` a frozenset of words; ``flag`` true or false; ``vulnerabilities`` a tuple of
`Vulnerability`; ``publisher`` a `Publisher`; ``fixes`` a tuple of `Fix`; ``licence`` an SPDX expression.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Type = Literal[
    "age", "number", "words", "text", "set", "flag", "vulnerabilities", "publisher", "fixes", "licence"
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Signal:
    """One question about a file."""

    name: str
    type: Type
    means: str
    words: tuple[str, ...] = ()
    """Of ``words``: all that there are."""


@dataclass(frozen=True, slots=True)
class Vulnerability:
    """One vulnerability of the file's version, or of a library inside of it; records of the same one are joined."""

    id: str
    aliases: tuple[str, ...] = ()
    severity: str = "unknown"
    """``low``, ``medium``, ``high``, ``critical`` or ``unknown``."""
    score: float | None = None
    exploited: bool | None = False
    """It stands in CISA's catalogue (KEV); None: nobody knows, for the catalogue is not here."""
    likelihood: float | None = None
    """EPSS, 0 to 1."""
    fixed_in: tuple[str, ...] = ()
    library: str = ""
    """The bundled library that has it; empty: the package itself."""


@dataclass(frozen=True, slots=True)
class Publisher:
    """Who a verified or announced attestation names."""

    kind: str
    """``GitHub``, ``GitLab``, ``Google``, … as PEP 740 spells it."""
    place: str = ""
    """The repository, or what corresponds to it."""
    verified: bool = False
    """Whether we have verified an attestation of this very file, and not only seen that there is one."""


@dataclass(frozen=True, slots=True)
class Fix:
    """A vulnerability that earlier versions have and this one has not."""

    id: str
    severity: str
    published_at: datetime
    third_party: bool
    """Whether somebody else than the project published it, or a coordinator has confirmed it."""


_ALL = (
    Signal("age", "age", "since the file was uploaded upstream; never since we fetched it"),
    Signal("project-age", "age", "since the project's first file"),
    Signal("last-release-age", "age", "since the project's newest release"),
    Signal("quiet-before", "number", "days without a release before this one, or before one up to 30 days earlier"),
    Signal("added-file-age", "age", "since this file was added to a release that was 14 days old or more by then"),
    Signal("owner-2fa", "words", "which of the project's owners have a second factor", ("all", "any", "none")),
    Signal("owners", "number", "how many people own the project"),
    Signal("owner-changed", "age", "since the project's owners last changed"),
    Signal("publisher-changed", "flag", "earlier releases were attested by another publisher than this one"),
    Signal("attested", "publisher", "who built the file, by its attestations (PEP 740)"),
    Signal("provenance-lost", "flag", "the release before was attested, and this one is not"),
    Signal("downloads", "number", "in 30 days"),
    Signal("dependents", "number", "how many projects need this one"),
    Signal("critical", "flag", "the project is marked as critical"),
    Signal("vulnerabilities", "vulnerabilities", "known vulnerabilities of this version"),
    Signal("fixes", "fixes", "vulnerabilities of earlier versions that this one no longer has"),
    Signal("malware", "flag", "a record says that this version is malware"),
    Signal("bundled-vulnerabilities", "vulnerabilities", "known vulnerabilities of the libraries inside of the file"),
    Signal("yanked", "flag", "its owner has yanked the file"),
    Signal("removed", "flag", "upstream has listed the file and no longer does"),
    Signal(
        "status", "words", "the project's status (PEP 792)", ("active", "archived", "quarantined", "deprecated")
    ),
    Signal("similar-to", "text", "the popular or internal name that the project's can be mistaken for"),
    Signal("internal-name", "flag", "the name lies in a namespace of ours, and is not ours"),
    Signal("name", "text", "the project's name"),
    Signal("version", "text", "the release; conditions are specifiers (PEP 440)"),
    Signal("filename", "text", "the file's name"),
    Signal("upstream", "text", "the upstream that the project comes from; 'hosted' for our own"),
    Signal("kind", "words", "what the file is", ("wheel", "sdist")),
    Signal("sdist-only", "flag", "the release has no wheel, so installing it runs its code"),
    Signal("binary", "flag", "the wheel holds compiled code"),
    Signal("size", "number", "in bytes"),
    Signal("archive", "set", "what the strict archive reader has noticed, such as 'pth-file'"),
    Signal("malformed", "flag", "the strict archive reader refuses the file"),
    Signal("licence", "licence", "the licence, as an SPDX expression"),
)  # fmt: skip

SIGNALS: dict[str, Signal] = {one.name: one for one in _ALL}
