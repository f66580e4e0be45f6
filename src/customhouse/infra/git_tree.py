"""The files of a git repository at a commit, read by the ``git`` program without a work tree.

Nothing that the repository says is run: no hook, no filter, no helper to fetch what is missing, no configuration but
its own, of which these commands read nothing that names a program.
"""

from __future__ import annotations

import os
import subprocess  # git is called by a list of arguments, never by a shell
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from customhouse.terms.errors import Rejected, Unavailable

SECONDS = 120
CODE = "bad-repository"
_BLOB = "blob"
_REGULAR = ("100644", "100755")


@dataclass(frozen=True, slots=True)
class Blob:
    """A file of a commit."""

    path: str
    object_id: str


@dataclass(frozen=True, slots=True)
class GitTree:
    """A clone with a work tree, or a bare one."""

    path: Path

    def commit(self, revision: str = "HEAD") -> str:
        """The full id of a commit; raises `Rejected` if there is no such one, or no repository."""
        return self._run("rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}").decode().strip()

    def files(self, commit: str) -> list[Blob]:
        """Every regular file of a commit, by path. Links and other repositories are none."""
        found = []
        for line in self._run("ls-tree", "-r", "-z", "--full-tree", commit).split(b"\0")[:-1]:
            facts, _, path = line.partition(b"\t")
            mode, kind, object_id = facts.decode().split(" ")
            if kind == _BLOB and mode in _REGULAR:
                found.append(Blob(_text(path), object_id))
        return found

    def changed(self, old: str, new: str) -> set[str] | None:
        """The paths that differ between two commits, those gone too; None if the older one is not there any more."""
        try:
            self.commit(old)
        except Rejected:
            return None
        listed = self._run("diff-tree", "-r", "-z", "--no-renames", "--no-ext-diff", "--name-only", old, new)
        return {_text(path) for path in listed.split(b"\0")[:-1]}

    def contents(self, blobs: Iterable[Blob], limit_bytes: int) -> Iterator[tuple[Blob, bytes | None]]:
        """What is in each file; None for one that is larger than the limit, or missing."""
        with self._open("cat-file", "--batch") as (questions, answers):
            for blob in blobs:
                questions.write(f"{blob.object_id}\n".encode())
                questions.flush()
                words = answers.readline().split()
                if len(words) != 3:  # noqa: PLR2004 - id, kind, size; otherwise "ID missing"
                    yield blob, None
                    continue
                size = int(words[2])
                yield blob, self._body(answers, size, limit_bytes)

    def _body(self, answers: IO[bytes], size: int, limit_bytes: int) -> bytes | None:
        kept = answers.read(min(size, limit_bytes))
        left = size + 1 - len(kept)
        while left > 0:
            piece = answers.read(min(left, 2**20))
            if not piece:
                raise Rejected(CODE, str(self.path), "git broke off in the middle of a file", "a whole repository")
            left -= len(piece)
        return kept if size <= limit_bytes else None

    def _run(self, *arguments: str) -> bytes:
        try:
            done = subprocess.run(  # noqa: S603 - a list of arguments, and revisions that cannot be options
                self._command(*arguments), env=self._environment(), stdin=subprocess.DEVNULL, capture_output=True,
                timeout=SECONDS, check=False,
            )  # fmt: skip
        except FileNotFoundError as error:
            raise _no_git() from error
        except subprocess.TimeoutExpired as error:
            raise Unavailable("git", f"{arguments[0]} took more than {SECONDS} s") from error
        if done.returncode:
            why = " ".join(done.stderr.decode("utf-8", "replace").split())[:300] or f"git ended with {done.returncode}"
            raise Rejected(CODE, str(self.path), why, "a git repository with commits")
        return done.stdout

    @contextmanager
    def _open(self, *arguments: str) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
        try:
            process = subprocess.Popen(  # noqa: S603 - a list of our own arguments
                self._command(*arguments), env=self._environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )  # fmt: skip
        except FileNotFoundError as error:
            raise _no_git() from error
        try:
            if process.stdin is None or process.stdout is None:
                raise Unavailable("git", "it has no pipes")
            yield process.stdin, process.stdout
        except BrokenPipeError as error:
            raise Rejected(CODE, str(self.path), "git ended early", "a whole repository") from error
        finally:
            process.kill()
            process.communicate()

    def _command(self, *arguments: str) -> list[str]:
        # Whoever names the repository trusts it enough to have it read, whoever owns its folder.
        options = ["-c", f"safe.directory={self.path.absolute()}", "-c", "core.fsmonitor=false"]
        return ["git", *options, "-C", str(self.path), *arguments]

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_NO_LAZY_FETCH": "1",
            # A git too old to know that would fetch by whatever program the repository names.
            "GIT_ALLOW_PROTOCOL": "none",
            # Not the repository around a folder that is none.
            "GIT_CEILING_DIRECTORIES": str(self.path.absolute().parent),
        }


def _text(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace")


def _no_git() -> Unavailable:
    return Unavailable("git", "the program is not installed", retry_after_seconds=3600)
