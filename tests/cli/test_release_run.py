"""A release from the command line: started, confirmed, approved, declined, taken up again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from command_line import Done, customhouse
from customhouse.release.engine.folder import RunFolder
from customhouse.release.machine_key import MachineKey, open_key
from customhouse.release.template_texts import template_text

PIPELINE = """
[pipeline]
schema = 1
version = 1
project = "toy"
tag = "v{version}"
[params]
version = { pattern = '\\d+\\.\\d+', title = "Version" }
[actors.rm]
title = "Rosa"
identities = ["key:KEY"]
expert = true
[environments.desk]
title = "Desk"
kind = "local"
[[steps]]
id = "stop"
n = "1"
title = "STOP"
actor = "rm"
env = "desk"
uses = "gate"
gate = { need = ["rm"], quorum = 1, ask = "Go {version}?" }
"""


class Desk:
    """A folder with a pipeline, and a person with a key."""

    def __init__(self, folder: Path, text: str = PIPELINE) -> None:
        self.folder = folder
        self.config = folder / "config"
        key = open_key(self.config / "customhouse" / "release.key")
        (folder / "release.toml").write_text(text.replace("KEY", key.public))

    def __call__(self, *words: str, stdin: str = "") -> Done:
        environment = {"XDG_CONFIG_HOME": str(self.config)}
        return customhouse("release", *words, folder=self.folder, environment=environment, stdin=stdin)

    def run(self, *more: str) -> Done:
        return self("run", "--param", "version=1.0", "--no-wait", *more)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_release_is_started_confirmed_approved_and_finished(desk: Desk) -> None:
    begun = desk.run()
    assert begun.returncode == 3, begun.stderr
    assert "customhouse release confirm" in begun.stdout
    assert "All are around" in desk("confirm").stdout
    asked = desk.run()
    assert asked.returncode == 3
    assert "customhouse release approve toy-1.0-1 stop" in asked.stdout
    said = desk("approve", stdin="yes\n")
    assert said.returncode == 0, said.stderr
    assert "Go 1.0?" in said.stdout
    done = desk.run()
    assert done.returncode == 0, done.stderr
    assert "released" in done.stdout
    status = desk("status", "--json")
    assert status.returncode == 0
    told = json.loads(status.stdout)
    assert (told["status"], told["steps"][0]["status"]) == ("released", "done")
    assert RunFolder(Path(told["folder"])).state().status == "released"
    lines = (begun.stdout + asked.stdout + done.stdout).splitlines()
    assert max(len(line) for line in lines if str(desk.folder) not in line) <= 80


def test_nothing_is_approved_by_accident(desk: Desk) -> None:
    desk.run()
    desk("confirm")
    desk.run()
    for answer in ("", "no\n", "y\n"):
        refused = desk("approve", stdin=answer)
        assert refused.returncode == 2
        assert "Nothing was said" in refused.stderr
    assert desk("status").returncode == 3


def test_a_no_stops_and_is_told_with_its_reason(desk: Desk) -> None:
    desk.run()
    desk("confirm")
    desk.run()
    assert desk("decline", "--why", " ").returncode == 2
    assert "stands still" in desk("decline", "--why", "the docs are wrong").stdout
    stopped = desk.run()
    assert stopped.returncode == 1
    assert "the docs are wrong" in stopped.stdout
    assert desk("resume", "--why", "they are right now").returncode == 0
    assert desk.run().returncode == 3
    assert desk("restart", "toy-1.0-1", "stop", "--why", "once more").returncode == 0
    assert desk("abort", "--why", "not today").returncode == 0
    assert "abandoned" in desk.run().stdout


def test_a_stranger_is_told_what_the_pipeline_would_have_to_say(desk: Desk, tmp_path: Path) -> None:
    desk.run()
    stranger = open_key(tmp_path / "stranger.key")
    refused = desk("confirm", "--key", str(tmp_path / "stranger.key"))
    assert refused.returncode == 2
    assert f'"key:{stranger.public}"' in refused.stderr
    assert "customhouse release open" in refused.stderr


def test_what_is_asked_too_early_is_told(desk: Desk) -> None:
    assert "There is no run" in desk("status").stderr
    desk.run()
    assert "asked nothing" in desk("approve", "--yes").stderr


def test_an_old_pipeline_and_another_text_of_it_are_refused(desk: Desk) -> None:
    file = desk.folder / "release.toml"
    text = file.read_text()
    desk.run()
    desk("confirm")
    desk.run()
    file.write_text(text + "# changed\n")
    assert "another text" in desk.run().stderr
    assert "version" in desk("run", "--param", "version=1.1", "--no-wait").stderr
    file.write_text(text.replace("version = 1\n", "version = 2\n"))
    assert desk("run", "--param", "version=1.1", "--no-wait").returncode == 3
    file.write_text(text)
    assert "made the run" in desk("run", "--param", "version=1.2", "--no-wait").stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "none.toml"), "none.toml"),
        (("run", "--param", "version"), "gives no value"),
        (("run", "--param", "version=$(id)"), "version"),
        (("run", "--param", "version=1.0", "--place", "fork"), "no setting"),
        (("run", "--param", "version=1.0", "--place", "index.token=x"), "secret"),
        (("run",), "version"),
        (("status", "nothing"), "nothing"),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence(desk: Desk, words: tuple[str, ...], said: str) -> None:
    done = desk(*words)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(desk.folder.glob(".customhouse/release/*"))


@pytest.mark.parametrize(
    ("places", "more", "said"),
    [
        ("", ("--rehearse",), "[fork]: nothing says its url, and the step 'sync' needs it"),
        ("[fork]\nurl = '../fork.git'\n", ("--rehearse",), "[upstream]: nothing says its url"),
        ("[fork]\nurl = '../f.git'\n[upstream]\nurl = '../u.git'\n", (), "--place index.url="),
        (
            "[fork]\nurl = '../f.git'\n[upstream]\nurl = '../u.git'\n[index]\nurl = 'http://localhost:1'\n", (),
            "--place sigstore.trust_config=",
        ),
    ],
)  # fmt: skip
def test_a_place_that_is_not_said_is_told_before_anything_begins(
    places: str, more: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    (tmp_path / "release.toml").write_text(template_text("python-library"))
    (tmp_path / "places.toml").write_text(places)
    done = customhouse("release", "run", "--param=version=1.0.0", *more, folder=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert not (tmp_path / ".customhouse").exists()


def test_the_pipeline_of_a_run_is_the_file_byte_for_byte(desk: Desk) -> None:
    file = desk.folder / "release.toml"
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    found = RunFolder(Path(json.loads(desk.run("--json").stdout)["folder"]))
    assert found.created().pipeline.encode() == file.read_bytes()


def test_a_run_as_json_says_everything_on_one_stream(desk: Desk) -> None:
    done = desk.run("--json")
    assert json.loads(done.stdout)["status"] == "gathering"
    assert json.loads(done.stdout)["waits_for"] == [{"step": "", "people": ["rm"]}]
    assert MachineKey.new().public not in done.stdout
