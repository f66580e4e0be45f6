"""Judges a record: which packages may it concern, with what evidence, and is it certain enough to go by itself; pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from customhouse.advisories.triage import languages
from customhouse.advisories.triage.known import Known, squeezed
from customhouse.advisories.triage.leads import Leads, evidence, leads_of
from customhouse.advisories.triage.model import QUEUE, Candidate, Evidence, Judgement
from customhouse.advisories.triage.rules import RULES
from customhouse.advisories.triage.spans import Ranges, ranges_for
from customhouse.advisories.triage.subject import mention_of, names_in
from customhouse.formats.cve.model import CveRecord
from customhouse.terms.names import normalize

MOST_CANDIDATES = 8
_IDENTITY = frozenset(
    {
        "registry-link", "registry-entry", "package-database", "repository", "earlier-repository", "cpe-python",
        "repository-name", "product-name", "cpe-name", "subject", "mention",
    }
)  # fmt: skip
_GROUNDS = _IDENTITY - {"mention", "cpe-name"}
_REGISTRY = frozenset({"registry-link", "registry-entry", "package-database", "cpe-python"})
_FOR_PYTHON = frozenset({"python-stated", "python-words", "python-files", "python-name"})
_FOREIGN = frozenset({"other-registry", "other-database", "other-language", "other-files", "hardware"})


@dataclass(slots=True)
class _Suspect:
    """A package while evidence is gathered."""

    display: str
    found: list[Evidence] = field(default_factory=list)
    stops: list[str] = field(default_factory=list)

    def has(self, *rules: str) -> bool:
        return any(one.rule in rules for one in self.found)

    @property
    def certain(self) -> bool:
        return any(RULES[one.rule].certain for one in self.found)


def judge(record: CveRecord, known: Known) -> Judgement:
    """What a record may concern. One that was rejected, or is on the list of false positives, has no candidates."""
    if record.state != "published" or record.id in known.false_positives.ids:
        return Judgement(record)
    leads = leads_of(record)
    suspects = _suspects(leads, known)
    if not suspects:
        return Judgement(record)
    candidates = [_weigh(record, name, suspect, leads, known) for name, suspect in suspects.items()]
    worth = [one for one in candidates if one.score >= QUEUE and _is_worth_a_look(one, known)]
    return Judgement(record, tuple(_without_shadows(worth)[:MOST_CANDIDATES]))


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


def _suspects(leads: Leads, known: Known) -> dict[str, _Suspect]:
    """Every package that anything leads to, with what leads there."""
    found: dict[str, _Suspect] = {}

    def add(name: str, display: str, *pieces: Evidence) -> _Suspect:
        suspect = found.setdefault(normalize(name), _Suspect(display))
        suspect.found.extend(one for one in pieces if not suspect.has(one.rule))
        return suspect

    for name, url in leads.registry.items():
        add(name, name, evidence("registry-link", url, "reference"))
    for name, shown in leads.entries.items():
        add(name, name, evidence("registry-entry", shown, "product"))
    for name, url in leads.databases.items():
        spelled = _spelled(name, leads, known)
        add(spelled, spelled, evidence("package-database", url, "reference"))
    for repository, url in leads.repositories.items():
        _from_repository(add, repository, url, known)
    for table, rule, place in (
        (leads.python_cpes, "cpe-python", "cpe"), (leads.products, "product-name", "product"),
        (leads.vendored, "product-name", "product"), (leads.cpes, "cpe-name", "cpe"),
    ):  # fmt: skip
        for name, shown in table.items():
            alone = leads.for_python and table in (leads.python_cpes, leads.products)
            if name in known.names or name in found or alone:
                add(name, _plain(shown, name), evidence(rule, shown, place))  # type: ignore[arg-type]
    for host, url in leads.hosts.items():
        if name := known.sites.get(host):
            add(name, name, evidence("own-site", url, "reference"))
    for named in names_in(leads.text, known.names, known.longest, known.by_squeezed):
        if named.is_subject and named.name not in found:
            add(named.name, named.spelled)
    return found


def _from_repository(add: object, repository: str, url: str, known: Known) -> None:
    built, earlier = known.repositories.get(repository, frozenset()), known.earlier.get(repository, {})
    tail = repository.rpartition("/")[2]
    names = built | earlier.keys()
    for name in sorted(names):
        rule = "repository" if name in built else "earlier-repository"
        suspect = add(name, name)  # type: ignore[operator]
        if not suspect.has("repository", "earlier-repository"):
            suspect.found.append(evidence(rule, url, "reference"))
        if known.is_shared(repository, name):
            suspect.stops.append("several")
    if normalize(tail) not in names:
        name = known.by_squeezed.get(squeezed(tail), tail)
        if any(character.isalpha() for character in name):
            add(name, name, evidence("repository-name", url, "reference"))  # type: ignore[operator]


def _spelled(name: str, leads: Leads, known: Known) -> str:
    """How a name that a database has squeezed is written: as the issuer does, else as a package that is known."""
    for spelled in leads.products.values():
        if squeezed(spelled) == squeezed(name):
            return spelled.replace(" ", "-")
    return known.by_squeezed.get(squeezed(name), name)


def _plain(shown: str, name: str) -> str:
    return shown if normalize(shown) == name else name


def _weigh(record: CveRecord, name: str, suspect: _Suspect, leads: Leads, known: Known) -> Candidate:
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
    return Candidate(
        name, suspect.display, tuple(suspect.found), ranges.spans, tuple(dict.fromkeys(_kept(suspect)))
    )


def _of_text(suspect: _Suspect, name: str, leads: Leads) -> None:
    named = mention_of(leads.text, name)
    if named is None and suspect.display != name:
        named = mention_of(leads.text, suspect.display.replace(" ", "-"))
    if named is not None:
        suspect.found.append(evidence("subject" if named.is_subject else "mention", named.spelled, "text"))


def _against(suspect: _Suspect, name: str, leads: Leads, known: Known) -> Iterator[Evidence]:
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
    """Whether the ranges speak of versions that are there."""
    if not hosted or not ranges.edges:
        return
    fitting = [one for one in ranges.edges if one in hosted]
    if fitting:
        yield evidence("fits-versions", ", ".join(fitting[:4]), "store")
    else:
        yield evidence("misfits-versions", ", ".join(ranges.edges[:4]), "store")


def _stops(record: CveRecord, name: str, suspect: _Suspect, leads: Leads, known: Known) -> Iterator[str]:
    if name in known.false_positives.packages:
        yield "false-positive"
    if record.disputed or languages.VENDOR_DISPUTES.search(record.text):
        yield "disputed"
    if suspect.has("interpreter"):
        yield "interpreter"
    if suspect.has("elsewhere"):
        yield "elsewhere"
    if suspect.has("misfits-versions"):
        yield "not-hosted-versions"
    if suspect.has(*_FOREIGN):
        yield "other-language"
    if not (suspect.certain or _agrees(suspect)):
        yield "uncertain"
    if name not in known.names and not suspect.has("registry-link", "registry-entry"):
        yield "unknown-name"
    if languages.BUNDLED.search(leads.text):
        yield "bundled"
    if _is_part(suspect, name, leads) or _names_longer(name, leads, known):
        yield "part"


def _agrees(suspect: _Suspect) -> bool:
    """Whether three that do not depend on each other say the same: the repository, the issuer, and the language."""
    issuer = suspect.has("product-name", "cpe-name")
    return issuer and suspect.has("repository-name") and suspect.has("python-stated", "python-name")


def _is_part(suspect: _Suspect, name: str, leads: Leads) -> bool:
    """Whether the issuer's product is called like the package and something more: a plugin, a provider, a server."""
    if suspect.has("registry-link", "registry-entry", "product-name") or not leads.products:
        return False
    whole = squeezed(name)
    return any(whole in squeezed(one) and whole != squeezed(one) for one in leads.products)


def _names_longer(name: str, leads: Leads, known: Known) -> bool:
    """Whether it names another known package that is called like this one and something more."""
    named = {*leads.products, *leads.cpes, *(one.name for one in names_in(leads.text, known.names, known.longest))}
    return any(one.startswith(f"{name}-") and one in known.names for one in named)


def _kept(suspect: _Suspect) -> list[str]:
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
