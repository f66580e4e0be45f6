"""One line of a decision spool: how often a client network asked a view for the same thing on a day, and what it heard.

A JSON array, because rules are named by people.
"""

from __future__ import annotations

import json
from datetime import date
from typing import Literal, NamedTuple, get_args

from customhouse.terms.errors import Rejected

Kind = Literal["page", "file", "metadata"]
MAX_TIMES = 10**12
MOST_LETTERS = {"view": 60, "project": 100, "filename": 300, "version": 128, "verdict": 8, "rule": 100, "agent": 40}


class Asked(NamedTuple):
    """What somebody asked a view for, and what was answered."""

    view: str
    kind: Kind
    project: str
    """Normalised."""
    filename: str = ""
    """Empty for a page."""
    version: str = ""
    """The file's; of a page the newest version that was offered, empty if none was."""
    verdict: str = "allow"
    """What the policy said: an action, or ``unknown`` if there is no such project or file."""
    rule: str = ""
    """Which rule decided, of a page the one that hides the newest version; empty if none."""

    def cut(self) -> Asked:
        """The same within the bounds of the table."""
        bounds = MOST_LETTERS
        return self._replace(
            view=self.view[: bounds["view"]], project=self.project[: bounds["project"]],
            filename=self.filename[: bounds["filename"]], version=self.version[: bounds["version"]],
            verdict=self.verdict[: bounds["verdict"]], rule=self.rule[: bounds["rule"]],
        )  # fmt: skip


class Noted(NamedTuple):
    """A client network asked so many times on a day (UTC). ``client`` is a keyed hash that differs from day to day."""

    day: date
    asked: Asked
    client: bytes
    agent: str
    ci: bool
    times: int


def encode_decision(noted: Noted) -> bytes:
    """The line, with its newline."""
    values = [noted.day.isoformat(), *noted.asked, noted.client.hex(), noted.agent, noted.ci, noted.times]
    return json.dumps(values, separators=(",", ":")).encode() + b"\n"


def decode_decision(line: bytes) -> Noted:
    """The inverse of `encode_decision`; raises `Rejected` for a line that a power cut has damaged."""
    try:
        values = json.loads(line)
        day, view, kind, project, filename, version, verdict, rule, client, agent, ci, times = values
        asked = Asked(view, kind, project, filename, version, verdict, rule)
        found = Noted(date.fromisoformat(day), asked, bytes.fromhex(client), agent, ci, times)
    except (ValueError, TypeError, RecursionError) as error:
        raise Rejected("bad-decision-line", "decision spool", "the line is damaged") from error
    if not _is_right(found):
        raise Rejected("bad-decision-line", "decision spool", "the line is damaged")
    return found


def _is_right(found: Noted) -> bool:
    texts = {**found.asked._asdict(), "agent": found.agent}
    del texts["kind"]
    return (
        all(isinstance(text, str) and len(text) <= MOST_LETTERS[name] and "\0" not in text
            for name, text in texts.items())
        and found.asked.kind in get_args(Kind)
        and bool(found.asked.view and found.asked.project and found.client)
        and isinstance(found.ci, bool)
        and type(found.times) is int
        and 0 < found.times <= MAX_TIMES
    )  # fmt: skip
