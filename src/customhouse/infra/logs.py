"""Logging in one shape: time, level, room, sentence, to standard error. No secret is ever an argument."""

from __future__ import annotations

import logging
import sys


def configure_logs(level: str) -> None:
    """Send the log of this process to standard error from ``level`` on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    root = logging.getLogger("customhouse")
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    root.propagate = False
