"""What a policy would break, asked with the real uv: paths, the smallest exceptions, and the attacks of their day."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from packages import sdist
from simulating import NOW, OLD, YEAR, YOUNG, SimulatedIndex, requiring, simulated_index
from terminal_picture import terminal_picture
from world import ON_BOTH

OLD_AND_YOUNG = (
    'level = "open"\n[[rule]]\nname = "too old"\nhide-if.age = "> 2000d"\n'
    '[[rule]]\nname = "cooldown"\nhide-if.age = "< 7d"\n'
)
CTX = datetime(2022, 5, 21, 9, 18, tzinfo=UTC)
ULTRALYTICS = datetime(2024, 12, 4, 20, 51, tzinfo=UTC)
LITELLM = datetime(2026, 3, 24, 10, 52, tzinfo=UTC)
DISTS = [
    # An old dependency that always breaks: app needs oldlib, which needs what nobody has touched for years.
    (requiring("app", "1.0", "oldlib<2", "web>=1"), YEAR),
    (requiring("oldlib", "1.5", "ancient==0.9"), YEAR), (requiring("oldlib", "2.0"), YEAR),
    (requiring("ancient", "0.9"), OLD), (requiring("ancient", "2.0"), YEAR),
    (requiring("web", "1.0"), YEAR), (requiring("web", "1.1"), YOUNG),
    # Where greedy is wrong: the newest chooser needs two that are kept back, an older one needs one.
    (requiring("chooser", "2.0", "left-old", "right-old"), YEAR), (requiring("chooser", "1.0", "single-old"), YEAR),
    (requiring("left-old", "1.0"), OLD), (requiring("right-old", "1.0"), OLD), (requiring("single-old", "1.0"), OLD),
    # A conflict that no single requirement explains.
    (requiring("both", "1.0", "shared<2", "other"), YEAR), (requiring("other", "1.0", "shared>=1"), YEAR),
    (requiring("shared", "0.5"), YEAR), (requiring("shared", "1.5"), OLD), (requiring("shared", "2.0"), YEAR),
    # Known attacks, on their real days.
    (requiring("ctx", "0.1.2"), datetime(2014, 12, 19, tzinfo=UTC)), (requiring("ctx", "0.2.6"), CTX),
    (requiring("ultralytics", "8.3.30"), ULTRALYTICS - timedelta(days=23)), (requiring("ultralytics", "8.3.41"), ULTRALYTICS),
    (requiring("litellm", "1.82.0"), LITELLM - timedelta(days=20)), (requiring("litellm", "1.82.8"), LITELLM),
]  # fmt: skip


@pytest.fixture(scope="module", params=ON_BOTH)
def index(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedIndex]:
    environment = {}
    if request.param == "postgresql":
        environment["CUSTOMHOUSE_DATABASE"] = request.getfixturevalue("postgres").empty_database()
    folder = tmp_path_factory.mktemp("simulated")
    with simulated_index(folder / "data", [*DISTS, (sdist("built", "1.0"), YEAR)], environment) as made:
        yield made
        made.server.check()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "p.toml").write_text(OLD_AND_YOUNG)
    return tmp_path


def test_a_requirement_that_becomes_unsatisfiable_is_shown_with_its_path(index: SimulatedIndex, folder: Path) -> None:
    (folder / "requirements.in").write_text("# ours\napp\n")
    code, report = index.report("requirements.in", "--policy", "p.toml", folder=folder)
    (target,) = report["targets"]
    assert (code, report["breaks"], target["satisfiable"]) == (1, True, False)
    (dead,) = target["unsatisfiable"]
    assert [[(step["by"], step["requirement"], step["confirmed"]) for step in path] for path in dead["paths"]] == [
        [("requirements.in:2", "app", True), ("app 1.0", "oldlib<2", True), ("oldlib 1.5", "ancient==0.9", True)]
    ]
    assert [(one["version"], one["rule"]) for one in dead["hidden"]] == [("0.9", "too old")]
    assert dead["left"] == ["2.0"]
    assert "ancient" in target["uv"]
    assert target["exceptions"] == [{"package": "ancient", "version": "0.9", "rules": ["too old"]}]
    assert (target["smallest"], target["confirmed"]) == (True, True)


def test_the_exceptions_are_toml_with_which_the_same_policy_passes(index: SimulatedIndex, folder: Path) -> None:
    (folder / "requirements.in").write_text("app\n")
    code, _, _ = index.simulate("requirements.in", "--policy", "p.toml", "--exceptions", "e.toml", folder=folder)
    assert code == 1
    proposed = (folder / "e.toml").read_text()
    (folder / "q.toml").write_text(OLD_AND_YOUNG + proposed)
    code, report = index.report("requirements.in", "--policy", "q.toml", folder=folder)
    assert (code, report["targets"][0]["satisfiable"]) == (0, True)
    assert report["exceptions"] == ""


def test_the_smallest_set_is_found_where_greedy_stops_at_two(index: SimulatedIndex, folder: Path) -> None:
    (folder / "requirements.in").write_text("chooser\n")
    _, report = index.report("requirements.in", "--policy", "p.toml", folder=folder)
    (target,) = report["targets"]
    assert [one["package"] for one in target["exceptions"]] == ["single-old"]
    assert (target["smallest"], target["confirmed"]) == (True, True)


def test_each_exception_of_the_set_is_needed(index: SimulatedIndex, folder: Path) -> None:
    (folder / "requirements.in").write_text("app\nchooser\nboth\n")
    _, report = index.report("requirements.in", "--policy", "p.toml", folder=folder)
    exceptions = report["exceptions"].split("\n[[exception]]")[1:]
    assert len(exceptions) == 3
    for left_out in range(3):
        some = "".join(f"\n[[exception]]{one}" for number, one in enumerate(exceptions) if number != left_out)
        (folder / "q.toml").write_text(OLD_AND_YOUNG + some)
        code, _ = index.report("requirements.in", "--policy", "q.toml", folder=folder)
        assert code == 1, some


def test_a_conflict_of_two_requirements_shows_both_ways(index: SimulatedIndex, folder: Path) -> None:
    (folder / "requirements.in").write_text("both\n")
    _, report = index.report("requirements.in", "--policy", "p.toml", folder=folder)
    (dead,) = report["targets"][0]["unsatisfiable"]
    assert {path[-1]["requirement"] for path in dead["paths"]} == {"shared<2", "shared>=1"}
    assert [one["version"] for one in dead["hidden"]] == ["1.5"]
    assert dead["left"] == ["2.0", "0.5"]


def test_a_resolver_falls_back_to_what_is_let_in(index: SimulatedIndex, folder: Path) -> None:
    (folder / "requirements.in").write_text("web\n")
    code, report = index.report("requirements.in", "--policy", "p.toml", folder=folder)
    (target,) = report["targets"]
    assert (code, target["satisfiable"]) == (0, True)
    assert target["moved"] == [{"name": "web", "before": "1.1", "after": "1.0"}]
    assert [one for one in report["newest"] if one["name"] == "web"] == [
        {"name": "web", "there": "1.1", "today": "1.1", "candidate": "1.0"}
    ]


def test_a_lock_breaks_where_its_pins_are_refused_and_says_whether_to_lock_again(
    index: SimulatedIndex, folder: Path
) -> None:
    (folder / "requirements.txt").write_text("web==1.1\n    # via -r requirements.in\n")
    code, report = index.report("requirements.txt", "--policy", "p.toml", folder=folder)
    (target,) = report["targets"]
    assert (code, target["satisfiable"], target["relocks"], target["confirmed"]) == (1, False, True, True)
    assert [(one["name"], one["rule"], one["today"]) for one in target["refused"]] == [("web", "cooldown", "allow")]
    # What ends by itself needs an exception no longer than that.
    ends = (NOW + timedelta(days=6)).date().isoformat()
    assert f"expires = {ends}" in report["exceptions"]


def test_a_uv_lock_and_a_bill_of_materials_are_read_by_the_readers_of_the_audit(
    index: SimulatedIndex, folder: Path
) -> None:
    (folder / "uv.lock").write_text(
        'version = 1\nrequires-python = ">=3.11"\n'
        '[[package]]\nname = "web"\nversion = "1.1"\nsource = { registry = "https://pypi.org/simple" }\n'
    )
    component = {"type": "library", "name": "ancient", "version": "0.9", "purl": "pkg:pypi/ancient@0.9"}
    bill = {"bomFormat": "CycloneDX", "specVersion": "1.5", "components": [component]}
    (folder / "bom.json").write_text(json.dumps(bill))
    code, report = index.report("uv.lock", "bom.json", "--policy", "p.toml", folder=folder)
    assert code == 1
    assert [[one["name"] for one in target["refused"]] for target in report["targets"]] == [["web"], ["ancient"]]
    assert {(one["action"], one["rule"]): one["versions"] for one in report["rules"]} == {
        ("hide", "cooldown"): 1, ("hide", "too old"): 1,
    }  # fmt: skip


def test_what_has_no_wheel_is_a_gap_and_not_silence(index: SimulatedIndex, folder: Path) -> None:
    (folder / "requirements.in").write_text("web\nbuilt\n")
    code, report = index.report("requirements.in", "--policy", "p.toml", folder=folder)
    (target,) = report["targets"]
    assert [gap["where"] for gap in target["gaps"]] == ["built"]
    assert (code, report["partial"], target["satisfiable"]) == (3, True, True)


def test_a_pin_that_the_view_does_not_have_is_never_fine(index: SimulatedIndex, folder: Path) -> None:
    (folder / "requirements.txt").write_text("web==1.0\nnobody-has-it==1.0\nweb-too==9\n")
    code, report = index.report("requirements.txt", "--policy", "open", folder=folder)
    (target,) = report["targets"]
    assert (code, target["satisfiable"], report["breaks"]) == (3, None, False)
    (gap,) = target["gaps"]
    assert "nobody-has-it 1.0, web-too 9" in gap["why"]


def test_a_project_of_somebody_else_cannot_lead_uv_elsewhere(index: SimulatedIndex, folder: Path) -> None:
    """Its settings name another index and write over a file; neither counts, and nothing of it is run."""
    (folder / "pyproject.toml").write_text(
        '[project]\nname = "theirs"\nversion = "1"\ndependencies = ["web"]\n[tool.uv.pip]\noutput-file = "taken.txt"\n'
        'extra-index-url = ["http://127.0.0.1:9/simple"]\n[[tool.uv.index]]\nurl = "http://127.0.0.1:9/simple"\n'
    )
    code, report = index.report("pyproject.toml", "--policy", "p.toml", folder=folder)
    assert (code, report["targets"][0]["satisfiable"]) == (0, True)
    assert not (folder / "taken.txt").exists()


@pytest.mark.parametrize(
    ("name", "bad", "good", "day"),
    [
        pytest.param("ctx", "0.2.6", "0.1.2", "2022-05-22", id="test_ctx_domain_takeover"),
        pytest.param("ultralytics", "8.3.41", "8.3.30", "2024-12-05", id="test_ultralytics_old_token"),
        pytest.param("litellm", "1.82.8", "1.82.0", "2026-03-24", id="test_litellm_pth"),
    ],
)
def test_on_the_day_of_an_attack_balanced_takes_the_version_before(
    index: SimulatedIndex, folder: Path, name: str, bad: str, good: str, day: str
) -> None:
    (folder / "requirements.in").write_text(f"{name}\n")
    code, report = index.report("requirements.in", "--policy", "balanced", "--as-of", day, folder=folder)
    assert report["targets"][0]["moved"] == [{"name": name, "before": bad, "after": good}]
    assert (code, report["breaks"]) == (0, False)
    assert [(one["action"], one["rule"]) for one in report["rules"]] == [("hide", "cooldown")]
    _, report = index.report("requirements.in", "--policy", "open", "--as-of", day, folder=folder)
    assert report["targets"][0]["moved"] == [], "open lets it in: nobody knew"


def test_people_read_it_in_eighty_columns(index: SimulatedIndex, folder: Path) -> None:
    (folder / "requirements.in").write_text("app\n")
    code, out, err = index.simulate("requirements.in", "--policy", "p.toml", folder=folder)
    terminal_picture("policy-simulate", "customhouse policy simulate requirements.in --policy p.toml --view main", out)
    told = out.split("[[exception]]")[0]
    assert (code, err) == (1, "")
    assert max(map(len, told.splitlines())) <= 80
    for words in ("UNSATISFIABLE", "└─ oldlib 1.5 requires ancient==0.9", "tried: it passes", "Something breaks"):
        assert words in out
    code, out, _ = index.simulate("requirements.in", "--policy", "p.toml", "--markdown", folder=folder)
    assert "| 1 | hidden | too old |" in out
    assert "```toml" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("no.txt", "--policy", "open"), "no such file"), (("requirements.in", "--policy", "bad.toml"), "line 1"),
        (("requirements.in", "--policy", "no.toml"), "no.toml"),
        (("requirements.in", "--policy", "open", "--as-of", "soon"), "--as-of"),
    ],
)  # fmt: skip
def test_bad_words_are_usage(index: SimulatedIndex, folder: Path, arguments: tuple[str, ...], said: str) -> None:
    (folder / "requirements.in").write_text("web\n")
    (folder / "bad.toml").write_text("level = 'opn'\n")
    code, out, err = index.simulate(*arguments, folder=folder)
    assert (code, out) == (2, "")
    assert said in err


def test_an_index_that_is_away_is_no_verdict(index: SimulatedIndex, folder: Path) -> None:
    (folder / "requirements.in").write_text("web\n")
    code, out, err = index.simulate(
        "requirements.in", "--policy", "open", "--index", "http://127.0.0.1:9", folder=folder
    )
    assert (code, out) == (4, "")
    assert "127.0.0.1:9" in err
