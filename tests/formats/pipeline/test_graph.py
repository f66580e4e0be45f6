"""What comes before what."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customhouse.formats.pipeline import graph
from customhouse.formats.pipeline.model import Pipeline, Step
from customhouse.formats.pipeline.read import read_pipeline
from customhouse.release.template_texts import TEMPLATES, template_text
from customhouse.terms.errors import Rejected
from small_pipeline import small, spoiled


def _pipeline(follows: dict[str, tuple[str, ...]]) -> Pipeline:
    steps = tuple(Step(one, one, one, "a", "e", "gate", after=before) for one, before in follows.items())
    return Pipeline(1, 1, "x", "v{version}", (), (), (), (), (), steps)


_dags = st.integers(1, 12).flatmap(
    lambda count: st.tuples(*(st.sets(st.integers(0, one - 1)) if one else st.just(set()) for one in range(count)))
)
_any = st.integers(1, 8).flatmap(lambda count: st.tuples(*(st.sets(st.integers(0, count - 1)) for _ in range(count))))


@given(_dags, st.randoms())
def test_every_step_comes_after_what_it_follows(dag: tuple[set[int], ...], random: object) -> None:
    names = [f"s{one}" for one in range(len(dag))]
    shuffled = list(range(len(dag)))
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    pipeline = _pipeline({names[one]: tuple(names[two] for two in sorted(dag[one])) for one in shuffled})
    order = graph.order(pipeline)
    place = {one: number for number, one in enumerate(order)}
    assert sorted(order) == sorted(names)
    assert graph.cycle(pipeline) == ()
    for one, before in enumerate(dag):
        assert all(place[names[two]] < place[names[one]] for two in before)
        assert graph.before(pipeline, names[one]) >= {names[two] for two in before}
        assert all(names[one] in graph.after(pipeline, names[two]) for two in before)


@given(_any)
def test_there_is_an_order_or_a_circle(edges: tuple[set[int], ...]) -> None:
    pipeline = _pipeline({f"s{one}": tuple(f"s{two}" for two in sorted(before)) for one, before in enumerate(edges)})
    circle = graph.cycle(pipeline)
    if not circle:
        assert len(graph.order(pipeline)) == len(edges)
        return
    assert circle[0] == circle[-1]
    follows = graph.direct(pipeline)
    assert all(one in follows[two] for one, two in pairwise(circle))
    with pytest.raises(Rejected, match="wait for each other"):
        graph.order(pipeline)


def test_inputs_make_an_order() -> None:
    assert graph.direct(small())["build"] == ("commit", "push-fork")
    assert graph.before(small(), "stage") == {"freeze", "commit", "push-fork", "build"}


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_the_order_of_templates_is_a_release(name: str) -> None:
    pipeline = read_pipeline(template_text(name))
    order = graph.order(pipeline)
    assert order.index("build-src" if name == "cpython" else "build") < order.index("stage") < order.index("test")
    assert order.index("test") < order.index("sign") < order.index("publish") < order.index("push-last")


@pytest.mark.parametrize(
    ("when", "kind", "applies"),
    [
        ("kind == security", "security", True), ("kind == security", "bugfix", False),
        ("kind != 'security'", "security", False), ('kind!="security"', "bugfix", True),
    ],
)  # fmt: skip
def test_a_step_applies_when_its_condition_holds(when: str, kind: str, applies: object) -> None:
    written = when.replace('"', '\\"')
    step = read_pipeline(spoiled(('uses = "gate"', f'uses = "gate"\nwhen = "{written}"'))).step("stop")
    assert graph.applies(step, {"kind": kind}) is applies


def test_a_step_without_a_condition_always_applies() -> None:
    assert graph.applies(small().step("stop"), {})
