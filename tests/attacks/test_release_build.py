"""Attacks on builds: each is made here as it was made there, and must be found and named."""

from __future__ import annotations

import gzip
import io
import socket
import tarfile
import threading
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from building import BUILD, Bench
from customhouse.formats.pipeline.model import Artifact
from customhouse.release.actions import Look, Outcome, StepRun, Tampered
from customhouse.release.building.difference import agreement
from customhouse.release.building.python import BuildPython
from customhouse.release.building.pythons import own_python
from customhouse.release.building.wheels import read_lock, wheels_of
from customhouse.release.checks.rebuilds import RebuildsAgree
from customhouse.release.checks.tree import TreeEqualsSource
from customhouse.release.children import Children, Ran
from customhouse.release.events import Rebuilt
from customhouse.release.state import StepState
from sealed_project import SealedProject, write_sealed_project
from tiny_project import write_tiny_project

pytestmark = pytest.mark.slow
TINY = (
    Artifact("commit", "git-commit"),
    Artifact("dists", "files", names=("tiny-1.0.0.tar.gz", "tiny-1.0.0-*.whl"), reproducible=True),
)


def bench_in(folder: Path, sealed: SealedProject) -> Bench:
    place = {"wheelhouse": str(sealed.wheelhouse)}
    repository = folder / "run/source"
    repository.parent.mkdir()
    repository.symlink_to(sealed.folder)
    return Bench(folder / "run", repository, sealed.commit, {"ci": place, "ci-b": place})


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> SealedProject:
    folder = tmp_path_factory.mktemp("sealed")
    return write_sealed_project(folder / "sealed", folder / "wheelhouse")


@pytest.fixture
def bench(sealed: SealedProject, tmp_path: Path) -> Bench:
    return bench_in(tmp_path, sealed)


@dataclass(frozen=True)
class Built:
    """What an implanted builder built, and an honest one."""

    bench: Bench
    run: StepRun
    implanted: Outcome
    honest: Outcome


@pytest.fixture(scope="module")
def built(sealed: SealedProject, tmp_path_factory: pytest.TempPathFactory) -> Built:
    bench = bench_in(tmp_path_factory.mktemp("built"), sealed)
    run = bench.run(BUILD)
    run = replace(run, children=Sunspot(run.folder))
    return Built(bench, run, BuildPython().do(run), BuildPython().do(bench.run(BUILD, rebuilder=True)))


def fill_cache(bench: Bench, sealed: SealedProject) -> Path:
    """As a build does; returns the wheel in the cache."""
    lock = read_lock((sealed.folder / sealed.requires).read_bytes(), sealed.requires)
    run = bench.run(BUILD)
    (cached,) = wheels_of(run, lock, own_python(run.children)).iterdir()
    cached.chmod(0o644)
    return cached


class Sunspot(Children):
    """A builder's machine with an implant: when a wheel is built, it exchanges a source file (SolarWinds, 2020)."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def run(
        self, argv: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None, stdin: bytes = b"",
        timeout: float = 3600.0, halt: Sequence[threading.Event] = (),
    ) -> Ran:  # fmt: skip
        for source in self.folder.glob("unpacked/*/src/sealed/_seal.c"):
            body = source.read_text()
            if "sunburst" not in body:
                implant = "unsigned int\nsunburst(void)\n{\n    return (unsigned int)getpid();\n}\n\nPyMODINIT_FUNC"
                body = body.replace("PyMODINIT_FUNC", implant)
                source.write_text(body.replace("#include <assert.h>", "#include <assert.h>\n#include <unistd.h>"))
        return super().run(argv, cwd=cwd, env=env, stdin=stdin, timeout=timeout, halt=halt)


def judged(built: Built, *, agrees: bool, difference: str) -> Look:
    rebuilt = Rebuilt("build", 1, "ci-b", built.honest.outputs, agrees, built.honest.facts, difference)
    state = replace(built.run.state, steps={"build": StepState("build", rebuilds=(rebuilt,))})
    return RebuildsAgree().look(replace(built.run, state=state), built.implanted)


def test_solarwinds_two_builders(built: Built) -> None:
    same, why = agreement(built.run, built.implanted.outputs, built.honest.outputs, built.run.folder / "compared")
    assert not same
    assert "sealed/_seal.cpython-" in why
    assert "the function sunburst() is only in the first build" in why
    # The source archives are the same: whoever compared only those would have seen nothing.
    assert "sealed-1.0.0.tar.gz" not in why
    look = judged(built, agrees=False, difference=why)
    assert not look.ok
    assert "ci-b built something else" in look.saw
    assert "sunburst()" in look.saw


def test_solarwinds_a_rebuilder_that_only_says_that_it_agrees_is_not_believed(built: Built) -> None:
    look = judged(built, agrees=True, difference="")
    assert not look.ok
    assert "sunburst()" in look.saw


def test_ultralytics_cache(bench: Bench, sealed: SealedProject) -> None:
    """A poisoned cache of the build (Ultralytics, 2024) is found at its next use, before anything of it runs."""
    cached = fill_cache(bench, sealed)
    with cached.open("ab") as file:
        file.write(b"poison")
    run = bench.run(BUILD)
    seen = rf"{cached.name} in the cache of wheels has SHA-256 \w+; expected one of"
    with pytest.raises(Tampered, match=seen) as caught:
        BuildPython().do(run)
    assert caught.value.code == "poisoned-cache"
    assert caught.value.place == str(cached.parent)
    assert not list((run.folder / "raw").glob("*/*"))


def test_ultralytics_cache_with_one_file_more(bench: Bench, sealed: SealedProject) -> None:
    cached = fill_cache(bench, sealed)
    cached.with_name("setuptools-999-py3-none-any.whl").write_bytes(cached.read_bytes() + b"x")
    with pytest.raises(Tampered, match="setuptools-999"):
        BuildPython().do(bench.run(BUILD))


def test_ultralytics_a_builder_without_cache_does_not_even_look_there(
    bench: Bench, sealed: SealedProject, built: Built
) -> None:
    fill_cache(bench, sealed).write_bytes(b"poison")
    # The environment ci-b says: cache = false.
    assert BuildPython().do(bench.run(BUILD, rebuilder=True)).outputs == built.honest.outputs


def changed(path: Path, target: Path, more: Mapping[str, bytes], other: Mapping[str, bytes] | None = None) -> Path:
    """An sdist with members more, and with other content in some."""
    out = io.BytesIO()
    with tarfile.open(path) as old, tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as new:
        for member in old:
            body = old.extractfile(member)
            content = (other or {}).get(member.name, body.read() if body is not None else b"")
            member.size = len(content)
            new.addfile(member, io.BytesIO(content))
        for name, content in more.items():
            added = tarfile.TarInfo(name)
            added.size = len(content)
            new.addfile(added, io.BytesIO(content))
    target.write_bytes(gzip.compress(out.getvalue()))
    return target


def _look(run: StepRun, sdist: Path) -> tuple[bool, str, str]:
    look = TreeEqualsSource().look(run, Outcome({"dists": (run.store.put(sdist),)}))
    return look.ok, look.saw, look.place


def test_xz_sdist_differs_from_tag(built: Built, tmp_path: Path) -> None:
    """The tarball holds a macro that is in no commit (xz-utils, 2024), or another file than the commit."""
    run = built.bench.run(BUILD)
    sdist = built.bench.store.fetch(built.honest.outputs["dists"][1], tmp_path)
    (tmp_path / "changed").mkdir()
    target = tmp_path / "changed" / sdist.name
    assert _look(run, sdist)[0]
    ok, saw, place = _look(run, changed(sdist, target, {"sealed-1.0.0/m4/build-to-host.m4": b"gl_BUILD_TO_HOST"}))
    assert (ok, saw, place) == (False, "m4/build-to-host.m4 is not in the commit (16 bytes)", sdist.name)
    name = "sealed-1.0.0/src/sealed/_seal.c"
    ok, saw, _ = _look(run, changed(sdist, target, {}, {name: b"int x;"}))
    assert (ok, saw) == (False, "src/sealed/_seal.c is not as the commit has it")
    # What a backend may write into an egg-info is a list of names, and no place for anything else.
    ok, saw, _ = _look(run, changed(sdist, target, {"sealed-1.0.0/src/sealed.egg-info/hook.py": b"x"}))
    assert (ok, saw) == (False, "src/sealed.egg-info/hook.py is not in the commit (1 bytes)")
    ok, saw, _ = _look(
        run, changed(sdist, target, {}, {"sealed-1.0.0/setup.cfg": b"[options]\nsetup_requires = evil\n"})
    )
    assert (ok, saw) == (False, "setup.cfg is not in the commit (32 bytes)")


def test_xz_a_program_bit_that_the_commit_does_not_have(built: Built, tmp_path: Path) -> None:
    sdist = built.bench.store.fetch(built.honest.outputs["dists"][1], tmp_path)
    out = io.BytesIO()
    with tarfile.open(sdist) as old, tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as new:
        for member in old:
            member.mode = 0o755 if member.name.endswith("setup.py") else member.mode
            new.addfile(member, old.extractfile(member) if member.isreg() else None)
    sdist.write_bytes(gzip.compress(out.getvalue()))
    assert _look(built.bench.run(BUILD), sdist)[:2] == (False, "setup.py is executable, and not in the commit")


SNOOP = """(lambda os, socket: [
    sorted(name for name in os.environ if 'TOKEN' in name or 'SECRET' in name or name.startswith(('AWS', 'GITHUB', 'PIP'))),
    [path for path in ('/root/.ssh', '/root/.pypirc', '/root/.aws', '/root/.gitconfig', '/etc/shadow', '/run/secrets', %r)
     if os.path.exists(path)],
    [address for address in (('127.0.0.1', %d), ('198.51.100.7', 443)) if not socket.socket().connect_ex(address)],
    [name for name in os.listdir('/proc') if name.isdigit() and int(name) > 20],
])(__import__('os'), __import__('socket'))"""


def test_codecov_env_exfiltration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program in the build looks for secrets and for a way out (Codecov's uploader, 2021): there are none."""
    for name in ("CODECOV_TOKEN", "AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "PIP_INDEX_URL"):
        monkeypatch.setenv(name, "https://user:stolen@example.org/simple")
    key = tmp_path / "run" / "machine.key"
    key.parent.mkdir()
    key.write_text("the machine's key")
    with socket.create_server(("127.0.0.1", 0)) as server:
        project = write_tiny_project(
            tmp_path / "tiny", " ".join((SNOOP % (str(key), server.getsockname()[1])).split("\n"))
        )
        bench = Bench(tmp_path / "run", project.folder, project.commit)
        run = bench.run(replace(BUILD, options={}), artifacts=TINY)
        made = BuildPython().do(run)
        server.settimeout(0)
        with pytest.raises(BlockingIOError):
            server.accept()
    wheel = bench.store.fetch(made.outputs["dists"][0], tmp_path)
    with zipfile.ZipFile(wheel) as archive:
        assert archive.read("tiny/said.py") == b"SAID = '[[], [], [], []]'\n"
