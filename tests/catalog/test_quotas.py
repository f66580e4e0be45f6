"""How large files and projects may be: the most generous limit counts."""

from __future__ import annotations

import pytest

from customhouse.catalog.quotas import Grant, Limits, Usage, may_store, most_generous

OWN = Limits(100, 1000)


@pytest.mark.parametrize(
    ("grants", "expected"),
    [
        ([], OWN),
        ([Grant()], OWN),
        ([Grant(200)], Limits(200, 1000)),
        ([Grant(50, 500)], OWN),
        ([Grant(200, 500), Grant(150, 3000)], Limits(200, 3000)),
        ([Grant(None, 2000), Grant(300, None)], Limits(300, 2000)),
    ],
)
def test_the_most_generous_limit_counts(grants: list[Grant], expected: Limits) -> None:
    assert most_generous(OWN, *grants) == expected


@pytest.mark.parametrize(
    ("size", "used", "code", "status"),
    [
        (100, 900, "", 0),
        (101, 0, "file-quota", 413),
        (100, 901, "project-quota", 403),
        (1, 1000, "project-quota", 403),
    ],
)
def test_who_is_refused_is_told_used_limit_and_whom_to_ask(size: int, used: int, code: str, status: int) -> None:
    refusal = may_store(size, Usage(used, OWN), "demo")
    assert (refusal.code, refusal.status) == (code, status) if refusal is not None else not code
    if refusal is not None:
        assert f"{size:,}" in str(refusal)
        assert "operator" in str(refusal)
    if code == "project-quota":
        assert f"{used:,} bytes of 1,000" in str(refusal)


@pytest.mark.parametrize(("used", "percent"), [(0, 0), (999, 99), (1000, 100), (1500, 150)])
def test_how_full_a_project_is(used: int, percent: int) -> None:
    assert Usage(used, OWN).percent == percent
