"""Raising pins in a requirements file: nothing but the version and its hashes changes."""

from __future__ import annotations

import io
import sys
import tarfile
from pathlib import Path

import pytest

from customhouse.cli.audit_fix import mend
from customhouse.consume.audit.mend.plan import Raise, plan
from customhouse.consume.audit.mend.requirements_text import has_hashes, raised
from customhouse.consume.audit.mend.uv import resolved_with_hashes
from customhouse.consume.audit.model import Component, Finding, Report, Subject
from customhouse.consume.audit.read.detect import read_target
from customhouse.formats.osv.merging import Same
from customhouse.formats.osv.read import read_record
from customhouse.formats.osv.severity import UNSCORED, Level
from customhouse.terms.errors import Unavailable

OLD, NEW = "sha256:" + "a" * 64, ["sha256:" + "c" * 64, "sha256:" + "b" * 64]


def one(line: int, name: str = "demo", version: str = "1.0") -> Raise:
    return Raise(name, version, "2.0", Path("requirements.txt"), line, "requirements")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("demo==1.0\n", "demo==2.0\n"),
        ("demo == 1.0 # why\n", "demo == 2.0 # why\n"),
        ("Demo[extra,other]===1.0 ; python_version > '3'\r\n", "Demo[extra,other]===2.0 ; python_version > '3'\r\n"),
        ("demo==1.0", "demo==2.0"),
        ("demo==1.0;sys_platform=='linux'\n", "demo==2.0;sys_platform=='linux'\n"),
        ("demo==1.0 \\\n  ; python_version > '3'\n", "demo==2.0 \\\n  ; python_version > '3'\n"),
    ],
)
def test_a_pin_is_raised_and_all_around_it_stays(before: str, after: str) -> None:
    text = f"# comment\nfirst==1.0\n{before}"
    assert raised(text, [one(3)], {}) == (f"# comment\nfirst==1.0\n{after}", [])


def test_hashes_are_replaced_in_the_same_layout() -> None:
    text = f"demo==1.0 \\\n    --hash={OLD} \\\n    --hash={OLD}\n    # via app\nlast==1.0\n"
    new, left = raised(text, [one(1)], {("demo", "2.0"): NEW})
    assert left == []
    assert new == f"demo==2.0 \\\n    --hash={NEW[1]} \\\n    --hash={NEW[0]}\n    # via app\nlast==1.0\n"
    assert raised(f"demo==1.0 --hash={OLD}\n", [one(1)], {("demo", "2.0"): NEW})[0] == (
        f"demo==2.0 --hash={NEW[1]} --hash={NEW[0]}\n"
    )


def test_a_pin_whose_new_hashes_nobody_knows_is_left() -> None:
    text = f"demo==1.0 --hash={OLD}\n"
    assert has_hashes(text, one(1))
    assert raised(text, [one(1)], {}) == (text, [one(1)])


@pytest.mark.parametrize(
    "line", ["demo>=1.0\n", "other==1.0\n", "demo==1.1\n", "-e .\n", "demo @ https://x/demo-1.0.whl\n", ""]
)
def test_what_is_no_such_pin_is_left(line: str) -> None:
    assert raised(line, [one(1)], {}) == (line, [one(1)])


def test_several_pins_of_one_file_are_raised_at_once() -> None:
    text = f"a==1.0 \\\n --hash={OLD}\nb==1.0\nc==1.0\n"
    new, left = raised(text, [one(1, "a"), one(4, "c"), one(3, "b")], {("a", "2.0"): NEW[:1]})
    assert (new, left) == (f"a==2.0 \\\n --hash={NEW[0]}\nb==2.0\nc==2.0\n", [])


@pytest.mark.slow
def test_what_is_to_be_installed_is_not_built_before_it_is_audited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_OFFLINE", "1")
    with tarfile.open(tmp_path / "sourceonly-1.0.tar.gz", "w:gz") as archive:
        for name, body in (
            ("PKG-INFO", b"Metadata-Version: 2.1\nName: sourceonly\nVersion: 1.0\n"),
            ("pyproject.toml", b'[build-system]\nrequires = []\nbackend-path = ["."]\nbuild-backend = "backend"\n'),
            ("backend.py", f"open({str(tmp_path / 'was-run')!r}, 'w')".encode()),
        ):
            member = tarfile.TarInfo(f"sourceonly-1.0/{name}")
            member.size = len(body)
            archive.addfile(member, io.BytesIO(body))
    asked = tmp_path / "requirements.txt"
    asked.write_text(f"--no-index\n--find-links {tmp_path}\nsourceonly\n")
    with pytest.raises(Unavailable, match="building from source is disabled"):
        resolved_with_hashes([asked], tmp_path / "pinned.txt", sys.executable, "")
    assert not (tmp_path / "was-run").exists()


def test_what_is_shown_of_a_strangers_file_commands_no_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text("# \x1b]0;mine\x07\ndemo==1.0\n")
    found = Component("demo", "1.0", f"{file}:2")
    advice = read_record({"id": "X-1", "modified": "2026-11-01T00:00:00Z"}, "x")
    finding = Finding(found, Same((advice,), ("X-1",)), UNSCORED, ("2.0",), "2.0")
    report = Report((Subject(str(file), "requirements", (found,)),), (finding,))
    assert mend(report, Level.LOW, None, "", dry=False) == 1
    assert file.read_text() == "# \x1b]0;mine\x07\ndemo==2.0\n"
    shown = capsys.readouterr().err
    assert "+demo==2.0" in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize("target", [".", "pyproject.toml", "uv.lock"])
def test_the_lock_of_a_project_is_found_by_whatever_it_is_audited(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("pyproject.toml").write_text('[project]\nname = "x"\nversion = "1"\n')
    Path("uv.lock").write_text(
        'version = 1\n[[package]]\nname = "demo"\nversion = "1.0"\nsource = { registry = "https://pypi.org/simple" }\n'
    )
    (subject,) = read_target(target)
    advice = read_record({"id": "X-1", "modified": "2026-11-01T00:00:00Z"}, "x")
    finding = Finding(subject.components[0], Same((advice,), ("X-1",)), UNSCORED, ("2.0",), "2.0")
    (one,), _ = plan(Report((subject,), (finding,)), Level.LOW)
    assert (one.file, one.to) == (Path("uv.lock"), "2.0")
