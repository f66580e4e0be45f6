"""What a file is: known from its name at once, and from its bytes once somebody has looked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from customhouse.mirror.model import Inspected
from customhouse.views.facts.shape import codes_of
from mirrored import fact, facts, mirrored, removed, sdist_of, wheel_of
from world import World

PTH = {"signals": [{"code": "pth-file", "where": "a.pth", "detail": "runs"}, {"code": "shadows-stdlib", "where": "io"}]}


@pytest.mark.parametrize(
    ("tag", "binary"),
    [
        ("py3-none-any", False), ("cp311-cp311-manylinux_2_17_x86_64", True), ("cp39-abi3-win_amd64", True),
        ("py3-none-linux_x86_64", True), ("1-py3-none-any", False),
    ],
)  # fmt: skip
def test_a_wheel_is_binary_by_its_tags(small_world: World, tag: str, *, binary: bool) -> None:
    answer = fact(small_world.app, mirrored("demo", wheel_of("demo", "1.0", tag=tag)), "binary")
    assert answer is not None
    assert answer.value is binary


def test_a_release_without_a_wheel_that_is_still_there_is_sdist_only(small_world: World) -> None:
    alone = mirrored("demo", sdist_of("demo", "1.0"), wheel_of("demo", "2.0"))
    assert fact(small_world.app, alone, "sdist-only", alone.files[0].filename).value is True  # type: ignore[union-attr] # known
    both = mirrored("demo", sdist_of("demo", "1.0"), wheel_of("demo", "1.0"))
    assert fact(small_world.app, both, "sdist-only", both.files[0].filename).value is False  # type: ignore[union-attr] # known
    gone = mirrored("demo", sdist_of("demo", "1.0"), removed(wheel_of("demo", "1.0")))
    assert fact(small_world.app, gone, "sdist-only", gone.files[0].filename).value is True  # type: ignore[union-attr] # known
    assert fact(small_world.app, alone, "kind", alone.files[0].filename).value == "sdist"  # type: ignore[union-attr] # known


def test_before_the_file_is_here_its_inside_is_unknown(small_world: World) -> None:
    found = facts(small_world.app, mirrored("demo", wheel_of("demo", "1.0")))
    for signal in ("archive", "malformed", "licence"):
        assert found.why_unknown(signal) == "the file was not here yet, so nobody has looked into it"
    assert found.why_unknown("bundled-vulnerabilities") == "nobody has looked into the wheel for libraries yet"


def test_what_the_strict_reader_found_is_told(small_world: World) -> None:
    inspected = Inspected("ab" * 32, 4711, signals=PTH, licence="MIT")
    project = mirrored("demo", replace(wheel_of("demo", "1.0"), inspected=inspected))
    found = facts(small_world.app, project)
    answers = {signal: found.fact(signal) for signal in ("archive", "malformed", "licence", "size")}
    assert {signal: one.value for signal, one in answers.items() if one is not None} == {
        "archive": frozenset({"pth-file", "shadows-stdlib"}), "malformed": False, "licence": "MIT", "size": 4711,
    }  # fmt: skip


def test_a_file_that_the_strict_reader_refuses_is_malformed(small_world: World) -> None:
    project = mirrored("demo", replace(wheel_of("demo", "1.0"), inspected=Inspected("", 9, refusal="two centres")))
    assert fact(small_world.app, project, "malformed").value is True  # type: ignore[union-attr] # known


def test_a_file_that_states_no_licence_has_none_and_that_is_known(small_world: World) -> None:
    project = mirrored("demo", replace(wheel_of("demo", "1.0"), inspected=Inspected("", 9)))
    answer = fact(small_world.app, project, "licence")
    assert answer is not None
    assert answer.value is None


def test_the_signals_of_another_customhouse_are_told_before_the_file_is_here(small_world: World) -> None:
    answer = fact(small_world.app, mirrored("demo", wheel_of("demo", "1.0", signals=PTH)), "archive")
    assert answer is not None
    assert (answer.value, answer.source) == (frozenset({"pth-file", "shadows-stdlib"}), "pypi")


@pytest.mark.parametrize(
    "signals", [{}, {"signals": None}, {"signals": "pth-file"}, {"signals": [3, None, {"code": 4}]}, {"signals": {}}]
)
def test_odd_signals_of_others_are_none(signals: dict[str, object]) -> None:
    assert codes_of(signals) == frozenset()


def test_a_size_that_upstream_does_not_say_is_unknown(small_world: World) -> None:
    project = mirrored("demo", replace(wheel_of("demo", "1.0"), size_bytes=None))
    assert fact(small_world.app, project, "size") is None
