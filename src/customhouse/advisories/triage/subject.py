"""Which names of packages a text holds, and whether it is about them; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from customhouse.terms.names import normalize

_WORD = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_HEAD = 400
"""Characters within which a text says what it is about."""
_OPENING = 120
_BEHIND = re.compile(
    r"['’]?s?\s*(?:\([^)]{0,60}\)\s*)?(?:,\s*)?(?:(?:versions?|releases?)\s*)?(?:v?\.?\d|<|>|\bbefore\b|\bthrough\b|\bprior\s+to\b|\bup\s+to\b|\bversions?\b"
    r"|\bis\s+(?:a|an|the|vulnerable|affected)\b|\ballows?\b|\bwas\b|\bdoes\b|\bhas\b|\bcontains?\b|\bpackage\b|\blibrary\b|\bmodule\b)",
    re.IGNORECASE,
)
_BEFORE = re.compile(
    r"(?:^|[.\n]\s*|\b(?:in|of|package|library|affects|module|project)\s+(?:the\s+)?(?:[\w.]+\s+){0,2})$", re.IGNORECASE
)
_STARTS = re.compile(r"(?:^|\n)\s*(?:(?:In|The|An?)\s+)?(?:[\w.]+\s+){0,2}$")
_INSIDE = re.compile(r"\b(?:in|of|affects|affecting)\s+$")
_ENDS = re.compile(r"[,;.)]|\s+(?:and|when|that|which|where|via|due|by)\b|\s*$")
_SEPARATOR = re.compile(r"[-_.]")
MOST_WORDS = 700
_SHORTEST_BEGIN = 3
_MOST_PARTS = 5


@dataclass(frozen=True, slots=True)
class Named:
    """A name in a text."""

    name: str
    """Normalised."""
    spelled: str
    is_subject: bool
    is_object: bool = False
    """Whether something is said to be wrong in it near the beginning, a common word though it may be."""


@dataclass(frozen=True, slots=True)
class Names:
    """Known names, made ready to be found in texts."""

    every: frozenset[str]
    """Normalised."""
    joined: Mapping[str, str]
    """Some of them by what is left of them without punctuation."""
    longest: int
    """The most words of one."""
    begins: frozenset[str]
    """With which words they begin: nearly every word of a text is passed over by that."""
    unfinished: frozenset[str]
    """What may be the first words of a longer one, normalised."""

    @classmethod
    def of(cls, every: frozenset[str], joined: Iterable[str]) -> Names:
        """Make them ready; ``joined`` are those that people may write in several words."""
        by_joined = {one.replace("-", ""): one for one in sorted(joined)}
        begins = {one.partition("-")[0] for one in every}
        begins.update(one[:at] for one in by_joined for at in range(_SHORTEST_BEGIN, len(one)))
        longest = min(max((one.count("-") + 1 for one in every), default=1), _MOST_PARTS)
        unfinished = {one[:at] for one in every for at, sign in enumerate(one) if sign == "-"}
        return cls(every, by_joined, longest, frozenset(begins | {"python", "python3"}), frozenset(unfinished))

    def may_go_on(self, words: str, joined: str) -> bool:
        """Whether a name may begin with some words: ``words`` are they normalised, ``joined`` without anything between.

        It never says no to one that is known, and nearly always to the second word of a sentence.
        """
        return (
            words in self.unfinished or joined in self.begins or len(joined) < _SHORTEST_BEGIN
            or words.startswith("python")
        )  # fmt: skip


def names_in(text: str, names: Names) -> Iterator[Named]:
    """Every known name in a text.

    It is the subject if what stands around it says so: "NAME before 1.2", "NAME is a …", "in NAME 1.2" near the
    beginning. A common word that happens to be a package's name is only mentioned.
    """
    words = list(islice(_WORD.finditer(text), MOST_WORDS))
    plain = [normalize(one[0]) for one in words]
    for at, first in enumerate(words):
        if plain[at].partition("-")[0] not in names.begins:
            continue
        start = first.start()
        for name, end in _beginning_at(text, words, plain, at, names):
            opening = start < _OPENING and bool(_INSIDE.search(text[max(0, start - 60) : start]))
            yield Named(name, text[start:end], is_subject_at(text, start, end), opening)


def _beginning_at(
    text: str, words: Sequence[re.Match[str]], plain: Sequence[str], at: int, names: Names
) -> Iterator[tuple[str, int]]:
    """The known names that begin with one word, each with where it ends; ``plain`` are the words normalised."""
    whole = joined = ""
    end = words[at].start()
    for last in range(at, min(at + names.longest, len(words))):
        word = words[last]
        if text[end : word.start()].strip():
            return
        end = word.end()
        # A word begins and ends with a letter or digit, so that of normalised words the whole is normalised.
        whole = plain[at] if last == at else f"{whole}-{plain[last]}"
        joined += word[0].lower()
        name = _as_packaged(whole, names.every)
        if name not in names.every and last > at:
            # "Home Assistant" is the package homeassistant.
            name = names.joined.get(joined, "")
        if name in names.every:
            yield name, end
        if not names.may_go_on(whole, joined):
            return


def _as_packaged(name: str, known: frozenset[str]) -> str:
    """Distributions of Linux put ``python-`` in front of what is called otherwise on PyPI."""
    if not name.startswith("python"):
        return name
    bare = name.removeprefix("python-").removeprefix("python3-")
    return bare if name not in known and bare in known else name


def mention_of(text: str, name: str) -> Named | None:
    """Where a text mentions a name, as its subject if anywhere; None if it does not."""
    parts = [part for part in _SEPARATOR.split(name) if part]
    lowered = text.casefold()
    if not all(part.casefold() in lowered for part in parts):
        # To make a pattern for a name takes as long as to judge a record.
        return None
    pattern = r"[\s._-]{0,2}".join(re.escape(part) for part in parts)
    found: Named | None = None
    for one in re.finditer(rf"(?<![\w-])(?:{pattern})(?![\w-]|\.\w)", text, re.IGNORECASE):
        this = Named(name, one[0], is_subject_at(text, one.start(), one.end()))
        if this.is_subject:
            return this
        found = found or this
    return found


def is_subject_at(text: str, start: int, end: int) -> bool:
    """Whether what stands there is what the text is about."""
    if start > _HEAD:
        return False
    before, behind = text[max(0, start - 60) : start], text[end : end + 90]
    if before.endswith("(") and behind.startswith(")"):
        # As in: the client library for Swift (python-swiftclient), and then the versions.
        return bool(_BEHIND.match(behind[1:]))
    if _BEHIND.match(behind):
        return bool(_BEFORE.search(before) or _STARTS.search(before))
    # "a flaw in VTK, and it lies …": a name of its own, for a word of the language would begin small.
    spelled = text[start:end]
    return not (spelled.isalpha() and spelled.islower()) and bool(_INSIDE.search(before)) and bool(_ENDS.match(behind))
