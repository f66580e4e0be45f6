"""What stands below the picture: what its signs mean, and each risk with what has happened and what stops it here."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from customhouse.formats.pipeline.model import Pipeline, Risk
from customhouse.release.picture.cards import gear, person, triangle
from customhouse.release.picture.elements import group, label, ring, tag
from customhouse.release.picture.seen import Seen
from customhouse.release.picture.text_width import cut, width_of, wrapped

_RISKS = "Risks, who they have happened to, and what stops them here"


def legend(width: float, y: float) -> tuple[list[str], float]:
    """The signs and their meaning, in rows; returns them, and where they end."""
    entries = [
        (person(0, 0), 11.0, "person, and how many must say yes"), (gear(0, 0), 13.0, "machine"),
        (tag("rect", x=0, y=0, width=22, height=13, rx=6.5, class_="blue"), 22.0, "artifact"),
        (_risk_sign("red"), 20.0, "risk, and something stops it"),
        (_risk_sign("open"), 20.0, "risk that nothing stops"),
        (tag("rect", x=0, y=-1, width=20, height=15, rx=4, class_="lane"), 20.0, "boundary: an environment"),
        (group(tag("circle", cx=6.5, cy=6.5, r=4.5, class_="seal")), 13.0, "digests are compared"),
        (tag("circle", cx=6.5, cy=6.5, r=6, class_="dot"), 13.0, "start"),
        (ring(6.5, 6.5), 13.0, "end"),
    ]  # fmt: skip
    parts, x = [], 20.0
    for sign, wide, text in entries:
        long = wide + 7 + width_of(text, 11) + 20
        if x + long > width - 10:
            x, y = 20.0, y + 22
        parts.append(
            group(tag("g", sign, transform=f"translate({x:.1f} {y:.1f})"), label(x + wide + 7, y + 11, text, "t-soft"))
        )
        x += long
    return parts, y + 22


@dataclass(frozen=True, slots=True)
class RiskTable:
    """The risks of the steps that are seen."""

    pipeline: Pipeline
    seen: Sequence[Seen]
    unmitigated: Collection[tuple[str, str]]
    """Risk and step, where nothing stops it."""
    tall: bool

    def draw(self, width: float, y: float) -> tuple[list[str], float]:
        """The rows from ``y`` on; returns them, and where they end."""
        risks = [one for one in self.pipeline.risks if any(one.id in each.step.risks for each in self.seen)]
        if not risks:
            return [], y
        parts = [tag("path", d=f"M20 {y + 8:.1f}H{width - 20:.1f}", class_="rule")]
        y += 30
        parts.append(label(20, y, "Risks, and what stops them" if self.tall else _RISKS, "t-lane"))
        y += 8
        for risk in risks:
            row, y = (self._tall if self.tall else self._wide)(risk, width, y)
            parts += row
        return parts, y

    def _wide(self, risk: Risk, width: float, y: float) -> tuple[list[str], float]:
        """A row of three columns: the risk, whom it has happened to, what stops it."""
        columns = (20.0, 20.0 + (width - 40) * 0.43, 20.0 + (width - 40) * 0.66)
        title, stops, is_open = self._words(risk)
        kind = "t-who t-red" if is_open else "t-who"
        y += 20
        row = group(
            triangle(columns[0], y - 17, "open" if is_open else "t-red"),
            label(columns[0] + 18, y - 7, cut(title, 11, columns[1] - columns[0] - 26), kind),
            label(columns[1], y - 7, cut(risk.attack, 11, columns[2] - columns[1] - 10), "t-soft"),
            label(columns[2], y - 7, cut(stops, 11, width - 20 - columns[2]), "t-who"),
        )
        return [row], y

    def _tall(self, risk: Risk, width: float, y: float) -> tuple[list[str], float]:
        """The same in lines below each other."""
        title, stops, is_open = self._words(risk)
        parts = [triangle(20.0, y + 4, "open" if is_open else "t-red")]
        said = f"{risk.attack}: stopped by {stops}" if risk.attack else f"stopped by {stops}"
        for text, kind in ((title, "t-who t-b"), (said, "t-soft")):
            for line in wrapped(text, 11, width - 52, 3, bold=kind != "t-soft"):
                parts.append(label(38, y + 13, line, kind))
                y += 15
        return parts, y + 5

    def _words(self, risk: Risk) -> tuple[str, str, bool]:
        """What it is and where, what stops it, and whether nothing does."""
        at = [one.step.number for one in self.seen if risk.id in one.step.risks]
        is_open = any(name == risk.id for name, _ in self.unmitigated)
        return f"{risk.title} (step {', '.join(at)})", "nothing" if is_open else ", ".join(risk.mitigations), is_open


def _risk_sign(kind: str) -> str:
    return tag("rect", x=0, y=-1, width=20, height=15, rx=3, class_=kind) + triangle(4.5, 1.5, f"t-{kind}")
