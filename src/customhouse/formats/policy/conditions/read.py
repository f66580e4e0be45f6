"""Conditions as policies write them: ``"< 7d"``, ``true``, ``["a", "b"]``, ``{ severity = ">= high" }``."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable

from packaging.specifiers import SpecifierSet

from customhouse.formats.policy.conditions.ages import Age
from customhouse.formats.policy.conditions.licences import Licence as LicenceCondition
from customhouse.formats.policy.conditions.licences import modern, words_of
from customhouse.formats.policy.conditions.model import AnyOf, Condition, Missing
from customhouse.formats.policy.conditions.publishers import KINDS, Attested
from customhouse.formats.policy.conditions.security_fixes import SecurityFix
from customhouse.formats.policy.conditions.severities import read_severities
from customhouse.formats.policy.conditions.values import COMPARE, Flag, Number, Present, text_condition
from customhouse.formats.policy.conditions.versions import Release, is_possible
from customhouse.formats.policy.conditions.vulnerabilities import NotVulnerable, Question, Vulnerable
from customhouse.formats.policy.durations import EXAMPLE as DURATION
from customhouse.formats.policy.durations import duration_of
from customhouse.formats.policy.globs import is_usable, matcher_of, may_be_a_name, project_pattern
from customhouse.formats.policy.place import Place
from customhouse.formats.policy.signals import SIGNALS, Signal, Type
from customhouse.formats.policy.signals import Vulnerability as Known
from customhouse.formats.toml_text.fault import shown, suggestion
from customhouse.terms.versions import specifiers_of

ALIASES = {
    "vulns": "vulnerabilities", "bundled-vulns": "bundled-vulnerabilities", "bundled.vulns": "bundled-vulnerabilities",
    "fixes-vulnerability": "fixes", "license": "licence", "downloads.30d": "downloads",
}  # fmt: skip
"""Other spellings of signals, as the vocabulary of other tools has them."""
ARCHIVE_WORDS = (
    "pth-file", "sitecustomize", "shadows-stdlib", "foreign-top-level", "common-script-name",
    "bytecode-without-source", "case-collision", "unicode-collision", "bidi-control", "no-static-metadata",
    "encrypted-code", "exec-in-setup", "tags-differ", "new-build-script", "new-machine-code", "new-script",
    "new-top-level",
)  # fmt: skip
"""What the strict archive reader notices (`formats.signals`, `formats.wheel`, `formats.release_diff`)."""
_COMPARED = re.compile(r"(<=|>=|<|>|==|!=|=)\s*(.*)", re.DOTALL)
_NUMBER = re.compile(r"\d[\d_]{0,17}(?:\.\d{1,6})?", re.ASCII)
_SIZE = re.compile(r"(\d[\d_]{0,15}(?:\.\d{1,3})?)\s*([kMGT]?i?B)?", re.ASCII | re.IGNORECASE)
_UNITS = {
    "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12, "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40
}  # fmt: skip
_OPERATORS = ("in", "not-in", "matches", "is", "missing")
MOST_OPTIONS = 500
"""Entries of one list."""


def read_condition(signal: str, value: object, place: Place) -> Condition:
    """One condition; raises `Rejected` with the line and what would be accepted."""
    known = SIGNALS[signal]
    if value == "missing" or (isinstance(value, dict) and "missing" in value):
        return _missing(known, value, place)
    return _READERS[known.type](known, value, place)


def _missing(signal: Signal, value: object, place: Place) -> Condition:
    if isinstance(value, dict):
        place.only(value, ("missing",), "operator beside 'missing'")
        return Missing(signal.name, _written(value), expected=place.at("missing").flag(value["missing"]))
    return Missing(signal.name, "missing")


def _age(signal: Signal, value: object, place: Place) -> Condition:
    if isinstance(value, list):
        return _any(signal, value, place, _age)
    example = f'"< 7d": one of < <= > >=, then {DURATION}'
    if not isinstance(value, str):
        place.reject(f"{shown(value)} is no age", example)
    operator, rest = _compared(signal, value, place, example)
    if rest.startswith("-"):
        place.reject(f"{shown(value)}: no age is negative", example)
    length = duration_of(rest)
    if length is None:
        place.reject(f"{shown(value)}: {shown(rest)} is no duration", DURATION)
    if not length and operator in ("<", ">="):
        place.reject(f"{shown(value)} is {'never' if operator == '<' else 'always'} so", example)
    return Age(signal.name, value, operator, length)  # type: ignore[arg-type]  # one of four, see `_compared`


def _compared(signal: Signal, text: str, place: Place, example: str) -> tuple[str, str]:
    """Operator and limit; of a comparison that has none, what was probably meant."""
    found = _COMPARED.fullmatch(text.strip())
    if found is None:
        meant = (
            f'did you mean "< {text.strip()}"? {example}' if duration_of(text) or _NUMBER.fullmatch(text) else example
        )
        place.reject(f"{shown(text)} says not how {signal.name} is compared", meant)
    if found[1] not in COMPARE:
        place.reject(f"{shown(text)}: there is no operator {shown(found[1])}", example)
    return found[1], found[2].strip()


def _number(signal: Signal, value: object, place: Place) -> Condition:
    if isinstance(value, list):
        return _any(signal, value, place, _number)
    if isinstance(value, dict):
        place.only(value, ("is",), "operator for a number")
        return _number(signal, value.get("is"), place.at("is"))
    example = '"< 100MB"' if signal.name == "size" else '"< 1000"'
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        place.reject(f"{shown(value)} is no comparison of numbers", example)
    operator, rest = ("is", str(value)) if not isinstance(value, str) else _compared(signal, value, place, example)
    if rest.startswith("-"):
        place.reject(f"{shown(value)}: {signal.name} is never negative", example)
    limit = _limit(signal, rest)
    if limit is None or not math.isfinite(limit):
        place.reject(f"{shown(value)}: {shown(rest)} is no number", example)
    if not limit and operator in ("<", ">="):
        place.reject(f"{shown(value)} is {'never' if operator == '<' else 'always'} so", example)
    return Number(signal.name, _written(value), operator, limit)


def _limit(signal: Signal, text: str) -> float | None:
    if signal.name == "size":
        found = _SIZE.fullmatch(text)
        return None if found is None else float(found[1]) * _UNITS[(found[2] or "B").lower()]
    return float(text) if _NUMBER.fullmatch(text) else None


def _flag(signal: Signal, value: object, place: Place) -> Condition:
    if isinstance(value, dict):
        place.only(value, ("is",), "operator for what is true or false")
        return _flag(signal, value.get("is"), place.at("is"))
    return Flag(signal.name, _written(value), place.flag(value))


def _words(signal: Signal, value: object, place: Place) -> Condition:
    words, inverted, where = _listed(signal, value, place, f'"{signal.words[0]}"')
    for number, word in enumerate(words):
        here = where.at(number) if len(words) > 1 else where
        _no_comparison(signal, word, here, f"one of {', '.join(signal.words)}")
        here.word(word, signal.words)
    if inverted and set(words) >= set(signal.words):
        where.reject("these are all words that there are, so it is never so", f"some of {', '.join(signal.words)}")
    return text_condition(signal.name, _written(value), words, inverted=inverted)


def _set(signal: Signal, value: object, place: Place) -> Condition:
    if isinstance(value, bool):
        return Present(signal.name, _written(value), value)
    patterns, inverted, where = _listed(signal, value, place, '"pth-file"')
    for number, pattern in enumerate(patterns):
        here = where.at(number) if len(patterns) > 1 else where
        _no_comparison(signal, pattern, here, '"pth-file"')
        if not any(map(matcher_of((pattern,)), ARCHIVE_WORDS)):
            here.reject(
                f"{shown(pattern)} is nothing that the archive reader notices", suggestion(pattern, ARCHIVE_WORDS)
            )
    return text_condition(signal.name, _written(value), patterns, inverted=inverted)


def _text(signal: Signal, value: object, place: Place) -> Condition:
    if signal.name == "version":
        return _version(signal, value, place)
    if isinstance(value, bool):
        return Present(signal.name, _written(value), value)
    patterns, inverted, where = _listed(signal, value, place, '"acme-*"')
    for number, pattern in enumerate(patterns):
        here = where.at(number) if len(patterns) > 1 else where
        _no_comparison(signal, pattern, here, '"acme-*"')
        (check_name if signal.name in ("name", "similar-to") else check_pattern)(pattern, here)
    if signal.name in ("name", "similar-to"):
        patterns = tuple(map(project_pattern, patterns))
    return text_condition(signal.name, _written(value), patterns, inverted=inverted)


def check_pattern(pattern: str, place: Place) -> None:
    """Refuse a pattern that is too long or has too many stars to be compared quickly."""
    if not is_usable(pattern):
        place.reject(f"{shown(pattern)} is too long, or has too many stars", "at most 200 characters and 5 stars")


def check_name(pattern: str, place: Place) -> None:
    """Refuse a pattern that no project could be called by: it would match nothing, and nobody would see that."""
    check_pattern(pattern, place)
    if not may_be_a_name(pattern):
        example = 'like "torch" or "acme-*", without extras; a version stands under \'version\''
        place.reject(f"{shown(pattern)} is no name of a project, and no pattern of names", example)


def check_possible(specifier: SpecifierSet, text: str, place: Place) -> None:
    """Refuse bounds between which no version lies."""
    if not is_possible(specifier):
        place.reject(f"{shown(text)}: no version is both", 'bounds with something between them, like ">=1,<2"')


def _version(signal: Signal, value: object, place: Place) -> Condition:
    texts, inverted, where = _listed(signal, value, place, '"<2"')
    options: list[Condition] = []
    for number, text in enumerate(texts):
        here = where.at(number) if len(texts) > 1 else where
        # "1.4" alone is that version.
        specifier = specifiers_of(text) or specifiers_of(f"=={text}")
        if specifier is None or not text.strip():
            here.reject(f"{shown(text)} is no specifier of versions", 'as of PEP 440, like ">=1.2,<2" or "==1.4"')
        check_possible(specifier, text, here)
        options.append(Release(signal.name, _written(value), specifier, inverted))
    if len(options) > 1 and inverted:
        where.reject("'not-in' takes one specifier here", '{ not-in = ">=1,<2" }')
    return options[0] if len(options) == 1 else AnyOf(signal.name, _written(value), tuple(options))


def _vulnerabilities(signal: Signal, value: object, place: Place) -> Condition:
    if isinstance(value, list):
        return _any(signal, value, place, _vulnerabilities)
    if isinstance(value, bool):
        return Vulnerable(signal.name, "true") if value else NotVulnerable(signal.name, "false")
    if isinstance(value, str):
        meant = read_severities(value, place).meant
        return Vulnerable(signal.name, value, (lambda one: meant(one.severity),))
    table = place.table(value, '{ severity = ">= high", has-fix = true }, or ">= high", or true')
    place.only(table, _QUESTIONS, "question about a vulnerability called")
    if "library" in table and signal.name == "vulnerabilities":
        place.at("library").reject("these are of the package itself, and in no library", "bundled-vulnerabilities")
    if not table:
        place.reject("an empty table asks for nothing", "true, for any vulnerability")
    questions = tuple(_QUESTIONS[key](one, place.at(key)) for key, one in table.items())
    return Vulnerable(signal.name, _written(value), questions)


def _severity(value: object, place: Place) -> Question:
    meant = read_severities(value, place).meant
    return lambda one: meant(one.severity)


def _bounded(most: float, means: str) -> Callable[[object, Place, Callable[[Known], float | None]], Question]:
    def read(value: object, place: Place, of: Callable[[Known], float | None]) -> Question:
        example = f'">= {most * 0.7:g}", {means}'
        if not isinstance(value, str) or (found := _COMPARED.fullmatch(value.strip())) is None:
            place.reject(f"{shown(value)} is no comparison", example)
        operator, rest = found[1], found[2].strip()
        if operator not in COMPARE:
            place.reject(f"{shown(value)}: there is no operator {shown(operator)}", example)
        if _NUMBER.fullmatch(rest) is None:
            place.reject(f"{shown(value)}: {shown(rest)} is no number", example)
        limit = float(rest)
        if limit > most or (operator == ">" and limit == most) or (operator == "<" and not limit):
            place.reject(f"{shown(value)} is never so", example)
        compare = COMPARE[operator]

        def question(one: Known) -> bool | None:
            number = of(one)
            return None if number is None else compare(number, limit)

        return question

    return read


_score = _bounded(10, "a CVSS score from 0 to 10")
_likelihood = _bounded(1, "an EPSS probability from 0 to 1")


def _yes_no(of: Callable[[Known], bool | None]) -> Callable[[object, Place], Question]:
    def read(value: object, place: Place) -> Question:
        expected = place.flag(value)
        return lambda one: None if (found := of(one)) is None else found == expected

    return read


def _named(of: Callable[[Known], Iterable[str]], example: str) -> Callable[[object, Place], Question]:
    def read(value: object, place: Place) -> Question:
        patterns = place.texts(value, example)
        for number, pattern in enumerate(patterns):
            check_pattern(pattern, place.at(number) if len(patterns) > 1 else place)
        matches = matcher_of(patterns)
        return lambda one: any(map(matches, of(one)))

    return read


_QUESTIONS: dict[str, Callable[[object, Place], Question]] = {
    "severity": _severity,
    "score": lambda value, place: _score(value, place, lambda one: one.score),
    "cvss": lambda value, place: _score(value, place, lambda one: one.score),
    "exploited": _yes_no(lambda one: one.exploited),
    "kev": _yes_no(lambda one: one.exploited),
    "epss": lambda value, place: _likelihood(value, place, lambda one: one.likelihood),
    "has-fix": _yes_no(lambda one: bool(one.fixed_in)),
    "id": _named(lambda one: (one.id, *one.aliases), '"CVE-2026-1234"'),
    # The fact names the library with its version.
    "library": _named(lambda one: (one.library, one.library.rpartition(" ")[0]), '"libwebp"'),
}


def _publisher(signal: Signal, value: object, place: Place) -> Condition:
    if isinstance(value, list):
        return _any(signal, value, place, _publisher)
    if isinstance(value, bool):
        return Attested(signal.name, _written(value), value)
    if isinstance(value, str):
        return Attested(signal.name, value, kinds=frozenset((_kind(value, place),)))
    table = place.table(value, 'true, false, or { publisher = "GitHub", repository = "acme/*", verified = true }')
    keys = ("publisher", "repository", "verified", "not")
    place.only(table, keys, "question about an attestation called")
    if not table.keys() - {"not"}:
        place.reject("an empty table asks for nothing", "true, for any attestation")
    kinds = frozenset[str]()
    if "publisher" in table:
        here = place.at("publisher")
        kinds = frozenset(_kind(one, here) for one in here.texts(table["publisher"], '"GitHub"'))
    where = None
    if "repository" in table:
        here = place.at("repository")
        patterns = here.texts(table["repository"], '"acme/*"')
        for pattern in patterns:
            check_pattern(pattern, here)
            _, is_address, path = pattern.partition("://")
            if is_address:
                meant = path.partition("/")[2].removesuffix(".git")
                here.reject(
                    f"{shown(pattern)} is an address", f"only its path: {shown(meant)}" if meant else '"acme/web"'
                )
        where = matcher_of(patterns)
    verified = place.at("verified").flag(table["verified"]) if "verified" in table else None
    inverted = place.at("not").flag(table["not"]) if "not" in table else False
    return Attested(signal.name, _written(value), not inverted, kinds, where, verified)


def _kind(text: str, place: Place) -> str:
    if text.lower() not in [one.lower() for one in KINDS]:
        place.reject(f"{shown(text)} is no provider of identities", suggestion(text, KINDS))
    return text.lower()


def _fixes(signal: Signal, value: object, place: Place) -> Condition:
    if value is True:
        return SecurityFix(signal.name, "true")
    if not isinstance(value, (str, list)):
        place.reject(f"{shown(value)} is no severity", '"high": it fixes one that is high or critical')
    # "high" alone is read as "at least high" here: whoever waives a wait for high waives it for critical, too.
    text = f">= {value}" if isinstance(value, str) and value.isalpha() and value != "unknown" else value
    return SecurityFix(signal.name, _written(value), read_severities(text, place))


def _licence(signal: Signal, value: object, place: Place) -> Condition:
    entries, inverted, where = _listed(signal, value, place, '["GPL-*", "AGPL-*"]')
    wanted: list[str] = []
    for number, entry in enumerate(entries):
        here = where.at(number) if len(entries) > 1 else where
        _no_comparison(signal, entry, here, 'an SPDX identifier, like "MIT"')
        check_pattern(entry, here)
        if re.search(r"[*?\[]", entry):
            wanted.append(entry)
            continue
        words = words_of(entry)
        if words is None or len(words) > 1:
            here.reject(
                f"{shown(entry)} is no SPDX identifier", suggestion(entry, _COMMON_LICENCES) if words is None else
                "one licence for each entry of the list",
            )  # fmt: skip
        wanted.append(words[0])
    matches = matcher_of([*wanted, *(f"{one} WITH *" for one in wanted if " WITH " not in one)])
    return LicenceCondition(signal.name, _written(value), lambda one: bool(matches(modern(one))) != inverted)


_COMMON_LICENCES = (
    "0BSD", "AGPL-3.0-only", "AGPL-3.0-or-later", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0",
    "EPL-2.0", "EUPL-1.2", "GPL-2.0-only", "GPL-2.0-or-later", "GPL-3.0-only", "GPL-3.0-or-later", "HPND", "ISC",
    "LGPL-2.1-only", "LGPL-2.1-or-later", "LGPL-3.0-only", "LGPL-3.0-or-later", "MIT", "MIT-0", "MPL-2.0", "PSF-2.0",
    "Python-2.0", "Unlicense", "Zlib", "ZPL-2.1",
)  # fmt: skip


def _listed(signal: Signal, value: object, place: Place, example: str) -> tuple[tuple[str, ...], bool, Place]:
    """The texts that are meant, whether all others are, and where they stand."""
    inverted = False
    if isinstance(value, dict):
        place.only(value, _OPERATORS, f"operator for {signal.name} called")
        if len(value) != 1:
            place.reject("one operator for each condition", " or ".join(_OPERATORS))
        key, value = next(iter(value.items()))
        place, inverted = place.at(key), key == "not-in"
        if key == "is" and not isinstance(value, str):
            place.reject(f"{shown(value)} is no text", f"{{ is = {example} }}, or 'in' with a list")
    if isinstance(value, (bool, int, float)):
        place.reject(f"{shown(value)} is no text, and {signal.name} is", example)
    texts = place.texts(value, example)
    if len(texts) > MOST_OPTIONS:
        place.reject(f"{len(texts)} entries", f"at most {MOST_OPTIONS}")
    return texts, inverted, place


def _no_comparison(signal: Signal, text: str, place: Place, example: str) -> None:
    found = _COMPARED.fullmatch(text)
    if found is not None:
        place.reject(
            f"{shown(text)}: {shown(found[1])} compares numbers and ages, and {signal.name} is neither", example
        )


_Reader = Callable[[Signal, object, Place], Condition]


def _any(signal: Signal, values: list[object], place: Place, read: _Reader) -> Condition:
    if not 0 < len(values) <= MOST_OPTIONS:
        place.reject(f"a list of {len(values)} conditions", f"1 to {MOST_OPTIONS}")
    for number, one in enumerate(values):
        if isinstance(one, list):
            place.at(number).reject("a list in a list", "one list")
    options = tuple(read(signal, one, place.at(number)) for number, one in enumerate(values))
    return options[0] if len(options) == 1 else AnyOf(signal.name, _written(values), options)


def _written(value: object) -> str:
    """The condition for people, in TOML's spelling."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return f"[{', '.join(map(_quoted, value))}]"
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key} = {_quoted(one)}' for key, one in value.items())} }}"
    return str(value)


def _quoted(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else _written(value)


_READERS: dict[Type, _Reader] = {
    "age": _age, "number": _number, "words": _words, "text": _text, "set": _set, "flag": _flag,
    "vulnerabilities": _vulnerabilities, "publisher": _publisher, "fixes": _fixes, "licence": _licence,
}  # fmt: skip
