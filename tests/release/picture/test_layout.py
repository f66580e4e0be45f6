"""For whatever graph, no two boxes overlap, arrows go down, and none runs through a box."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from customhouse.release.picture.layout import Arrow, Box, Layout, Measures, lay_out

_LANES = ("a", "b", "c", "d")


@st.composite
def _graphs(draw: st.DrawFn) -> tuple[list[Box], list[Arrow]]:
    count = draw(st.integers(1, 14))
    boxes = [Box(str(one), draw(st.sampled_from(_LANES)), draw(st.floats(30, 160))) for one in range(count)]
    arrows = []
    for one in range(1, count):
        arrows += [Arrow(str(two), str(one)) for two in sorted(draw(st.sets(st.integers(0, one - 1), max_size=4)))]
    for one in draw(st.sets(st.integers(0, count - 1), max_size=3)):
        other = draw(st.sampled_from(_LANES))
        at = next(number for number, box in enumerate(boxes) if box.id == str(one))
        if other != boxes[at].lane:
            boxes.insert(at + 1, Box(f"{one}~", other, 40.0, str(one)))
    return boxes, arrows


def _overlap(layout: Layout) -> list[tuple[str, str]]:
    placed = list(layout.boxes.values())
    return [
        (one.box.id, two.box.id)
        for number, one in enumerate(placed) for two in placed[:number]
        if one.x < two.x + two.width and two.x < one.x + one.width and one.y < two.bottom and two.y < one.bottom
    ]  # fmt: skip


def _run_through(layout: Layout) -> list[tuple[Arrow, str]]:
    """Arrows that have a piece inside of a box: a piece may end at an edge."""
    found = []
    for arrow, points in layout.paths.items():
        for (ax, ay), (bx, by) in pairwise(points):
            for one in layout.boxes.values():
                across = min(ax, bx) < one.x + one.width - 0.1 and max(ax, bx) > one.x + 0.1
                if across and min(ay, by) < one.bottom - 0.1 and max(ay, by) > one.y + 0.1:
                    found.append((arrow, one.box.id))
    return found


@settings(max_examples=80, deadline=None)
@given(_graphs(), st.sampled_from([Measures(), Measures(axis=0.84, lane=330.0), Measures(inset=8.0, lane=156.0)]))
def test_no_boxes_overlap_and_no_arrow_runs_through_one(graph: tuple[list[Box], list[Arrow]], sizes: Measures) -> None:
    layout = lay_out(_LANES, *graph, sizes)
    assert _overlap(layout) == []
    assert _run_through(layout) == []
    for one in layout.boxes.values():
        assert one.x >= 0
        assert one.x + one.width <= layout.width
        assert one.bottom <= layout.height


@settings(max_examples=50, deadline=None)
@given(_graphs())
def test_arrows_lead_from_a_bottom_down_to_a_top(graph: tuple[list[Box], list[Arrow]]) -> None:
    layout = lay_out(_LANES, *graph)
    assert set(layout.paths) == set(graph[1])
    for arrow, points in layout.paths.items():
        start, end = layout.boxes[arrow.start], layout.boxes[arrow.end]
        assert points[0][1] == start.bottom
        assert points[-1][1] == end.y
        assert start.x <= points[0][0] <= start.x + start.width
        assert end.x <= points[-1][0] <= end.x + end.width
        assert all(one[1] <= two[1] + 0.01 for one, two in pairwise(points))
        assert all(one[0] == two[0] or one[1] == two[1] for one, two in pairwise(points))


@settings(max_examples=20, deadline=None)
@given(_graphs())
def test_the_same_graph_is_always_laid_out_alike(graph: tuple[list[Box], list[Arrow]]) -> None:
    assert lay_out(_LANES, *graph) == lay_out(_LANES, *graph)


def test_a_chain_is_as_high_as_its_boxes() -> None:
    boxes = [Box(str(one), "a", 50.0) for one in range(3)]
    layout = lay_out(("a",), boxes, [Arrow("0", "1"), Arrow("1", "2")])
    assert [one.row for one in layout.boxes.values()] == [0, 1, 2]
    assert all(len(points) == 2 for points in layout.paths.values())


def test_lanes_that_hand_over_to_each_other_are_neighbours() -> None:
    boxes = [Box("1", "a", 50.0), Box("2", "d", 50.0), Box("3", "a", 50.0)]
    layout = lay_out(_LANES, [*boxes, Box("4", "b", 50.0)], [Arrow("1", "2"), Arrow("2", "3")])
    order = list(layout.lanes)
    assert abs(order.index("a") - order.index("d")) == 1


def test_who_builds_the_same_stands_beside() -> None:
    layout = lay_out(("a", "b"), [Box("1", "a", 50.0), Box("1~", "b", 40.0, "1")], [])
    assert layout.boxes["1"].row == layout.boxes["1~"].row
