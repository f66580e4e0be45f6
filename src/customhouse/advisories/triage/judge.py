"""Judges a record: which packages may it concern, with what evidence, is it certain enough to go by itself; pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from customhouse.advisories.triage import languages
from customhouse.advisories.triage.known import Known, squeezed
from customhouse.advisories.triage.leads import Leads, add_what_speaks_against, evidence, leads_of
from customhouse.advisories.triage.model import AUTOMATIC, QUEUE, Candidate, Evidence, Judgement
from customhouse.advisories.triage.spans import Ranges, ranges_for
from customhouse.advisories.triage.subject import mention_of
from customhouse.advisories.triage.suspects import Suspect, suspects_of
from customhouse.formats.cve.model import CveRecord
from customhouse.terms.versions import version_of

MOST_CANDIDATES = 8
_GROUNDS = frozenset(
    {
        "registry-link", "registry-entry", "package-database", "repository", "earlier-repository", "own-site",
        "cpe-python", "repository-name", "product-name", "subject",
    }
)  # fmt: skip
"""One of these must lead to a package: that a text mentions a word that is one is not enough."""
_REGISTRY = frozenset({"registry-link", "registry-entry", "package-database", "cpe-python"})
_FOR_PYTHON = frozenset({"python-stated", "python-words", "python-files", "python-name"})
_FOREIGN = frozenset({"other-registry", "other-database", "other-language", "other-files", "hardware"})


def judge(record: CveRecord, known: Known) -> Judgement:
    """What a record may concern. One that was rejected, or is on the list of false positives, has no candidates."""
    if record.state != "published" or record.id in known.false_positives.ids:
        return Judgement(record)
    leads = leads_of(record, known)
    suspects = {
        name: one
        for name, one in suspects_of(leads, known).items()
        if name in known.names or leads.for_python or one.has(*_REGISTRY) or languages.PYTHON_NAMES.fullmatch(name)
    }
    if not suspects:
        return Judgement(record)
    add_what_speaks_against(leads, record)
    candidates = [_weigh(record, name, suspect, leads, known) for name, suspect in suspects.items()]
    worth = [
        one
        for one in candidates
        if one.score >= QUEUE and (_is_worth_a_look(one, known) or suspects[one.package].usual)
    ]
    return Judgement(record, _with_others(_without_shadows(worth)[:MOST_CANDIDATES]))


def _with_others(candidates: list[Candidate]) -> tuple[Candidate, ...]:
    """Of several that are strong each must be named by the issuer, or a person looks at all of them."""
    strong = [one for one in candidates if one.score >= AUTOMATIC]
    if len(strong) <= 1 or all(one.named_by_issuer for one in strong):
        return tuple(candidates)
    return tuple(replace(one, stops=(*one.stops, "others-too")) if one in strong else one for one in candidates)


def _is_worth_a_look(candidate: Candidate, known: Known) -> bool:
    """Whether anything leads to it, and it is known or said to be for Python and called so by more than a link."""
    rules = {one.rule for one in candidate.evidence}
    if not rules & _GROUNDS:
        return False
    if rules & _REGISTRY:
        return True
    if candidate.package in known.names:
        return bool(rules & _GROUNDS - {"repository-name"}) or "mention" in rules
    return bool(rules & _FOR_PYTHON) and bool(rules & {"product-name", "cpe-name", "subject", "mention"})


def _weigh(record: CveRecord, name: str, suspect: Suspect, leads: Leads, known: Known) -> Candidate:
    """Everything that speaks for and against one package."""
    _of_text(suspect, name, leads)
    if count := known.advised.get(name):
        suspect.found.append(evidence("advised", f"{count} earlier advisories of {name}", "store"))
    elif name in known.names:
        suspect.found.append(evidence("known", name, "store"))
    if languages.PYTHON_NAMES.fullmatch(name):
        suspect.found.append(evidence("python-name", name, "record"))
    suspect.found.extend(leads.for_python)
    suspect.found.extend(_against(suspect, name, leads, known))
    ranges = ranges_for(record, name, suspect.display)
    suspect.found.extend(_versions(ranges, known.hosted.get(name, frozenset())))
    suspect.stops.extend(_stops(record, name, suspect, leads, known))
    suspect.stops.extend(ranges.stops)
    return Candidate(name, suspect.display, tuple(suspect.found), ranges.spans, tuple(dict.fromkeys(_kept(suspect))))


def _of_text(suspect: Suspect, name: str, leads: Leads) -> None:
    named = mention_of(leads.text, name)
    if named is None and suspect.display != name:
        named = mention_of(leads.text, suspect.display.replace(" ", "-"))
    if named is not None:
        suspect.found.append(evidence("subject" if named.is_subject else "mention", named.spelled, "text"))


def _against(suspect: Suspect, name: str, leads: Leads, known: Known) -> Iterator[Evidence]:
    """What speaks against it. Where the registry itself is named, words about other languages count for nothing.

    Where its repository is, the names of systems count for nothing: a program runs on some, and connects to others.
    """
    named = suspect.has("registry-link", "registry-entry", "package-database")
    for one in leads.against:
        of_words = one.rule in ("other-language", "other-files")
        if not (of_words and (named or (suspect.certain and one.found.startswith("system:")))):
            yield one
    homes = known.homes.get(name, frozenset())
    if homes and not homes & leads.repositories.keys():
        namesakes = [
            url for one, url in leads.repositories.items() if squeezed(one.rpartition("/")[2]) == squeezed(name)
        ]
        if namesakes:
            yield evidence("elsewhere", namesakes[0], "reference")


def _versions(ranges: Ranges, hosted: frozenset[str]) -> Iterator[Evidence]:
    """Whether the ranges speak of versions that are there. An index need not have all of a package's versions."""
    here = {version for one in hosted if (version := version_of(one)) is not None}
    edges = {one: version for one in ranges.edges if (version := version_of(one)) is not None}
    if not here or not edges:
        return
    fitting = [one for one, version in edges.items() if version in here]
    begins = [version_of(one.introduced) for one in ranges.spans]
    if fitting:
        yield evidence("fits-versions", ", ".join(fitting[:4]), "store")
    elif all(begin is not None and begin > max(here) for begin in begins):
        yield evidence("misfits-versions", ", ".join([*edges][:4]), "store")


def _stops(record: CveRecord, name: str, suspect: Suspect, leads: Leads, known: Known) -> Iterator[str]:
    """Why a person must look at it, but for its ranges."""
    exists = name in known.names or suspect.has("registry-link", "registry-entry")
    reasons = {
        "false-positive": name in known.false_positives.packages,
        "disputed": record.disputed or bool(languages.VENDOR_DISPUTES.search(record.text)),
        "interpreter": suspect.has("interpreter"),
        "elsewhere": suspect.has("elsewhere"),
        "not-hosted-versions": suspect.has("misfits-versions"),
        "other-language": suspect.has(*_FOREIGN),
        "uncertain": not (suspect.certain or _agrees(suspect)),
        "unnamed": not suspect.has("registry-entry", "product-name", "cpe-name", "subject", "mention"),
        "other-product": _is_called_otherwise(name, suspect, leads),
        "unknown-name": not exists,
        "bundled": bool(languages.BUNDLED.search(leads.text)),
        "part": _is_part(suspect, name, leads) or _names_longer(name, leads, known),
    }
    yield from (code for code, holds in reasons.items() if holds)


def _agrees(suspect: Suspect) -> bool:
    """Whether three that do not depend on each other say the same: the repository, the issuer, and the language."""
    named = suspect.has("product-name", "cpe-name", "subject")
    return named and suspect.has("repository-name") and suspect.has("python-stated", "python-name", "python-files")


def _is_called_otherwise(name: str, suspect: Suspect, leads: Leads) -> bool:
    """Whether the issuer's products have names, and none of them this one in it.

    Whoever writes about his own product may link to any package, and mention it: its ranges are those of the product.
    """
    if suspect.has("registry-entry", "product-name") or not leads.products:
        return False
    whole = squeezed(name)
    return all(whole not in squeezed(one) for one in (*leads.products, *leads.vendored))


def _is_part(suspect: Suspect, name: str, leads: Leads) -> bool:
    """Whether the issuer's product is called like the package and something more: a plugin, a provider, a server."""
    if suspect.has("registry-link", "registry-entry", "product-name") or not leads.products:
        return False
    whole = squeezed(name)
    return any(whole in squeezed(one) and whole != squeezed(one) for one in leads.products)


def _names_longer(name: str, leads: Leads, known: Known) -> bool:
    """Whether it names another known package that is called like this one and something more."""
    named = {*leads.products, *leads.cpes, *(one.name for one in leads.named)}
    return any(one.startswith(f"{name}-") and one in known.names for one in named)


def _kept(suspect: Suspect) -> list[str]:
    """A shared repository does no harm where the registry names the package beside it."""
    settled = suspect.has("registry-link", "registry-entry", "package-database", "cpe-python")
    return [one for one in suspect.stops if not (one == "several" and settled)]


def _without_shadows(candidates: list[Candidate]) -> list[Candidate]:
    """The likeliest first, without those that only share a part of a better one's name."""
    ordered = sorted(candidates, key=lambda one: (-one.score, one.package))
    kept: list[Candidate] = []
    for one in ordered:
        better = (other for other in kept if other.score > one.score)
        if not any(
            one.package in other.package.split("-") or f"{one.package}-" in f"{other.package}-" for other in better
        ):
            kept.append(one)
    return kept
