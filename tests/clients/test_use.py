"""``customhouse use`` with real pip, uv and Poetry: plain commands go through the view, and undoing leaves no trace."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2 as httpx
import pytest
from venvs import UV, clean_environment, client

from command_line import Done, customhouse
from customhouse.views.define import AddView, add_view
from packages import wheel
from world import Server, running, upload

pytestmark = pytest.mark.slow
PIP = "# my own\n[global]\ntimeout = 30\nextra-index-url = http://127.0.0.1:9/simple/\n"
UV_TOML = '# my own\nlink-mode = "copy"\n\n[[index]]\nurl = "http://127.0.0.1:9/simple/"\ndefault = true\n'
PROJECT = """# my own
[project]
name = "consumer"
version = "1"
requires-python = ">=3.11"
dependencies = []

[tool.poetry]
package-mode = false
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("use") / "data") as made:
        token = made.new_token("alice")
        with httpx.Client(base_url=made.url, timeout=30) as http:
            assert upload(http, token, wheel("usable", "1.0"), name="usable", version="1.0").status == 200
        with made.opened() as app:
            app.do(add_view, AddView("acme", (), 'level = "open"\n', ()))
            app.do(add_view, AddView("other", (), 'level = "open"\n', ()))
        yield made


@dataclass
class Home:
    """Somebody's machine: his settings, his project, and nothing of ours."""

    folder: Path
    server: Server

    @property
    def environment(self) -> dict[str, str]:
        kept = clean_environment(self.folder, PYTHON_KEYRING_BACKEND="keyrings.alt.file.PlaintextKeyring")
        for name in ("PIP_CONFIG_FILE", "UV_NO_CONFIG"):
            del kept[name]
        # Where Poetry and the keyring look, too.
        return kept | {
            "XDG_CONFIG_HOME": str(self.folder / ".config"), "XDG_DATA_HOME": str(self.folder / ".data"),
            "PATH": f"{Path(sys.executable).parent}:{kept['PATH']}", "POETRY_VIRTUALENVS_IN_PROJECT": "true",
            "POETRY_CACHE_DIR": str(self.folder / "poetry-cache"),
        }  # fmt: skip

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def use(self, *words: str, stdin: str = "") -> Done:
        plain = {name: "" for name in os.environ if name.startswith(("PIP_", "UV_"))}
        return customhouse("use", *words, folder=self.project, environment={**plain, **self.environment}, stdin=stdin)

    @property
    def project(self) -> Path:
        found = self.folder / "project"
        found.mkdir(exist_ok=True)
        return found

    def does(self, *command: str) -> str:
        # Poetry has a keyring of its own, and not this one for tests.
        more = {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"} if "poetry" in command[0] else {}
        done = subprocess.run(command, cwd=self.project, env=self.environment | more, capture_output=True, text=True,
                              check=False, timeout=300)  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        return done.stdout + done.stderr

    def files(self) -> dict[str, bytes]:
        """Every settings file, with its bytes."""
        found = {}
        for place in (self.folder / ".config", self.project):
            for path in sorted(place.rglob("*")):
                if path.is_file() and ".venv" not in path.parts and path.name != "poetry.lock":
                    found[str(path.relative_to(self.folder))] = path.read_bytes()
        return found


@pytest.fixture
def home(server: Server, tmp_path: Path) -> Home:
    (tmp_path / "home").mkdir()
    return Home(tmp_path / "home", server)


def test_plain_pip_and_uv_go_through_the_view_and_undoing_leaves_no_trace(home: Home, tmp_path: Path) -> None:
    home.write(".config/pip/pip.conf", PIP)
    home.write(".config/uv/uv.toml", UV_TOML)
    before = home.files()
    done = home.use("acme", "--index", home.server.url)
    assert done.returncode == 0, done.stderr
    assert "for each of its projects, `customhouse use VIEW --project DIR`" in done.stderr
    during = home.files()
    pip = str(client("pip-newest") / "bin" / "python")
    said = home.does(pip, "-m", "pip", "install", "--no-cache-dir", "--target", str(tmp_path / "by-pip"), "usable")
    assert f"Looking in indexes: {home.server.url}/view/acme/simple/\n" in said, said
    home.does(str(UV), "pip", "install", "--python", sys.executable, "--target", str(tmp_path / "by-uv"), "usable")
    for name in ("by-pip", "by-uv"):
        assert list((tmp_path / name).glob("usable-1.0.dist-info"))
    told = home.use()
    view = f"{home.server.url}/view/acme/simple/"
    assert told.stdout.startswith(
        f"pip     {view}\n        as {home.folder}/.config/pip/pip.conf says\nuv      {view}\n"
    )
    # Twice is harmless, another view is another view, and the record always leads back to what was there first.
    assert home.use("acme", "--index", home.server.url).returncode == 0
    assert without_record(home.files()) == without_record(during)
    assert home.use("other").returncode == 0
    assert b"/view/other/simple/" in home.files()[".config/pip/pip.conf"]
    assert home.use("--undo").returncode == 0
    assert home.files() == before
    assert home.use("--undo").returncode == 2


def test_what_a_project_is_given_besides_by_settings_of_the_user_is_told_and_is_no_success(home: Home) -> None:
    """uv asks an index of the user's own file before the default one of the project: that would be past the view."""
    home.write(".config/uv/uv.toml", UV_TOML.replace("default = true\n", ""))
    done = home.use("acme", "--index", home.server.url, "--project", ".")
    assert (done.returncode, "uv asks http://127.0.0.1:9/simple/, too, past the view" in done.stderr) == (3, True)
    assert "NOT ALL packages come from" in done.stdout
    assert "and http://127.0.0.1:9/simple/\n" in home.use().stdout
    home.write(".config/uv/uv.toml", "")
    assert home.use("acme", "--project", ".").returncode == 0


def without_record(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: body for name, body in files.items() if not name.endswith("use.json")}


def test_a_project_of_poetry_with_its_environment(home: Home) -> None:
    home.write("project/pyproject.toml", PROJECT)
    home.does(sys.executable, "-m", "venv", str(home.project / ".venv"))
    before = home.files()
    done = home.use("acme", "--index", home.server.url, "--project", ".")
    assert done.returncode == 0, done.stderr
    during = home.files()["project/pyproject.toml"]
    poetry = str(client("poetry") / "bin" / "poetry")
    home.does(poetry, "add", "--no-interaction", "usable")
    assert "/view/acme/simple" in (home.project / "poetry.lock").read_text()
    home.does(str(home.project / ".venv/bin/python"), "-m", "pip", "uninstall", "-y", "usable")
    said = home.does(str(home.project / ".venv/bin/python"), "-m", "pip", "install", "--no-cache-dir", "usable")
    assert f"{home.server.url}/view/acme/simple/" in said
    home.does(str(UV), "lock", "--python", sys.executable)
    assert f'registry = "{home.server.url}/view/acme/simple/"' in (home.project / "uv.lock").read_text()
    (home.project / "uv.lock").unlink()
    # `poetry add` has written a dependency into the file since: it stays, and ours goes.
    added = home.files()["project/pyproject.toml"]
    assert added != during
    assert home.use("--undo", "--project", ".").returncode == 0
    after = home.files()["project/pyproject.toml"].decode()
    assert "usable" in after
    assert "customhouse" not in after
    (home.project / "pyproject.toml").write_bytes(before["project/pyproject.toml"])
    assert home.files() == before
    assert not (home.project / ".venv/pip.conf").exists()


def test_a_token_goes_to_the_keyring_and_is_written_nowhere(home: Home, tmp_path: Path) -> None:
    token = home.server.new_token("carol")
    done = home.use("acme", "--index", home.server.url, "--token", "-", stdin=f"{token}\n")
    assert done.returncode == 0, done.stderr
    shown = done.stdout + done.stderr
    assert all(token.encode() not in body for body in home.files().values())
    assert token not in shown
    assert b"__token__@" in home.files()[".config/pip/pip.conf"]
    said = home.does(str(Path(sys.executable).parent / "keyring"), "get", f"127.0.0.1:{home.server.port}", "__token__")
    assert said.strip() == token
    pip = str(client("pip-newest") / "bin" / "python")
    home.does(pip, "-m", "pip", "install", "--no-cache-dir", "--target", str(tmp_path / "by-pip"), "usable")
    home.does(str(UV), "pip", "install", "--python", sys.executable, "--target", str(tmp_path / "by-uv"), "usable")
    # Another view of the same host is opened by the same token.
    assert home.use("other").returncode == 0
    assert b"__token__@" in home.files()[".config/pip/pip.conf"]
    assert home.use("--undo").returncode == 0
    gone = subprocess.run(
        [str(Path(sys.executable).parent / "keyring"), "get", f"127.0.0.1:{home.server.port}", "__token__"],
        env=home.environment, capture_output=True, check=False,
    )  # fmt: skip
    assert gone.stdout == b""
    assert home.use("acme", "--index", home.server.url, "--token", token).returncode == 2, "an argument is public"


def test_without_a_keyring_a_token_is_kept_nowhere(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    done = home.use("acme", "--index", home.server.url, "--token", "-", stdin="ch1.secret\n")
    assert (done.returncode, home.files()) == (2, {})
    assert "pip install 'customhouse[keyring]'" in done.stderr
    assert "ch1.secret" not in done.stdout + done.stderr


def test_what_was_edited_since_is_not_thrown_away(home: Home) -> None:
    assert home.use("acme", "--index", home.server.url).returncode == 0
    pip = home.folder / ".config/pip/pip.conf"
    pip.write_text(pip.read_text().replace("/view/acme/", "/view/mine/"))
    before = home.files()
    done = home.use("--undo")
    assert (done.returncode, home.files()) == (2, before)
    assert str(pip) in done.stderr
    assert "edited" in done.stderr
    pip.unlink()
    assert home.use("--undo").returncode == 0
    assert home.files() == {}


def test_links_are_followed_and_what_is_read_only_is_named(home: Home) -> None:
    real = home.write("dotfiles/pip.conf", PIP)
    (home.folder / ".config/pip").mkdir(parents=True)
    link = home.folder / ".config/pip/pip.conf"
    link.symlink_to(real)
    done = home.use("acme", "--index", home.server.url)
    assert f"{link} (a link to {real})" in done.stdout
    assert "/view/acme/simple/" in real.read_text()
    assert link.is_symlink()
    assert home.use("--undo").returncode == 0
    assert (link.is_symlink(), real.read_text()) == (True, PIP)
    real.chmod(0o444)
    before = home.files()
    done = home.use("acme", "--index", home.server.url)
    assert (done.returncode, home.files()) == (2, before)
    assert f"{link} (a link to {real}): it is read-only" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere"], "/view/nowhere/simple/: it answers 404"),
        (["Not Good"], "is no name of a view"),
        (["acme", "--user", "--project", "."], "contradicts"),
        (["acme", "--project", "/nowhere"], "is no folder"),
    ],
)
def test_a_slip_of_the_pen_changes_nothing(home: Home, words: list[str], said: str) -> None:
    done = home.use(*words, "--index", home.server.url)
    assert (done.returncode, home.files()) == (2, {}), done
    assert said in done.stderr


def test_an_index_without_tls_is_no_index(home: Home) -> None:
    done = home.use("acme", "--index", "http://packages.example.org/")
    assert (done.returncode, home.files()) == (2, {})
    assert "has no TLS" in done.stderr


def test_a_dry_run_shows_and_changes_nothing(home: Home) -> None:
    home.write(".config/pip/pip.conf", f"{PIP}index-url = https://alice:secret@old.example.org/simple\n")
    before = home.files()
    done = home.use("acme", "--index", home.server.url, "--dry-run")
    assert ("-index-url = https://alice:…@old.example.org/simple" in done.stdout, "secret" in done.stdout) == (
        True,
        False,
    )
    assert (done.returncode, home.files()) == (0, before)
    assert f"+index-url = {home.server.url}/view/acme/simple/" in done.stdout
    assert "-extra-index-url = http://127.0.0.1:9/simple/" in done.stdout


def test_locks_and_audits_of_this_user_know_the_view(home: Home) -> None:
    assert home.use("acme", "--index", home.server.url).returncode == 0
    record = json.loads((home.folder / ".config/customhouse/use.json").read_text())
    assert record["uses"]["user"]["index"] == f"{home.server.url}/view/acme/simple/"
    assert ((home.folder / ".config/customhouse/use.json").stat().st_mode & 0o777) == 0o600
