"""Logging in one shape: time, level, room, sentence, to standard error.

No secret is ever an argument; and should an API token stand in an address or in a traceback, its secret part is left
out.
"""

from __future__ import annotations

import logging
import sys

from customhouse.formats.api_token import redact


def configure_logs(level: str) -> None:
    """Send the log of this process to standard error from ``level`` on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Redacting("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    root = logging.getLogger("customhouse")
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    root.propagate = False


class _Redacting(logging.Formatter):
    """Formats a whole entry, its traceback too, then takes tokens out (A19)."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))
