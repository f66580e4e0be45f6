"""What `customhouse use` makes of settings files, and taking exactly that back: texts alone, nothing is installed."""

from __future__ import annotations

import configparser
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customhouse.consume.setup.effect import PYPI, besides, effects
from customhouse.consume.setup.pip_conf import places_in, with_index
from customhouse.consume.setup.tables import poetry_with_source, poetry_with_user, uses_poetry, uv_places, uv_with_index
from customhouse.consume.setup.undo import Edit, from_json, restored, to_json
from customhouse.terms.errors import Rejected

URL = "https://packages.example.org/view/acme/simple/"
PIP = """# ours
[global]
timeout = 60
index_url = https://user:secret@old.example.org/simple
extra-index-url =
    https://one.example.org/simple
    https://two.example.org/simple
; kept
[install]
index-url: https://install.example.org/simple
no-binary = :all:
"""
UV = """# ours
exclude-newer = "7 days"  # kept
extra-index-url = ["https://extra.example.org/simple"]

[[index]]
name = "old"
url = "https://old.example.org/simple"
default = true

[[index]]
# for torch alone
name = "torch"
url = "https://torch.example.org/simple"
explicit = true

[pip]
index-url = "https://pip.example.org/simple"
generate-hashes = true
"""
PROJECT = """[project]
name = "app"  # ours
version = "1"

[tool.ruff]
line-length = 120

[tool.poetry]
package-mode = false

[[tool.poetry.source]]
name = "old"
url = "https://old.example.org/simple"

[build-system]
requires = ["poetry-core"]
build-backend = "poetry.core.masonry.api"
"""


def test_pip_gets_one_index_and_keeps_the_rest() -> None:
    assert with_index(PIP, URL) == (
        f"# ours\n[global]\nindex-url = {URL}\ntimeout = 60\n; kept\n[install]\nno-binary = :all:\n"
    )
    assert places_in(PIP)["extra-index-url"] == ("https://one.example.org/simple", "https://two.example.org/simple")


@pytest.mark.parametrize(
    ("text", "new"),
    [
        ("", f"[global]\nindex-url = {URL}\n"),
        ("[install]\nno-cache = 1", f"[install]\nno-cache = 1\n\n[global]\nindex-url = {URL}\n"),
        ("[global]", f"[global]\nindex-url = {URL}\n"),
        ("[global]\r\ntimeout = 1\r\n", f"[global]\r\nindex-url = {URL}\r\ntimeout = 1\r\n"),
        (f"[global]\nindex-url = {URL}\n", f"[global]\nindex-url = {URL}\n"),
        (f"[global]\nindex-url={URL}\n# comment\n", f"[global]\nindex-url={URL}\n# comment\n"),
    ],
)
def test_each_kind_of_pip_conf(text: str, new: str) -> None:
    assert with_index(text, URL) == new
    assert with_index(new, URL) == new
    found = configparser.RawConfigParser()
    found.read_string(new)
    assert dict(found["global"])["index-url"] == URL


def test_uv_gets_one_default_index_and_keeps_what_is_asked_for_by_name() -> None:
    new = uv_with_index(UV, URL, "uv.toml", keyring=True)
    assert tomllib.loads(new) == {
        "exclude-newer": "7 days", "keyring-provider": "subprocess", "pip": {"generate-hashes": True},
        "index": [
            {"name": "torch", "url": "https://torch.example.org/simple", "explicit": True},
            {"name": "customhouse", "url": URL, "default": True},
        ],
    }  # fmt: skip
    assert "# ours\n" in new
    assert "# kept" in new
    assert "# for torch alone" in new
    assert uv_with_index(new, URL, "uv.toml", keyring=True) == new
    assert uv_places(new, "uv.toml") == (URL, ())
    assert uv_places(UV, "uv.toml") == (
        "https://old.example.org/simple", ("https://extra.example.org/simple", "https://pip.example.org/simple")
    )  # fmt: skip


def test_a_project_keeps_everything_else() -> None:
    assert uses_poetry(PROJECT, "pyproject.toml")
    new = poetry_with_source(uv_with_index(PROJECT, URL, "p", inside=("tool", "uv")), URL, "p")
    was, now = tomllib.loads(PROJECT), tomllib.loads(new)
    assert now["tool"].pop("uv") == {"index": [{"name": "customhouse", "url": URL, "default": True}]}
    assert now["tool"]["poetry"].pop("source") == [{"name": "customhouse", "url": URL, "priority": "primary"}]
    del was["tool"]["poetry"]["source"]
    assert now == was
    assert '"app"  # ours' in new
    assert poetry_with_source(uv_with_index(new, URL, "p", inside=("tool", "uv")), URL, "p") == new


def test_poetry_gets_the_user_and_no_password() -> None:
    new = poetry_with_user('[http-basic.other]\nusername = "x"\n', "__token__", "auth.toml")
    assert tomllib.loads(new)["http-basic"] == {"other": {"username": "x"}, "customhouse": {"username": "__token__"}}
    assert poetry_with_user(new, "__token__", "auth.toml") == new


@pytest.mark.parametrize("text", ["[[index]\n", "a = 1\na = 2\n", "tool = 1\n[tool.uv]\n"])
def test_settings_that_their_tool_could_not_read_are_refused(text: str) -> None:
    with pytest.raises(Rejected, match=r"uv\.toml"):
        uv_with_index(text, URL, "uv.toml")


def test_a_value_where_a_table_should_be_is_refused() -> None:
    with pytest.raises(Rejected, match="no table"):
        uv_with_index("tool = 1\n", URL, "pyproject.toml", inside=("tool", "uv"))


@pytest.mark.parametrize("text", [PIP, UV, PROJECT, "", "[global]", "x = 1\r\n"])
def test_undoing_brings_back_every_byte(text: str) -> None:
    change = with_index if text == PIP or text.startswith("[g") else lambda one, url: uv_with_index(one, url, "uv.toml")
    new = poetry_with_source(text, URL, "p") if text == PROJECT else change(text, URL)
    edit = from_json(to_json(Edit("f", text, new)))
    assert restored(new, edit) == text
    assert restored(text, edit) == text, "undone already"


def test_undoing_leaves_what_was_edited_elsewhere_since() -> None:
    new = with_index(PIP, URL)
    edit = Edit("pip.conf", PIP, new)
    edited = new.replace("timeout = 60", "timeout = 90") + "[list]\nformat = columns\n"
    assert restored(edited, edit) == PIP.replace("timeout = 60", "timeout = 90") + "[list]\nformat = columns\n"


@pytest.mark.parametrize(
    "now", [PIP.replace("old", "newer"), f"[global]\nindex-url = {URL}#x\n", "[global]\nindex-url = other\n"]
)
def test_what_was_edited_at_our_lines_is_not_clobbered(now: str) -> None:
    assert restored(now, Edit("pip.conf", PIP, with_index(PIP, URL))) is None


def test_lines_that_somebody_took_out_himself_are_no_obstacle() -> None:
    text = "[list]\nformat = columns\n"
    edit = Edit("pip.conf", text, with_index(text, URL))
    assert restored("[list]\nformat = json\n", edit) == "[list]\nformat = json\n"


LINES = st.lists(
    st.sampled_from(
        ["[global]", "[install]", "# c", "", "timeout = 1", "index-url = a", "extra-index-url =", "  b", "junk"]
    )
)


@given(LINES, st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_whatever_stood_in_a_pip_conf_comes_back(lines: list[str], end: str, closed: bool) -> None:
    text = end.join(lines) + (end if closed else "")
    try:
        configparser.RawConfigParser().read_string(text)
    except configparser.Error:
        with pytest.raises(Rejected):
            with_index(text, URL)
        return
    new = with_index(text, URL)
    assert with_index(new, URL) == new
    assert places_in(new) == {"index-url": (URL,)}
    assert restored(new, Edit("f", text, new)) == text


THEIRS, MORE = "https://theirs.example.org/simple", "https://more.example.org/simple"


def test_every_file_counts_that_a_tool_reads(tmp_path: Path) -> None:
    """uv joins the indexes of all its files and asks those of another file first; pip lets each key count by itself."""
    around = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": ""}
    project = tmp_path / "project"
    for place, text in (
        (tmp_path / ".config/uv/uv.toml", f'[[index]]\nurl = "{THEIRS}"\n'),
        (project / "uv.toml", uv_with_index("", URL, "uv.toml")),
        (tmp_path / ".config/pip/pip.conf", f"[global]\nextra-index-url = {THEIRS}\n"),
        (project / ".venv/pip.conf", with_index("", URL)),
    ):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    (project / ".venv/pyvenv.cfg").touch()
    told = {one.tool: one.places for one in effects(project, around | {"VIRTUAL_ENV": str(project / ".venv")})}
    assert told == {"pip": (URL, THEIRS), "uv": (URL, THEIRS)}
    assert len(list(besides(project, around, URL))) == 2
    told = {one.tool: one.places for one in effects(
        project, around | {"PIP_INDEX_URL": MORE, "PIP_FIND_LINKS": "/wheels", "UV_DEFAULT_INDEX": MORE}
    )}  # fmt: skip
    assert told == {"pip": (MORE, THEIRS, "/wheels"), "uv": (MORE, THEIRS)}
    (tmp_path / ".config/uv/uv.toml").unlink()
    (tmp_path / ".config/pip/pip.conf").unlink()
    assert list(besides(project, around, URL)) == []
    (project / "uv.toml").write_text(f'[[index]]\nurl = "{MORE}"\n')
    assert effects(project, around)[1].places == (PYPI, MORE)


def as_pip_reads(text: str) -> dict[str, str]:
    """What counts for ``pip install``: keys without two dashes in front, of [global] and [install] alone."""
    parser = configparser.RawConfigParser()
    parser.read_string(text)
    return {
        key.lower().replace("_", "-").removeprefix("--"): value
        for section in ("global", "install") if parser.has_section(section) for key, value in parser.items(section)
    }  # fmt: skip


@pytest.mark.parametrize("text", [
    f"[global]\n--extra-index-url = {THEIRS}\n", f"[global]\n--Index_URL = {THEIRS}\n", f"[Global]\nindex-url = {THEIRS}\n",
    f"[GLOBAL]\ntimeout = 60\n[install]\n--find-links: {THEIRS}\n", f"[global]\n extra-index-url = {THEIRS}\n",
    f"[global]\n  timeout = 60\n  extra-index-url = {THEIRS}\n", f"[global]\n\ttimeout = 60\n\n\textra_index_url = {THEIRS}\n",
    f"[DEFAULT]\nextra-index-url = {THEIRS}\n[global]\n timeout = 60\n", f"[global ]\nindex-url = {THEIRS}\n",
    f"[global]\nextra-index-url =\n    {THEIRS}\n\n    # more\n    {MORE}\ntimeout = 60\n",
])  # fmt: skip
def test_pip_asks_one_index_however_its_file_is_written(text: str) -> None:
    """What pip reads otherwise than we do stays in the file, or goes where pip does not look: then PyPI is asked."""
    new = with_index(text, URL)
    found = as_pip_reads(new)
    assert (found.pop("index-url"), found.pop("timeout", "60"), found) == (URL, "60", {})
    assert with_index(new, URL) == new
    assert restored(new, Edit("pip.conf", text, new)) == text


def test_uv_takes_no_torch_from_elsewhere() -> None:
    assert tomllib.loads(uv_with_index('[pip]\ntorch-backend = "cu126"\n', URL, "uv.toml")).get("pip") in (None, {})
