"""What the comparison of two releases shows, ready to print: every text of a package escaped, nothing in it unseen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True, slots=True)
class LineRow:
    """One line of a text. ``old`` and ``new`` are line numbers, 0 where the line does not exist."""

    sign: str
    kind: str
    old: int
    new: int
    text: Markup
    note: str


@dataclass(frozen=True, slots=True)
class FileDiff:
    """One member that changed."""

    name: Markup
    what: str
    anchor: str
    sizes: str
    added: int
    removed: int
    compared: bool
    """Whether its lines were compared, so that the two numbers say something."""
    notes: Sequence[Markup]
    digests: Sequence[tuple[str, str]]
    hunks: Sequence[Sequence[LineRow]]
    alone: str
    """The address at which it is shown alone, if something of it was left out; else empty."""
    open: bool


@dataclass(frozen=True, slots=True)
class Notable:
    """Something to look at first."""

    code: str
    meaning: str
    where: Markup
    detail: Markup


@dataclass(frozen=True, slots=True)
class FieldRow:
    """A metadata field with the values that went and that came."""

    field: str
    gone: Sequence[Markup]
    come: Sequence[Markup]
    left: int


@dataclass(frozen=True, slots=True)
class PairRow:
    """Two files that can be compared."""

    old: str
    new: str
    address: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Hidden:
    """A file that strangers do not see, and why."""

    filename: str
    why: str


@dataclass(frozen=True, slots=True)
class DiffView:
    """The whole comparison."""

    display: str
    normalized: str
    old: str
    new: str
    versions: Sequence[str]
    """Newest first, for the form."""
    chooser: str
    """Where the form that chooses two versions leads; empty for none."""
    address: str
    pairs: Sequence[PairRow]
    alone: Sequence[str]
    """Files of the new release with nothing to compare with."""
    hidden: Sequence[Hidden]
    member: str
    """The one member that is shown, or empty."""
    same_bytes: bool
    signals: Sequence[Notable]
    signals_gone: Sequence[Notable]
    fields: Sequence[FieldRow]
    counts: Sequence[tuple[str, int]]
    added: int
    removed: int
    bar: tuple[float, float]
    """The widths of the two parts of the picture, of 100."""
    files: Sequence[FileDiff]
    noise: Sequence[FileDiff]
    changes_left: int
