"""Steps that write into the work tree: version, changelog, programs. Each starts from what the step before left."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from packaging.version import Version

from customhouse.release.actions import Problem, Tampered
from customhouse.release.prepare.bump import patchlevel, pyproject
from release_desk import PYPROJECT, Desk
from sealed_project import git

SYNC = 'fork fork git.sync out=["frozen"]\n'
COMMIT = 'commit desk git.commit_and_tag in=["frozen"] out=["commit","tag"] after=["{after}"] checks=["clean-worktree","paths-allowed"]\n'
PATCHLEVEL = """\
#define PY_RELEASE_LEVEL_ALPHA  0xA
#define PY_RELEASE_LEVEL_FINAL  0xF

/* Version parsed out into numeric values */
#define PY_MAJOR_VERSION        3
#define PY_MINOR_VERSION        11
#define PY_MICRO_VERSION        2
#define PY_RELEASE_LEVEL        PY_RELEASE_LEVEL_FINAL
#define PY_RELEASE_SERIAL       0

/* Version as a string */
#define PY_VERSION              "3.11.2"
"""
CPYTHON = {
    "README.rst": "This is Python version 3.11.2\n=============================\n",
    "LICENSE": "A. HISTORY OF THE SOFTWARE\n",
    "Include/Python.h": "\n",
    "Python/ceval.c": "\n",
    "Include/patchlevel.h": PATCHLEVEL,
    "Misc/NEWS.d/3.11.2.rst": "",
    "Misc/NEWS.d/next/Library/2026-01-02-03-04-05.gh-issue-100001.abc123.rst": "Seals count better.\n",
    "Misc/NEWS.d/next/Security/2026-01-02-03-04-06.gh-issue-100002.abc124.rst": "Seals break less.\n",
}


def desk_of(tmp_path: Path, *steps: str, files: dict[str, str], version: str = "1.1.0") -> Desk:
    desk = Desk(tmp_path / "desk", SYNC + "\n".join(steps), files, version, adapter="")
    desk.do("fork")
    return desk


def text_of(desk: Desk, path: str) -> str:
    return (desk.folder / "clone" / path).read_text()


def test_the_version_of_pyproject_is_written_and_every_other_byte_stays() -> None:
    text = (
        '# a comment\n[project]\nname   = "sealed" # here\nversion="1.0.0"   # bumped\n\n[tool.x]\nversion = "1.0.0"\n'
    )
    assert pyproject(text, "1.1.0") == text.replace('version="1.0.0"', 'version="1.1.0"')


def test_a_pyproject_that_says_no_version_is_refused() -> None:
    with pytest.raises(Problem, match="no version"):
        pyproject('[project]\nname = "x"\ndynamic = ["version"]\n', "1.1.0")


@pytest.mark.parametrize(
    ("version", "level", "serial"), [("3.12.0", "FINAL", 0), ("3.12.0a1", "ALPHA", 1), ("3.12.0rc2", "GAMMA", 2)]
)
def test_cpythons_patchlevel_says_the_version_in_numbers_and_as_text(version: str, level: str, serial: int) -> None:
    text = patchlevel(PATCHLEVEL, Version(version))
    assert [line.split()[-1] for line in text.splitlines() if line.startswith("#define PY_M")] == ["3", "12", "0"]
    assert f"#define PY_RELEASE_LEVEL        PY_RELEASE_LEVEL_{level}\n" in text
    assert f"#define PY_RELEASE_SERIAL       {serial}\n" in text
    assert text.endswith(f'#define PY_VERSION              "{version}"\n')


def test_a_patchlevel_that_says_something_twice_is_refused() -> None:
    with pytest.raises(Problem, match="2 times"):
        patchlevel(PATCHLEVEL + "#define PY_MICRO_VERSION 2\n", Version("3.11.3"))


@pytest.mark.slow
def test_version_changelog_and_program_follow_each_other_and_the_commit_holds_what_they_wrote(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": PYPROJECT
        + '\n[tool.towncrier]\nname = "sealed"\nfilename = "CHANGES.md"\ndirectory = "news"\n'
        'start_string = "<!-- here -->\\n"\ntitle_format = "## {version} ({project_date})"\nissue_format = "#{issue}"\n',
        "CHANGES.md": "# Changes\n\n<!-- here -->\n\n## 1.0.0\n\n- First.\n",
        "news/7.feature.md": "Seals can be counted.\n",
        "news/.gitignore": "!.gitignore\n",
        "src/sealed/__init__.py": '"""Seals."""\n\n__version__ = "1.0.0"\n',
        ".gitignore": "__pycache__/\n",
    }
    desk = desk_of(
        tmp_path, 'changelog desk changelog.towncrier in=["frozen"] out=["news"] after=["fork"]',
        'bump desk version.bump in=["frozen"] after=["changelog"]', COMMIT.format(after="bump"), files=files,
    )  # fmt: skip
    desk.go("changelog", "bump", "commit")
    assert git(desk.folder / "clone", "show", "--name-status", "--format=", "main").splitlines() == [
        "M\tCHANGES.md", "D\tnews/7.feature.md", "M\tpyproject.toml", "M\tsrc/sealed/__init__.py",
    ]  # fmt: skip
    assert "## 1.1.0 (2026-11-24)" in text_of(desk, "CHANGES.md")
    assert '__version__ = "1.1.0"' in text_of(desk, "src/sealed/__init__.py")
    assert desk.state.artifacts["news"][0].algorithm == "gitTree"


@pytest.mark.slow
def test_blurbs_are_gathered_and_patchlevel_is_bumped_as_for_cpython(tmp_path: Path) -> None:
    desk = desk_of(
        tmp_path, 'changelog desk changelog.blurb in=["frozen"] after=["fork"]',
        'bump desk version.bump in=["frozen"] after=["changelog"] with={files=["Include/patchlevel.h",'
        '"README.rst:^This is Python version (.*)$"]}',
        COMMIT.format(after="bump").rstrip() + ' with={paths=["Misc/NEWS.d","Include/patchlevel.h","README.rst"]}',
        files=CPYTHON, version="3.11.3",
    )  # fmt: skip
    desk.killed("changelog")
    desk.do("changelog", begun=True)
    assert desk.state.steps["changelog"].recovered
    desk.go("bump", "commit")
    news = text_of(desk, "Misc/NEWS.d/3.11.3.rst")
    assert "Seals count better." in news
    assert "Seals break less." in news
    assert not list((desk.folder / "clone/Misc/NEWS.d").glob("next/*/*.rst"))
    assert '#define PY_VERSION              "3.11.3"' in text_of(desk, "Include/patchlevel.h")
    assert text_of(desk, "README.rst").startswith("This is Python version 3.11.3\n")


@pytest.mark.slow
def test_a_changelog_that_was_killed_half_way_is_written_from_the_same_files(tmp_path: Path) -> None:
    desk = desk_of(
        tmp_path, 'changelog desk changelog.blurb in=["frozen"] after=["fork"]', files=CPYTHON, version="3.11.3"
    )
    run = desk.begin("changelog")
    (run.folder / "tree/Misc").mkdir(parents=True)
    (run.folder / "tree/Misc/half").write_text("x")
    shutil.rmtree(desk.folder / "clone/Misc")
    desk.do("changelog", begun=True)
    assert not desk.state.steps["changelog"].recovered
    assert "Seals count better." in text_of(desk, "Misc/NEWS.d/3.11.3.rst")


@pytest.mark.slow
def test_a_version_that_two_files_say_differently_is_not_guessed(tmp_path: Path) -> None:
    files = {"pyproject.toml": PYPROJECT, "src/sealed/__init__.py": '__version__ = "0.9"\n'}
    desk = desk_of(tmp_path, 'bump desk version.bump in=["frozen"] after=["fork"]', files=files)
    run = desk.run("bump")
    action = desk.action("bump")
    with pytest.raises(Problem) as refused:
        action.do(run)
    assert refused.value.code == "ambiguous"

    def named(*entries: str) -> None:
        action.do(replace(run, step=replace(run.step, options={"files": entries})))

    for entry, code in (
        ("../outside.py", "bad-path"), ("/etc/passwd", "bad-path"), (".git/config:(.*)", "bad-path"), ("nothing.py", "no-file"),
        ("README", "no-file"), ("pyproject.toml:name = (.*)version", "no-version"), ("pyproject.toml:(v)(e)", "bad-pattern"),
        ("pyproject.toml:(e)", "ambiguous"), ("pyproject.toml:(", "bad-pattern"),
    ):  # fmt: skip
        with pytest.raises(Problem) as refused:
            named(entry)
        assert refused.value.code == code, entry
    assert text_of(desk, "pyproject.toml") == PYPROJECT
    named("src/sealed/__init__.py", 'pyproject.toml:^version = "(.*?)"')
    assert 'version = "1.1.0"' in text_of(desk, "pyproject.toml")


@pytest.mark.slow
def test_a_file_that_is_a_link_out_of_the_tree_is_not_written_through(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk", SYNC + 'bump desk version.bump in=["frozen"] after=["fork"] with={files=["v.py"]}')
    outside = tmp_path / "outside.py"
    outside.write_text('__version__ = "1.0.0"\n')
    (desk.work / "v.py").symlink_to(outside)
    git(desk.work, "add", "v.py")
    git(desk.work, "commit", "-qm", "link")
    git(desk.work, "push", "-q", str(desk.upstream), "main")
    desk.do("fork")
    with pytest.raises(Problem, match="link"):
        desk.do("bump")
    assert outside.read_text() == '__version__ = "1.0.0"\n'


PROGRAM = 'generate {env} exec in=["frozen"] out=["made"] after=["fork"] run={run} with={{produces=["out/*"]{more}}}'
SCRIPT = '["sh","-c","env > seen.txt; ls -a > listed.txt; mkdir out; echo {version} > out/made-{version}.txt"]'


@pytest.mark.slow
@pytest.mark.parametrize("env", ["desk", "shut"])
def test_a_program_works_in_a_copy_and_hands_its_files_over(
    env: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "hush-hush")
    desk = desk_of(tmp_path, PROGRAM.format(env=env, run=SCRIPT, more=""), files={"pyproject.toml": PYPROJECT})
    desk.killed("generate")
    made = desk.do("generate", begun=True)
    assert desk.state.steps["generate"].recovered
    [thing] = made.outputs["made"]
    assert desk.store.fetch(thing, tmp_path / "fetched").read_text() == "1.1.0\n"
    assert "RELEASE_VERSION=1.1.0" in text_of(desk, "seen.txt")
    assert "hush-hush" not in text_of(desk, "seen.txt")
    assert str(tmp_path / "desk" / "clone") not in text_of(desk, "seen.txt")


@pytest.mark.slow
def test_a_program_that_plants_settings_plants_them_in_its_copy(tmp_path: Path) -> None:
    evil = '["sh","-c","git config core.fsmonitor evil; echo x > .git/hooks-x; mkdir out; echo {version} > out/made-{version}.txt"]'
    desk = desk_of(tmp_path, PROGRAM.format(env="desk", run=evil, more=""), files={"pyproject.toml": PYPROJECT})
    desk.do("generate")
    assert "fsmonitor" not in text_of(desk, ".git/config")
    assert not (desk.folder / "clone/.git/hooks-x").exists()


@pytest.mark.slow
def test_a_program_that_is_pinned_runs_only_with_its_digest(tmp_path: Path) -> None:
    shell = shutil.which("sh", path="/usr/local/bin:/usr/bin:/bin")
    assert shell is not None
    digest = hashlib.sha256(Path(shell).resolve().read_bytes()).hexdigest()
    desk = desk_of(tmp_path, PROGRAM.format(env="desk", run=SCRIPT, more=f',tools=["sh=sha256:{digest}"]'),
                   files={"pyproject.toml": PYPROJECT})  # fmt: skip
    run, action = desk.run("generate"), desk.action("generate")
    wrong = replace(run, step=replace(run.step, options={"tools": (f"sh=sha256:{'0' * 64}",)}))
    with pytest.raises(Tampered, match=digest):
        action.do(wrong)
    other = replace(run, step=replace(run.step, run=("ls",)))
    with pytest.raises(Problem, match="not among tools"):
        action.do(other)
    assert digest in desk.do("generate").facts["tools"]


@pytest.mark.slow
def test_a_program_that_fails_leaves_the_work_tree_as_it_was(tmp_path: Path) -> None:
    desk = desk_of(tmp_path, PROGRAM.format(env="desk", run='["sh","-c","echo x > README.md; echo broken >&2; exit 3"]', more=""),
                   files={"pyproject.toml": PYPROJECT})  # fmt: skip
    with pytest.raises(Problem, match="broken"):
        desk.do("generate")
    assert not (desk.folder / "clone/README.md").exists()
