"""Cases at the command line, as an operator types it."""

from __future__ import annotations

import pytest

from command_line import customhouse
from packages import wheel
from reporting import village
from world import World

pytestmark = pytest.mark.slow
EVIL = wheel(version="2.0", files={"demo/__init__.py": b"x = 2\n", "evil.pth": b"import os\n"})


def run(world: World, *arguments: str) -> tuple[int, str]:
    done = customhouse(*arguments, "--data", str(world.app.settings.data))
    return done.returncode, done.stdout or done.stderr


def test_an_operator_lists_shows_decides_and_undoes(small_world: World) -> None:
    made = village(small_world)
    made.publish(EVIL, version="2.0")
    made.report(
        "olga", version="2.0", text="Ring\x1b[2J the bell.\nTwice.", evidence_path="evil.pth", evidence_line="1"
    )
    made.report("trusty", version="2.0")
    code, text = run(small_world, "case", "list")
    assert (code, "demo (quarantined)" in text, "malware" in text) == (0, True, True)
    code, text = run(small_world, "case", "show", "1")
    assert code == 0
    for expected in (
        "  | RingU+001B[2J the bell.",
        "  | Twice.",
        "in: evil.pth:1",
        "pth-file evil.pth",
        "by alice",
        "(trusted, ",
    ):
        assert expected in text, expected
    assert "\x1b" not in text
    code, text = run(
        small_world, "case", "verdict", "1", "malware", "--note", "Only 2.0.", "--version", "2.0", "--freeze", "alice"
    )
    assert (code, text) == (0, "Case 1 about demo is decided: malware.\n")
    assert made.status() == ("active", "")
    assert made.fetch(EVIL) == 403
    assert "Only 2.0." in run(small_world, "case", "show", "1")[1]
    assert "malware" in run(small_world, "case", "list", "--closed")[1]
    assert run(small_world, "case", "undo", "1", "--note", "Wrong.")[0] == 0
    assert made.status()[0] == "quarantined"


def test_an_operator_marks_reporters(small_world: World) -> None:
    made = village(small_world)
    assert run(small_world, "case", "trust", "olga", "--reason", "Known.") == (0, "olga is now a trusted reporter.\n")
    assert run(small_world, "case", "trust", "olga", "--reason", "Left.", "--remove")[0] == 0
    assert made.kinds()[-2:] == ["reporter-trusted", "reporter-distrusted"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["show", "9"], "There is no case 9"),
        (["verdict", "9", "malware", "--note", "x"], "There is no case 9"),
        (["verdict", "9", "guilty", "--note", "x"], "guilty"),
        (["undo", "9", "--note", "x"], "There is no case 9"),
        (["trust", "nobody", "--reason", "x"], "nobody"),
    ],
)
def test_a_mistake_is_named_and_leaves_with_two(small_world: World, arguments: list[str], said: str) -> None:
    code, text = run(small_world, "case", *arguments)
    assert (code, said in text) == (2, True), text
