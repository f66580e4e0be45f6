"""What is seen while files travel: on a terminal, in a log, and by programs."""

from __future__ import annotations

import io
import json
import re

import pytest
from rich.console import Console

from customhouse.client.listeners import Bars, JsonLines, Lines
from customhouse.client.news import Begun, Ended, FileState, Moved, News, Note, Opened, Waiting, Warned

WHEEL = "a_project_with_a_long_name-1.0-cp312-cp312-manylinux_2_28_x86_64.whl"
NEWS: list[News] = [
    Begun(((WHEEL, 10_000_000), ("b-1.0.tar.gz", 300))),
    Opened("a", "1.0", "u", None, "2030-08-01T12:00:00Z", joined=False),
    FileState(WHEEL, "sending"), Moved(WHEEL, 4_000_000, 10_000_000), Moved("b-1.0.tar.gz", 300, 300),
    FileState("b-1.0.tar.gz", "failed", "[bold]It[/] lies :smile: about https://example.org/"), Moved(WHEEL, 10_000_000, 10_000_000),
    FileState(WHEEL, "checking"), FileState(WHEEL, "staged"), Note("[red]A note[/]"), Warned("Beware."),
    Waiting("a", "1.0", ("It needs people.",), 1, 2, (), None, "https://example.org/page"),
    Ended("a", "1.0", "waiting", None, None, None),
]  # fmt: skip


def test_bars_fit_eighty_columns_and_sentences_stay_as_they_are() -> None:
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=True, width=80, color_system=None, _environ={})
    with Bars(console) as bars:
        for news in NEWS:
            bars.hear(news)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.getvalue())
    lines = [line.rstrip() for line in re.split(r"[\r\n]+", text)]
    assert "b-1.0.tar.gz was not taken: [bold]It[/] lies :smile: about https://example.org/" in lines
    assert "[red]A note[/]" in lines
    assert any(line.startswith("…") and "x86_64.whl" in line for line in lines), (
        "the end of a wheel's name is what differs"
    )
    assert max(len(line) for line in lines if "━" in line) <= 80
    assert not any("Ended" in line or "is staged and waits" in line for line in lines), "that stands below the table"


def test_lines_tell_what_changes_and_quiet_ones_only_what_goes_wrong() -> None:
    for only_problems, expected in ((False, 10), (True, 2)):
        shown = io.StringIO()
        with Lines(Console(file=shown, width=40), only_problems=only_problems) as lines:
            for news in NEWS:
                lines.hear(news)
        told = shown.getvalue().splitlines()
        assert len(told) == expected, told
        assert "b-1.0.tar.gz was not taken: [bold]It[/] lies :smile: about https://example.org/" in told
        assert "Beware." in told


@pytest.mark.parametrize("steps", [1000])
def test_programs_hear_of_movements_in_tenths(steps: int) -> None:
    out = io.StringIO()
    with JsonLines(out) as lines:
        for step in range(steps + 1):
            lines.hear(Moved(WHEEL, step, steps))
        lines.hear(Warned("Beware."))
    read = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [one["event"] for one in read] == ["moved"] * 11 + ["warning"]
    assert read[-2] == {"event": "moved", "filename": WHEEL, "sent_bytes": steps, "size_bytes": steps}
