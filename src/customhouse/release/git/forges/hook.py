"""A plain git server with our two hooks: locks are refs, and so is the log of every move.

Everything is asked by git itself, over whatever transport the repository has. The hooks (`hooks/`) are installed by
whoever runs the server, or by us where the repository is a folder of this machine. What they cannot do stands in
docs/forges.md: whoever can write to the server's own files can take them away.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from customhouse.release.actions import Problem
from customhouse.release.git.forges.forge import Log, Protection, RefChange
from customhouse.release.git.forges.keys import hash_of
from customhouse.release.git.git import Git, one_line
from customhouse.release.git.names import is_nothing, object_format, ref_name, short
from customhouse.release.git.remotes import Remote, Update

HOOKS = ("pre-receive", "reference-transaction")
LOG = "refs/customhouse/log"
START = "start"
"""The cursor before the first entry."""
_LOCKS = "refs/customhouse/lock/"
_PROBES = "refs/customhouse/probe/"
_MARK = b"# Customhouse calls its hook"
_OURS = "customhouse"
_CALL = '#!/bin/sh\n{mark}\nexec "$(dirname "$0")/{ours}/{name}" "$@"\n'
_SCRIPTS = Path(__file__).parent / "hooks"
_ENTRY = re.compile(
    r"(?P<at>\d{1,12}) (?P<kind>moved|refused) (?P<ref>\S+) "
    r"(?P<old>[0-9a-f]{40,64}) (?P<new>[0-9a-f]{40,64}) (?P<who>\S*)"
)


@dataclass(frozen=True)
class HookForge:
    """One repository. ``scratch`` is a folder of ours for objects on their way; ``key`` gives the run's secret."""

    remote: Remote
    scratch: Path
    key: Callable[[], str]

    def before(self, refs: Sequence[str]) -> str:
        """Which of the refs are locked, and by whom."""
        return json.dumps(self._locks(refs), sort_keys=True)

    def lock(self, refs: Sequence[str], run: str, before: str) -> None:
        """Set a lock on each ref; the hooks are installed first where the repository is a folder of this machine."""
        del before
        if self.remote.local is not None:
            install(self.remote.local, self.remote.git)
        text = f"run {run}\nsha256 {hash_of(self.key())}\n"
        held = self._locks(refs)
        for ref, other in held.items():
            if other != text:
                raise Problem(
                    "locked-by-another", f"{short(ref)} is locked by {one_line(other.splitlines()[0])}", f"run {run}",
                    place=self.remote.name, next_step="Finish or abandon that run first.",
                )  # fmt: skip
        missing = [ref for ref in refs if ref not in held]
        if not missing:
            return
        blob = self._blob(text)
        ran = self.remote.push(self._repository(), [Update(_lock_of(ref), blob) for ref in missing])
        if not ran.ok:
            raise self.remote.unreachable(ran)

    def protection(self, ref: str) -> Protection:
        """Push what is always refused, and read from the refusal that the hook is alive and what it knows."""
        name = f"{secrets.token_hex(8)}/{ref_name(ref).removeprefix('refs/')}"
        ran = self.remote.push(self._repository(), [Update(_PROBES + name, self._blob("probe\n"))])
        if ran.ok:
            self.remote.push(self._repository(), [Update(_PROBES + name, "", self._blob("probe\n"))])
            return Protection(False, how="the server has no Customhouse hook")
        said = re.search(rf"customhouse-probe {re.escape(name)} (?:run (\S+)|(nobody))", ran.err)
        if said is None:
            raise self.remote.unreachable(ran)
        by = said[1] or ""
        return Protection(bool(by), by, f"hook, held by run {by}" if by else "hook, held by nobody")

    def unlock(self, refs: Sequence[str], run: str, before: str) -> bool:
        """Take away the locks of this run; somebody else's stay."""
        del before
        names = self.remote.refs(*map(_lock_of, refs))
        held = self._locks(refs)
        mine = [Update(_lock_of(ref), "", names[_lock_of(ref)]) for ref, text in held.items()
                if text.startswith(f"run {run}\n") and _lock_of(ref) in names]  # fmt: skip
        if not mine:
            return False
        ran = self.remote.push(self._repository(), mine, settings=self._key())
        if not ran.ok and "customhouse:" in ran.err:
            raise Problem(
                "lock-key-lost", "the server does not take this machine's key for the lock", place=self.remote.name,
                next_step="Unlock from the machine that froze, or delete refs/customhouse/lock/… on the server.",
            )  # fmt: skip
        if not ran.ok:
            raise self.remote.unreachable(ran)
        return True

    def push_settings(self, refs: Sequence[str], run: str) -> Mapping[str, str]:
        """The key as a push option, if a lock asks for it. By a setting, so that it stands in no list of processes.

        Where the repository is a folder of this machine, the hooks are installed: what is pushed shall be in their log.
        """
        del run
        if self.remote.local is not None:
            install(self.remote.local, self.remote.git)
        return self._key() if self._locks(refs) else {}

    def log(self, refs: Sequence[str], cursor: str) -> Log | None:
        """The hooks' own log, which only ever grows."""
        head = self.remote.refs(LOG).get(LOG, "")
        if not cursor:
            return Log(head or START)
        if not head:
            return None if cursor == START else Log(cursor, rewritten=True)
        if head == cursor:
            return Log(cursor)
        here = self._repository(head)
        kept = f"refs/customhouse/log-{hashlib.sha256(self.remote.url.encode()).hexdigest()[:16]}"
        self.remote.fetch(here, f"+{LOG}:{kept}")
        git = self.remote.git
        # Moves may have come since: what was fetched counts.
        head = git.ask("rev-parse", "--verify", kept, at=here)
        if cursor != START and not git.run(["merge-base", "--is-ancestor", cursor, head], at=here).ok:
            return Log(head, rewritten=True)
        span = head if cursor == START else f"{cursor}..{head}"
        said = git.ask("log", "--reverse", "--format=%s", "--no-show-signature", span, "--", at=here)
        changes = (_change(line) for line in said.splitlines())
        return Log(head, tuple(change for change in changes if change is not None and change.ref in refs))

    def _locks(self, refs: Sequence[str]) -> dict[str, str]:
        """The texts of the locks that there are, by ref."""
        found = self.remote.refs(*map(_lock_of, refs))
        git = self.remote.git
        texts = {}
        for ref in refs:
            if oid := found.get(_lock_of(ref), ""):
                here = self._repository(oid)
                if not git.run(["cat-file", "-e", oid], at=here).ok:
                    self.remote.fetch(here, f"+{_lock_of(ref)}:refs/customhouse/seen/{secrets.token_hex(8)}")
                texts[ref] = git.ask("cat-file", "blob", oid, at=here) + "\n"
        return texts

    def _key(self) -> Mapping[str, str]:
        return {"push.pushOption": f"customhouse-key={self.key()}"}

    def _blob(self, text: str) -> str:
        return self.remote.git.ask("hash-object", "-w", "--stdin", at=self._repository(), stdin=text.encode())

    def _repository(self, like: str = "") -> Path:
        """A bare repository of ours, with ids as long as this one's, or as the remote's."""
        if not like:
            like = self.remote.head()
        kind = object_format(like)
        path = self.scratch / f"{kind}.git"
        if not (path / "HEAD").is_file():
            path.mkdir(parents=True, exist_ok=True)
            self.remote.git.ask("init", "--quiet", "--bare", "--template=", f"--object-format={kind}", "--", str(path))
        return path


def install(repository: Path, git: Git) -> None:
    """Put the hooks into a repository of this machine, and let it take push options. Twice is harmless.

    Raises `Problem` if other hooks of these names are there, or if we may not write there.
    """
    try:
        _install(repository, git)
    except OSError as error:
        raise Problem(
            "not-installed", f"{error.strerror}", "hooks that are in place", place=str(error.filename or repository),
            next_step="Let whoever owns the repository install them; docs/forges.md says how.",
        )  from error  # fmt: skip


def _install(repository: Path, git: Git) -> None:
    git = git.with_settings({"safe.directory": str(repository)})
    folder = Path(git.ask("rev-parse", "--absolute-git-dir", at=repository))
    hooks = folder / "hooks"
    elsewhere = git.run(["config", "--file", str(folder / "config"), "--get", "core.hooksPath"])
    if elsewhere.ok:
        hooks = folder / elsewhere.out.strip()
    hooks.mkdir(exist_ok=True, parents=True)
    (hooks / _OURS).mkdir(exist_ok=True)
    for name in HOOKS:
        path = hooks / name
        there = path.read_bytes() if path.exists() else b""
        if there and _MARK not in there and f"{_OURS}/{name}".encode() not in there:
            raise Problem(
                "other-hooks", "another hook is there", f"none, or one that calls {_OURS}/{name}", place=str(path),
                next_step="Let it call both, with the same standard input; docs/forges.md says how.",
            )  # fmt: skip
        _put(hooks / _OURS / name, (_SCRIPTS / name).read_bytes())
        if not there or _MARK in there:
            _put(path, _CALL.format(mark=_MARK.decode(), ours=_OURS, name=name).encode())
    config = ["config", "--file", str(folder / "config"), "receive.advertisePushOptions"]
    if git.run(config).out.strip() != "true":
        git.ask(*config, "true")


def _put(path: Path, body: bytes) -> None:
    """A program, whole or not at all; one that is right already is left alone."""
    if path.exists() and path.read_bytes() == body and os.access(path, os.X_OK):
        return
    new = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    new.write_bytes(body)
    new.chmod(0o755)
    new.replace(path)


def _lock_of(ref: str) -> str:
    return _LOCKS + ref_name(ref).removeprefix("refs/")


def _change(line: str) -> RefChange | None:
    found = _ENTRY.fullmatch(line)
    if found is None:
        return None
    old, new = ("" if is_nothing(found[name]) else found[name] for name in ("old", "new"))
    at = datetime.fromtimestamp(int(found["at"]), UTC)
    return RefChange(found["ref"], old, new, at, found["who"], refused=found["kind"] == "refused")
