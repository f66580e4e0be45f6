"""``customhouse release new``, ``lint`` and ``draw``: a pipeline in three commands."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

import pytest

from command_line import customhouse
from customhouse.formats.pipeline.read import read_pipeline
from customhouse.release.machine_key import open_key
from customhouse.release.template_texts import TEMPLATES
from small_pipeline import SMALL, spoiled


def _git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True)


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where keys of whoever types lie."""
    folder = tmp_path_factory.mktemp("config")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with a remote, a signing key and tags without a v."""
    _git(tmp_path, "init", "-q", "-b", "master")
    _git(tmp_path, "remote", "add", "origin", "https://rosa:secret@github.com/rosa/my-lib.git")
    _git(tmp_path, "config", "user.signingkey", "ab" * 20)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "My.Lib"\n')
    return tmp_path


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_a_new_pipeline_lints_clean(name: str, project: Path) -> None:
    done = customhouse("release", "new", "--template", name, folder=project)
    assert (done.returncode, done.stderr) == (0, "")
    lint = customhouse("release", "lint", folder=project)
    steps = len(read_pipeline((project / "release.toml").read_text()).steps)
    assert (lint.returncode, lint.stdout) == (0, f"release.toml: {steps} steps, 0 errors, 0 warnings\n")


def test_what_the_folder_says_is_filled_in(project: Path) -> None:
    done = customhouse("release", "new", "--template", "compiled-library", folder=project)
    pipeline = read_pipeline((project / "release.toml").read_text())
    assert pipeline.project == "My.Lib"
    assert pipeline.artifact("dists").names == ("my_lib-{version}.tar.gz", "my_lib-{version}-*.whl")
    assert f"gpg:{'AB' * 20}" in pipeline.actor("rm").identities
    assert pipeline.params[1].default == "master"
    places = (project / "places.toml").read_text()
    assert 'url = "https://github.com/rosa/my-lib.git"\nadapter = "github"' in places
    assert "secret@" not in places
    assert "git init --bare ../My.Lib-fork.git" in done.stdout


def test_a_changelog_that_nothing_can_write_is_told_before_a_run_stops_at_it(project: Path) -> None:
    done = customhouse("release", "new", "--template", "compiled-library", folder=project)
    said = " ".join(done.stdout.split())
    assert "No [tool.towncrier] here: begin one, or take the step changelog out of release.toml." in said
    (project / "release.toml").unlink()
    (project / "places.toml").unlink()
    (project / "towncrier.toml").write_text('[tool.towncrier]\nname = "lib"\n')
    again = customhouse("release", "new", "--template", "compiled-library", folder=project)
    assert "towncrier" not in again.stdout


def test_it_says_the_next_three_commands(project: Path, home: Path) -> None:
    done = customhouse("release", "new", folder=project)
    assert done.stdout.splitlines()[-4:] == [
        "Next:", "  customhouse release lint", "  customhouse release draw -o release.svg",
        "  customhouse release run --param version=1.2.3 --rehearse",
    ]  # fmt: skip
    # A path is as long as it is, and stands alone on its line.
    assert max(len(line) for line in done.stdout.splitlines() if str(home) not in line) <= 80


def test_a_remote_called_upstream_leaves_origin_to_be_the_fork(project: Path) -> None:
    _git(project, "remote", "add", "upstream", "/srv/upstream.git")
    customhouse("release", "new", folder=project)
    places = (project / "places.toml").read_text()
    assert 'url = "/srv/upstream.git"\nadapter = "hook"' in places
    assert 'url = "https://github.com/rosa/my-lib.git"' in places


def test_a_bare_repository_beside_the_project_is_the_fork(project: Path) -> None:
    _git(project.parent, "init", "--quiet", "--bare", "My.Lib-fork.git")
    done = customhouse("release", "new", folder=project)
    assert "No fork" not in done.stdout
    assert 'url = "../My.Lib-fork.git"' in (project / "places.toml").read_text()


def test_whoever_releases_alone_gets_a_key_and_it_stands_in_the_pipeline(project: Path, home: Path) -> None:
    done = customhouse("release", "new", folder=project)
    key = open_key(home / "customhouse" / "release.key")
    rm = read_pipeline((project / "release.toml").read_text()).actor("rm")
    assert f"key:{key.public}" in rm.identities
    assert f"  {home / 'customhouse' / 'release.key'}\n" in done.stdout


def test_index_and_account_are_written_as_certificates_of_that_index_name_them(project: Path) -> None:
    index = "http://localhost:8417"
    done = customhouse("release", "new", "--index", f"{index}/", "--user", "nell", folder=project)
    assert "No index" not in done.stdout
    rm = read_pipeline((project / "release.toml").read_text()).actor("rm")
    assert rm.identities[:2] == ("user:nell", f"oidc:{index}/sigstore/oidc#{index}/user/nell")
    places = (project / "places.toml").read_text()
    assert f'url = "{index}"' in places
    assert f'trust_config = "{index}/sigstore/trust_config.json"' in places


@pytest.mark.parametrize("words", [("--index", "localhost"), ("--user", "nell smith")])
def test_what_is_no_address_and_no_account_is_refused(words: tuple[str, str], project: Path) -> None:
    done = customhouse("release", "new", *words, folder=project)
    assert (done.returncode, words[0] in done.stderr) == (2, True)
    assert not (project / "release.toml").exists()


def test_a_program_comes_with_its_digest(project: Path) -> None:
    customhouse("release", "new", "--template", "cpython", folder=project)
    digest = hashlib.sha256((project / "release.py").read_bytes()).hexdigest()
    step = read_pipeline((project / "release.toml").read_text()).step("build-src")
    assert step.options["tools"] == (f"release.py sha256:{digest}",)


def test_a_program_that_is_there_is_not_overwritten(project: Path) -> None:
    (project / "release.py").write_text("mine")
    done = customhouse("release", "new", "--template", "cpython", folder=project)
    assert (done.returncode, (project / "release.py").read_text()) == (2, "mine")
    assert not (project / "release.toml").exists()


def test_nothing_is_overwritten(project: Path) -> None:
    (project / "places.toml").write_text("mine")
    done = customhouse("release", "new", folder=project)
    assert done.returncode == 2
    assert "places.toml: it is there already" in done.stderr
    assert not (project / "release.toml").exists()


def test_a_folder_that_says_nothing_gets_a_sample(tmp_path: Path) -> None:
    done = customhouse("release", "new", folder=tmp_path)
    assert done.returncode == 0
    assert "It is called sealed for now" in done.stdout.replace("it is", "It is")
    assert read_pipeline((tmp_path / "release.toml").read_text()).project == "sealed"


def test_lint_ends_with_1_for_errors_and_fits_a_terminal(tmp_path: Path) -> None:
    (tmp_path / "release.toml").write_text(spoiled(('watch = ["tag"]', ""), (', "signatures-verify"', "")))
    done = customhouse("release", "lint", folder=tmp_path)
    assert done.returncode == 1
    assert done.stdout.startswith("error   watch-missing          step push-fork\n        From here on its tag")
    assert "warning signatures-unchecked   step sign" in done.stdout
    assert done.stdout.endswith("release.toml: 12 steps, 1 error, 1 warning\n")
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_lint_ends_with_0_for_warnings_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(spoiled((', "signatures-verify"', "")))
    assert customhouse("release", "lint", "mine.toml", folder=tmp_path).returncode == 0


def test_lint_says_it_as_json(tmp_path: Path) -> None:
    (tmp_path / "release.toml").write_text(spoiled(('watch = ["tag"]', "")))
    done = customhouse("release", "lint", "--json", folder=tmp_path)
    assert done.returncode == 1
    said = json.loads(done.stdout)
    assert (said["project"], said["steps"]) == ("sealed", 12)
    assert [(one["level"], one["code"], one["place"]) for one in said["findings"]] == [
        ("error", "watch-missing", "step push-fork")
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"[pipelin]\n", "release.toml, line 1, pipelin: there is no section 'pipelin'; did you mean 'pipeline'?"),
        (b"\xff", "release.toml (byte 0): it is not UTF-8"),
        (b"a = [", "release.toml, line 1: this is no TOML"),
    ],
)
def test_what_is_no_pipeline_is_refused_with_its_place(text: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "release.toml").write_bytes(text)
    for command in ("lint", "draw"):
        done = customhouse("release", command, folder=tmp_path)
        assert (done.returncode, done.stdout) == (2, "")
        assert said in done.stderr


def test_without_a_pipeline_it_says_how_to_get_one(tmp_path: Path) -> None:
    done = customhouse("release", "lint", folder=tmp_path)
    assert done.returncode == 2
    assert "customhouse release new writes one" in done.stderr


def test_a_pipeline_is_drawn_to_a_file_or_to_standard_output(tmp_path: Path) -> None:
    (tmp_path / "release.toml").write_text(SMALL)
    to_file = customhouse("release", "draw", "-o", "x.svg", folder=tmp_path)
    out = customhouse("release", "draw", "release.toml", folder=tmp_path)
    assert (to_file.returncode, out.returncode) == (0, 0)
    assert (tmp_path / "x.svg").read_text() == out.stdout
    assert out.stdout.startswith("<svg xmlns=")
    tall = customhouse("release", "draw", "--tall", "--theme", "dark", folder=tmp_path)
    assert tall.returncode == 0
    assert 'viewBox="0 0 ' in tall.stdout
    assert tall.stdout != out.stdout


def test_a_run_that_is_not_there_is_refused(tmp_path: Path) -> None:
    done = customhouse("release", "draw", "sealed-1.0-1", folder=tmp_path)
    assert done.returncode == 2
    assert "There is no run 'sealed-1.0-1'" in done.stderr
