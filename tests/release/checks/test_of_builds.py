"""Checks of what was built, each with what it must let pass and what it must not."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import lzma
import tarfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from building import ARTIFACTS, BUILD, Bench
from customhouse.formats.pipeline.model import Artifact
from customhouse.release.actions import Look, Outcome
from customhouse.release.building.bill import Bill, Needed, Part
from customhouse.release.building.bill_cyclonedx import cyclonedx
from customhouse.release.building.bill_spdx import spdx
from customhouse.release.checks.complete import Complete
from customhouse.release.checks.rebuilds import RebuildsAgree
from customhouse.release.checks.sbom import SbomDescribes
from customhouse.release.checks.tools import ToolsPinned
from customhouse.release.checks.tree import TreeEqualsSource
from customhouse.release.checks.version import VersionEverywhere
from customhouse.release.events import Rebuilt
from customhouse.release.state import StepState
from customhouse.release.things import Thing, Things
from sealed_project import commit_all
from tiny_project import write_tiny_project

METADATA = b"Metadata-Version: 2.1\nName: sealed\nVersion: %s\n"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    project = write_tiny_project(tmp_path / "tiny", more={"Include/patchlevel.h": '#define PY_VERSION "1.0.0"\n'})
    (project.folder / "link").symlink_to("README.md")
    return Bench(tmp_path / "run", project.folder, commit_all(project.folder, "link"))


def tarball(
    bench: Bench, members: Mapping[str, bytes], name: str = "sealed-1.0.0.tar.gz", top: str = "sealed-1.0.0"
) -> Thing:
    path = bench.folder / "made" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for member, body in members.items():
            one = tarfile.TarInfo(f"{top}/{member}")
            one.size = len(body)
            archive.addfile(one, io.BytesIO(body))
    path.write_bytes((gzip if name.endswith("gz") else lzma).compress(out.getvalue()))
    return bench.store.put(path)


def outcome(*things: Thing) -> Outcome:
    return Outcome({"dists": things})


# --- version-everywhere


def version(bench: Bench, *things: Thing, member: str = "", names: str = "v1.0.0") -> Look:
    artifacts = (*ARTIFACTS[:2], replace(ARTIFACTS[2], version_in=member), ARTIFACTS[3])
    run = bench.run(BUILD, artifacts=artifacts, outputs={"tag": (Thing(names, "gitTag", "a" * 40),)})
    return VersionEverywhere().look(run, outcome(*things))


def test_one_version_everywhere_is_fine(bench: Bench) -> None:
    sdist = tarball(bench, {"PKG-INFO": METADATA % b"1.0.0"})
    assert version(bench, sdist).ok


def test_another_version_in_pkg_info_is_found(bench: Bench) -> None:
    look = version(bench, tarball(bench, {"PKG-INFO": METADATA % b"1.0.1"}))
    assert not look.ok
    assert "sealed-1.0.0.tar.gz: sealed-1.0.0/PKG-INFO: the metadata is that of version '1.0.1'" in look.saw


def test_another_version_in_a_file_name_is_found(bench: Bench) -> None:
    sdist = tarball(bench, {"PKG-INFO": METADATA % b"1.0.1"}, "sealed-1.0.1.tar.gz", "sealed-1.0.1")
    assert version(bench, sdist).saw == "the name sealed-1.0.1.tar.gz says 1.0.1"


def test_another_name_of_the_tag_is_found(bench: Bench) -> None:
    sdist = tarball(bench, {"PKG-INFO": METADATA % b"1.0.0"})
    assert version(bench, sdist, names="v1.0.1").saw == "the tag that was made is v1.0.1"


@pytest.mark.parametrize("name", ["Sealed-1.0.0.tgz", "Sealed-1.0.0.tar.xz"])
def test_the_declared_member_says_the_version(name: str, bench: Bench) -> None:
    good = tarball(bench, {"Include/patchlevel.h": b'#define PY_VERSION "1.0.0"\n'}, name)
    assert version(bench, good, member="Include/patchlevel.h").ok
    for text in (b'#define PY_VERSION "1.0.0rc1"', b'#define PY_VERSION "11.0.0"', b'#define PY_VERSION "1.0.0.1"'):
        look = version(bench, tarball(bench, {"Include/patchlevel.h": text}, name), member="Include/patchlevel.h")
        assert look.saw == f"{name}: sealed-1.0.0/Include/patchlevel.h does not say 1.0.0"
    look = version(bench, tarball(bench, {"README": b""}, name), member="Include/patchlevel.h")
    assert look.saw == f"{name} has no Include/patchlevel.h"


# --- tree-equals-source


def sources(bench: Bench) -> dict[str, bytes]:
    names = ("README.md", "backend.py", "pyproject.toml", "tiny/__init__.py", "Include/patchlevel.h")
    return {"PKG-INFO": METADATA % b"1.0.0", **{name: (bench.repository / name).read_bytes() for name in names}}


def tree(bench: Bench, thing: Thing, **options: tuple[str, ...]) -> Look:
    return TreeEqualsSource().look(bench.run(replace(BUILD, options=options)), outcome(thing))


def test_the_same_files_and_generated_ones_are_fine_and_counted(bench: Bench) -> None:
    look = tree(bench, tarball(bench, sources(bench)))
    assert look.ok
    assert look.saw == "sealed-1.0.0.tar.gz: 5 the same, 1 generated, 1 of the commit left out"


def test_a_tar_xz_is_compared_as_well(bench: Bench) -> None:
    assert tree(bench, tarball(bench, sources(bench), "sealed-1.0.0.tar.xz")).ok
    look = tree(bench, tarball(bench, {**sources(bench), "m4/evil.m4": b"x"}, "sealed-1.0.0.tar.xz"))
    assert (look.ok, look.saw, look.place) == (
        False,
        "m4/evil.m4 is not in the commit (1 bytes)",
        "sealed-1.0.0.tar.xz",
    )


def test_what_is_declared_as_generated_may_be_there(bench: Bench) -> None:
    sdist = tarball(bench, {**sources(bench), "configure": b"#!/bin/sh"})
    assert tree(bench, sdist).saw == "configure is not in the commit (9 bytes)"
    assert tree(bench, sdist, generated=("configure",)).ok


def test_only_what_is_declared_may_be_left_out_where_something_is(bench: Bench) -> None:
    sdist = tarball(bench, {name: body for name, body in sources(bench).items() if name != "README.md"})
    assert tree(bench, sdist).ok
    assert tree(bench, sdist, excluded=("link",)).saw == "README.md is missing"
    assert tree(bench, sdist, excluded=("link", "*.md")).ok
    assert tree(bench, sdist, excluded=()).saw == "README.md is missing; link is missing"


def test_a_link_may_be_written_as_what_it_leads_to_and_not_as_anything_else(bench: Bench) -> None:
    body = (bench.repository / "README.md").read_bytes()
    assert tree(bench, tarball(bench, {**sources(bench), "link": body})).ok
    assert tree(bench, tarball(bench, {**sources(bench), "link": b"other"})).saw == "link is not as the commit has it"


def test_an_archive_that_readers_could_read_differently_is_refused(bench: Bench) -> None:
    path = bench.folder / "made/sealed-1.0.0.tar.gz"
    tarball(bench, sources(bench))
    path.write_bytes(path.read_bytes() + b"behind the end")
    look = tree(bench, bench.store.put(path))
    assert not look.ok
    assert "archive" in look.saw


def test_a_second_top_folder_is_refused(bench: Bench) -> None:
    path = bench.folder / "made/sealed-1.0.0.tar.xz"
    path.parent.mkdir(parents=True)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name in ("sealed-1.0.0/README.md", "other/README.md"):
            archive.addfile(tarfile.TarInfo(name), io.BytesIO())
    path.write_bytes(lzma.compress(out.getvalue()))
    assert tree(bench, bench.store.put(path)).saw == "it has 2 top folders"


def test_without_a_source_archive_there_is_nothing_to_be_equal(bench: Bench) -> None:
    assert not TreeEqualsSource().look(bench.run(BUILD), Outcome()).ok


# --- rebuilds-agree


def agree(bench: Bench, ours: Things, *theirs: tuple[str, Things]) -> Look:
    rebuilds = tuple(Rebuilt("build", 1, by, {"dists": things}, agrees=True, facts={}) for by, things in theirs)
    run = bench.run(BUILD, steps={"build": StepState("build", rebuilds=rebuilds)})
    return RebuildsAgree().look(run, outcome(*ours))


def test_as_many_builders_as_are_asked_for_must_agree(bench: Bench) -> None:
    sdist = tarball(bench, {"PKG-INFO": METADATA % b"1.0.0"})
    assert agree(bench, (sdist,), ("ci-b", (sdist,))).ok
    assert agree(bench, (sdist,)).saw == "1: ci-a"
    assert not agree(bench, (sdist,)).ok


def test_the_builder_himself_does_not_count_twice(bench: Bench) -> None:
    sdist = tarball(bench, {"PKG-INFO": METADATA % b"1.0.0"})
    assert not agree(bench, (sdist,), ("ci-a", (sdist,))).ok


def test_one_that_does_not_agree_stops_it_however_many_do(bench: Bench) -> None:
    sdist = tarball(bench, {"PKG-INFO": METADATA % b"1.0.0"})
    other = tarball(bench, {"PKG-INFO": METADATA % b"1.0.0", "more": b"x"})
    look = agree(bench, (sdist,), ("ci-b", (sdist,)), ("ci-c", (other,)))
    assert not look.ok
    assert look.saw == "ci-c built something else: sealed-1.0.0.tar.gz: sealed-1.0.0/more: is only in the rebuild"


# --- complete


def complete(bench: Bench, *names: str) -> Look:
    return Complete().look(bench.run(BUILD), outcome(*(Thing(name, "sha256", "0" * 64, 1) for name in names)))


def test_every_declared_file_and_no_other(bench: Bench) -> None:
    sdist, wheel = "sealed-1.0.0.tar.gz", "sealed-1.0.0-py3-none-any.whl"
    assert complete(bench, sdist, wheel).ok
    assert complete(bench, sdist).saw == "sealed-1.0.0-*.whl is missing"
    assert complete(bench, sdist, wheel, "evil.pth").saw == "evil.pth is not declared"


def test_each_covered_file_needs_each_signature(bench: Bench) -> None:
    sdist = Thing("sealed-1.0.0.tar.gz", "sha256", "0" * 64, 1)
    sigs = Artifact("sigs", "files", names=("{artifact}.sigstore.json", "{artifact}.asc"), covers=("dists",))
    step = replace(BUILD, id="sign", inputs=("dists",), outputs=("sigs",), rebuild=None)
    run = bench.run(step, artifacts=(*ARTIFACTS, sigs), outputs={"dists": (sdist,)})
    made = tuple(replace(sdist, name=sdist.name + ending) for ending in (".sigstore.json", ".asc"))
    assert Complete().look(run, Outcome({"sigs": made})).ok
    assert Complete().look(run, Outcome({"sigs": made[:1]})).saw == "sealed-1.0.0.tar.gz.asc is missing"


# --- tools-pinned


def test_a_tool_of_the_commit_and_one_of_the_system_must_be_the_declared_ones(bench: Bench) -> None:
    def look(*tools: str) -> Look:
        return ToolsPinned().look(bench.run(replace(BUILD, options={"tools": tools})), None)

    mine = hashlib.sha256((bench.repository / "backend.py").read_bytes()).hexdigest()
    env = hashlib.sha256(Path("/usr/bin/env").read_bytes()).hexdigest()
    assert look(f"backend.py sha256:{mine}", f"/usr/bin/env sha256:{env}", f"env=sha256:{env}").ok
    assert look(f"backend.py sha256:{env}").saw == f"backend.py has SHA-256 {mine}"
    assert look(f"nowhere sha256:{env}").saw == "nowhere is not there"
    assert look("backend.py").saw == "'backend.py' is no NAME sha256:DIGEST"
    assert look().saw == "the step declares no tools"


# --- sbom-describes


@pytest.mark.parametrize(("name", "write"), [("sealed-1.0.0.cdx.json", cyclonedx), ("sealed-1.0.0.spdx.json", spdx)])
def test_a_bill_must_be_of_exactly_the_files_that_there_are(name: str, write: object, bench: Bench) -> None:
    sdist = Thing("sealed-1.0.0.tar.gz", "sha256", "a" * 64, 7)
    wheel = Thing("sealed-1.0.0-py3-none-any.whl", "sha256", "b" * 64, 8)
    step = replace(BUILD, id="sbom", uses="build.sbom", inputs=("dists",), outputs=("sbom",), rebuild=None)
    run = bench.run(step, outputs={"dists": (sdist, wheel)})

    def look(*things: Thing) -> str:
        parts = tuple(Part(thing, (Needed("a-b", "a_b>=1"),), is_package=True) for thing in things)
        path = bench.folder / name
        path.write_bytes(write(Bill("sealed", "1.0.0", 1, "c" * 40, parts), "1"))  # type: ignore[operator]
        return SbomDescribes().look(run, Outcome({"sbom": (run.store.put(path),)})).saw

    assert look(sdist, wheel) == "1 bills of the right files"
    assert look(sdist) == f"{name} does not name {wheel.name}"
    assert look(sdist, wheel, replace(wheel, name="more.whl")) == f"{name} names more.whl, which is not there"
    assert f"{name} gives {wheel.name} the SHA-256 {'c' * 64}" in look(sdist, replace(wheel, digest="c" * 64))
    (bench.folder / name).write_text(json.dumps({"packages": 3}))
    broken = Outcome({"sbom": (run.store.put(bench.folder / name),)})
    assert "cannot be read" in SbomDescribes().look(run, broken).saw
