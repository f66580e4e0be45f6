"""``build.docs``: the documentation, by Sphinx, shut in and packed into one archive.

Options: ``source`` (the folder with ``conf.py``; "docs" where nothing is said), ``builder`` ("html"), ``requires`` (a
lock that names Sphinx), ``epoch``. The archive is the step's one artifact; its name says how it is packed.

Source: Sphinx's documentation (``sphinx-build``; ``SOURCE_DATE_EPOCH`` stands for the present day).
"""

from __future__ import annotations

import tarfile
from pathlib import Path

from customhouse.release.actions import Outcome, Problem, StepRun
from customhouse.release.building.build import Build, facts_of, prepare
from customhouse.release.building.outputs import declared, keep, kept, option_text
from customhouse.release.building.program import run_and_carry
from customhouse.release.building.repack import repack_tar

_PACK = (
    "import subprocess, sys, tarfile\n"
    "code = subprocess.call([sys.executable, '-s', '-m', 'sphinx', '-q', '-E', '-b', sys.argv[2],"
    " '-d', '/tmp/doctrees', sys.argv[1], '/tmp/built'])\n"
    "if code: sys.exit(code)\n"
    "with tarfile.open('docs.tar', 'w') as archive:\n"
    "    archive.add('/tmp/built', sys.argv[3], filter=lambda one: None if one.name.endswith('/.buildinfo') else one)\n"
)
"""What runs inside: Sphinx, and then everything that it has built in one archive."""


class BuildDocs:
    """See the module."""

    def do(self, run: StepRun) -> Outcome:
        """Build and pack."""
        build = prepare(run)
        name = _name(run)
        folder = option_text(run, "source", "docs").strip("/")
        if f"{folder}/conf.py" not in build.tree.entries:
            raise Problem(
                "no-docs", f"the commit has no {folder}/conf.py", "the source of the documentation",
                place=f"step {run.step.id}, with", next_step="Say where it is: with = { source = … }.",
            )  # fmt: skip
        if not build.lock.satisfies("sphinx"):
            raise Problem(
                "requirements", "nothing says which Sphinx builds it", "sphinx in a lock with hashes",
                place=f"step {run.step.id}, with", next_step="Add it, and name the lock: with = { requires = … }.",
            )  # fmt: skip
        stem = name.partition(".tar")[0]
        argv = ["python", "-s", "-c", _PACK, folder, option_text(run, "builder", "html"), stem]
        (raw,) = run_and_carry(build, argv, ["docs.tar"])
        return keep(run, Outcome(declared(run, [_packed(build, raw, name)]), facts_of(build)))

    def probe(self, run: StepRun) -> Outcome | None:
        """A build that came to its end left a note."""
        return kept(run)

    def undo(self, run: StepRun) -> str:
        """Nothing: a build changes nothing outside its folder and the store."""
        del run
        return "nothing to undo"


def _name(run: StepRun) -> str:
    """The archive's name, which the pipeline says."""
    names = [pattern for one in run.step.outputs for pattern in run.pipeline.artifact(one).names]
    if len(names) != 1 or "*" in names[0] or ".tar" not in names[0]:
        raise Problem("option", f"the step makes {', '.join(names) or 'nothing'}", "one archive, as NAME.tar.gz",
                      place=run.step.id)  # fmt: skip
    return names[0]


def _packed(build: Build, raw: Path, name: str) -> Path:
    target = build.run.folder / "dist" / name
    target.parent.mkdir(exist_ok=True)
    try:
        repack_tar(raw, target, build.epoch)
    except tarfile.TarError as error:
        raise Problem("bad-archive", f"the documentation cannot be packed: {error}", place=name) from error
    return target
