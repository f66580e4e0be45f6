"""Fixes that a bound excludes: whose bound, whether it was a guess, and what to do, in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from customhouse.consume.audit.blocked import Nobody, Trial, explain_blocked
from customhouse.consume.audit.history import Release, read_releases
from customhouse.consume.audit.model import Blocked, Component, Finding, Subject
from customhouse.consume.audit.own_bounds import OwnBound, own_bounds
from customhouse.consume.audit.remedies import SaidAfterwards
from customhouse.formats.inventory.model import Edge
from customhouse.formats.inventory.requirement import Requirement, split_requirement
from customhouse.formats.osv.matching import fixed_versions
from customhouse.formats.osv.merging import merge
from customhouse.formats.osv.read import read_record
from customhouse.formats.osv.severity import UNSCORED
from customhouse.terms.errors import Unavailable

RECORD = read_record(
    {
        "id": "PYSEC-2026-1", "modified": "2026-10-01T00:00:00Z", "aliases": ["CVE-2026-1000"],
        "affected": [{"package": {"name": "b", "ecosystem": "PyPI"}, "ranges": [
            {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.1"}]}]}],
    },
    "record",
)  # fmt: skip


@dataclass
class Index:
    """An index in memory: versions with the day of their upload and what they require."""

    projects: Mapping[str, Mapping[str, tuple[str | None, tuple[str, ...]]]]
    asked: list[str] = field(default_factory=list)
    afterwards: tuple[SaidAfterwards, ...] = ()

    def releases(self, name: str, index: str = "") -> Mapping[str, Release] | None:
        del index
        self.asked.append(name)
        return {
            version: Release(version, datetime.fromisoformat(f"{day}T00:00:00+00:00") if day else None, "there")
            for version, (day, _) in self.projects[name].items()
        } if name in self.projects else None  # fmt: skip

    def requires(self, name: str, version: str, index: str = "") -> tuple[Requirement, ...] | None:
        del index
        lines = self.projects.get(name, {}).get(version, ("", ()))[1]
        return tuple(one for one in map(split_requirement, lines) if one is not None)

    def said(self, name: str, version: str, index: str = "") -> tuple[SaidAfterwards, ...]:
        del index
        return tuple(one for one in self.afterwards if (one.project, one.version) == (name, version))


B = {"1.9": ("2024-01-01", ()), "2.0": ("2025-06-01", ()), "2.1": ("2026-09-01", ())}


def lock(*edges: Edge, extra: tuple[Component, ...] = (), a: str = "1.4") -> Subject:
    components = (
        Component("a", a, "lock", direct=True, requires=edges or (Edge("b"),)),
        Component("b", "1.9", "lock"),
        *extra,
    )
    return Subject("lock", "uv-lock", components)


def blocked(subject: Subject, index: Index | Nobody, runs: tuple[Trial, ...] = ()) -> Blocked | None:
    component = next(one for one in subject.components if one.name == "b")
    finding = Finding(component, merge([RECORD])[0], UNSCORED, fixed_versions(RECORD, "b"), "2.1")
    (found,) = explain_blocked([finding], [subject], index, runs)
    return found.blocked


def test_the_very_edge_is_named_and_that_it_was_a_guess() -> None:
    found = blocked(lock(), Index({"a": {"1.4": ("2025-01-01", ("b<2",))}, "b": B}))
    assert found is not None
    assert (found.by, found.by_version, found.requirement, found.speculative) == ("a", "1.4", "b<2", True)
    assert [one.split()[0] for one in found.remedies] == ["Override", "If", "Replace"]
    assert "no release of it allows b 2.1; its last release is of 2025-01-01" in found.remedies[-1]


@pytest.mark.parametrize(
    ("day", "requirement", "speculative"),
    [
        ("2025-01-01", "b<2", True),
        ("2025-07-01", "b<2", False),
        ("2025-01-01", "b~=1.4", True),
        ("2025-07-01", "b==1.*", False),
        ("2026-08-01", "b<2.1", True),
        ("2026-08-01", "b==1.9", False),
        ("2025-01-01", "b (<2,>=1)", True),
        (None, "b<2", None),
    ],
)
def test_a_bound_is_a_guess_if_nothing_beyond_it_existed(
    day: str | None, requirement: str, speculative: bool | None
) -> None:
    found = blocked(lock(), Index({"a": {"1.4": (day, (requirement,))}, "b": B}))
    assert found is not None
    assert found.speculative is speculative


def test_offline_the_edge_of_the_lock_is_named_and_nobody_knows_whether_it_was_a_guess() -> None:
    found = blocked(lock(Edge("b", "<2")), Nobody())
    assert found is not None
    assert (found.requirement, found.speculative) == ("b<2", None)
    assert "nobody could say" in found.remedies[0]
    assert blocked(lock(), Nobody()) is None


def test_the_users_own_bound_is_named_too() -> None:
    own = {"lock": [OwnBound("b", "<2", "", "pyproject.toml: project.dependencies")]}
    component = Component("b", "1.9", "lock")
    finding = Finding(component, merge([RECORD])[0], UNSCORED, ("2.1",), "2.1")
    (found,) = explain_blocked([finding], [Subject("lock", "uv-lock", (component,))], Nobody(), (), own)
    assert found.blocked is not None
    assert (found.blocked.by, found.blocked.by_version, found.blocked.requirement) == ("your project", "", "b<2")
    assert found.blocked.remedies[0] == (
        "Raise your own bound, b<2 in pyproject.toml: project.dependencies, so that it allows b 2.1:"
        " uv lock --upgrade-package b==2.1"
    )
    assert [one.split()[0] for one in found.blocked.remedies] == ["Raise", "If"]
    (found,) = explain_blocked([finding], [lock(Edge("b", "<2"))], Nobody(), (), own)
    assert found.blocked is not None
    assert found.blocked.by == "a"
    assert found.blocked.remedies[0] == "All of these must go: your project requires b<2; a 1.4 requires b<2."
    assert found.blocked.remedies[1].startswith("Raise your own bound, b<2 in pyproject.toml")
    for harmless in (OwnBound("b", "<3", "", "x"), OwnBound("c", "<2", "", "x"),
                     OwnBound("b", "<2", "python_version < '3'", "x")):  # fmt: skip
        (found,) = explain_blocked(
            [finding], [Subject("lock", "uv-lock", (component,))], Nobody(), (), {"lock": [harmless]}
        )
        assert found.blocked is None


@pytest.mark.parametrize(
    ("files", "target", "place"),
    [
        ({"uv.lock": "", "pyproject.toml": '[project]\nname = "x"\ndependencies = ["B<2"]\n'}, "uv.lock",
         "pyproject.toml: project.dependencies"),
        ({"uv.lock": "", "pyproject.toml": '[dependency-groups]\ndev = ["b[x]<2"]\n'}, "",
         "pyproject.toml: dependency-groups.dev"),
        ({"requirements.txt": "b==1.9\n", "requirements.in": "a\nb<2\n"}, "requirements.txt", "requirements.in:2"),
        ({"requirements.txt": "b==1.9\n", "requirements.in": "-r more.in\n", "more.in": "b<2"}, "", "more.in:1"),
        ({"requirements.txt": "b<2\n"}, "requirements.txt", "requirements.txt:1"),
        ({"r.txt": "# uv pip compile pyproject.toml\nb==1.9\n", "pyproject.toml": '[project]\ndependencies = ["b<2"]\n'},
         "r.txt", "pyproject.toml: project.dependencies"),
        ({"requirements.txt": "b==1.9\n"}, "requirements.txt", None),
        ({"requirements.txt": "b==1.9\n", "requirements.in": "b\nc<2\n"}, "requirements.txt", None),
        ({"r.txt": "b==1.9\n", "pyproject.toml": '[project]\ndependencies = ["b<2"]\n'}, "r.txt", None),
        ({"uv.lock": "", "pyproject.toml": "[project"}, "uv.lock", None),
        ({"uv.lock": ""}, "uv.lock", None),
    ],
)  # fmt: skip
def test_own_bounds_stand_beside_the_lock_or_in_what_it_was_made_of(
    tmp_path: Path, files: dict[str, str], target: str, place: str | None
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    (first, *_) = files
    component = Component("b", "1.9", f"{tmp_path / first}:1")
    subject = Subject("t", "uv-lock" if first == "uv.lock" else "requirements", (component,))
    found = own_bounds(tmp_path / target, subject, {"b"})
    assert [(one.specifier, one.place) for one in found] == ([("<2", f"{tmp_path}/{place}")] if place else [])


def test_a_bound_that_lets_one_fix_through_blocks_nothing() -> None:
    assert blocked(lock(Edge("b", "<2.2")), Nobody()) is None
    assert blocked(lock(Edge("b", ">=1")), Nobody()) is None
    b = {**B, "1.9.1": ("2026-09-02", ())}
    mended_below = Index({"a": {"1.4": ("2025-01-01", ("b<2",))}, "b": b})
    assert blocked(lock(), mended_below) is not None  # 1.9.1 is affected: the record says so


def test_a_newer_release_of_who_holds_it_back_is_the_first_remedy() -> None:
    a = {"1.4": ("2025-01-01", ("b<2",)), "1.5": ("2026-01-01", ("b<2.1",)), "1.6": ("2026-10-01", ("b<3",)),
         "2.0": ("2026-11-01", ())}  # fmt: skip
    found = blocked(lock(), Index({"a": a, "b": B}))
    assert found is not None
    assert found.remedies[0] == (
        "Upgrade a to 1.6, which allows b 2.1: uv lock --upgrade-package a==1.6 --upgrade-package b==2.1"
    )
    assert "Replace a by something" in found.remedies[-1]


def test_what_holds_back_who_holds_it_back_must_move_too() -> None:
    a = {"1.4": ("2025-01-01", ("b<2",)), "1.6": ("2026-10-01", ("b<3",))}
    c = {"1": ("2025-01-01", ("a<1.5",)), "2": ("2026-10-02", ("a",))}
    subject = lock(extra=(Component("c", "1", "lock", direct=True, requires=(Edge("a"),)),))
    found = blocked(subject, Index({"a": a, "b": B, "c": c}))
    assert found is not None
    assert found.remedies[0].startswith("Upgrade a to 1.6 and c to 2, which allow b 2.1: uv lock --upgrade-package")
    stuck = blocked(subject, Index({"a": a, "b": B, "c": {"1": c["1"]}}))
    assert stuck is not None
    assert "Upgrade" not in stuck.remedies[0]
    assert stuck.remedies[-1] == "Replace a, or what holds it back: a 1.6 allows it, but c 1 requires a<1.5."


def test_all_who_hold_it_back_are_named() -> None:
    d = Component("d", "3", "lock", requires=(Edge("b", "<1.95"),))
    found = blocked(lock(Edge("b", "<2"), extra=(d,)), Index({"b": B, "a": {}, "d": {}}))
    assert found is not None
    assert found.remedies[0] == "All of these must go: a 1.4 requires b<2; d 3 requires b<1.95."


def test_a_bound_of_an_extra_counts_only_if_there_is_no_other() -> None:
    lines = ("b<2; extra == 'old'", "b<3")
    assert blocked(lock(), Index({"a": {"1.4": ("2025-01-01", lines)}, "b": B})) is None


@pytest.mark.parametrize(
    ("marker", "python", "counts"),
    [
        ("", "", True),
        ("python_version < '3.8'", "3.12.1", False),
        ("python_version < '3.8'", "3.7.3", True),
        ("sys_platform == 'no-such-one'", "", False),
        ("extra == 'old'", "", True),
        ("extra == 'old' and python_version < '3.8'", "3.12", False),
        ("no marker", "", True),
    ],
)
def test_a_bound_counts_where_its_marker_holds(marker: str, python: str, counts: bool) -> None:
    subject = replace(lock(Edge("b", "<2", marker)), interpreter=python)
    assert (blocked(subject, Nobody()) is not None) is counts


def test_what_was_not_looked_at_is_not_said_to_be_of_no_use() -> None:
    many = {f"1.{number}": ("2025-02-01", ("b<2",)) for number in range(4, 40)}
    found = blocked(lock(), Index({"a": many, "b": B}))
    assert found is not None
    assert "no release of it that could be looked at allows b 2.1" in found.remedies[-1]
    newest = {**many, "2.0": ("2026-10-01", ("b",))}
    found = blocked(lock(), Index({"a": newest, "b": B}))
    assert found is not None
    assert found.remedies[0].startswith("Upgrade a to 2.0, which allows b 2.1")


@pytest.mark.parametrize(("code", "words"), [(0, "`pytest` passed with b 2.1"), (1, "`pytest` failed with b 2.1")])
def test_a_recorded_run_is_told(code: int, words: str) -> None:
    run = Trial("b", "2.1", "pytest", code, "ab" * 32, date(2026, 11, 28))
    found = blocked(lock(Edge("b", "<2")), Nobody(), (run,))
    assert found is not None
    assert words in found.remedies[1]


def test_yanked_and_pre_releases_are_no_fix() -> None:
    index = Index({"a": {"1.4": ("2025-01-01", ("b<2",))}, "b": {**B, "3.0rc1": ("2026-10-01", ())}})
    found = blocked(lock(), index)
    assert found is not None
    assert "b==2.1" in found.remedies[0]


def test_a_page_tells_the_first_day_of_each_release_and_where_its_metadata_is() -> None:
    page = b"""{"files": [
      {"filename": "a-1.0.tar.gz", "url": "../../f/a-1.0.tar.gz", "upload-time": "2026-02-01T00:00:00Z", "yanked": "x"},
      {"filename": "a-1.0-py3-none-any.whl", "url": "/f/a.whl#x", "upload-time": "2026-01-01T00:00:00Z",
       "core-metadata": {"sha256": "x"}},
      {"filename": "a-1.1.tar.gz", "url": "x", "upload-time": "never", "yanked": true}, {"filename": "odd"}, 7]}"""
    found = read_releases(page, "https://index.test/simple/a/")
    one = Release("1.0", datetime(2026, 1, 1, tzinfo=UTC), "https://index.test/f/a.whl.metadata")
    assert found == {"1.0": one, "1.1": Release("1.1", None, "", yanked=True)}


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"files": 1}', b"[" * 100_000])
def test_a_page_that_is_none_is_said(body: bytes) -> None:
    with pytest.raises(Unavailable):
        read_releases(body, "https://index.test/simple/a/")


WIDENED = SaidAfterwards(
    "a" * 26, "a", "1.4", "b", "<3", "widening", "owner", date(2026, 11, 20), "tried", "https://example.org/1",
    "https://index.example/view/all/",
)  # fmt: skip


def test_what_the_owner_has_said_since_is_a_remedy_before_an_override_of_ones_own() -> None:
    index = Index({"a": {"1.4": ("2025-01-01", ("b<2",))}, "b": B}, afterwards=(WIDENED,))
    found = blocked(lock(), index)
    assert found is not None
    assert found.remedies[0] == (
        "Go by what was said afterwards: a 1.4 takes b<3, as its owner has said on 2026-11-20 (signed; tried "
        "https://example.org/1): put https://index.example/view/all/uv.toml?widening=1&for=a==1.4 into uv.toml beside "
        "it, then uv lock --upgrade-package b==2.1"
    )
    assert found.remedies[1].startswith("Override the bound after a run of your own tests")


@pytest.mark.parametrize("other", [
    replace(WIDENED, specifier="<2.1"), replace(WIDENED, kind="narrowing"), replace(WIDENED, requires="c"),
    replace(WIDENED, version="1.3"),
])  # fmt: skip
def test_what_does_not_let_the_fix_in_is_no_remedy(other: SaidAfterwards) -> None:
    found = blocked(lock(), Index({"a": {"1.4": ("2025-01-01", ("b<2",))}, "b": B}, afterwards=(other,)))
    assert found is not None
    assert not any("said afterwards" in one for one in found.remedies)
