"""Tells how well triage judges the labelled sample: per half, with thresholds chosen on the other half.

What is known beforehand is the PyPA's database without the advisories of the sample. The halves are every other record
by id. On each half the scores are chosen from which a record becomes an advisory by itself (of those with a precision
of 0.97 the one with the highest recall) and from which somebody looks at it (the highest with the recall of the
lowest); the other half is judged with them. The program's own thresholds are reported beside.

A second check has nothing to do with the sample: the texts and links of all advisories of the PyPA's database, in five
parts, each judged with what the other four tell. There is no record in it that concerns no package; it shows how often
the wrong one is taken.

    .venv/bin/python scripts/triage_report.py [--names]     --names: each record that was not judged as it is labelled
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from customhouse.advisories.triage.judge import judge
from customhouse.advisories.triage.model import AUTOMATIC, QUEUE, Judgement
from triaging import is_noise, known_without, labels, pypa_texts, sample

PRECISION = 0.97
AUTOMATIC_TRIED, QUEUE_TRIED = range(QUEUE, 20), range(QUEUE, 10)
GROUPS = ("pypi", "pypi-missed", "other-hard", "other", "noise")
OUTCOMES = ("automatic, right", "automatic, wrong", "queue, right", "queue, other", "none")


@dataclass(frozen=True)
class Seen:
    """A record of the sample, what it is, and what was thought of it."""

    group: str
    expected: frozenset[str]
    judgement: Judgement

    @property
    def concerns(self) -> bool:
        """Whether it concerns a package."""
        return self.group.startswith("pypi")

    def outcome(self, automatic: int, queue: int) -> str:
        """What becomes of it with these thresholds."""
        taken = {one.package for one in self.judgement.automatic_from(automatic)}
        if taken:
            return "automatic, right" if taken <= self.expected else "automatic, wrong"
        looked = {one.package for one in self.judgement.candidates if one.score >= queue}
        if looked & self.expected:
            return "queue, right"
        return "queue, other" if looked else "none"


@dataclass(frozen=True)
class Figures:
    """The three figures that the bars are set for; noise is not among them."""

    precision: float
    recall: float
    queue_recall: float
    hard: int
    """Hard negatives that became advisories by themselves."""


def seen() -> dict[str, Seen]:
    """The whole sample, judged."""
    known, rows = known_without(labels()), labels()
    return {
        cve: Seen(
            "noise" if is_noise(row) else row["label"], frozenset(row["packages"].split()), judge(sample()[cve], known)
        )
        for cve, row in rows.items()
    }


def figures(records: Sequence[Seen], automatic: int = AUTOMATIC, queue: int = QUEUE) -> Figures:
    """Of some records with these thresholds."""
    counted = [(one, one.outcome(automatic, queue)) for one in records if one.group != "noise"]
    right = sum(outcome == "automatic, right" for _, outcome in counted)
    wrong = sum(outcome == "automatic, wrong" for _, outcome in counted)
    concerns = sum(one.concerns for one, _ in counted)
    found = sum(one.concerns and outcome in ("automatic, right", "queue, right") for one, outcome in counted)
    hard = sum(one.group == "other-hard" and outcome == "automatic, wrong" for one, outcome in counted)
    return Figures(right / max(right + wrong, 1), right / max(concerns, 1), found / max(concerns, 1), hard)


def chosen(records: Sequence[Seen]) -> tuple[int, int]:
    """The thresholds that these records suggest."""
    precise = [one for one in AUTOMATIC_TRIED if figures(records, one).precision >= PRECISION]
    automatic = max(precise, key=lambda one: (figures(records, one).recall, one), default=AUTOMATIC)
    best = figures(records, automatic, QUEUE).queue_recall
    queue = max(one for one in QUEUE_TRIED if figures(records, automatic, one).queue_recall == best)
    return automatic, queue


def print_table(records: Sequence[Seen], automatic: int, queue: int) -> None:
    """The confusion: what records are, and what becomes of them."""
    counts = Counter((one.group, one.outcome(automatic, queue)) for one in records)
    print(f"  {'':14}" + "".join(f"{outcome:>18}" for outcome in OUTCOMES))
    for group in GROUPS:
        print(f"  {group:14}" + "".join(f"{counts[group, outcome]:18}" for outcome in OUTCOMES))


def print_figures(title: str, found: Figures) -> None:
    """One line."""
    print(
        f"{title}: automatic precision {found.precision:.3f}, recall {found.recall:.3f}; queue recall"
        f" {found.queue_recall:.3f}; hard negatives automatic {found.hard}"
    )


PARTS = 5


def print_database() -> None:
    """The second check."""
    counts: Counter[str] = Counter()
    texts, packages = pypa_texts()
    for part in range(PARTS):
        ids = [one for at, one in enumerate(sorted(texts)) if at % PARTS == part]
        known = known_without(ids)
        for cve in ids:
            one = Seen("pypi", packages[cve], judge(texts[cve], known))
            counts[one.outcome(AUTOMATIC, QUEUE)] += 1
    right, wrong = counts["automatic, right"], counts["automatic, wrong"]
    precision = right / (right + wrong)
    print(f"{counts.total()} CVEs of the PyPA's database: {dict(counts)}; automatic precision {precision:.4f}")


def main() -> None:
    """Print all of it."""
    every: Mapping[str, Seen] = seen()
    ids = sorted(every)
    halves = {"first": [every[one] for one in ids[0::2]], "second": [every[one] for one in ids[1::2]]}
    for name, half in halves.items():
        other = next(key for key in halves if key != name)
        automatic, queue = chosen(halves[other])
        print_figures(
            f"{name} half ({len(half)}), thresholds {automatic} and {queue} of the other",
            figures(half, automatic, queue),
        )
        print_table(half, automatic, queue)
    print_figures(f"all, the program's thresholds {AUTOMATIC} and {QUEUE}", figures(list(every.values())))
    print_table(list(every.values()), AUTOMATIC, QUEUE)
    print_database()
    if "--names" in sys.argv[1:]:
        for cve, one in every.items():
            outcome = one.outcome(AUTOMATIC, QUEUE)
            if outcome != "automatic, right" and (one.concerns or outcome != "none"):
                thought = ", ".join(
                    f"{each.package} {each.score} {'/'.join(each.stops)}" for each in one.judgement.candidates[:3]
                )
                print(f"{cve} {one.group} {' '.join(sorted(one.expected)) or '–'}: {outcome}: {thought}")


if __name__ == "__main__":
    main()
