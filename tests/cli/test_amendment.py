"""``customhouse amend`` and ``customhouse amendment``: said, listed, withdrawn, verified, and signed with a new key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from command_line import Done, customhouse
from packages import wheel
from world import World

EVIDENCE = "https://example.org/foo/3"


@pytest.fixture
def told(small_world: World) -> World:
    """`foo` 1.0 is out and needs bar."""
    dist = wheel("foo", "1.0", headers={"Requires-Dist": "bar>=1"})
    assert small_world.upload(dist, name="foo").status == 200
    return small_world


def run(world: World, *arguments: str) -> Done:
    return customhouse(*arguments, environment={"CUSTOMHOUSE_DATA": str(world.app.settings.data)})


def amended(world: World, requirement: str = "bar>=1,<3", *more: str) -> Done:
    return run(world, "amend", "foo", "1.0", requirement, "--reason", "It breaks.", "--evidence", EVIDENCE, *more)


def test_it_is_said_listed_and_withdrawn(told: World) -> None:
    done = amended(told)
    assert done.returncode == 0, done.stderr
    assert "a narrowing of foo 1.0, everywhere" in done.stdout
    assert "bar>=1 is to be read as bar>=1,<3" in done.stdout
    identifier = done.stdout.partition(":")[0]
    listed = run(told, "amendment", "list", "foo").stdout
    assert listed.startswith(f"{identifier}: foo 1.0, narrowing, everywhere, ")
    assert f"\n  It breaks.\n  {EVIDENCE}\n" in listed
    assert run(told, "amendment", "withdraw", identifier, "--reason", "A mistake.").returncode == 0
    assert "WITHDRAWN on" in run(told, "amendment", "list").stdout
    again = run(told, "amendment", "withdraw", identifier, "--reason", "A mistake.")
    assert again.returncode != 0
    assert "withdrawn already" in again.stderr


def test_what_cannot_be_said_is_refused_with_what_would_do(told: World) -> None:
    done = amended(told, "bar<3")
    assert done.returncode != 0
    assert "to narrow it: >=1,<3" in " ".join(done.stderr.split())
    assert amended(told, "bar>=1,<3", "--view", "nowhere").returncode != 0


def test_records_are_verified_with_keys_that_were_kept_and_a_changed_one_is_bad(told: World, tmp_path: Path) -> None:
    amended(told)
    keys, file = tmp_path / "keys.json", tmp_path / "told.json"
    keys.write_text(told.client.get("/.well-known/customhouse-keys.json").text)
    file.write_text(told.client.get("/api/projects/foo/amendments").text)
    good = run(told, "amendment", "verify", str(file), "--keys", str(keys))
    assert (good.returncode, good.stdout.split()[0]) == (0, "good")
    file.write_text(file.read_text().replace("It breaks.", "It works."))
    bad = run(told, "amendment", "verify", str(file), "--keys", str(keys))
    assert bad.returncode == 1
    assert bad.stdout.startswith("BAD   ")
    assert "does not fit" in bad.stdout


def test_a_record_that_is_shown_again_with_its_withdrawal_counts_as_withdrawn(told: World, tmp_path: Path) -> None:
    identifier = amended(told).stdout.partition(":")[0]
    run(told, "amendment", "withdraw", identifier, "--reason", "A mistake.")
    keys, file = tmp_path / "keys.json", tmp_path / "told.json"
    keys.write_text(told.client.get("/.well-known/customhouse-keys.json").text)
    file.write_text(told.client.get("/api/projects/foo/amendments").text)
    done = run(told, "amendment", "verify", str(file), "--keys", str(keys))
    assert done.returncode == 1
    assert done.stdout.startswith("WITHDRAWN")


def test_after_a_rotation_old_records_verify_with_the_new_list_of_keys(told: World, tmp_path: Path) -> None:
    amended(told)
    file = tmp_path / "told.json"
    file.write_text(told.client.get("/api/projects/foo/amendments").text)
    old = told.client.get("/.well-known/customhouse-keys.json").json()
    assert run(told, "amendment", "rotate-key").returncode == 0
    keys = told.client.get("/.well-known/customhouse-keys.json").json()
    assert keys["keys"][0]["id"] == old["keys"][0]["id"]
    assert (len(keys["keys"]), keys["keys"][0]["until"] is None) == (2, False)
    kept = tmp_path / "keys.json"
    kept.write_text(json.dumps(keys))
    assert run(told, "amendment", "verify", str(file), "--keys", str(kept)).returncode == 0


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '"x"', '{"amendments": 3}', "[" * 100_000, "\x1b[2J"])
def test_files_that_hold_no_records_are_refused_in_words(told: World, tmp_path: Path, text: str) -> None:
    file, keys = tmp_path / "told.json", tmp_path / "keys.json"
    file.write_text(text)
    keys.write_text(told.client.get("/.well-known/customhouse-keys.json").text)
    done = run(told, "amendment", "verify", str(file), "--keys", str(keys))
    assert done.returncode not in (0, 1)
    assert "Traceback" not in done.stderr
    assert "\x1b[2J" not in done.stderr
