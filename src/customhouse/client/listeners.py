"""Three ways to follow a publication: bars on a terminal, lines elsewhere, JSON for programs."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from dataclasses import asdict
from threading import Lock
from types import TracebackType
from typing import Any, Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

from customhouse.client.news import Begun, Ended, FileState, Moved, News, Warned
from customhouse.client.sentences import sentence

_WORDS = {"sending": "", "checking": "checking", "failed": "failed", "staged": "there", "published": "published"}
TENTHS = 10


class Listener(AbstractContextManager["Listener"]):
    """Hears all news, from several threads, between ``with`` and its end."""

    def hear(self, news: News) -> None:
        """One piece of news."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to put away."""


class Lines(Listener):
    """One line for whatever changes: for logs of CI services, and for terminals that draw nothing."""

    def __init__(self, console: Console, *, only_problems: bool = False) -> None:
        self._console = console
        self._only_problems = only_problems
        self._lock = Lock()

    def hear(self, news: News) -> None:
        """Print the sentence, if it is one that matters."""
        if self._only_problems and not _is_problem(news):
            return
        if isinstance(news, Ended) or (isinstance(news, FileState) and news.state in ("sending", "published")):
            return
        text = sentence(news)
        if text is not None:
            with self._lock:
                say(self._console, text)


class Bars(Listener):
    """A bar for each file that is on its way, and one for all of them together."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description}", markup=False), BarColumn(bar_width=16), DownloadColumn(),
            TransferSpeedColumn(), console=console, transient=True,
        )  # fmt: skip
        self._tasks: dict[str, TaskID] = {}
        self._sent: dict[str, int] = {}
        self._total: TaskID | None = None
        self._lock = Lock()

    def __enter__(self) -> Self:
        """Show the bars."""
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bars away: what remains is the table."""
        self._progress.stop()

    def hear(self, news: News) -> None:
        """Move a bar, or print a line above the bars."""
        with self._lock:
            match news:
                case Begun(files):
                    self._total = self._progress.add_task("all files", total=sum(size for _, size in files))
                case Moved(filename, sent_bytes, size_bytes):
                    self._move(filename, sent_bytes, size_bytes)
                    return
                case FileState(filename, state) if state != "failed":
                    self._progress.update(
                        self._task(filename), description=_bar_text(filename, _WORDS.get(state, state))
                    )
                    if state in ("staged", "published", "already published"):
                        self._progress.update(self._task(filename), visible=False)
                    return
                case Ended():
                    return
                case _:
                    pass
            text = sentence(news)
            if text is not None:
                say(self._progress.console, text)

    def _move(self, filename: str, sent_bytes: int, size_bytes: int) -> None:
        self._sent[filename] = sent_bytes
        self._progress.update(self._task(filename), completed=sent_bytes, total=size_bytes)
        if self._total is not None:
            self._progress.update(self._total, completed=sum(self._sent.values()))

    def _task(self, filename: str) -> TaskID:
        if filename not in self._tasks:
            self._tasks[filename] = self._progress.add_task(_bar_text(filename, ""), total=None)
        return self._tasks[filename]


class JsonLines(Listener):
    """One JSON object a line; the movements of a file are told in tenths."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._tenths: dict[str, int] = {}
        self._lock = Lock()

    def hear(self, news: News) -> None:
        """Write it down."""
        with self._lock:
            if isinstance(news, Moved):
                tenth = TENTHS * news.sent_bytes // max(1, news.size_bytes)
                if self._tenths.get(news.filename) == tenth:
                    return
                self._tenths[news.filename] = tenth
            self.write({"event": _event(news), **asdict(news)})

    def write(self, value: dict[str, Any]) -> None:
        """One object."""
        self._out.write(json.dumps(value) + "\n")
        self._out.flush()


def say(console: Console, text: str) -> None:
    """Print text as it is: nothing in it is markup, and long addresses are not broken."""
    console.print(text, markup=False, highlight=False, soft_wrap=True, emoji=False)


def _event(news: News) -> str:
    return {"FileState": "file", "Warned": "warning"}.get(type(news).__name__, type(news).__name__.lower())


def _is_problem(news: News) -> bool:
    return isinstance(news, Warned) or (isinstance(news, FileState) and news.state == "failed")


def _bar_text(filename: str, word: str) -> str:
    """The file's name in 32 columns, its end kept: that is where wheels differ."""
    width = 32 - (len(word) + 1 if word else 0)
    name = filename if len(filename) <= width else f"…{filename[-width + 1 :]}"
    return f"{name} {word}".strip().ljust(32)
