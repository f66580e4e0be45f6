"""Parameters: what no pattern lets in, and what is filled in where."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customhouse.formats.pipeline.read import read_pipeline
from customhouse.formats.pipeline.resolve import resolve
from customhouse.terms.errors import Rejected
from small_pipeline import SMALL, small, spoiled

_OPEN = SMALL.replace(r"'\d+\.\d+'", "'.*'", 1)
_ANY = read_pipeline(_OPEN)


def test_everything_is_filled_in() -> None:
    pipeline = resolve(small(), {"version": "1.2"})
    assert pipeline.tag == "v1.2"
    assert pipeline.artifact("dists").names == ("sealed-1.2.tar.gz",)
    assert pipeline.artifact("sigs").names == ("{artifact}.sigstore.json",)
    gate = pipeline.step("stop").gate
    assert gate is not None
    assert gate.ask == "Green light for 1.2?"


def test_filling_in_twice_is_as_good_as_once() -> None:
    once = resolve(small(), {"version": "1.2"})
    assert resolve(once, {"version": "1.2"}) == once


def test_a_parameter_never_splits_an_argument() -> None:
    text = spoiled(
        ('uses = "test.install"', 'uses = "test.install"\nrun = ["make", "V={version},{tag},{project}", "a b"]')
    )
    assert resolve(read_pipeline(text), {"version": "1.2"}).step("test").run == ("make", "V=1.2,v1.2,sealed", "a b")


def test_options_are_filled_in() -> None:
    text = spoiled(
        ('with = { requires = "build.txt" }', 'with = { requires = "{branch}.txt", sdist = false, epoch = 7 }')
    )
    options = resolve(read_pipeline(text), {"version": "1.2"}).step("build").options
    assert options == {"requires": "main.txt", "sdist": False, "epoch": 7}


@pytest.mark.parametrize(
    "value",
    ["$(id)", "a;b", "a b", "`id`", "a\n", "-rf", "--upload-pack=x", "a\x00", "../x", "/etc", "é", "a" * 201, "", "a|b",
     "a>b", "{version}", "a\u202eb", "${x}", "a'b", 'a"b', "a\\b", "a*", "~a", "a!b", "a#b"],
)  # fmt: skip
def test_ultralytics_a_branch_name_that_is_a_program_is_refused_whatever_the_pattern(value: str) -> None:
    pipeline = read_pipeline(_OPEN)
    with pytest.raises(Rejected, match="parameter 'version'") as caught:
        resolve(pipeline, {"version": value})
    assert caught.value.code == "bad-parameter"


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({}, "it is not given"),
        ({"version": "1"}, "does not match the parameter's pattern"),
        ({"version": "1.2x"}, "does not match the parameter's pattern"),
        ({"version": "1.2", "brnach": "main"}, "there is no parameter 'brnach'"),
        ({"version": "1.2", "tag": "v9"}, "there is no parameter 'tag'"),
    ],
)
def test_a_parameter_is_checked(params: dict[str, str], said: str) -> None:
    with pytest.raises(Rejected, match=said):
        resolve(small(), params)


@given(st.text(max_size=40))
def test_a_value_that_is_taken_holds_nothing_that_a_shell_reads(value: str) -> None:
    try:
        found = resolve(_ANY, {"version": value})
    except Rejected:
        return
    assert found.tag == f"v{value}"
    assert not set(value) & set(" \t\n$`;|&<>(){}[]*?!~#\"'\\")
