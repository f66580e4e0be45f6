"""Whatever stands in a pipeline, it is read or refused with a line; and what was read can be linted and ordered."""

from __future__ import annotations

import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st

from customhouse.formats.pipeline.graph import cycle, order
from customhouse.formats.pipeline.lint import lint
from customhouse.formats.pipeline.place import BadPipeline
from customhouse.formats.pipeline.read import read_pipeline
from customhouse.formats.pipeline.vocabulary import ACTIONS, CHECKS
from small_pipeline import SMALL

LONGEST_REFUSAL = 1500
_words = st.sampled_from(
    ["rm", "ci", "commit", "tag", "dists", "stop", "kind == bugfix", "rebuild:2", "gate:stop", "{version}", "{", "files", "30m",
     "git-commit", "webauthn", "user:x", "restart:stop", "", "E", *sorted(ACTIONS)[:6], *sorted(CHECKS)[:4]]
)  # fmt: skip
_values = st.recursive(
    st.booleans() | st.integers() | st.floats() | st.dates() | _words | st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["type", "names", "pattern", "default", "kind", "machine", "need", "ask", "quorum", "by", "env", "mitigations", "title", "x"]), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip
_step = st.dictionaries(
    st.sampled_from(["id", "n", "title", "actor", "env", "uses", "run", "in", "out", "after", "gate", "checks", "rebuild", "watch", "when", "timeout", "on_fail", "always", "risks", "with", "x"]),
    _values, max_size=10,
)  # fmt: skip
_document = st.fixed_dictionaries(
    {"pipeline": st.fixed_dictionaries({"schema": st.just(1), "version": st.just(1) | _values, "project": st.just("x") | _values}) | _values,
     "params": st.just({"version": {"pattern": "a"}}) | _values},
    optional={
        **{name: st.dictionaries(st.sampled_from(["rm", "ci", "commit", "tag", "dists"]), _values, max_size=3) | _values for name in ("actors", "environments", "artifacts", "risks")},
        "steps": st.lists(_step, max_size=3) | _values, "more": _values,
    },
)  # fmt: skip


def _is_read_or_refused(text: str) -> bool:
    """Read, linted and put in order, or refused in a few words at a line that the text has."""
    try:
        pipeline = read_pipeline(text)
    except BadPipeline as refusal:
        return 1 <= refusal.line <= text.count("\n") + 1 and len(str(refusal)) < LONGEST_REFUSAL
    in_order = bool(cycle(pipeline)) or set(order(pipeline)) == {one.id for one in pipeline.steps}
    return in_order and all(one.sentence for one in lint(pipeline))


@settings(max_examples=80, deadline=None)
@given(_document)
def test_any_document_is_read_or_refused(document: dict[str, object]) -> None:
    assert _is_read_or_refused(tomlkit.dumps(document))


@settings(max_examples=120, deadline=None)
@given(st.integers(0, len(SMALL)), st.integers(0, 40), st.text(max_size=6))
def test_any_damage_is_read_or_refused(at: int, length: int, instead: str) -> None:
    assert _is_read_or_refused(SMALL[:at] + instead + SMALL[at + length :])


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 200)), min_size=1, max_size=4))
def test_any_two_words_can_be_exchanged(pairs: list[tuple[int, int]]) -> None:
    words = SMALL.split('"')
    for one, two in pairs:
        first, second = one % len(words), two % len(words)
        words[first], words[second] = words[second], words[first]
    assert _is_read_or_refused('"'.join(words))


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    assert _is_read_or_refused(text)
