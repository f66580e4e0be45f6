"""Readers that misbehave, run inside a walker's child."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

from customhouse.formats.examination import Examination, examine
from customhouse.terms.errors import Rejected


def hang_once(path: Path, filename: str) -> Examination:
    """Hang until killed the first time, then behave."""
    marker = path.with_suffix(".hung")
    if not marker.exists():
        os.mkfifo(marker)
        threading.Event().wait()
    return examine(path, filename)


def eat_memory(path: Path, filename: str) -> Examination:
    hoard = []
    while path.exists():
        hoard.append(bytearray(2**26))
    return examine(path, filename)


def crash(_path: Path, _filename: str) -> Examination:
    sys.stderr.write("last words\n")
    sys.stderr.flush()
    os.abort()


def spy(path: Path, _filename: str) -> Examination:
    """Tell what a hostile archive could reach, by the only way out."""
    secrets = [name for name in os.environ if name.startswith("CUSTOMHOUSE_")]
    try:
        path.with_suffix(".written").write_bytes(b"x")
        written = "writing worked"
    except OSError:
        written = "writing failed"
    raise Rejected("told", "environment", f"environment {secrets or 'clean'}, {written}")
