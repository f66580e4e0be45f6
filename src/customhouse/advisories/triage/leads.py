"""What in a record may lead to a package: gathered once, before any package is thought of; pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from customhouse.advisories.triage import languages
from customhouse.advisories.triage.known import Known, repository_of
from customhouse.advisories.triage.model import Evidence, Field
from customhouse.advisories.triage.rules import MOST_LANGUAGES, RULES
from customhouse.advisories.triage.subject import Named, names_in
from customhouse.formats.cve.model import Cpe, CveRecord, Product
from customhouse.terms.names import MAX_NAME_LENGTH, normalize

_NAME = re.compile(r"[A-Z0-9](?:[A-Z0-9._-]*[A-Z0-9])?", re.IGNORECASE | re.ASCII)
_NO_PART = re.compile(r"[^\w\s./-]")
_LONGEST_WINDOW = 4_000
"""Characters of the text in which words are looked for; what comes later repeats it, or quotes a program."""
# A title with the vendor's name in front is the product all the same: "Apache Airflow", "pallets werkzeug".
_LEGAL = re.compile(r"\b(?:inc|llc|ltd|gmbh|corp|corporation|foundation|project|software|se|ag|co)\b\.?", re.IGNORECASE)


@dataclass(slots=True)
class Leads:
    """What a record has that may lead to packages."""

    registry: dict[str, str] = field(default_factory=dict)
    """By a name on PyPI as it is spelled, the address that led there."""
    entries: dict[str, str] = field(default_factory=dict)
    """By a name that an issuer gives together with PyPI as its registry, that registry's address."""
    databases: dict[str, str] = field(default_factory=dict)
    repositories: dict[str, str] = field(default_factory=dict)
    """By repository, the address."""
    products: dict[str, str] = field(default_factory=dict)
    """By normalised name, what the issuer wrote."""
    vendored: dict[str, str] = field(default_factory=dict)
    """The same with the vendor in front, which is a package's name only if it is known as one."""
    pages: list[str] = field(default_factory=list)
    """Links to anywhere else."""
    cpes: dict[str, str] = field(default_factory=dict)
    python_cpes: dict[str, str] = field(default_factory=dict)
    for_python: list[Evidence] = field(default_factory=list)
    against: list[Evidence] = field(default_factory=list)
    text: str = ""
    named: list[Named] = field(default_factory=list)
    """Known names that the text holds."""


def evidence(rule: str, found: str, field_: Field) -> Evidence:
    """A piece of evidence with the weight of its rule."""
    return Evidence(rule, RULES[rule].weight, found[:300], field_)


def leads_of(record: CveRecord, known: Known) -> Leads:
    """Gather them."""
    found = Leads(text=record.text[:_LONGEST_WINDOW])
    found.named.extend(names_in(found.text, known.in_texts))
    urls = [one.url for one in record.references]
    for url in urls:
        _follow(found, url, url)
    for one in languages.PYPI_PROJECT.finditer(found.text):
        found.registry.setdefault(one["name"].rstrip("."), one[0])
    for product in record.products:
        _products(found, product)
    _python(found, urls)
    return found


def _follow(found: Leads, url: str, shown: str) -> None:
    if one := languages.PYPI_PROJECT.match(url):
        found.registry.setdefault(one["name"].rstrip("."), shown)
    elif one := languages.package_in_database(url):
        found.databases.setdefault(one["name"].lower(), shown)
    elif repository := repository_of(url):
        found.repositories.setdefault(repository, shown)
    else:
        found.pages.append(url)


def _products(found: Leads, product: Product) -> None:
    """The names that an issuer gives."""
    _registries(found, product)
    if product.repo and (repository := repository_of(product.repo)):
        found.repositories.setdefault(repository, product.repo)
    for cpe in product.cpes:
        _cpe(found, cpe)
    # What CISA and the NVD call a product is the CPE's word for it, and counts as that.
    if product.issuer == "cna":
        for spelled in _spellings(product):
            found.products.setdefault(normalize(spelled.replace(" ", "-")), spelled)
        vendor = _LEGAL.sub(" ", product.vendor).strip().partition(" ")[0]
        vendored = f"{vendor}-{product.name}"
        if vendor and _NAME.fullmatch(vendored):
            found.vendored.setdefault(normalize(vendored), f"{product.vendor} {product.name}")


def _registries(found: Leads, product: Product) -> None:
    if not product.collection:
        return
    named = product.package or product.name
    if _host_of(product.collection) in languages.PYPI_HOSTS:
        if _NAME.fullmatch(named):
            found.entries.setdefault(named, f"{named} in {product.collection}")
    elif languages.OTHER_REGISTRIES.match(product.collection):
        found.against.append(evidence("other-registry", product.collection, "product"))


def _cpe(found: Leads, cpe: Cpe) -> None:
    if cpe.part != "a":
        if not any(one.rule == "hardware" for one in found.against):
            found.against.append(evidence("hardware", f"{cpe.part}:{cpe.vendor}:{cpe.product}", "cpe"))
        return
    target = cpe.target_software.lower()
    shown = f"{cpe.vendor}:{cpe.product}" + (f" ({target})" if target not in ("*", "-") else "")
    if target == "python":
        found.python_cpes.setdefault(normalize(cpe.product), shown)
    found.cpes.setdefault(normalize(cpe.product), shown)
    found.cpes.setdefault(normalize(f"{cpe.vendor}-{cpe.product}"), shown)


def _spellings(product: Product) -> Iterator[str]:
    """How a product may be spelled as a package: as it is, and behind the slash of ``owner/name``."""
    for name in (product.package, product.name):
        spelled = " ".join(_NO_PART.sub(" ", name).split())
        for one in dict.fromkeys((spelled, spelled.rpartition("/")[2])):
            if one and len(one) <= MAX_NAME_LENGTH and _NAME.fullmatch(one.replace(" ", "-")):
                yield one


def _host_of(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""


def _python(found: Leads, urls: list[str]) -> None:
    """What says that it is written in Python, or for it."""
    text, lowered = found.text, found.text.lower()
    if any(hint in lowered for hint in languages.PYTHON_HINTS) and (one := languages.PYTHON_STATED.search(text)):
        found.for_python.append(evidence("python-stated", one[0], "text"))
    if words := list(dict.fromkeys(one[0] for one in languages.PYTHON_WORDS.finditer(text))):
        found.for_python.append(evidence("python-words", ", ".join(words[:4]), "text"))
    found.for_python.extend(_files("python-files", languages.PYTHON_FILES, languages.PYTHON_ENDING, text, urls))


def add_what_speaks_against(found: Leads, record: CveRecord) -> None:
    """What says that it is something for other languages, or no package: looked for where anything leads to one."""
    text, urls = found.text, [one.url for one in record.references]
    others = ((name, pattern.search(text)) for name, pattern in languages.OTHER_WORDS.items())
    told = [evidence("other-language", f"{name}: {one[0]}", "text") for name, one in others if one]
    found.against.extend(told[:MOST_LANGUAGES])
    found.against.extend(_files("other-files", languages.OTHER_FILES, languages.OTHER_ENDING, text, urls))
    pages = (url for url in urls if languages.OTHER_DATABASES.search(url) or languages.OTHER_REGISTRIES.match(url))
    if page := next(pages, ""):
        found.against.append(evidence("other-database", page, "reference"))
    if _is_interpreter(record, urls):
        found.against.append(evidence("interpreter", record.text[:80], "text"))


def _files(
    rule: str, pattern: re.Pattern[str], ending: re.Pattern[str], text: str, urls: list[str]
) -> Iterator[Evidence]:
    """Files of source code that the text names, or else that are linked; ``ending`` is in all that it finds."""
    if ending.search(text) and (one := pattern.search(text)):
        yield evidence(rule, one[0], "text")
    elif file := next((url for url in urls if ending.search(url) and pattern.search(_path_of(url))), ""):
        yield evidence(rule, unquote(file), "reference")


def _path_of(url: str) -> str:
    try:
        return urlsplit(url).path
    except ValueError:
        return ""


def _is_interpreter(record: CveRecord, urls: list[str]) -> bool:
    names = {normalize(one.name) for one in record.products if one.name}
    if names & {"python", "cpython"}:
        return True
    about = languages.INTERPRETER.match(record.description)
    return bool(about) and (not names or any(languages.CPYTHON_ADDRESSES.search(url) for url in urls))
