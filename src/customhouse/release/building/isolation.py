"""A cell for foreign code: no network, a read-only system, an empty home, nothing inherited, and an end.

What builds and tests run is not ours, and what it needs was let in by others. So it sees the programs of the system,
what it was given, and a scratch disk in memory. It has no network at all, not even the machine's own loopback; it sees
no other process, no other home, no secret of the environment; and when it ends, everything that it has started ends.

The cell is made by bubblewrap, or, as root, by ``unshare`` and `unshared.py`. Inside, `inside.py` sets what no mount
can: umask, processors, order of files and limits.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from customhouse.release.actions import Problem
from customhouse.release.children import Children, Ran

_SYSTEM = (
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32",
    "/etc/alternatives", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d",
)  # fmt: skip
"""What programs need of a system: no home, no settings of services, no run-time folder."""
_OF_NETWORKS = ("/etc/resolv.conf", "/etc/ssl/certs", "/etc/ca-certificates")
"""What programs need of a system besides, to reach others: names, and whom to trust."""
_CELL = "/.cell"
_SHARED = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108  # the cell's own
_LOOK_SECONDS = 0.5
BASE_PYTHON = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
"""The Python under ours, outside any virtual environment."""
_KEPT_ENVIRONMENT = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin"}


@dataclass(frozen=True, slots=True)
class Person:
    """Who the program believes to be. ``uid`` is also its group's number."""

    name: str = "builder"
    uid: int = 1000


@dataclass(frozen=True, slots=True)
class Copied:
    """A tree that the program gets as its own: copied into a scratch folder before it starts."""

    source: str
    """A path inside the cell."""
    to: str
    order: str = "sorted"
    """``sorted``, ``reversed`` or ``shuffled``: of the entries of each folder. On a scratch disk `readdir` shows it."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What a program gets to see and use. Paths inside are absolute."""

    cwd: str
    env: Mapping[str, str] = field(default_factory=dict)
    """All that it finds, besides HOME, USER, LOGNAME and TMPDIR."""
    readable: Mapping[str, Path] = field(default_factory=dict)
    """What lies outside, by its path inside."""
    writable: Mapping[str, Path] = field(default_factory=dict)
    """Folders, by their path inside; everything else that it writes is gone at the end."""
    scratch: tuple[str, ...] = ()
    """Folders on a disk in memory, besides /tmp and its home."""
    copies: tuple[Copied, ...] = ()
    python: Path = BASE_PYTHON
    """The Python that starts the program inside; its installation is readable."""
    person: Person = field(default_factory=Person)
    network: bool = False
    """Whether it reaches the network of this machine, this machine's own loopback too. All else stays shut."""
    host: str = "cell"
    umask: int = 0o022
    cpus: int = 0
    """How many processors it may use; 0 for all."""
    seconds: float = 1800.0
    scratch_bytes: int = 8 * 2**30
    """Of each folder in memory."""
    written_bytes: int = 4 * 2**30
    """Of all writable folders together."""


class Isolation(Protocol):
    """One way to make a cell."""

    @property
    def name(self) -> str:
        """How evidence calls it."""
        ...

    def command(self, cell: Cell, argv: Sequence[str], folder: Path) -> list[str]:
        """The program that makes the cell and runs ``argv`` in it. ``folder`` is for what it needs, and ours alone."""
        ...

    def prepare(self, cell: Cell) -> None:
        """Before it runs."""
        ...

    def clear(self, cell: Cell) -> None:
        """After it has run."""
        ...


@dataclass(frozen=True, slots=True)
class Bubblewrap:
    """``bwrap``: works for everybody where user namespaces may be made."""

    program: str
    name: str = "bubblewrap"

    def command(self, cell: Cell, argv: Sequence[str], folder: Path) -> list[str]:
        """See `Isolation`."""
        command = [
            self.program,
            "--die-with-parent",
            "--new-session",
            "--hostname",
            cell.host,
            *_spaces(cell),
            "--clearenv",
        ]
        command += _made(_SYSTEM)
        for path in _SYSTEM:
            if os.path.islink(path):  # noqa: PTH114  # the link itself, not where it leads
                command += ["--symlink", os.readlink(path), path]  # noqa: PTH115
            elif Path(path).exists():
                command += ["--ro-bind", path, path]
        command += ["--proc", "/proc", "--dev", "/dev"]
        for place in scratch_folders(cell):
            command += [*_made([place]), "--perms", "1777" if place in _SHARED else "0755"]
            command += ["--size", str(cell.scratch_bytes), "--tmpfs", place]
        given = read_only(cell, folder)
        command += _made([*given, *cell.writable])
        for inside, outside in given.items():
            command += ["--ro-bind", str(outside), inside]
        for inside, outside in cell.writable.items():
            command += ["--bind", str(outside), inside]
        return [*command, "--remount-ro", "/", "--chdir", "/", "--", *entered(cell, argv, folder)]

    def prepare(self, cell: Cell) -> None:
        """Give the writable folders to him who will write them, if that is not the caller."""
        if os.getuid() == 0:
            _give(cell.writable.values(), cell.person.uid)

    def clear(self, cell: Cell) -> None:
        """And take them back."""
        if os.getuid() == 0:
            _give(cell.writable.values(), 0)


@dataclass(frozen=True, slots=True)
class Unshared:
    """``unshare`` of util-linux, as root: the same cell by `unshared.py`."""

    program: str
    name: str = "unshare"

    def command(self, cell: Cell, argv: Sequence[str], folder: Path) -> list[str]:
        """See `Isolation`."""
        (folder / "root").mkdir()
        plan = {
            "root": str(folder / "root"),
            "system": [path for path in _SYSTEM if Path(path).exists()],
            "scratch": scratch_folders(cell),
            "scratch_bytes": cell.scratch_bytes,
            "readable": {inside: str(outside) for inside, outside in read_only(cell, folder).items()},
            "writable": {inside: str(outside) for inside, outside in cell.writable.items()},
            "host": cell.host,
            "uid": cell.person.uid,
            "argv": entered(cell, argv, folder),
        }
        (folder / "plan.json").write_text(json.dumps(plan))
        namespaces = [
            "--mount",
            *([] if cell.network else ["--net"]),
            "--pid",
            "--ipc",
            "--uts",
            "--fork",
            "--kill-child",
            "--propagation",
            "private",
        ]
        script = Path(__file__).with_name("unshared.py")
        return [self.program, *namespaces, "--", sys.executable, "-I", str(script), str(folder / "plan.json")]

    def prepare(self, cell: Cell) -> None:
        """Give the writable folders to him who will write them."""
        _give(cell.writable.values(), cell.person.uid)

    def clear(self, cell: Cell) -> None:
        """And take them back."""
        _give(cell.writable.values(), os.getuid())


def _give(folders: Iterable[Path], uid: int) -> None:
    for folder in folders:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, uid, uid, follow_symlinks=False)


def _spaces(cell: Cell) -> list[str]:
    """The namespaces of a cell.

    Root makes none of users: in one, the program would still be root to the kernel, which lets root write /proc/sys
    whatever its capabilities are. `inside.py` becomes another user instead, and loses the three that it needs for that.
    """
    if os.getuid() != 0:
        shared = ["--share-net"] if cell.network else []
        return ["--unshare-all", *shared, "--uid", str(cell.person.uid), "--gid", str(cell.person.uid)]
    spaces = ["--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-cgroup-try"]
    spaces += [] if cell.network else ["--unshare-net"]
    return [*spaces, "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", "--cap-add", "CAP_CHOWN"]


def _made(places: Iterable[str]) -> list[str]:
    """Make the folders above these: those that bubblewrap makes by itself are for its own user alone."""
    above = {str(parent) for place in places for parent in Path(place).parents} - {"/"}
    wanted = sorted(one for one in above if not one.startswith(("/usr", "/bin", "/sbin", "/lib")))
    return [word for one in wanted for word in ("--perms", "0755", "--dir", one)]


# --- what all of them share


def environment(cell: Cell) -> dict[str, str]:
    """All variables of the program."""
    home = f"/home/{cell.person.name}"
    own = {"HOME": home, "USER": cell.person.name, "LOGNAME": cell.person.name, "TMPDIR": "/tmp"}  # noqa: S108  # its own
    return {**_KEPT_ENVIRONMENT, **own, **cell.env}


def scratch_folders(cell: Cell) -> list[str]:
    """Where disks in memory are mounted, the outer ones first."""
    return sorted({*_SHARED, f"/home/{cell.person.name}", *cell.scratch})


def read_only(cell: Cell, folder: Path) -> dict[str, Path]:
    """What else can be read, by its path inside: what was given, Python, who is who, and our own script."""
    found = dict(cell.readable)
    for path in python_folders(cell.python):
        if not path.is_relative_to("/usr"):
            found.setdefault(str(path), path)
    name, uid = cell.person.name, cell.person.uid
    for file, text in {
        "passwd": f"root:x:0:0:root:/root:/bin/false\n{name}:x:{uid}:{uid}::/home/{name}:/bin/sh\n",
        "group": f"root:x:0:\n{name}:x:{uid}:\n",
        "hosts": f"127.0.0.1 localhost\n127.0.1.1 {cell.host}\n",
        "nsswitch.conf": f"passwd: files\ngroup: files\nhosts: files{' dns' if cell.network else ''}\n",
    }.items():
        (folder / file).write_text(text)
        found[f"/etc/{file}"] = folder / file
    if cell.network:
        found.update({one: Path(one).resolve() for one in _OF_NETWORKS if Path(one).exists()})
    found[f"{_CELL}/inside.py"] = Path(__file__).with_name("inside.py")
    found[f"{_CELL}/task.json"] = folder / "task.json"
    return found


def entered(cell: Cell, argv: Sequence[str], folder: Path) -> list[str]:
    """The program that runs inside: ours first, which becomes the caller's."""
    task = {
        "cwd": cell.cwd,
        "uid": cell.person.uid,
        "scratch": [place for place in scratch_folders(cell) if place not in _SHARED],
        "umask": cell.umask,
        "cpus": cell.cpus,
        "file_bytes": max(cell.written_bytes, cell.scratch_bytes),
        "copies": [[one.source, one.to, one.order] for one in cell.copies],
        # Not before: what it preloads shall not run in ours, which begins as another user.
        "env": environment(cell),
        "argv": list(argv),
    }
    (folder / "task.json").write_text(json.dumps(task))
    return [str(cell.python), "-I", "-S", "-B", f"{_CELL}/inside.py", f"{_CELL}/task.json"]


@cache
def python_folders(python: Path) -> tuple[Path, ...]:
    """Where an interpreter is installed: its own folder if it is a virtual environment, and its base."""
    found: list[Path] = []
    settings = python.parent.parent / "pyvenv.cfg"
    if settings.is_file():
        found.append(python.parent.parent)
    base = python.resolve().parent.parent
    return (*found, base)


# --- running


def run_in(cell: Cell, argv: Sequence[str], children: Children, folder: Path) -> Ran:
    """Run a program in a cell to its end; ``folder`` is where it may put its own papers.

    Raises `Problem` ``no-isolation``, ``took-too-long`` or ``wrote-too-much``; a program that fails is the caller's.
    """
    isolation = find_isolation()
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="cell-", dir=folder) as papers:
        Path(papers).chmod(0o755)
        command = isolation.command(cell, argv, Path(papers))
        isolation.prepare(cell)
        try:
            with _watched(tuple(cell.writable.values()), cell.written_bytes) as full:
                ran = children.run(command, cwd=Path("/"), env=_KEPT_ENVIRONMENT, timeout=cell.seconds, halt=[full])
        finally:
            isolation.clear(cell)
    if full.is_set():
        raise Problem(
            "wrote-too-much", f"{argv[0]} wrote more than {cell.written_bytes:,} bytes into what it hands over",
            "less", place=Path(argv[0]).name,
            next_step="Look at what it writes; a larger bound is a setting of the place.",
        )  # fmt: skip
    if ran.timed_out:
        raise Problem(
            "took-too-long", f"{Path(argv[0]).name} was ended after {cell.seconds:.0f} s. {ran.tail}", "an end in time",
            next_step="Raise the step's timeout, or see why it hangs: it has no network to wait for.",
        )  # fmt: skip
    return replace(ran, argv=tuple(argv))


@contextmanager
def _watched(folders: Sequence[Path], most_bytes: int) -> Iterator[threading.Event]:
    """An event that is set once the folders hold more."""
    full, ended = threading.Event(), threading.Event()

    def watch() -> None:
        while not ended.wait(_LOOK_SECONDS):
            if _bytes_in(folders) > most_bytes:
                full.set()
                return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield full
    finally:
        ended.set()
        watcher.join()
        if _bytes_in(folders) > most_bytes:
            full.set()


def _bytes_in(folders: Sequence[Path]) -> int:
    total = 0
    for folder in folders:
        for path in folder.rglob("*"):
            try:
                total += path.lstat().st_size
            except OSError:
                continue
    return total


# --- which one


@cache
def find_isolation() -> Isolation:
    """The one that works here, tried once; raises `Problem` ``no-isolation``."""
    bwrap, unshare = shutil.which("bwrap"), shutil.which("unshare")
    ways: list[Isolation] = [Bubblewrap(bwrap)] if bwrap else []
    if unshare and os.getuid() == 0:
        ways.append(Unshared(unshare))
    why = [] if bwrap else ["bwrap is not installed"]
    for way in ways:
        said = works(way)
        if not said:
            return way
        why.append(f"{way.name}: {said}")
    raise Problem(
        "no-isolation", f"foreign code cannot be shut in on this machine ({'; '.join(why)})", "bubblewrap",
        place="building", next_step="apt install bubblewrap",
    )  # fmt: skip


def works(way: Isolation) -> str:
    """Empty if it makes a cell here; what it says otherwise."""
    cell = Cell("/tmp", seconds=30)  # noqa: S108  # the cell's own
    with TemporaryDirectory(prefix="customhouse-cell-") as papers:
        Path(papers).chmod(0o755)
        command = way.command(cell, ["/usr/bin/env", "true"], Path(papers))
        ran = Children().run(command, cwd=Path("/"), env=_KEPT_ENVIRONMENT, timeout=30)
    return "" if ran.ok else (ran.tail.splitlines() or [f"ended with {ran.code}"])[-1]
