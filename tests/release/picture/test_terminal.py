"""A run in the terminal: a line for each step, and what it waits for, in 80 columns."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from io import StringIO

import pytest
from rich.cells import cell_len
from rich.console import Console

from customhouse.formats.pipeline.read import read_pipeline
from customhouse.release.picture.seen import time_words
from customhouse.release.picture.terminal import progress
from customhouse.release.state import State
from customhouse.release.template_texts import TEMPLATES, template_text
from picture_states import NOW, at_the_gate, fresh, stopped, template
from small_pipeline import spoiled


def _printed(state: State, width: int = 80, **more: object) -> list[str]:
    out = StringIO()
    Console(file=out, width=width, color_system=None).print(progress(state.pipeline, state, NOW, width, **more))  # type: ignore[arg-type]
    return out.getvalue().splitlines()


def test_a_run_at_a_gate() -> None:
    lines = _printed(at_the_gate(template()))
    assert lines[0] == "sealed 3.14.1  10 of 17 steps, running, 7:12 min"
    assert lines[2].split() == [
        "2",
        "✓",
        "Bring",
        "the",
        "fork",
        "to",
        "the",
        "frozen",
        "commit",
        "Release",
        "manager",
        "2.0",
        "s",
    ]
    (at,) = [number for number, one in enumerate(lines) if " ? " in one]
    assert lines[at].endswith("2 of 3 approved        5:52 min")
    assert lines[at + 1].strip() == "“Green light for sealed 3.14.1?”"
    assert lines[at + 2].strip() == "waits for Tester: customhouse release approve"


def test_what_is_to_come_is_forecast() -> None:
    pipeline = template()
    forecast = {one.id: timedelta(seconds=4) for one in pipeline.steps}
    lines = _printed(at_the_gate(pipeline), forecast=forecast)
    assert lines[0].endswith("about 28 s to go")
    assert lines[-1].endswith("~4.0 s")


def test_a_stop_says_what_was_seen_and_what_to_do() -> None:
    lines = _printed(stopped(template()))
    assert any(" ■ Install from the stage and test" in one for one in lines)
    assert lines[-2] == "Stopped (tag-moved), seen by watcher at 09:07:12 UTC."
    assert lines[-1] == "Look, then: customhouse release resume, restart or abort."
    assert sum("is at 1111111" in one for one in lines) == 1


def test_who_is_not_around_is_named() -> None:
    lines = _printed(replace(fresh(template()), status="gathering", confirmed={"rm": "rosa"}))
    assert lines[1].strip() == "Who is not around yet: Reviewer, Tester: customhouse release confirm"


@pytest.mark.parametrize("name", sorted(TEMPLATES))
@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_no_line_is_wider_than_the_terminal(name: str, width: int) -> None:
    lines = _printed(at_the_gate(template(name)), width)
    assert max(map(cell_len, lines)) <= width
    assert len(lines) >= len(template(name).steps)


def test_what_a_stranger_wrote_moves_no_cursor() -> None:
    text = spoiled(('id = "freeze"', 'id = "freeze"\ntitle = "[red]x[/] 漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字"'))
    lines = _printed(fresh(read_pipeline(text)))
    assert "[red]x[/] 漢字" in lines[1]
    assert cell_len(lines[1]) <= 80


def test_a_pipeline_that_has_not_started_is_shown() -> None:
    out = StringIO()
    pipeline = read_pipeline(template_text("cpython"))
    Console(file=out, width=80).print(progress(pipeline, None, NOW))
    assert out.getvalue().startswith("cpython: 20 steps, not started")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.7, "1:00 min"),
        (185, "3:05 min"),
        (7800, "2:10 h"),
        (300_000, "3 d"),
    ],
)
def test_times_are_short(seconds: float, said: str) -> None:
    assert time_words(timedelta(seconds=seconds)) == said
