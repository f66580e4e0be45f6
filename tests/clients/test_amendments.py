"""What was said of releases afterwards, by real pip and uv: exactly what each file promises, and nothing else.

One index for all, with `bar` 1.0, 2.0 and 3.0, and packages of different people that need it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from venvs import UV, clean_environment

from customhouse.index.amending.publish import Amend, amend
from customhouse.views.define import AddView, add_view
from packages import wheel
from world import Server, running, upload

pytestmark = pytest.mark.slow
JSON = "application/vnd.pypi.simple.v1+json"
EVIDENCE = "https://example.org/issues/7"


@dataclass
class Shop:
    """An index with a view, and people who say things."""

    server: Server
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def view(self) -> str:
        return f"{self.server.url}/view/all/"

    def release(self, user: str, name: str, version: str, *requires: str) -> None:
        headers = {"Requires-Dist": "\nRequires-Dist: ".join(requires)} if requires else {}
        with httpx.Client(base_url=self.server.url, timeout=30) as http:
            answer = upload(http, self.token(user), wheel(name, version, headers=headers), name=name, version=version)
        assert answer.status == 200, answer.text

    def token(self, user: str) -> str:
        if user not in self.tokens:
            self.tokens[user] = self.server.new_token(user)
        return self.tokens[user]

    def say(self, user: str, name: str, versions: str, requirement: str, **more: str) -> dict[str, Any]:
        """By the owner's API token."""
        body = {"versions": versions, "requirement": requirement, "reason": "tried", "evidence": EVIDENCE, **more}
        answer = httpx.post(
            f"{self.server.url}/api/projects/{name}/amendments", json=body,
            headers={"Authorization": f"Bearer {self.token(user)}"}, timeout=30,
        )  # fmt: skip
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def get(self, path: str) -> str:
        answer = httpx.get(self.view + path, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.text


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    environment = {}
    if request.param == "postgresql":
        environment["CUSTOMHOUSE_DATABASE"] = request.getfixturevalue("postgres").empty_database()
    folder = tmp_path_factory.mktemp("shop") / "data"
    with running(folder, environment=environment, prepared=False) as server:
        made = Shop(server)
        with server.opened() as app:
            app.do(add_view, AddView("all", (), 'level = "open"\n', ()))
        for version in ("1.0", "2.0", "3.0"):
            made.release("alice", "bar", version)
        made.release("alice", "foo", "0.9", "bar>=1")
        made.release("alice", "foo", "1.0", "bar>=1")
        made.release("mallory", "grab", "1.0", "bar>=1")
        made.release("alice", "old", "1.0", "bar>=1")
        made.release("alice", "old", "1.1", "bar>=1")
        made.release("alice", "wide", "1.4", "bar<2")
        made.release("bob", "strict", "1.0", "bar<3")
        made.say("alice", "foo", "1.0", "bar>=1,<3")
        made.say("mallory", "grab", "1.0", "bar>=1,<2")
        made.say("alice", "old", "1.0", "bar>=1,<2")
        made.say("alice", "wide", "1.4", "bar<4")
        yield made
        server.command("check")


def pip(shop: Shop, place: Path, *arguments: str) -> dict[str, str] | str:
    """What pip would install, or why it would not."""
    report = place / "report.json"
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet", "--report",
               str(report), "--index-url", f"{shop.view}simple/", *arguments]  # fmt: skip
    done = subprocess.run(
        command, env=clean_environment(place / "home"), capture_output=True, text=True, check=False, cwd=place
    )
    if done.returncode:
        return done.stderr
    told = json.loads(report.read_text())["install"]
    return {one["metadata"]["name"]: one["metadata"]["version"] for one in told}


def uv(shop: Shop, place: Path, wanted: str, *arguments: str, config: str = "") -> dict[str, str] | str:
    """What uv resolves, or why it does not."""
    (place / "wanted.in").write_text("\n".join(wanted.split()) + "\n")
    command = [str(UV), "pip", "compile", "--no-header", "--no-annotate", "--quiet", "--python", sys.executable,
               "--default-index", f"{shop.view}simple/", *arguments, "wanted.in"]  # fmt: skip
    environment = clean_environment(place / "home")
    if config:
        (place / "uv.toml").write_text(config)
        environment.pop("UV_NO_CONFIG")
        command += ["--config-file", "uv.toml"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=place)
    if done.returncode:
        return done.stderr
    return dict(line.split("==") for line in done.stdout.split() if "==" in line)


def both(shop: Shop, place: Path, wanted: str, constraints: str = "") -> dict[str, str]:
    """What pip and uv agree on."""
    flags = ("-c", f"{shop.view}{constraints}") if constraints else ()
    by_pip, by_uv = pip(shop, place, *wanted.split(), *flags), uv(shop, place, wanted, *flags)
    assert by_pip == by_uv
    assert isinstance(by_pip, dict), by_pip
    return by_pip


def test_without_the_file_nothing_changes_because_metadata_does_not(shop: Shop, tmp_path: Path) -> None:
    assert both(shop, tmp_path, "foo") == {"foo": "1.0", "bar": "3.0"}
    assert both(shop, tmp_path, "wide") == {"wide": "1.4", "bar": "1.0"}


def test_an_owner_of_both_binds_everybody_who_uses_the_file(shop: Shop, tmp_path: Path) -> None:
    assert "\nbar<3\n" in shop.get("constraints.txt"), shop.get("constraints.txt")
    assert both(shop, tmp_path, "foo", "constraints.txt") == {"foo": "1.0", "bar": "2.0"}


def test_who_does_not_own_bar_holds_nobody_elses_bar_back(shop: Shop, tmp_path: Path) -> None:
    text = shop.get("constraints.txt")
    assert "\nbar<2" not in text
    assert "grab!=1.0" in text
    found = pip(shop, tmp_path, "grab", "-c", f"{shop.view}constraints.txt")
    assert "grab" in found
    assert "conflicting" in found


def test_who_names_what_he_has_gets_it_with_what_it_works_with(shop: Shop, tmp_path: Path) -> None:
    assert both(shop, tmp_path, "grab", "constraints.txt?for=grab") == {"grab": "1.0", "bar": "1.0"}
    assert both(shop, tmp_path, "bar", "constraints.txt?for=bar") == {"bar": "3.0"}


def test_an_amended_release_that_has_a_successor_is_shut_out_and_binds_nobody(shop: Shop, tmp_path: Path) -> None:
    assert "\nold!=1.0\n" in shop.get("constraints.txt")
    assert both(shop, tmp_path, "old", "constraints.txt?for=old") == {"old": "1.1", "bar": "3.0"}
    pinned = "constraints.txt?for=old%3D%3D1.0"
    assert both(shop, tmp_path, "old==1.0", pinned) == {"old": "1.0", "bar": "1.0"}


def test_widening_counts_only_for_who_asks(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "none.txt").write_text(shop.get("overrides.txt"))
    assert uv(shop, tmp_path, "wide", "--override", "none.txt") == {"wide": "1.4", "bar": "1.0"}
    (tmp_path / "overrides.txt").write_text(shop.get("overrides.txt?widening=1"))
    assert uv(shop, tmp_path, "wide", "--override", "overrides.txt") == {"wide": "1.4", "bar": "3.0"}


def test_an_override_for_a_set_keeps_to_what_the_others_of_it_ask(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "overrides.txt").write_text(shop.get("overrides.txt?widening=1&for=wide&for=strict"))
    assert uv(shop, tmp_path, "wide strict", "--override", "overrides.txt") == {
        "wide": "1.4", "strict": "1.0", "bar": "2.0",
    }  # fmt: skip


def test_uvs_metadata_says_exactly_what_is_meant_and_touches_nobody_else(shop: Shop, tmp_path: Path) -> None:
    narrow, widened = shop.get("uv.toml"), shop.get("uv.toml?widening=1")
    assert uv(shop, tmp_path, "foo", config=narrow) == {"foo": "1.0", "bar": "2.0"}
    assert uv(shop, tmp_path, "grab", config=narrow) == {"grab": "1.0", "bar": "1.0"}
    assert uv(shop, tmp_path, "bar", config=narrow) == {"bar": "3.0"}
    assert uv(shop, tmp_path, "wide", config=narrow) == {"wide": "1.4", "bar": "1.0"}
    assert uv(shop, tmp_path, "wide", config=widened) == {"wide": "1.4", "bar": "3.0"}
    assert uv(shop, tmp_path, "wide strict", config=widened) == {"wide": "1.4", "strict": "1.0", "bar": "2.0"}


def test_both_install_what_is_amended_with_metadata_that_is_the_files_own(shop: Shop, tmp_path: Path) -> None:
    for name, command in (
        ("pip", [sys.executable, "-m", "pip", "install", "--quiet", "--target", "pip", "--index-url"]),
        ("uv", [str(UV), "pip", "install", "--quiet", "--target", "uv", "--python", sys.executable, "--default-index"]),
    ):
        done = subprocess.run(
            [*command, f"{shop.view}simple/", "-c", f"{shop.view}constraints.txt", "foo"], cwd=tmp_path, check=False,
            env=clean_environment(tmp_path / "home"), capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        text = (tmp_path / name / "foo-1.0.dist-info/METADATA").read_text()
        assert "Requires-Dist: bar>=1\n" in text
        assert (tmp_path / name / "bar-2.0.dist-info").is_dir()


def test_an_operator_binds_his_view_alone(shop: Shop, tmp_path: Path) -> None:
    with shop.server.opened() as app:
        app.do(add_view, AddView("strictly", (), 'level = "open"\n', ()))
        wish = Amend("strict", "1.0", "bar<2", "our build breaks", EVIDENCE, view="strictly")
        app.do(partial(amend, app.sign), wish)
    assert "\nbar<2" not in shop.get("constraints.txt")
    text = httpx.get(f"{shop.server.url}/view/strictly/constraints.txt").text
    assert "\nbar<2\n" in text
    page = httpx.get(f"{shop.server.url}/view/strictly/simple/strict/", headers={"accept": JSON})
    assert [one["signed"]["view"] for one in page.json()["_customhouse"]["amendments"]] == ["strictly"]
    assert uv(shop, tmp_path, "strict", "-c", f"{shop.server.url}/view/strictly/constraints.txt") == {
        "strict": "1.0", "bar": "1.0",
    }  # fmt: skip
