"""``build.sbom``: bills of materials of what was built, as CycloneDX and SPDX; deterministic, so rebuilders agree.

Which formats are written say the names of the step's artifact: ``.cdx.json`` is CycloneDX, ``.spdx.json`` SPDX. What a
bill is of says the artifact's ``describes``.

Option: ``format`` (``cyclonedx`` or ``spdx``: only that one).
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from customhouse.release.actions import Outcome, Problem, StepRun
from customhouse.release.building.bill import Bill, read_bill
from customhouse.release.building.bill_cyclonedx import cyclonedx
from customhouse.release.building.bill_spdx import spdx
from customhouse.release.building.outputs import declared, keep, kept, option_text
from customhouse.release.building.source_tree import source_tree
from customhouse.release.things import Thing
from customhouse.terms.errors import Rejected

_WRITERS = {".cdx.json": ("cyclonedx", cyclonedx), ".spdx.json": ("spdx", spdx)}


class BuildSbom:
    """See the module."""

    def do(self, run: StepRun) -> Outcome:
        """Read what was built and write what is in it."""
        tree = source_tree(run)
        folder = run.folder / "bills"
        folder.mkdir(exist_ok=True)
        only = option_text(run, "format")
        made = []
        for artifact in run.step.outputs:
            files = _described(run, artifact)
            try:
                version_now = run.params.get("version", "")
                bill = read_bill(run.pipeline.project, version_now, tree.epoch, tree.commit, files)
            except Rejected as error:
                raise Problem("bad-archive", f"it cannot be read: {error}", place=run.step.id) from error
            for name in run.pipeline.artifact(artifact).names:
                kind, write = _writer(name)
                if only in ("", kind):
                    path = folder / name
                    path.write_bytes(write(bill, _our_version()))
                    made.append(path)
        return keep(run, Outcome(declared(run, made), {"commit": tree.commit, "epoch": str(tree.epoch)}))

    def probe(self, run: StepRun) -> Outcome | None:
        """A bill that was written left a note."""
        return kept(run)

    def undo(self, run: StepRun) -> str:
        """Nothing: it only writes files of its own."""
        del run
        return "nothing to undo"


def _described(run: StepRun, artifact: str) -> list[tuple[Thing, Path]]:
    """The files that the bill is of, from the store."""
    described = run.pipeline.artifact(artifact).describes
    names = [described] if described else [name for name in run.inputs if run.pipeline.artifact(name).type == "files"]
    found = []
    for name in names:
        things = run.inputs.get(name) or run.state.artifacts.get(name, ())
        into = run.folder / "described" / name
        into.mkdir(parents=True, exist_ok=True)
        found += [(thing, run.store.fetch(thing, into)) for thing in things if thing.algorithm == "sha256"]
    if not found:
        raise Problem("no-input", f"there are no files of {', '.join(names) or 'any artifact'}", "what was built",
                      place=run.step.id)  # fmt: skip
    return found


def _writer(name: str) -> tuple[str, Callable[[Bill, str], bytes]]:
    for ending, writer in _WRITERS.items():
        if name.endswith(ending) and "*" not in name:
            return writer
    raise Problem(
        "option", f"a bill is called {name}", "a name that ends in .cdx.json or .spdx.json", place="artifacts"
    )


def _our_version() -> str:
    try:
        return version("customhouse")
    except PackageNotFoundError:
        return "0"
