"""The run's clone of the source, and what git steps do in it.

Programs of earlier steps ran in its work tree and could have written into ``.git``. So its settings are read before
anything else is done: whatever is not a plain setting of ours stops the run. The release's own commit is made from the
commit that the journal names and the files that are declared, with an index of its own, never from what stands staged.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from customhouse.release.actions import Problem, Tampered
from customhouse.release.git.git import Git
from customhouse.release.git.names import object_format, object_id, ref_name

_PLAIN = {
    "core.repositoryformatversion", "core.filemode", "core.bare", "core.logallrefupdates", "core.ignorecase",
    "core.precomposeunicode", "core.symlinks", "extensions.objectformat", "user.name", "user.email",
    "gc.auto", "maintenance.auto",
}  # fmt: skip
_PLAIN_OF_REMOTES = {"url", "fetch", "tagopt"}
_INDEX = "index"
_LINKED = (
    "objects/info/alternates", "info/grafts", "info/attributes", "info/exclude", "info/sparse-checkout", "shallow",
    "commondir", "config.worktree",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Change:
    """A path that is not as the commit has it. ``how`` is git's letter: A, M, D, T."""

    path: str
    how: str


@dataclass(frozen=True)
class Repository:
    """A clone with a work tree, at ``path``."""

    path: Path
    git: Git
    _checked: set[bytes] = field(default_factory=set)

    @property
    def dot_git(self) -> Path:
        """Where it keeps what it keeps."""
        return self.path / ".git"

    @property
    def there(self) -> bool:
        """Whether there is one."""
        return (self.dot_git / "HEAD").is_file()

    def make(self, like: str = "") -> None:
        """Make an empty one, with ids as long as this one; one that was begun and not finished is begun anew."""
        if self.path.exists() and not self.there:
            shutil.rmtree(self.path)
        if not self.there:
            self.path.mkdir(parents=True, exist_ok=True)
            kind = f"--object-format={object_format(like)}"
            self.git.ask("init", "--quiet", "--template=", "--initial-branch=customhouse", kind, "--", str(self.path))
        self.check()

    def check(self) -> None:
        """Raises `Tampered` if its settings name anything that could run, redirect or hide something."""
        if not self.there:
            raise Problem(
                "no-repository", "there is no clone of the source yet", place=str(self.path),
                next_step="Put a step git.sync before this one; restart from it if it was done on another machine.",
            )  # fmt: skip
        if self.dot_git.is_symlink() or not self.dot_git.is_dir():
            raise self._tampered(".git", "it is no folder")
        for name in _LINKED:
            if (self.dot_git / name).exists():
                raise self._tampered(f".git/{name}", "it is there")
        config = (self.dot_git / "config").read_bytes()
        if config in self._checked:
            return
        listed = self.git.ask("config", "--file", "-", "--no-includes", "--list", "-z", stdin=config)
        for entry in filter(None, listed.split("\0")):
            name = entry.partition("\n")[0]
            section, _, rest = name.partition(".")
            if name in _PLAIN or (section == "remote" and rest.rpartition(".")[2] in _PLAIN_OF_REMOTES):
                continue
            raise self._tampered(".git/config", f"{name[:80]!r} is set")
        self._checked.add(config)

    def ask(self, *arguments: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> str:
        """What git prints here; raises `Problem`, or `Tampered` before anything is done."""
        self.check()
        return self.git.ask(*arguments, at=self.path, stdin=stdin, env=env)

    def says_yes(self, *arguments: str) -> bool:
        """Whether git ends with 0."""
        self.check()
        return self.git.run(arguments, at=self.path).ok

    def ref(self, name: str) -> str:
        """The object that a ref names, or "" where there is none."""
        self.check()
        ran = self.git.run(["rev-parse", "--verify", "--quiet", "--end-of-options", ref_name(name)], at=self.path)
        return object_id(ran.out.strip(), name) if ran.ok else ""

    def set_ref(self, name: str, oid: str) -> None:
        """Let a ref of this clone name an object."""
        self.ask("update-ref", "--no-deref", ref_name(name), object_id(oid))

    def drop_ref(self, name: str) -> None:
        """Forget a ref of this clone, if it is there."""
        self.ask("update-ref", "--no-deref", "-d", ref_name(name))

    def has(self, oid: str, kind: str = "commit") -> bool:
        """Whether an object of this kind is here."""
        self.check()
        ran = self.git.run(["cat-file", "-t", object_id(oid)], at=self.path)
        return ran.ok and ran.out.strip() == kind

    def tree_of(self, commit: str) -> str:
        """The tree of a commit."""
        return self.ask("rev-parse", "--verify", f"{object_id(commit)}^{{tree}}")

    def parents(self, commit: str) -> tuple[str, ...]:
        """The commits before a commit."""
        return tuple(self.ask("rev-list", "--no-walk", "--parents", object_id(commit)).split()[1:])

    def committed_at(self, commit: str) -> int:
        """When its committer says that he made it, in seconds since 1970."""
        return int(self.ask("show", "--no-patch", "--no-show-signature", "--format=%ct", object_id(commit)))

    def descends(self, commit: str, ancestor: str) -> bool:
        """Whether a commit is the other one or follows it."""
        return self.says_yes("merge-base", "--is-ancestor", object_id(ancestor), object_id(commit))

    def differences(self, old: str, new: str) -> list[Change]:
        """The paths in which two trees differ, sorted; renames are two changes. Ids of commits or trees."""
        listed = self.ask("diff-tree", "-r", "-z", "--no-renames", "--no-ext-diff", "--no-textconv", "--name-status",
                          object_id(old), object_id(new)).split("\0")  # fmt: skip
        return sorted(
            (Change(path, how) for how, path in zip(listed[::2], listed[1::2], strict=False)), key=lambda c: c.path
        )

    def paths(self, tree: str) -> list[str]:
        """Every file of a commit or a tree."""
        return [path for path in self.ask("ls-tree", "-r", "-z", "--name-only", object_id(tree)).split("\0") if path]

    def changed(self, base: str) -> list[Change]:
        """Where the work tree is not as this commit or tree has it: changed, gone, and new but for what is ignored.

        Every file is read: neither time stamps nor flags of the index are believed.
        """
        with self._index() as index:
            self.ask("read-tree", object_id(base), env=index)
            tree = self._whole_tree(index)
        return self.differences(base, tree)

    def tree(self) -> str:
        """The work tree as it stands, but for what is ignored, as a tree that is kept here."""
        with self._index() as index:
            return self._whole_tree(index)

    def copy_out(self, tree: str, folder: Path) -> None:
        """Write a tree's files into a folder, and nothing of git."""
        folder.mkdir(parents=True, exist_ok=True)
        with self._index() as index:
            self.ask("read-tree", object_id(tree), env=index)
            self.ask("checkout-index", "--all", "--force", f"--prefix={folder.absolute()}/", env=index)

    def take_in(self, base: str, folder: Path) -> str:
        """A folder as a tree that is kept here, but for what is ignored and what calls itself a repository."""
        with self._index() as index:
            self.ask("read-tree", object_id(base), env=index)
            self.check()
            work = {**index, "GIT_DIR": str(self.dot_git.absolute()), "GIT_WORK_TREE": str(folder.absolute())}
            self.git.ask("add", "--all", "--", ".", at=folder, env=work)
            return self.ask("write-tree", env=index)

    def tree_with(self, base: str, paths: Iterable[str]) -> str:
        """The base's tree with these paths as they stand in the work tree, and nothing else."""
        listed = b"".join(os.fsencode(path) + b"\0" for path in paths)
        with self._index() as index:
            self.ask("read-tree", object_id(base), env=index)
            self.ask("update-index", "--add", "--remove", "-z", "--stdin", stdin=listed, env=index)
            return self.ask("write-tree", env=index)

    def commit_tree(self, tree: str, parent: str, message: str, who: Mapping[str, str]) -> str:
        """Write a commit; ``who`` is git's environment for author, committer and their times. Same words, same id."""
        return self.ask("commit-tree", "-p", object_id(parent), object_id(tree), stdin=message.encode(), env=who)

    def put_down(self, commit: str, branch_ref: str) -> None:
        """Make branch, index and work tree exactly this commit; what is not in it goes, ignored files too."""
        self.ask("update-ref", "--no-deref", ref_name(branch_ref), object_id(commit))
        self.ask("symbolic-ref", "HEAD", ref_name(branch_ref))
        self.put_tree_down(commit)

    def put_tree_down(self, tree: str) -> None:
        """Make index and work tree exactly this tree; what is not in it goes, ignored files too."""
        self.check()
        for name in (_INDEX, "index.lock"):
            (self.dot_git / name).unlink(missing_ok=True)
        self.ask("read-tree", "--reset", "-u", object_id(tree))
        self.ask("clean", "-ffdxq")

    @contextmanager
    def _index(self) -> Iterator[dict[str, str]]:
        """An index of its own, gone afterwards."""
        with TemporaryDirectory(prefix="index-", dir=self.dot_git) as folder:
            yield {"GIT_INDEX_FILE": str(Path(folder) / _INDEX)}

    def _whole_tree(self, index: Mapping[str, str]) -> str:
        self.ask("add", "--all", "--", ".", env=index)
        return self.ask("write-tree", env=index)

    def _tampered(self, where: str, saw: str) -> Tampered:
        return Tampered(
            "hostile-settings", saw, "a plain clone", place=str(self.path / where),
            next_step="A program of an earlier step wrote into the clone. Find out which; restart from git.sync.",
        )  # fmt: skip
