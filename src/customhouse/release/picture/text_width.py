"""How wide a text is in a sans-serif face, near enough to wrap it: nothing here can ask a browser.

The widths are those of DejaVu Sans, the widest of the faces that a system is likely to have: what fits in it fits in
all of them.
"""

from __future__ import annotations

from functools import lru_cache

_BY_WIDTH = {
    0.28: "ijl'|", 0.33: " .,:;!", 0.37: "f-()[]/I", 0.42: "rt", 0.55: "scz", 0.6: "vxykaeoJLF_",
    0.64: "bdghnpqu0123456789",
    0.7: "ABCEKPRSTVXYZ", 0.79: "DGHNOQU&+=<>", 0.85: "wM", 1.0: "mW@%—…→",
}  # fmt: skip
_WIDTHS = {letter: width for width, letters in _BY_WIDTH.items() for letter in letters}
_BOLD = 1.11


@lru_cache(maxsize=4096)
def width_of(text: str, size: float, *, bold: bool = False) -> float:
    """The width in the units of ``size``, a little more rather than less."""
    return sum(map(_letter, text)) * size * (_BOLD if bold else 1.0)


def _letter(letter: str) -> float:
    # What is not Latin may be as wide as it is high.
    return _WIDTHS.get(letter, 0.64 if letter < "\u0250" else 1.0)


def cut(text: str, size: float, room: float, *, bold: bool = False) -> str:
    """The text, or its beginning with an ellipsis, so that it fits."""
    if width_of(text, size, bold=bold) <= room:
        return text
    kept = text
    while kept and width_of(f"{kept}…", size, bold=bold) > room:
        kept = kept[:-1]
    return f"{kept.rstrip()}…"


def wrapped(text: str, size: float, room: float, most: int, *, bold: bool = False) -> list[str]:
    """Lines that fit, at most so many; the last one is cut."""
    lines: list[str] = []
    words = text.split()
    while words:
        line = words.pop(0)
        if len(lines) == most - 1:
            lines.append(cut(" ".join((line, *words)), size, room, bold=bold))
            break
        while words and width_of(f"{line} {words[0]}", size, bold=bold) <= room:
            line += f" {words.pop(0)}"
        lines.append(cut(line, size, room, bold=bold))
    return lines or [""]
