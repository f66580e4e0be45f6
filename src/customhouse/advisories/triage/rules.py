"""The rules by which evidence is weighed, all of them: name, weight, and the sentence that people at the desk read.

The weights are small whole numbers with an order that can be argued: what names the package in the registry itself is
enough for itself; a repository that is known to be the package's nearly so; names and words alone never are. What
speaks for another language or another registry takes away more than names can give.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of evidence."""

    name: str
    weight: int
    sentence: str
    certain: bool = False
    """Whether it tells the very package, and not only something of that name."""


_EVERY = (
    Rule("registry-link", 8, "It links to the package's page on PyPI.", certain=True),
    Rule("registry-entry", 8, "Its issuer names the package, and PyPI as its registry.", certain=True),
    Rule("package-database", 7, "It links to the package in a database of Python packages.", certain=True),
    Rule("repository", 6, "It leads to the repository that the package is built from.", certain=True),
    Rule("earlier-repository", 6, "It leads to the repository that earlier advisories of the package changed.", True),
    Rule(
        "own-site",
        5,
        "It links to a site of that name where earlier advisories of this package alone led.",
        certain=True,
    ),
    Rule("cpe-python", 4, "Its CPE names a product called like the package, for Python.", certain=True),
    Rule("repository-name", 3, "It leads to a repository that is called like the package."),
    Rule("product-name", 2, "Its issuer calls the product like the package."),
    Rule("cpe-name", 1, "Its CPE names a product called like the package."),
    Rule("subject", 2, "The text is about something called like the package."),
    Rule("mention", 1, "The text mentions something called like the package."),
    Rule("known", 1, "A package of that name is known here."),
    Rule("advised", 2, "Earlier advisories concern a package of that name."),
    Rule("python-name", 2, "The name itself says that it is for Python."),
    Rule("python-stated", 3, "The text says that it is something for Python."),
    Rule("python-words", 1, "The text uses words of Python's world."),
    Rule("python-files", 2, "It names files of Python code."),
    Rule("fits-versions", 2, "An edge of its ranges is a version that this index has of the package."),
    Rule("other-registry", -8, "Its issuer names another registry than PyPI."),
    Rule("other-database", -5, "It links to a database or registry of another language."),
    Rule("other-language", -3, "The text says that it is something for another language."),
    Rule("other-files", -3, "It names files of code in another language."),
    Rule("elsewhere", -4, "It leads to a repository of that name, but the package is built from another one."),
    Rule("interpreter", -6, "It concerns Python itself, not a package."),
    Rule("hardware", -6, "Its CPE names hardware or an operating system."),
    Rule("misfits-versions", -3, "It speaks only of versions beyond the newest that this index has."),
)

RULES: Mapping[str, Rule] = {rule.name: rule for rule in _EVERY}
MOST_LANGUAGES = 2
"""So many other languages count."""
