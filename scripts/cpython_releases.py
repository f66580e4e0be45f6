"""Print lines for src/customhouse/formats/data/cpython_fixes.txt: which releases hold the commits that advisories name.

    python scripts/cpython_releases.py CLONE ADVISORIES

CLONE is a clone of python/cpython with all its tags, ADVISORIES the folder of psf/advisory-database that holds its JSON
files. Commits that stand in the table already are left out. A commit that no release holds yet is told and skipped.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from packaging.version import Version

TABLE = Path(__file__).parents[1] / "src/customhouse/formats/data/cpython_fixes.txt"
_COMMIT = re.compile(r"[0-9a-f]{40}")
_TAG = re.compile(r"v(\d+\.\d+(?:\.\d+)?(?:(?:a|b|rc)\d+)?)")


def main() -> None:
    """See the module."""
    clone, advisories = Path(sys.argv[1]), Path(sys.argv[2])
    known = {line.split()[1] for line in TABLE.read_text("utf-8").splitlines() if line.startswith("commit ")}
    for commit in sorted(commits_of(advisories)):
        if commit[:12] in known:
            continue
        releases = first_releases(tags_with(clone, commit))
        if releases:
            print("commit", commit[:12], *releases)
        else:
            print(f"no release holds {commit}", file=sys.stderr)


def commits_of(folder: Path) -> Iterator[str]:
    """The commits of GIT ranges, each where it stands."""
    for path in folder.rglob("*.json"):
        for affected in json.loads(path.read_text("utf-8")).get("affected", []):
            for one in affected.get("ranges", []):
                for event in one.get("events", []):
                    yield from (value for value in event.values() if _COMMIT.fullmatch(value))


def tags_with(clone: Path, commit: str) -> list[str]:
    """The tags that hold a commit; none if the clone has no such commit."""
    found = subprocess.run(
        ["git", "-C", str(clone), "tag", "--contains", commit], capture_output=True, text=True, check=False
    )
    return found.stdout.split()


def first_releases(tags: Iterable[str]) -> list[str]:
    """The first release of each branch, the lowest first."""
    found: dict[tuple[int, int], Version] = {}
    for release in sorted(Version(match[1]) for tag in tags if (match := _TAG.fullmatch(tag)) is not None):
        found.setdefault((release.major, release.minor), release)
    return [str(found[branch]) for branch in sorted(found)]


if __name__ == "__main__":
    main()
