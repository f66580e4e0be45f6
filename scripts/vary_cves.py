"""Makes many distinct CVE records out of the sample: the same shapes, lengths and words, other ids, names and versions.

    .venv/bin/python scripts/vary_cves.py FOLDER [--count 44000] [--seed 1]

Each record is one of the sample's with another CVE id, with its numbers moved, its words for products and repositories
given other endings in four of five, and its sentences put in another order. So they differ from each other in
everything that is looked at, and most lead nowhere, as in the real stream.
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SAMPLE = Path(__file__).parents[1] / "tests/data/advisories/cve-sample"
ENDINGS = ("er", "ing", "kit", "ly", "ax", "io", "um", "ette", "base", "flow", "ware", "hub", "gate", "mill", "works")
OTHER_WORDS = ("plugin", "firmware", "portal", "router", "camera", "driver", "theme", "gateway", "console", "viewer")
PER_FOLDER = 1000
_NUMBER = re.compile(r"(?<=\.)\d{1,3}(?=[.\s,;]|$)")


def main() -> None:
    """Write them, a thousand in a folder as the CVE list has them."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--count", type=int, default=44_000)
    arguments.add_argument("--seed", type=int, default=1)
    given = arguments.parse_args()
    print(f"{write(given.folder, given.count, given.seed):,} records in {given.folder}")


def write(folder: Path, count: int, seed: int = 1) -> int:
    """Write so many records; the same seed gives the same."""
    for at, (cve, text) in enumerate(varied(count, seed)):
        place = folder / f"{at // PER_FOLDER}xxx"
        if at % PER_FOLDER == 0:
            place.mkdir(parents=True, exist_ok=True)
        (place / f"{cve}.json").write_text(text)
    return count


def varied(count: int, seed: int = 1) -> Iterator[tuple[str, str]]:
    """So many distinct records: id and JSON text."""
    chance = random.Random(seed)  # noqa: S311 - nothing secret
    originals = [path.read_text() for path in sorted(SAMPLE.glob("CVE-*.json"))]
    for at in range(count):
        cve = f"CVE-{2020 + at % 7}-{100_000 + at}"
        text = originals[at % len(originals)]
        document = json.loads(_renamed(text, chance, at))
        document["cveMetadata"]["cveId"] = cve
        _shuffle(document, chance, at)
        yield cve, json.dumps(document, indent=4)


def _renamed(text: str, chance: random.Random, at: int) -> str:
    """Other numbers in versions; other products, unless this is one of the fifth that keep theirs."""
    moved = _NUMBER.sub(lambda found: str((int(found[0]) + at) % 60), text)
    if at % 5 == 0:
        return moved
    ending, other = chance.choice(ENDINGS), chance.choice(OTHER_WORDS)
    document = json.loads(text)
    for name in {word for one in document["containers"]["cna"].get("affected", ()) for word in _words(one)}:
        moved = re.sub(rf"(?i)(?<![a-z]){re.escape(name)}(?![a-z])", f"{name}{ending}{at % 97}", moved)
    return re.sub(r"\b[Pp]ython\b", other, moved)


def _words(product: dict[str, Any]) -> Iterator[str]:
    for key in ("product", "packageName", "vendor"):
        for word in re.findall(r"[A-Za-z][A-Za-z-]{3,30}", str(product.get(key) or "")):
            if word.lower() not in ("unknown", "none", "apache", "software", "foundation"):
                yield word


def _shuffle(document: dict[str, Any], chance: random.Random, at: int) -> None:
    for one in document["containers"]["cna"].get("descriptions", ()):
        sentences = re.split(r"(?<=[.!?])\s+", str(one.get("value") or ""))
        tail = sentences[1:]
        chance.shuffle(tail)
        one["value"] = " ".join([*sentences[:1], *tail, f"This is variation {at}."])


if __name__ == "__main__":
    main()
