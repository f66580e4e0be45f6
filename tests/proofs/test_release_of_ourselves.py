"""Customhouse is released by its own engine, and the released wheel verifies itself, without a network.

`make prove` runs it; it takes minutes. Wheels are fetched once, as the locks name them, from where pip's settings say.
"""

from __future__ import annotations

import hashlib
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from customhouse.release.state import State
from demonstration import builders, settings_for_builders
from own_release import OwnRelease, Stranger, own_release, shut_in, stranger
from sealed_project import git
from world import Server

pytestmark = pytest.mark.prove


@dataclass
class Shipped:
    """A release that has ended, and somebody who has fetched it."""

    world: OwnRelease
    state: State
    stranger: Stranger


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shipped]:
    folder = tmp_path_factory.mktemp("ourselves")
    with builders() as builds:
        server = Server(folder / "data", environment=settings_for_builders(builds), named=True)
        server.start()
        try:
            with own_release(server, folder / "release", builds) as world:
                world.release()
                state = world.state()
                assert state.status == "released", f"{state.stop}\n{world.logs()}"
                yield Shipped(world, state, stranger(world, folder / "stranger"))
        finally:
            server.stop()


def test_each_step_was_done(shipped: Shipped) -> None:
    assert {one.status for one in shipped.state.steps.values()} == {"done"}
    assert len(shipped.state.steps) == 16


def test_two_builders_made_the_same_wheel_and_sdist(shipped: Shipped) -> None:
    build = shipped.state.steps["build"]
    (again,) = build.rebuilds
    assert (again.by, again.agrees, again.outputs) == ("ci-b", True, build.outputs)


def test_the_sdist_is_the_tree_of_the_tag_and_one_generated_file(shipped: Shipped) -> None:
    one, version = shipped.stranger, shipped.world.version
    tree = {
        path: oid
        for entry in git(one.repository, "ls-tree", "-r", "-z", f"v{version}").strip("\0").split("\0")
        for words, path in [entry.split("\t")]
        for oid in [words.split()[2]]
    }
    with tarfile.open(one.sdist) as archive:
        there = {
            member.name.partition("/")[2]: _blob(archive.extractfile(member).read())  # type: ignore[union-attr]
            for member in archive.getmembers()
            if member.isfile()
        }
    assert there.pop("PKG-INFO")
    assert there == tree


def test_the_version_stands_in_the_wheel_in_the_tree_and_over_the_changelog(shipped: Shipped) -> None:
    one, version = shipped.stranger, shipped.world.version
    with zipfile.ZipFile(one.wheel) as wheel:
        assert f"\nVersion: {version}\n" in wheel.read(f"customhouse-{version}.dist-info/METADATA").decode()
    shown = git(one.repository, "show", f"v{version}:CHANGELOG.md")
    assert f"\n## {version}\n" in shown
    assert "## Unreleased" not in shown
    changed = git(one.repository, "diff", "--name-only", f"v{version}~", f"v{version}").split()
    assert changed == ["CHANGELOG.md", "pyproject.toml"]


def test_upstream_has_branch_and_tag_and_is_open_again(shipped: Shipped) -> None:
    world, version = shipped.world, shipped.world.version
    at = {one.algorithm: one.digest for things in ("commit", "tag") for one in shipped.state.artifacts[things]}
    for remote in (world.upstream, world.fork):
        assert git(remote, "rev-parse", f"refs/tags/v{version}") == at["gitTag"]
        assert git(remote, "rev-parse", "refs/heads/main") == at["gitCommit"]
    assert git(world.upstream, "for-each-ref", "refs/customhouse/lock") == ""
    assert f"customhouse {version}" in world.feed.read_text()


def test_the_released_command_verifies_itself_without_a_network(shipped: Shipped) -> None:
    one, version = shipped.stranger, shipped.world.version
    done = one.verifies(one.wheel, one.sdist)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith(f"customhouse {version}, run ")
    signs = [line[:3] for line in lines if line[:1] in "✓✗?–" and line[:1]]
    assert signs == [f"✓ {number}" for number in range(1, 9)]
    assert f"    {one.wheel.name} is a file of this release" in lines
    assert f"    {one.sdist.name} is a file of this release" in lines
    assert "    build: ci-a, ci-b made the same, bit for bit; 2 provenances, 2 signed by the" in lines
    assert "It does not prove:" in lines


def test_another_byte_is_no_file_of_this_release(shipped: Shipped) -> None:
    one = shipped.stranger
    changed = one.folder / "changed" / one.wheel.name
    changed.parent.mkdir()
    changed.write_bytes(one.wheel.read_bytes()[:-1] + b"!")
    done = one.verifies(changed)
    assert done.returncode == 1
    assert any(line.startswith("✗ 8 ") for line in done.stdout.splitlines()), done.stdout


def test_the_cell_has_no_network(shipped: Shipped) -> None:
    port = shipped.world.host.url.rpartition(":")[2]
    asked = f"import socket; socket.create_connection(('127.0.0.1', {port}), 5)"
    python = shipped.stranger.command.parent / "python"
    assert subprocess.run([python, "-c", asked], check=False).returncode == 0
    done = shut_in(shipped.stranger.folder, [python, "-c", asked])
    assert "Connection refused" in done.stderr or "unreachable" in done.stderr


def _blob(body: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(body) + body, usedforsecurity=False).hexdigest()
