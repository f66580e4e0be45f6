"""Runs a program and carries out what it made. Runs inside a cell; for any Python from 3.8 on.

Run as ``python -I carry.py OUT PATTERNS PROGRAM…``: PATTERNS is a JSON list of patterns below the work folder. Files
that fit are copied to OUT under their own last name. Ends as the program ends; 97 if two files have one name.
"""

import glob
import json
import os
import shutil
import subprocess
import sys


def main() -> None:
    """Do it."""
    out, patterns, argv = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3:]
    try:
        code = subprocess.call(argv)  # noqa: S603  # arguments, no shell
    except OSError as error:
        sys.stderr.write(f"{argv[0]}: {error.strerror}\n")
        sys.exit(127)
    if code:
        sys.exit(code if code > 0 else 128 - code)
    for pattern in patterns:
        for path in sorted(glob.glob(pattern, recursive=True)):  # noqa: PTH207
            target = os.path.join(out, os.path.basename(path))  # noqa: PTH118, PTH119
            if os.path.islink(path) or not os.path.isfile(path):  # noqa: PTH113, PTH114
                continue
            if os.path.exists(target):  # noqa: PTH110
                sys.stderr.write(f"two files are called {os.path.basename(path)}\n")  # noqa: PTH119
                sys.exit(97)
            shutil.copyfile(path, target)


if __name__ == "__main__":
    main()
