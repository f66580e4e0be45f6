"""Logging in one shape: time, level, room, sentence, to standard error.

No secret is ever an argument; and should an API token, a link from a mail or a stage's secret stand in an address or a
traceback, its secret part is left out. Whatever others have written stays in its line: no name can add an entry (A49).
"""

from __future__ import annotations

import logging
import re
import sys
from typing import Any

from customhouse.formats.api_token import redact

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")
_STAGE = re.compile(r"(/(?:stage|upload/files)/)[0-9a-f]{64}", re.ASCII)
_LINK = re.compile(r"\b([a-z2-7]{26})\.[A-Za-z0-9_-]{43}", re.ASCII)


def configure_logs(level: str) -> None:
    """Send the log of this process to standard error from ``level`` on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Redacting("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    root = logging.getLogger("customhouse")
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    root.propagate = False


class _Redacting(logging.Formatter):
    """Formats a whole entry, its traceback too, then takes tokens and links out (A19)."""

    def format(self, record: logging.LogRecord) -> str:
        return _STAGE.sub(r"\1…", _LINK.sub(r"\1.…", redact(super().format(record))))

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the library's name
        """The sentence in one line."""
        record.message = _escaped(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:  # noqa: N802 - the library's name
        """The traceback, each line set in, so that none begins like an entry."""
        return "\n".join(f"  {_escaped(line)}" for line in super().formatException(ei).split("\n"))


def _escaped(text: str) -> str:
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
