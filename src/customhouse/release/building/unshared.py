"""The inside of ``unshare``: builds a root of its own out of mounts, gives up root, and becomes the program.

Run as ``python -I unshared.py PLAN.json`` by root in fresh namespaces; needs the standard library alone.
"""

import ctypes
import json
import os
import socket
import sys
from typing import Any

_LIBC = ctypes.CDLL(None, use_errno=True)
_RDONLY, _NOSUID, _NODEV, _REMOUNT, _BIND, _REC = 1, 2, 4, 32, 4096, 16384
_DETACH = 2
_NO_NEW_PRIVILEGES = 38
_DEVICES = ("null", "zero", "full", "random", "urandom")


def mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    """Mount something; the arguments are those of the system call."""
    if _LIBC.mount(source.encode(), target.encode(), kind.encode() or None, flags, options.encode() or None):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), target)


def bind(source: str, target: str, *, read_only: bool) -> None:
    """Show a file or folder of outside at ``target``."""
    if os.path.isdir(source):  # noqa: PTH112
        os.makedirs(target, exist_ok=True)  # noqa: PTH103
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)  # noqa: PTH103, PTH120
        with open(target, "ab"):  # noqa: PTH123
            pass
    mount(source, target, "", _BIND | _REC)
    mount(source, target, "", _BIND | _REMOUNT | _NOSUID | (_RDONLY if read_only else 0))


def main() -> None:
    """Read the plan and do it."""
    with open(sys.argv[1], encoding="utf-8") as file:  # noqa: PTH123
        plan = json.load(file)
    build_root(plan)
    socket.sethostname(plan["host"])
    enter(plan["root"])
    os.setgroups([])
    os.setgid(plan["uid"])
    os.setuid(plan["uid"])
    _LIBC.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    os.execve(plan["argv"][0], plan["argv"], {"PATH": "/usr/bin:/bin"})  # noqa: S606  # arguments, no shell


def build_root(plan: dict[str, Any]) -> None:
    """The new root: the system read-only, a few devices, scratch space, and what the step may read and write."""
    root = plan["root"]
    size = f"size={plan['scratch_bytes']}"
    mount("tmpfs", root, "tmpfs", _NOSUID | _NODEV, f"mode=755,{size}")
    for path in plan["system"]:
        if os.path.islink(path):  # noqa: PTH114
            os.symlink(os.readlink(path), root + path)  # noqa: PTH115, PTH211
        else:
            bind(path, root + path, read_only=True)
    os.mkdir(f"{root}/dev")  # noqa: PTH102
    for device in _DEVICES:
        bind(f"/dev/{device}", f"{root}/dev/{device}", read_only=False)
    os.symlink("/proc/self/fd", f"{root}/dev/fd")  # noqa: PTH211
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        os.symlink(f"/proc/self/fd/{number}", f"{root}/dev/{name}")  # noqa: PTH211
    os.mkdir(f"{root}/proc")  # noqa: PTH102
    mount("proc", f"{root}/proc", "proc", _NOSUID | _NODEV)
    for path in plan["scratch"]:
        os.makedirs(root + path, exist_ok=True)  # noqa: PTH103
        mount("tmpfs", root + path, "tmpfs", _NOSUID | _NODEV, f"mode=1777,{size}")
    for inside, outside in plan["readable"].items():
        bind(outside, root + inside, read_only=True)
    for inside, outside in plan["writable"].items():
        bind(outside, root + inside, read_only=False)


def enter(root: str) -> None:
    """Make it the root, read-only; nothing of the old one can be reached any more."""
    # The old root is put under the new one, and then it is gone.
    os.mkdir(f"{root}/.old")  # noqa: PTH102
    os.chdir(root)
    if _LIBC.syscall(_pivot_root(), b".", b".old"):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), root)
    os.chdir("/")
    if _LIBC.umount2(b"/.old", _DETACH):
        raise OSError(ctypes.get_errno(), "the old root stays", "/.old")
    os.rmdir("/.old")  # noqa: PTH106
    mount("tmpfs", "/", "", _REMOUNT | _RDONLY | _NOSUID | _NODEV)


def _pivot_root() -> int:
    """The number of the call, which the C library has no name for."""
    return {"x86_64": 155, "aarch64": 41, "i686": 217, "ppc64le": 203, "s390x": 217, "riscv64": 41}[os.uname().machine]


if __name__ == "__main__":
    main()
