"""What of a project is searched: its name, and what the newest version says of itself. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from customhouse.formats.metadata import CoreMetadata
from customhouse.formats.search_words import name_words, words

DESCRIPTION_CHARACTERS = 20 * 1024
MAX_WORDS = 4000
"""Of one field. A position in a tsvector counts to 16,383, and there are four fields."""
_HEAD_WORDS = 200
_POSITIONS = 8


@dataclass(frozen=True, slots=True)
class Document:
    """The words of one project by field, the weightiest field first."""

    name: Sequence[str]
    summary: Sequence[str]
    keywords: Sequence[str]
    classifiers: Sequence[str]
    description: Sequence[str]

    @property
    def fields(self) -> tuple[Sequence[str], ...]:
        """All fields, in the order of their weights."""
        return (self.name, self.summary, self.keywords, self.classifiers, self.description)


def document(display: str, metadata: CoreMetadata) -> Document:
    """The words of a project with this name and these metadata; of the description only the first 20 kB."""
    return Document(
        name=name_words(display),
        summary=_words(metadata.summary),
        keywords=_words(" ".join(metadata.keywords)),
        classifiers=_words(" ".join(metadata.classifiers)),
        description=_words(metadata.description[:DESCRIPTION_CHARACTERS]),
    )


def lexemes(of: Document) -> list[str]:
    """Every word once, and each word of the name once more behind an ``=``: what a PostgreSQL query matches."""
    return sorted({word for field in of.fields for word in field} | {f"={word}" for word in of.name})


def head_vector(of: Document) -> str:
    """The literal of a tsvector by which PostgreSQL ranks: A the name, B the summary, C keywords, D classifiers."""
    places: dict[str, list[str]] = {}
    position = 0
    for weight, field in zip("ABCD", of.fields, strict=False):
        for word in field[:_HEAD_WORDS]:
            position += 1
            places.setdefault(word, []).append(f"{position}{weight}")
    return " ".join(f"'{word}':{','.join(found[:_POSITIONS])}" for word, found in places.items())


def _words(text: str) -> list[str]:
    return list(islice(words(text), MAX_WORDS))
