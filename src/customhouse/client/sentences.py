"""What is told, in sentences for people. Everything that an index has said is shown without control characters."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from customhouse.client.news import Begun, Ended, FileState, Moved, News, Note, Opened, Waiting, Warned
from customhouse.formats.plain import plain

_UNITS = ("B", "kB", "MB", "GB", "TB")


def size_words(size_bytes: int) -> str:
    """A size as people read it, in powers of 1,000: ``5.2 MB``."""
    size, unit = float(size_bytes), 0
    while size >= 999.5 and unit < len(_UNITS) - 1:  # noqa: PLR2004 - would be written as four digits
        size, unit = size / 1000, unit + 1
    return f"{size:.0f} {_UNITS[unit]}" if unit == 0 or size >= 99.95 else f"{size:.1f} {_UNITS[unit]}"  # noqa: PLR2004 - three digits


def sentence(news: News) -> str | None:
    """One piece of news as a line; None for what only a bar can show."""
    match news:
        case Note(text) | Warned(text):
            return text
        case Begun(files):
            total = sum(size for _, size in files)
            return f"Sending {_count(len(files), 'file')}, {size_words(total)}."
        case Opened(name, version, _, _, expires_at, joined):
            verb = "Going on with the session of" if joined else "Opened a session for"
            return f"{verb} {name} {version}; it is kept until {expires_at}."
        case Moved():
            return None
        case FileState(filename, state, detail):
            words = {"failed": "was not taken", "sending": "is being sent", "checking": "is being checked"}
            return f"{filename} {words.get(state, f'is {state}')}{f': {detail}' if detail else '.'}"
        case Waiting():
            return "\n".join(waiting_lines(news))
        case Ended():
            return "\n".join(ended_lines(news))


def waiting_lines(news: Waiting) -> list[str]:
    """Why a release waits, and what people can do about it."""
    why = " ".join(news.reasons)
    lines = [f"{news.name} {news.version} waits for people: {why}"]
    if news.given is not None and news.wanted is not None:
        lines.append(f"{news.given} of {_count(news.wanted, 'approval')} so far.")
    # An index of ours has named them all in its sentence already.
    if not all(name in why for name in news.approvers):
        if news.wanted and news.given is None:
            lines.append(f"Still wanted: {_count(news.wanted, 'approval')}.")
        lines.append(f"May approve: {_listed(news.approvers)}.")
    if news.not_before is not None:
        lines.append(f"Not before {news.not_before}, however many approve.")
    if news.page is not None:
        lines.append(f"Approve it here, with a security key at hand: {news.page}")
    return lines


def ended_lines(news: Ended) -> list[str]:
    """How far a release has come, and how to go on."""
    release = f"{news.name} {news.version}"
    match news.state:
        case "published":
            return [f"Published {release}: {news.page}"]
        case "already published":
            return [f"{release} was published before, with these very files: {news.page}"]
        case "staged":
            return [f"Staged {release}; nothing is published yet.", *_stage(news), *_go_on()]
        case "waiting":
            return [f"{release} is staged and waits.", *_stage(news)]
        case "canceled":
            return [f"{release} was canceled meanwhile, or has expired; nothing is published."]
        case "failed":
            kept = news.session is not None
            return [
                f"{release} is not published.",
                *(["What has arrived is kept: run it again to go on."] if kept else []),
            ]


def _stage(news: Ended) -> list[str]:
    if news.stage is None:
        return []
    # Somebody will paste this into a shell, and the address is what the index says it is.
    stage, wanted = shlex.quote(news.stage), shlex.quote(f"{news.name}=={news.version}")
    return [
        "Try it, as anybody can who has this address:",
        f"  pip install --extra-index-url {stage} {wanted}",
        f"  uv pip install --index {stage} {wanted}",
        *([f"See it: {news.page}"] if news.page else []),
    ]


def _go_on() -> list[str]:
    return ["Publish it by the same command without --stage."]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _listed(names: Sequence[str]) -> str:
    shown = [plain(name, 60) for name in names]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
