"""Pictures: well-formed, without scripts, with words for those who do not see them; and live."""

from __future__ import annotations

import re
import runpy
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from customhouse.formats.pipeline.read import read_pipeline
from customhouse.release.events import Rebuilt
from customhouse.release.picture.colours import DARK, LIGHT
from customhouse.release.picture.draw import draw
from customhouse.release.picture.text_width import width_of
from customhouse.release.template_texts import TEMPLATES, template_text
from customhouse.terms.errors import Rejected
from picture_states import BEGIN, NOW, at_the_gate, fresh, stopped, template
from small_pipeline import SMALL, small, spoiled

_SVG = "{http://www.w3.org/2000/svg}"
ROOT = Path(__file__).parents[3]
_SIZES = {"t-step": (12.5, True), "t-who": (11.0, False), "t-chip": (10.5, False)}


def _texts(svg: str) -> list[str]:
    return [one.text or "" for one in ET.fromstring(svg).iter(f"{_SVG}text")]  # noqa: S314 - our own picture


def _titles(svg: str) -> str:
    return "\n".join(one.text or "" for one in ET.fromstring(svg).iter(f"{_SVG}title"))  # noqa: S314 - as above


def _named(name: str) -> str:
    return draw(read_pipeline(template_text(name)))


@pytest.mark.parametrize("name", sorted(TEMPLATES))
@pytest.mark.parametrize("shape", ["wide", "tall"])
def test_every_template_is_drawn_well_formed_and_without_scripts(name: str, shape: str) -> None:
    svg = draw(read_pipeline(template_text(name)), shape="tall" if shape == "tall" else "wide")
    tags = {one.tag.removeprefix(_SVG) for one in ET.fromstring(svg).iter()}  # noqa: S314 - as above
    assert tags <= {"svg", "title", "desc", "style", "rect", "path", "circle", "text", "g"}
    assert " on" not in re.sub(r">[^<]*<", "><", svg)
    assert "href" not in svg
    assert "url(" not in svg


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_every_step_is_told_in_words(name: str) -> None:
    pipeline = read_pipeline(template_text(name))
    root = ET.fromstring(draw(pipeline, key="here"))  # noqa: S314 - as above
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == "here-title here-desc"
    desc = root.find(f"{_SVG}desc")
    assert desc is not None
    assert all(f"{step.number} {step.title}" in (desc.text or "") for step in pipeline.steps)


@pytest.mark.parametrize("name", sorted(TEMPLATES))
@pytest.mark.parametrize("shape", ["wide", "tall"])
def test_no_words_on_a_card_are_wider_than_it(name: str, shape: str) -> None:
    svg = draw(read_pipeline(template_text(name)), shape="tall" if shape == "tall" else "wide")
    seen = 0
    for card, texts in _cards(svg):
        right = float(card.get("x", 0)) + float(card.get("width", 0))
        for text in texts:
            size, bold = _SIZES[(text.get("class") or "").split()[0]]
            assert float(text.get("x", 0)) + width_of(text.text or "", size, bold=bold) <= right + 0.5, text.text
            seen += 1
    assert seen > 20


def _cards(svg: str) -> Iterator[tuple[ET.Element, list[ET.Element]]]:
    for group in ET.fromstring(svg).iter(f"{_SVG}g"):  # noqa: S314 - as above
        card = next((one for one in group.findall(f"{_SVG}rect") if one.get("class") == "card"), None)
        if card is not None:
            yield card, [one for one in group.iter(f"{_SVG}text") if (one.get("class") or "").split()[0] in _SIZES]


def test_what_a_stranger_wrote_is_text_and_nothing_else() -> None:
    text = spoiled(
        ('id = "freeze"', 'id = "freeze"\ntitle = "<script>alert(1)</script> & \\"x\\" \' ]]>"'),
        ("rm = {", "rm = { title = '<b onload=x>',"), ("[risks.tamper]", "[risks.tamper]\ntitle = '</svg><a>'"),
    )  # fmt: skip
    svg = draw(read_pipeline(text))
    root = ET.fromstring(svg)  # noqa: S314 - as above
    assert not {"script", "b", "a"} & {one.tag.removeprefix(_SVG) for one in root.iter()}
    assert "<script>alert(1)</script> &" in _titles(svg)


def test_what_lint_finds_is_outlined_in_red() -> None:
    assert 'class="planned bad"' not in draw(small())
    svg = draw(read_pipeline(spoiled(('watch = ["tag"]', ""))))
    assert svg.count('class="planned bad"') == 1
    assert "From here on its tag could be moved" in _titles(svg)


def test_a_risk_that_nothing_stops_is_filled_with_red() -> None:
    svg = draw(read_pipeline(spoiled(('mitigations = ["rebuild:2"]', 'mitigations = ["rebuild:3"]'))))
    assert 'rx="3" class="open"' in svg.partition("must say yes")[0]
    assert "nothing of this pipeline stops it" in _titles(svg)


def test_a_circle_has_no_picture_and_says_so() -> None:
    with pytest.raises(Rejected, match="wait for each other"):
        draw(read_pipeline(spoiled(('in = ["frozen"]', 'in = ["frozen"]\nafter = ["build"]'), step="commit")))


def test_a_run_shows_status_times_and_approvals() -> None:
    pipeline = template()
    texts = _texts(draw(pipeline, at_the_gate(pipeline), now=NOW))
    assert "Release of sealed 3.14.1" in texts
    assert "running, 10 of 17 steps, 7:12 min" in texts
    assert "done · 2.0 s" in texts
    assert "2 of 3 yes" in texts
    assert "asked · 5:52 min" in texts


def test_who_has_not_yet_said_yes_is_told() -> None:
    pipeline = template()
    assert "still to say yes: Tester" in _titles(draw(pipeline, at_the_gate(pipeline), now=NOW))


def test_digests_are_shown_where_the_pointer_rests() -> None:
    pipeline = template()
    state = at_the_gate(pipeline)
    (thing,) = state.artifacts["commit"]
    svg = draw(pipeline, state, now=NOW)
    assert f"commit: gitCommit {thing.digest}" in _titles(svg)
    assert any(thing.digest[:7] in one for one in _texts(svg))


def test_a_stop_says_what_was_seen_and_by_whom() -> None:
    pipeline = template()
    svg = draw(pipeline, stopped(pipeline), now=NOW)
    assert any("Seen by watcher: fork: refs/tags/v3.14.1 is at 1111111" in one for one in _texts(svg))
    assert 'class="stopped"' in svg


@pytest.mark.parametrize(("agrees", "said"), [(True, "agrees"), (False, "differs")])
def test_a_rebuild_says_whether_it_agrees(agrees: bool, said: str) -> None:
    pipeline = template()
    state = at_the_gate(pipeline)
    built = replace(state.steps["build"], rebuilds=(Rebuilt("build", 1, "ci-b", {}, agrees, {}),))
    svg = draw(pipeline, replace(state, steps={**state.steps, "build": built}), now=NOW)
    assert said in _texts(svg)


def test_a_skipped_step_is_drawn_as_skipped() -> None:
    pipeline = template("cpython")
    state = fresh(pipeline)
    steps = {**state.steps, "build-win": replace(state.steps["build-win"], status="skipped")}
    assert "skipped" in _texts(draw(pipeline, replace(state, steps=steps), now=BEGIN + timedelta(seconds=1)))


def test_the_picture_is_the_same_each_time() -> None:
    assert draw(read_pipeline(SMALL)) == draw(read_pipeline(SMALL))


def test_themes_have_one_set_of_colours_or_both() -> None:
    assert "prefers-color-scheme:dark" in draw(small())
    assert "prefers-color-scheme" not in draw(small(), theme="light")
    assert LIGHT["paper"] not in draw(small(), theme="dark")


@pytest.mark.parametrize("colours", [LIGHT, DARK])
@pytest.mark.parametrize(
    ("text", "ground"),
    [
        ("ink", "paper"), ("soft", "paper"), ("ink", "card"), ("soft", "card"), ("soft", "lane"), ("ink", "lane"),
        ("on-gold", "gold"), ("on-blue", "blue"), ("on-blue", "lane"), ("on-red", "red"), ("on-bold", "bold-red"), ("on-bold", "green"),
        ("on-bold", "teal"), ("on-bold", "purple"), ("green", "card"), ("teal", "card"), ("bold-red", "card"), ("purple", "card"),
    ],
)  # fmt: skip
def test_every_text_can_be_read_on_its_ground(colours: dict[str, str], text: str, ground: str) -> None:
    one, two = sorted((_luminance(colours[text]), _luminance(colours[ground])))
    assert (two + 0.05) / (one + 0.05) >= 4.5


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_the_figures_of_the_documents_are_up_to_date() -> None:
    figures = runpy.run_path(str(ROOT / "scripts" / "draw_pipelines.py"))["figures"]()
    for path, svg in figures.items():
        assert path.read_text("utf-8") == svg, f"{path.name}: run scripts/draw_pipelines.py"
