"""What runs first inside a cell: sets what mounts cannot, then becomes the program. For any Python from 3.8 on.

Run as ``python -I inside.py TASK.json``; needs the standard library alone and knows nothing of this package.
"""

import json
import os
import random
import resource
import shutil
import sys


def copy(source: str, target: str, order: str) -> None:
    """Copy a tree; the entries of each folder are made in this order, and a disk in memory lists them by it."""
    os.makedirs(target, exist_ok=True)  # noqa: PTH103
    names = sorted(os.listdir(source))  # noqa: PTH208
    if order == "reversed":
        names.reverse()
    elif order == "shuffled":
        random.Random(source).shuffle(names)  # noqa: S311  # the same each time
    for name in names:
        one, other = os.path.join(source, name), os.path.join(target, name)  # noqa: PTH118
        if os.path.islink(one):  # noqa: PTH114
            os.symlink(os.readlink(one), other)  # noqa: PTH115, PTH211
        elif os.path.isdir(one):  # noqa: PTH112
            copy(one, other, order)
        else:
            shutil.copyfile(one, other)
            os.chmod(other, 0o755 if os.stat(one).st_mode & 0o100 else 0o644)  # noqa: PTH101, PTH116
        if not os.path.islink(one):  # noqa: PTH114
            time = os.stat(one).st_mtime  # noqa: PTH116
            os.utime(other, (time, time))


def main() -> None:
    """Read the task, do as it says, become the program."""
    with open(sys.argv[1], encoding="utf-8") as file:  # noqa: PTH123
        task = json.load(file)
    if os.getuid() == 0:
        for place in task["scratch"]:
            os.chown(place, task["uid"], task["uid"])
        os.setgroups([])
        os.setresgid(task["uid"], task["uid"], task["uid"])
        os.setresuid(task["uid"], task["uid"], task["uid"])
    for source, target, order in task["copies"]:
        copy(source, target, order)
    if task["cpus"]:
        allowed = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, allowed[: task["cpus"]])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (task["file_bytes"], task["file_bytes"]))
    os.umask(task["umask"])
    os.chdir(task["cwd"])
    try:
        os.execvpe(task["argv"][0], task["argv"], task["env"])  # noqa: S606  # arguments, no shell
    except OSError as error:
        sys.stderr.write(f"{task['argv'][0]}: {error.strerror}\n")
        sys.exit(127)


if __name__ == "__main__":
    main()
