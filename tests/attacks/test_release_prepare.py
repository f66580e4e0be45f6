"""A repository, or a pipeline of a stranger's fork, that wants more of this machine than its work tree."""

from __future__ import annotations

from pathlib import Path

import pytest

from customhouse.release.actions import Problem
from release_desk import PYPROJECT, Desk
from sealed_project import git

SYNC = 'fork fork git.sync out=["frozen"]\n'
TOWNCRIER = 'changelog desk changelog.towncrier in=["frozen"] out=["news"] after=["fork"]'
EXEC = 'generate {env} exec in=["frozen"] out=["made"] after=["fork"] run={run} with={{produces={produces}}}'
READS_PARENT = "for f in /proc/[0-9]*/environ; do cat $f; done > out/made-{version}.txt 2>/dev/null"
SECRET = "CUSTOMHOUSE_RELEASE_INDEX_TOKEN"


def desk_of(tmp_path: Path, step: str, files: dict[str, str]) -> Desk:
    desk = Desk(tmp_path / "desk", SYNC + step, files, adapter="")
    desk.do("fork")
    return desk


@pytest.mark.slow
def test_a_template_of_the_changelog_in_the_repository_reads_no_file_of_this_machine(tmp_path: Path) -> None:
    """towncrier renders a template that the repository names, by Jinja without a sandbox: it is code."""
    hidden = tmp_path / "engine.key"
    hidden.write_text("hush-hush")
    template = "{{ cycler.__init__.__globals__.os.popen('cat " + str(hidden) + "; ls /proc').read() }}\n1.1.0\n"
    files = {
        "pyproject.toml": PYPROJECT
        + '\n[tool.towncrier]\nname = "sealed"\nfilename = "CHANGES.md"\ndirectory = "news"\ntemplate = "evil.md"\n'
        'title_format = "## {version}"\n',
        "evil.md": template,
        "CHANGES.md": "# Changes\n",
        "news/7.feature.md": "Seals can be counted.\n",
    }
    desk = desk_of(tmp_path, TOWNCRIER, files)
    desk.do("changelog")
    written = (desk.folder / "clone/CHANGES.md").read_text()
    assert "## 1.1.0" in written
    assert "hush-hush" not in written


@pytest.mark.slow
@pytest.mark.parametrize("env", ["desk", "shut"])
def test_a_program_of_a_forks_pipeline_reads_neither_our_environment_nor_our_files(env: str, tmp_path: Path) -> None:
    hidden = tmp_path / "engine.key"
    hidden.write_text("hush-hush")
    # Of this very process: what it started with, as any program of the same user could read it.
    script = f"mkdir out; {READS_PARENT}; cat {hidden} >> out/made-{{version}}.txt; ls /root /home >> out/made-{{version}}.txt; true"
    desk = desk_of(
        tmp_path, EXEC.format(env=env, run=f'["sh","-c","{script}"]', produces='["out/*"]'),
        {"pyproject.toml": PYPROJECT},
    )  # fmt: skip
    [thing] = desk.do("generate").outputs["made"]
    said = desk.store.fetch(thing, tmp_path / "fetched").read_bytes()
    assert b"hush-hush" not in said
    assert b"PYTEST_VERSION" not in said
    assert b"PYTEST_CURRENT_TEST" not in said


@pytest.mark.slow
def test_a_program_that_lays_a_link_hands_over_nothing_that_lies_behind_it(tmp_path: Path) -> None:
    behind = tmp_path / "home"
    behind.mkdir()
    (behind / "made-1.1.0.txt").write_text("hush-hush")
    script = f"ln -s {behind} out"
    desk = desk_of(
        tmp_path, EXEC.format(env="shut", run=f'["sh","-c","{script}"]', produces='["out/*"]'),
        {"pyproject.toml": PYPROJECT},
    )  # fmt: skip
    with pytest.raises(Problem, match="link"):
        desk.do("generate")


@pytest.mark.slow
@pytest.mark.parametrize("pattern", ["../../../home/*", "/home/*"])
def test_a_forks_pipeline_hands_over_no_file_of_this_machine(pattern: str, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "made-1.1.0.txt").write_text("hush-hush")
    desk = desk_of(
        tmp_path, EXEC.format(env="shut", run='["true"]', produces=f'["{pattern}"]'), {"pyproject.toml": PYPROJECT}
    )  # fmt: skip
    with pytest.raises(Problem, match="below the work folder"):
        desk.do("generate")


@pytest.mark.slow
def test_a_changelog_that_is_a_link_out_of_the_tree_is_not_read(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk", SYNC + TOWNCRIER, {
        "pyproject.toml": PYPROJECT
        + '\n[tool.towncrier]\nname = "sealed"\nfilename = "CHANGES.md"\ndirectory = "news"\n',
        "news/7.feature.md": "Seals can be counted.\n",
    }, adapter="")  # fmt: skip
    outside = tmp_path / "CHANGES.md"
    outside.write_text("# Mine\n")
    (desk.work / "CHANGES.md").symlink_to(outside)
    git(desk.work, "add", "CHANGES.md")
    git(desk.work, "commit", "-qm", "link")
    git(desk.work, "push", "-q", str(desk.upstream), "main")
    desk.do("fork")
    with pytest.raises(Problem):
        desk.do("changelog")
    assert outside.read_text() == "# Mine\n"
