"""Lock the Ghost: a lock keeps installing a file that its index has removed, because it names the file's own address.

The address of a removed file goes on answering for a while, so that builds do not break at once, and installers that
work from a lock never look at the listing. So nobody hears of it. `customhouse verify` compares the lock with the index
as it is now, and a quarantine ends at the address itself.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from venvs import UV, clean_environment

from customhouse.views.define import AddView, add_view
from locking import Bench, stocked
from packages import wheel
from upstream_world import upstream_world
from world import running

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("ghost")
    with running(folder / "data") as server:
        yield stocked(server, folder)


def installs(bench: Bench, lock: str, into: Path) -> bool:
    """Whether real uv installs it, from the addresses in the lock."""
    done = subprocess.run(
        [str(UV), "pip", "install", "--no-cache", "--python", sys.executable, "--target", str(into), "-r", lock],
        cwd=bench.folder, env=clean_environment(bench.folder / "home"), capture_output=True, check=False,
    )  # fmt: skip
    return done.returncode == 0


@pytest.mark.parametrize("form", ["pylock.toml", "requirements.txt"])
def test_a_removed_file_that_a_lock_still_installs_is_named(stock: Bench, tmp_path: Path, form: str) -> None:
    bench = stock.at(tmp_path / "work")
    ghost = f"ghost-{form[:2]}"
    stock.release(ghost, "1.0")
    stock.release(ghost, "1.1")
    bench.asks_for(f"{ghost}==1.0", "bar<2")
    assert bench.lock("--index", bench.server.url, "-o", form).returncode == 0
    assert bench.run("verify", form).returncode == 0
    bench.server.command("project", "delete", ghost, "1.0", "--typed", f"{ghost} 1.0", "--reason", "broken")
    done = bench.run("verify", form)
    assert done.returncode == 1
    assert done.stdout.startswith(f"Removed: listed no more\n  {ghost} 1.0 "), done.stdout
    if form == "pylock.toml":
        assert installs(bench, form, tmp_path / "into"), "the ghost walks: this is what verify is for"
        assert "its address still hands it out until" in " ".join(done.stdout.split())
    (fault,) = json.loads(bench.run("verify", form, "--json").stdout)["faults"]
    assert (fault["kind"], fault["package"], fault["version"], fault["fails"]) == ("removed", ghost, "1.0", True)
    # A new lock does without it, or says that it cannot be had.
    assert bench.lock("-o", form).returncode == 2
    bench.asks_for(ghost, "bar<2")
    assert bench.lock("-o", form).returncode == 0
    assert bench.run("verify", form).returncode == 0


def test_a_quarantined_file_ends_at_its_address(stock: Bench, tmp_path: Path) -> None:
    bench = stock.at(tmp_path / "work")
    stock.release("harm", "1.0")
    bench.asks_for("harm")
    assert bench.lock("--index", bench.server.url).returncode == 0
    bench.server.command("project", "quarantine", "harm", "--reason", "it steals tokens")
    done = bench.run("verify", "pylock.toml")
    assert done.returncode == 1
    assert done.stdout.startswith("Held back, as something harmful\n  harm 1.0 "), done.stdout
    assert "steals tokens" in done.stdout
    assert not installs(bench, "pylock.toml", tmp_path / "into")


@pytest.mark.prove
def test_what_its_upstream_has_taken_away_or_holds_back_is_refused_by_the_view(tmp_path: Path) -> None:
    with upstream_world() as upstream:
        for name in ("taken", "held", "fine"):
            upstream.add(wheel(name, "1.0"))
            upstream.add(wheel(name, "1.1"))
        environment = {f"CUSTOMHOUSE_{key.upper()}": json.dumps(value) for key, value in upstream.settings().items()}
        with running(tmp_path / "data", environment=environment) as server:
            with server.opened() as app:
                app.do(add_view, AddView("all", ("pypi",), 'level = "open"\n', ("pypi",)))
            bench = Bench(server, tmp_path, "").at(tmp_path / "work")
            bench.asks_for("taken", "held", "fine")
            done = bench.lock("--view", "all", "--index", server.url)
            assert done.returncode == 0, done.stderr
            assert bench.run("verify", "pylock.toml").returncode == 0
            assert installs(bench, "pylock.toml", tmp_path / "before")
            del upstream.project("taken").files[:]
            upstream.add(wheel("taken", "1.0"))
            upstream.project("held").status = "quarantined"
            deadline = time.monotonic() + 90
            while bench.run("verify", "pylock.toml").returncode == 0 and time.monotonic() < deadline:
                time.sleep(5)  # a file is handed out for 60 s before its upstream is asked again
            done = bench.run("verify", "pylock.toml", "--json")
            kinds = {one["package"]: one["kind"] for one in json.loads(done.stdout)["faults"]}
            assert done.returncode == 1
            assert kinds.keys() == {"taken", "held"}, done.stdout
            assert not installs(bench, "pylock.toml", tmp_path / "after")
