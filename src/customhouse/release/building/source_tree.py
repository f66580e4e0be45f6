"""The tree of a commit, taken by its digest alone.

A tag or a branch can be moved, and a checkout can be changed by attributes, filters and hooks. So the objects are
packed by git and read here: each is hashed, and what the commit's digest does not lead to is not in the tree. Nothing
of the local repository is believed, not even its object store.

Source: git's documentation, gitformat-pack(5) and "Git Objects". Object ids are SHA-1 or SHA-256 by their length.
"""

from __future__ import annotations

import hashlib
import os
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from customhouse.release.actions import Problem, StepRun, Tampered
from customhouse.release.git.git import Git
from customhouse.release.git.names import object_format
from customhouse.release.git.remotes import both

_KINDS = {1: "commit", 2: "tree", 3: "blob", 4: "tag"}
_LINK, _FOLDER, _SUBMODULE, _PROGRAM = 0o120000, 0o040000, 0o160000, 0o100755
_HEADER_BYTES = 12
_COMMITTER = re.compile(rb"^committer .*> (\d+) [+-]\d{4}$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the tree."""

    path: str
    mode: int
    """As git has it: 0o100644, 0o100755 or 0o120000."""
    oid: str
    body: bytes
    """Of a link, where it leads."""

    @property
    def sha256(self) -> str:
        """Of its content, hexadecimal."""
        return hashlib.sha256(self.body).hexdigest()

    @property
    def is_program(self) -> bool:
        """Whether it may be executed."""
        return self.mode == _PROGRAM

    @property
    def is_link(self) -> bool:
        """Whether it is a symbolic link."""
        return self.mode == _LINK


@dataclass(frozen=True, slots=True)
class SourceTree:
    """A commit's files, all of them verified."""

    commit: str
    tree: str
    epoch: int
    """When the commit was made, in seconds since 1970."""
    entries: Mapping[str, Entry]
    """By path, sorted."""

    def write(self, folder: Path) -> None:
        """Write the files; modes are 644 and 755, times the commit's."""
        for entry in self.entries.values():
            path = folder / entry.path
            path.parent.mkdir(parents=True, exist_ok=True)
            if entry.is_link:
                path.symlink_to(os.fsdecode(entry.body))
            else:
                path.write_bytes(entry.body)
                path.chmod(0o755 if entry.is_program else 0o644)
                os.utime(path, (self.epoch, self.epoch))
        for path in (folder, *folder.rglob("*")):
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o755)
                os.utime(path, (self.epoch, self.epoch))


def source_tree(run: StepRun, commit: str = "") -> SourceTree:
    """The release's commit from the run's clone, or from a place that has it; raises `Problem` or `Tampered`."""
    wanted = commit or run.commit()
    repository = find_commit(run, wanted)
    return read_tree(run, repository, wanted)


def find_commit(run: StepRun, commit: str) -> Path:
    """A repository that holds the commit: the run's own, or a bare one that is fetched for this attempt."""
    git = Git(run.children)
    if _has(git, run.repository, commit):
        return run.repository
    bare = run.folder / "objects.git"
    if not bare.exists():
        git.ask("init", "--quiet", "--bare", f"--object-format={object_format(commit)}", "--template=", str(bare))
    tried = []
    for remote in reversed(both(run)):
        # By its own name where the server gives that away; whatever else is fetched is only looked through.
        for refs in ((commit,), ("+refs/heads/*:refs/seen/heads/*", "+refs/tags/*:refs/seen/tags/*")):
            try:
                remote.fetch(bare, *refs)
            except Problem as problem:
                tried.append(str(problem))
                continue
            if _has(git, bare, commit):
                return bare
        tried.append(f"{remote.name} has no such commit")
    raise Problem(
        "no-commit", f"{commit[:12]} is neither in the run's clone nor elsewhere ({'; '.join(tried) or 'no remote'})",
        "the commit in a repository that this machine can read", place=run.step.env,
        next_step="Give the address of the fork: --place fork.url=ADDRESS.",
    )  # fmt: skip


def _has(git: Git, repository: Path, commit: str) -> bool:
    return repository.exists() and git.run(["cat-file", "-e", f"{commit}^{{tree}}"], at=repository).ok


def read_tree(run: StepRun, repository: Path, commit: str) -> SourceTree:
    """All files of a commit, each object hashed on the way from the commit's digest; raises `Tampered`."""
    folder = run.folder / "pack"
    folder.mkdir(parents=True, exist_ok=True)
    # The commit and its tree, no history.
    git = Git(run.children)
    ids = git.ask("rev-list", "--objects", "--no-walk", "--no-object-names", commit, at=repository)
    name = git.ask(
        "pack-objects", "--quiet", "--window=0", "--depth=0", "--no-reuse-delta", "--no-reuse-object",
        "--compression=1", "--threads=1", str(folder / "tree"), at=repository,
        stdin=f"{ids}\n".encode(),
    ).strip()  # fmt: skip
    pack = folder / f"tree-{name}.pack"
    try:
        objects = dict(_objects(pack.read_bytes(), object_format(commit)))
    except (zlib.error, IndexError, ValueError) as error:
        raise Problem("git-failed", f"the pack of {commit[:12]} cannot be read: {error}") from error
    finally:
        for path in folder.iterdir():
            path.unlink()
    kind, body = _object(objects, commit, "the commit")
    if kind != "commit" or not body.startswith(b"tree "):
        raise Problem("no-commit", f"{commit[:12]} is a {kind}", "a commit")
    tree = body[5 : body.index(b"\n")].decode("ascii")
    made = _COMMITTER.search(body)
    entries = {entry.path: entry for entry in _walk(objects, tree, "")}
    return SourceTree(commit, tree, int(made[1]) if made else 0, dict(sorted(entries.items())))


def _objects(pack: bytes, algorithm: str) -> Iterator[tuple[str, tuple[str, bytes]]]:
    """The objects of a pack without deltas, by the digest that they really have."""
    if pack[:4] != b"PACK":
        raise ValueError("no pack")
    view = memoryview(pack)
    at = _HEADER_BYTES
    for _ in range(int.from_bytes(pack[8:_HEADER_BYTES], "big")):
        kind, size, shift = pack[at] >> 4 & 7, pack[at] & 15, 4
        while pack[at] & 0x80:
            at += 1
            size |= (pack[at] & 0x7F) << shift
            shift += 7
        at += 1
        inflate = zlib.decompressobj()
        # What zlib cannot make smaller it makes larger by five bytes in each 16 KiB at most.
        packed = view[at : at + size + (size >> 8) + 1024]
        body = inflate.decompress(packed)
        if not inflate.eof or len(body) != size:
            raise ValueError("an object has another size than it says")
        at += len(packed) - len(inflate.unused_data)
        head = f"{_KINDS[kind]} {size}\0".encode()
        yield hashlib.new(algorithm, head + body, usedforsecurity=True).hexdigest(), (_KINDS[kind], body)


def _object(objects: Mapping[str, tuple[str, bytes]], oid: str, what: str) -> tuple[str, bytes]:
    found = objects.get(oid)
    if found is None:
        raise Tampered(
            "object-changed", f"{what} {oid[:12]} is not in the repository under its own digest",
            "an object whose hash is its name", place="git",
            next_step="Somebody has changed the repository's objects: look at the machine before anything else.",
        )  # fmt: skip
    return found


def _walk(objects: Mapping[str, tuple[str, bytes]], tree: str, prefix: str) -> Iterator[Entry]:
    kind, body = _object(objects, tree, f"the folder {prefix or '/'}")
    if kind != "tree":
        raise Problem("no-commit", f"{tree[:12]} is a {kind}", "a tree")
    width = len(tree) // 2
    at = 0
    while at < len(body):
        blank, end = body.index(b" ", at), body.index(b"\0", at)
        mode, name = int(body[at:blank], 8), os.fsdecode(body[blank + 1 : end])
        oid = body[end + 1 : end + 1 + width].hex()
        at = end + 1 + width
        if name in ("", ".", "..", ".git") or "/" in name:
            raise Tampered("bad-tree", f"the folder {prefix or '/'} has an entry {name!r}", "plain names", place="git")
        path = prefix + name
        if mode == _FOLDER:
            yield from _walk(objects, oid, f"{path}/")
        elif mode == _SUBMODULE:
            raise Problem(
                "submodule", f"{path} is a submodule, which is no part of the commit", "a tree that is whole",
                place=path, next_step="Bring its files into the repository, or build without it.",
            )  # fmt: skip
        else:
            yield Entry(path, mode, oid, _object(objects, oid, path)[1])
