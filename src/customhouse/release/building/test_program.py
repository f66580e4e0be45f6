"""``test.exec``: a program of the project tests what was built, shut in, for each Python that is asked for.

Its work folder is a copy of the commit's tree; the files that come in lie in ``/given/in/ARTIFACT/``. That the stage
holds the same says the check ``tested-as-staged``.

Options: ``pythons`` (``python`` is each of them in turn; the one under ours where nothing is said), ``requires`` (a
lock of what the tests need).
"""

from __future__ import annotations

from customhouse.release.actions import Outcome, Problem, StepRun
from customhouse.release.building.build import lock_of
from customhouse.release.building.isolation import find_isolation
from customhouse.release.building.outputs import keep, kept
from customhouse.release.building.source_tree import source_tree
from customhouse.release.building.test_install import wanted_pythons
from customhouse.release.building.tried import TEST_LOCK, cell_for_tests, passed
from customhouse.release.building.wheels import virtual_environment


class TestProgram:
    """See the module."""

    __test__ = False  # pytest collects what begins with Test

    def do(self, run: StepRun) -> Outcome:
        """Run it for each Python."""
        if not run.step.run:
            raise Problem("option", "the step has no program", 'run = ["PROGRAM", …]', place=f"step {run.step.id}")
        tree = source_tree(run)
        given = {}
        for name, things in run.inputs.items():
            if any(thing.algorithm == "sha256" for thing in things):
                run.fetch(name, run.folder / "in" / name)
                given[f"/given/in/{name}"] = run.folder / "in" / name
        facts = {"isolation": find_isolation().name, "commit": tree.commit}
        for python in wanted_pythons(run):
            folder = run.folder / f"test-{python.tag}"
            folder.mkdir(exist_ok=True)
            program = virtual_environment(run, python, folder / "env", lock_of(run, tree, TEST_LOCK))
            run.tell(f"testing on Python {python.version}")
            cell = cell_for_tests(run, python, program, tree, folder, given=given)
            facts |= passed(run, cell, run.step.run, python)
        return keep(run, Outcome(facts=facts))

    def probe(self, run: StepRun) -> Outcome | None:
        """A test that came to its end left a note."""
        return kept(run)

    def undo(self, run: StepRun) -> str:
        """Nothing: a test changes nothing."""
        del run
        return "nothing to undo"
