"""Install the hooks where the repository is: ``python -m customhouse.release.git.forges.install /srv/upstream.git``."""

from __future__ import annotations

import sys
from pathlib import Path

from customhouse.release.actions import Problem
from customhouse.release.children import Children
from customhouse.release.git.forges.hook import HOOKS, install
from customhouse.release.git.git import Git

USAGE = 2
FAILED = 4


def main(arguments: list[str]) -> int:
    """Install into each repository that is named; an exit code."""
    if not arguments or any(one.startswith("-") for one in arguments):
        sys.stderr.write("usage: python -m customhouse.release.git.forges.install REPOSITORY …\n")
        return USAGE
    for one in arguments:
        try:
            install(Path(one).absolute(), Git(Children()))
        except Problem as problem:
            sys.stderr.write(f"{problem}\n")
            return FAILED
        sys.stdout.write(f"{one}: {' and '.join(HOOKS)} are in place\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
