"""``test.install``: install what is staged into fresh environments, as strangers will, and run the tests there.

pip fetches from the stage's own simple pages, with exactly the digests of what was built; where no wheel fits a Python,
the sdist is fetched and built in a cell. What is tested runs shut in: without a network, without anything of this
machine's user, and beside a copy of the commit's tree that lacks the package itself, so that what is tested is what was
installed.

Options: ``pythons`` (``["3.11", "3.12"]``; the one under ours where nothing is said), ``optional`` (Pythons that may be
missing here), ``requires`` (a lock of what project and tests need; ``requirements/test.txt`` where the commit has it).
``run`` is the program, in which ``python`` is the environment's; without one, every module is imported.
"""

from __future__ import annotations

from pathlib import Path

from customhouse.formats.filenames import SdistName, WheelName, parse_filename
from customhouse.formats.inspection import Limits
from customhouse.formats.wheel import inspect_wheel
from customhouse.release.actions import Outcome, Problem, StepRun, Tampered
from customhouse.release.building.build import USUAL_LOCK, Build, lock_of
from customhouse.release.building.isolation import find_isolation
from customhouse.release.building.outputs import keep, kept, option_texts
from customhouse.release.building.python import built, unpack
from customhouse.release.building.pythons import Python, find_python, own_python
from customhouse.release.building.source_tree import SourceTree, source_tree
from customhouse.release.building.tried import TEST_LOCK, cell_for_tests, passed
from customhouse.release.building.variation import A
from customhouse.release.building.wheels import NOTHING, last_error, pip, read_lock, virtual_environment
from customhouse.release.ship.public_page import JSON, stranger
from customhouse.release.ship.staged import stage_facts, stage_steps
from customhouse.release.things import Thing
from customhouse.terms.errors import Rejected

_NO_WHEEL = ("No matching distribution", "Could not find a version")


class TestInstall:
    """See the module."""

    __test__ = False  # pytest collects what begins with Test

    def do(self, run: StepRun) -> Outcome:
        """Install and test, for one Python after the other."""
        dists = staged_dists(run)
        tree = source_tree(run)
        facts = {"isolation": find_isolation().name, "commit": tree.commit}
        for python in wanted_pythons(run):
            facts |= _tested(run, python, dists, tree)
        return keep(run, Outcome(facts=facts))

    def probe(self, run: StepRun) -> Outcome | None:
        """A test that came to its end left a note."""
        return kept(run)

    def undo(self, run: StepRun) -> str:
        """Nothing: a test changes nothing."""
        del run
        return "nothing to undo"


def staged_dists(run: StepRun) -> dict[str, Thing]:
    """The wheels and sdists that come in, by file name; raises `Problem` if there are none."""
    found = {}
    for things in run.inputs.values():
        for thing in things:
            try:
                parse_filename(thing.name)
            except Rejected:
                continue
            found[thing.name] = thing
    if not found:
        raise Problem("no-input", "neither a wheel nor an sdist comes in", "what was built", place=run.step.id)
    return found


def wanted_pythons(run: StepRun) -> list[Python]:
    """The Pythons to test on; one that is not here and not optional is a `Problem`."""
    wanted, optional = option_texts(run, "pythons"), option_texts(run, "optional")
    found = []
    for one in dict.fromkeys((*wanted, *optional)):
        python = find_python(run.children, one)
        if python is not None:
            found.append(python)
        elif one in optional:
            run.tell(f"there is no Python {one} here, and it is optional")
        else:
            raise Problem(
                "no-python", f"there is no Python {one} on this machine", one, place=run.step.env,
                next_step=f"Install it (pyenv install {one}, uv python install {one}), or call it optional.",
            )  # fmt: skip
    return found or [own_python(run.children)]


def _tested(run: StepRun, python: Python, dists: dict[str, Thing], tree: SourceTree) -> dict[str, str]:
    """Install and test on one Python; returns facts."""
    folder = run.folder / f"test-{python.tag}"
    folder.mkdir(exist_ok=True)
    got = _from_stage(run, python, dists, folder)
    wheel = got if got.name.endswith(".whl") else _built_here(run, python, got, tree)
    program = virtual_environment(run, python, folder / "env", lock_of(run, tree, TEST_LOCK), wheel)
    with wheel.open("rb") as file:
        name = parse_filename(wheel.name)
        assert isinstance(name, WheelName)  # noqa: S101  # by its ending
        modules = inspect_wheel(file, name, Limits()).top_level
    argv = list(run.step.run) or ["python", "-c", f"import {', '.join(one for one in modules if one.isidentifier())}"]
    run.tell(f"testing {got.name} on Python {python.version}")
    cell = cell_for_tests(
        run, python, program, tree, folder, without=("src", *modules, *(f"{one}.py" for one in modules))
    )
    return {f"test.{python.tag}.file": got.name, **passed(run, cell, argv, python, got.name)}


def _stage(run: StepRun) -> str:
    """The address of the stage's simple pages; raises `Problem`."""
    for step in reversed(stage_steps(run)):
        address = stage_facts(run, env=step.env).get("stage", "")
        if address.startswith(("http://", "https://")):
            return address.rstrip("/") + "/"
    raise Problem(
        "not-staged", "nothing is staged on an index", "a step index.stage that is done", place=run.step.id,
        next_step="Stage before you test; of a download server's folder, test with test.exec.",
    )  # fmt: skip


def _from_stage(run: StepRun, python: Python, dists: dict[str, Thing], folder: Path) -> Path:
    """The file that this Python gets from the stage: a wheel by pip, or the sdist. It is one of ours, or `Tampered`."""
    stage = _stage(run)
    hashes = " ".join(f"--hash=sha256:{thing.digest}" for thing in dists.values())
    asked = folder / "asked.txt"
    asked.write_text(f"{run.pipeline.project}=={run.params['version']} {hashes}\n", encoding="utf-8")
    got = folder / "got"
    got.mkdir(exist_ok=True)
    ran = pip(
        run, python, "download", "--require-hashes", "--no-deps", "--only-binary", ":all:", "--no-cache-dir", "--pre",
        "--index-url", stage, "--dest", str(got), "--requirement", str(asked), alone=True,
    )  # fmt: skip
    if not ran.ok and "DO NOT MATCH THE HASHES" in ran.err:
        raise Tampered(
            "digest", f"pip got another file than was built: {last_error(ran)}", "the digests of what was built",
            place=stage,
        )  # fmt: skip
    sdists = [thing for thing in dists.values() if isinstance(parse_filename(thing.name), SdistName)]
    if not ran.ok and sdists and any(words in ran.err for words in _NO_WHEEL):
        return _sdist_from(stage, run.pipeline.project, sdists[0], got)
    if not ran.ok:
        raise Problem("not-installed", f"pip could not fetch it: {last_error(ran)}", "a file for this Python",
                      place=f"Python {python.version}")  # fmt: skip
    (path,) = got.iterdir()
    thing = run.store.put(path)
    if dists.get(path.name) != thing:
        raise Tampered("digest", f"the stage gave SHA-256 {thing.digest}", "what was built", place=path.name)
    return path


def _sdist_from(stage: str, project: str, wanted: Thing, got: Path) -> Path:
    """The sdist, by its address on the stage's page. Not by pip, which would run it."""
    with stranger() as public:
        page = public.page(f"{stage}{project}/", project, JSON)
        listed = next((one for one in page.files if one.filename == wanted.name), None) if page is not None else None
        if listed is None:
            raise Problem("not-staged", "the stage does not list it", wanted.name, place=stage)
        digest = public.download(listed.url, got / wanted.name, wanted.size_bytes)
    if digest != wanted.digest:
        raise Tampered("digest", f"the stage gave SHA-256 {digest}", wanted.digest, place=wanted.name)
    return got / wanted.name


def _built_here(run: StepRun, python: Python, sdist: Path, tree: SourceTree) -> Path:
    """A wheel of the sdist for this Python, built in a cell with what the build step's lock names."""
    path = next(
        (
            str(one.options["requires"])
            for one in run.pipeline.steps
            if one.uses == "build.python" and one.options.get("requires")
        ),
        USUAL_LOCK,
    )
    entry = tree.entries.get(path)
    lock = read_lock(entry.body, path) if entry is not None else NOTHING
    source = unpack(sdist, run.folder / f"test-{python.tag}" / "unpacked")
    return built(Build(run, A, tree, source, tree.epoch, lock, (python,)), "wheel", python, source)
