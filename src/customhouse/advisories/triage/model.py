"""What triage says of a vulnerability: which packages it may concern, and why; pure.

Everything that speaks for or against a package is a piece of evidence with the weight of its rule and what was found,
so that a person sees the very sum that the program has made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from customhouse.formats.cve.model import CveRecord, Span

Field = Literal["reference", "product", "cpe", "text", "store", "record"]
Status = Literal["ignored", "waiting", "later", "accepted", "not-python", "duplicate", "rejected"]
OPEN: tuple[Status, ...] = ("waiting", "later")

QUEUE = 3
"""From this score on somebody looks at it."""
AUTOMATIC = 9
"""From this score on it becomes an advisory without anybody, if nothing else stands in the way."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing that speaks for or against a package."""

    rule: str
    weight: int
    """Positive: for; negative: against."""
    found: str
    """What was found, as it stands in the record."""
    field: Field


@dataclass(frozen=True, slots=True)
class Candidate:
    """A package that a vulnerability may concern."""

    package: str
    """Normalised as PEP 503 says."""
    display: str
    """As somebody spelled it."""
    evidence: tuple[Evidence, ...]
    spans: tuple[Span, ...] = ()
    stops: tuple[str, ...] = ()
    """Why a person must look at it, whatever the score: codes of `STOPS`."""

    @property
    def score(self) -> int:
        """The sum of the weights."""
        return sum(one.weight for one in self.evidence)

    @property
    def named_by_issuer(self) -> bool:
        """Whether the record's issuer, or the registry, calls it by its name."""
        return any(one.rule in ("product-name", "registry-entry", "registry-link") for one in self.evidence)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What came of one record."""

    record: CveRecord
    candidates: tuple[Candidate, ...] = ()
    """Those that are worth a look, the likeliest first."""

    @property
    def score(self) -> int:
        """Of the likeliest; 0 if there is none."""
        return max((one.score for one in self.candidates), default=0)

    @property
    def automatic(self) -> tuple[Candidate, ...]:
        """What may become advisories by itself: all or nothing, a person finishes what is clear in part."""
        return self.automatic_from(AUTOMATIC)

    def automatic_from(self, score: int) -> tuple[Candidate, ...]:
        """The same, if it were from another score on."""
        strong = [one for one in self.candidates if one.score >= score]
        return tuple(strong) if not any(one.stops for one in strong) else ()


STOPS = {
    "open-range": "No version ends it: such a record would mark every future release.",
    "one-version": "It names one version only, and nothing of those around it.",
    "no-versions": "It says nothing of versions.",
    "odd-versions": "An edge of its ranges is no version of PEP 440, or its edges contradict each other.",
    "uncertain": "Nothing but names leads to the package: there may be something else of that name.",
    "unnamed": "Only a link leads to it: neither the text nor the issuer names it.",
    "other-product": "Its issuer calls the product otherwise: the versions may be those of something that uses it.",
    "unknown-name": "No package of that name is known here.",
    "other-language": "It speaks of another language or registry, too.",
    "elsewhere": "The package is built from another repository than the one that it leads to.",
    "several": "Several packages come from that repository, and it does not say which it means.",
    "others-too": "It leads to other packages as well, and its issuer does not name each.",
    "part": "It speaks of a part or an extension that may be a package of its own.",
    "bundled": "It may be a library that the package contains.",
    "interpreter": "It seems to concern Python itself, which is no package.",
    "disputed": "Somebody disputes that it is a vulnerability.",
    "false-positive": "It stands on the list of false positives.",
    "not-hosted-versions": "It speaks only of versions beyond the newest that this index has of the package.",
}
"""What keeps a candidate from becoming an advisory by itself, each with the sentence that people read."""
