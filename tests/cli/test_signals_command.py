"""``customhouse signals``, as an operator types it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from command_line import Done, customhouse
from world import blank_folder

FINE, USAGE = 0, 2


@pytest.fixture
def data(tmp_path: Path) -> Path:
    shutil.copytree(blank_folder(), tmp_path / "data")
    return tmp_path / "data"


def signals(*arguments: str, data: Path) -> Done:
    done = customhouse("signals", *arguments, environment={"CUSTOMHOUSE_DATA": str(data)})
    assert "Traceback" not in done.stderr
    return done


def test_the_list_of_top_packages_is_loaded_listed_and_forgotten(data: Path, tmp_path: Path) -> None:
    rows = [{"project": "boto3", "download_count": 1000}, {"project": "requests", "download_count": 900}]
    (tmp_path / "top.json").write_text(json.dumps({"last_update": "2026-01-05 07:38:41", "rows": rows}))
    flags = ("--signal", "downloads", "--source", "hugovk")
    done = signals("load", str(tmp_path / "top.json"), *flags, data=data)
    assert (done.returncode, done.stderr) == (FINE, "")
    assert done.stdout == (
        "downloads of 2 projects of pypi, by hugovk on 2026-01-05.\nViews look at everything anew.\n"
    )
    listed = signals("list", data=data).stdout
    assert listed.startswith("downloads  pypi, by hugovk\n  of 2026-01-05, ")
    assert " days old; 2 projects; loaded 20" in listed
    done = signals("forget", *flags, data=data)
    assert done.stdout == "downloads of pypi, by hugovk, count no more (2 projects).\n"
    assert "Nothing is loaded." in signals("list", data=data).stdout
    assert "No list of 'downloads'" in signals("forget", *flags, data=data).stderr


@pytest.mark.parametrize(
    ("text", "flags", "said"),
    [
        ("project,downloads\na,b\n", ("--date", "2026-01-01"), "line 2: 'b' of a is not a whole number"),
        ("project,downloads\na,1\n", (), "does not say of which day it is"),
        ("project,downloads\na,1\n", ("--date", "2999-01-01"), "has not come"),
        ("project,downloads\na,1\n", ("--date", "soon"), "'soon' is no day"),
        ("project,downloads\na,1\n", ("--date", "2026-01-01", "--upstream", "x"), "there is no upstream 'x'"),
        (None, ("--date", "2026-01-01"), "No such file"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_loaded(
    data: Path, tmp_path: Path, text: str | None, flags: tuple[str, ...], said: str
) -> None:
    if text is not None:
        (tmp_path / "list.csv").write_text(text)
    done = signals("load", str(tmp_path / "list.csv"), "--signal", "downloads", "--source", "x", *flags, data=data)
    assert done.returncode != FINE
    assert said in " ".join(done.stderr.split())
    assert "Nothing is loaded." in signals("list", data=data).stdout
