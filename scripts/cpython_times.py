"""Writes the times and the picture of the last proof of CPython's release into `docs/release-cpython.md`.

``pytest -m prove tests/proofs/test_release_cpython.py`` measures them and leaves them in ``.cache/cpython``.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
MEASURED, PAGE = ROOT / ".cache" / "cpython", ROOT / "docs" / "release-cpython.md"
STEPS = {
    "1": ("freeze",), "2": ("fork",), "3": ("changelog", "bump"), "4": ("commit",), "5": ("push-fork",),
    "6a": ("build-src",), "6b": ("build-win",), "6c": ("build-mac",), "6e": ("sbom",), "7a": ("stage",),
    "7b": ("test",), "7c": ("stop",), "8": ("sign",), "9": ("publish",), "9b": ("fetch-back",), "10": ("push-last",),
    "10b": ("unfreeze",), "10c": ("announce",),
}  # fmt: skip
"""The rows of the page's table, and which steps each tells of."""


def main() -> None:
    """Write; a release that did not come to its end tells nothing."""
    found = json.loads((MEASURED / "figures.json").read_text())
    if found["status"] != "released":
        raise SystemExit(f"The last proof ended as {found['status']}: {found['stop']}. Run it again.")
    text = PAGE.read_text()
    for row, steps in STEPS.items():
        took = seconds(found["steps"], steps)
        text, there = re.subn(rf"^(\| {row} \|.*\| )[^|]*( \|)$", rf"\g<1>{took}\g<2>", text, flags=re.MULTILINE)
        if there != 1:
            raise SystemExit(f"{PAGE.name} has {there} rows for the step {row}.")
    whole = f"**{found['seconds']:.0f}** ({found['seconds'] / 60:.0f} minutes)"
    text = re.sub(r"^(\| \| \*\*whole run\*\* .*\| )[^|]*( \|)$", rf"\g<1>{whole}\g<2>", text, flags=re.MULTILINE)
    before, after = found["load_before"][0], found["load_after"][0]
    how = f"Measured with {found['processors']} processors; load {before:.1f} at the beginning, {after:.1f} at the end."
    PAGE.write_text(re.sub(r"^Measured with .*$", how, text, flags=re.MULTILINE))
    shutil.copyfile(MEASURED / "run.svg", ROOT / "docs" / "figures" / "release-cpython-run.svg")


def seconds(steps: Mapping[str, Any], names: tuple[str, ...]) -> str:
    """``2.0``, and how long people took beside it, if they were asked."""
    took, people = (sum(steps[name][what] for name in names) for what in ("seconds", "people"))
    return f"{took:.1f}" + (f" (people, played: {people:.1f})" if people else "")


if __name__ == "__main__":
    main()
