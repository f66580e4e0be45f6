"""What a program in a cell can see and do, by each of the two ways that make cells. Every claim is tried from inside."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

import customhouse
from customhouse.release.actions import Problem
from customhouse.release.building import isolation
from customhouse.release.building.isolation import Bubblewrap, Cell, Copied, Isolation, Person, Unshared, run_in
from customhouse.release.children import Children, Ran

pytestmark = pytest.mark.slow
CWD = "/tmp"  # noqa: S108  # the cell's own
PYTHON = str(isolation.BASE_PYTHON)

WAYS: dict[str, Callable[[], Isolation]] = {
    "bubblewrap": lambda: Bubblewrap(shutil.which("bwrap") or ""),
    "unshare": lambda: Unshared(shutil.which("unshare") or ""),
}


@pytest.fixture(params=sorted(WAYS))
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Isolation:
    if shutil.which({"bubblewrap": "bwrap"}.get(request.param, request.param)) is None:
        pytest.skip(f"no {request.param} here")
    found = WAYS[request.param]()
    if said := isolation.works(found):
        pytest.skip(said)
    monkeypatch.setattr(isolation, "find_isolation", lambda: found)
    return found


@pytest.fixture
def inside(way: Isolation, tmp_path: Path) -> Callable[..., Ran]:
    """Runs a line of Python inside."""
    del way

    def run(code: str, cell: Cell | None = None) -> Ran:
        return run_in(cell or Cell(CWD, seconds=20), [PYTHON, "-c", code], Children(), tmp_path / "papers")

    return run


@pytest.fixture
def listener() -> Iterator[int]:
    """A port of this machine's loopback that is listened at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_there_is_no_network_not_even_the_machines_own_loopback(inside: Callable[..., Ran], listener: int) -> None:
    said = inside(
        "import socket\n"
        f"for address in (('127.0.0.1', {listener}), ('192.0.2.1', 443)):\n"
        "    try: socket.create_connection(address, 3); print('reached', address)\n"
        "    except OSError as error: print('no', error.errno)\n"
        "print([name for _, name in socket.if_nameindex() if name != 'lo'])\n"
    )
    assert "reached" not in said.out
    assert said.out.splitlines()[-1] == "[]"


def test_other_homes_and_the_keys_of_the_run_cannot_be_seen(inside: Callable[..., Ran], tmp_path: Path) -> None:
    key = tmp_path / "machine.key"
    key.write_text("secret")
    said = inside(
        "import os\n"
        f"for path in ({str(key)!r}, '/root/.ssh', '/root/.bashrc', '/etc/shadow', '/etc/ssh', '/var/lib', '/work', '/run'):\n"
        "    if os.path.exists(path): print('sees', path)\n"
        "print(sorted(os.listdir('/home')))\n"
    )
    assert said.out == "['builder']\n"


def test_nothing_outside_can_be_written(inside: Callable[..., Ran], tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.mkdir()
    (given / "file").write_text("as it was")
    cell = Cell(CWD, readable={"/given": given})
    said = inside(
        "for path in ('/usr/x', '/etc/x', '/x', '/given/file', '/given/new', '/.cell/inside.py'):\n"
        "    try: open(path, 'w').write('x'); print('wrote', path)\n"
        "    except OSError: pass\n",
        cell,
    )
    assert said.ok, said.tail
    assert said.out == ""
    assert (given / "file").read_text() == "as it was"


def test_the_environment_is_ours_alone(inside: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODECOV_TOKEN", "stolen")
    said = inside("import os; print(sorted(os.environ))", Cell(CWD, env={"LC_ALL": "C", "SOURCE_DATE_EPOCH": "1"}))
    assert set(eval(said.out)) <= {  # noqa: S307  # a list that we printed
        "HOME", "LC_ALL", "LOGNAME", "PATH", "PWD", "SOURCE_DATE_EPOCH", "TMPDIR", "USER",
    }  # fmt: skip


def test_the_kernels_settings_cannot_be_written(inside: Callable[..., Ran]) -> None:
    said = inside(
        "import os\n"
        "for folder, _, files in os.walk('/proc/sys'):\n"
        "    for name in files:\n"
        "        try: os.close(os.open(os.path.join(folder, name), os.O_WRONLY)); print(folder, name)\n"
        "        except OSError: pass\n"
    )
    assert said.ok, said.tail
    # Its own network and its own list of processes have settings of their own.
    own = ("/proc/sys/net", "/proc/sys/kernel ns_last_pid")
    assert [line for line in said.out.splitlines() if not line.startswith(own)] == []


def test_no_other_process_can_be_seen(inside: Callable[..., Ran]) -> None:
    said = inside("import os; print(max(int(name) for name in os.listdir('/proc') if name.isdigit()))")
    assert int(said.out) < 10


def test_no_process_stays_behind(inside: Callable[..., Ran], tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    said = inside(
        "import os, subprocess, sys\n"
        'code = \'import time\\nwhile True: open("/out/beat", "a").write("x"); time.sleep(0.02)\'\n'
        "subprocess.Popen([sys.executable, '-c', code], start_new_session=True)\n"
        "import time\n"
        "while not os.path.exists('/out/beat'): time.sleep(0.01)\n",
        Cell(CWD, writable={"/out": out}, seconds=20),
    )
    assert said.ok, said.tail
    size = (out / "beat").stat().st_size
    time.sleep(0.2)  # ten beats
    assert (out / "beat").stat().st_size == size


def test_user_host_umask_and_processors_are_those_of_the_cell(inside: Callable[..., Ran]) -> None:
    cell = Cell(CWD, person=Person("rosa", 2345), host="anvil", umask=0o077, cpus=1)
    said = inside(
        "import getpass, os, pwd, socket\n"
        "os.umask(umask := os.umask(0))\n"
        "print(getpass.getuser(), pwd.getpwuid(os.getuid()).pw_name, os.getuid(), socket.gethostname(), oct(umask),"
        " len(os.sched_getaffinity(0)), os.path.expanduser('~'))\n",
        cell,
    )
    assert said.out.split() == ["rosa", "rosa", "2345", "anvil", "0o77", "1", "/home/rosa"]


@pytest.mark.parametrize(("order", "expected"), [("sorted", "cba"), ("reversed", "abc")])
def test_a_copied_tree_is_listed_in_the_order_that_was_asked_for(
    order: str, expected: str, inside: Callable[..., Ran], tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in "bca":
        (source / name).write_text(name)
    cell = Cell(
        "/work", scratch=("/work",), readable={"/given": source}, copies=(Copied("/given", "/work", order),)
    )  # fmt: skip
    # The newest comes first on a disk in memory (Linux, up to 6.5) or last (from 6.6 on): the two orders always differ.
    assert inside("import os; print(''.join(os.listdir('/work')))", cell).out.strip() in {expected, expected[::-1]}
    assert (
        inside("import os; print(''.join(os.listdir('/work')))", cell).out.strip()
        == inside("import os; print(''.join(os.listdir('/work')))", cell).out.strip()
    )


def test_what_takes_too_long_is_ended(inside: Callable[..., Ran]) -> None:
    with pytest.raises(Problem, match="was ended after 1 s") as caught:
        inside("import time; time.sleep(60)", Cell(CWD, seconds=1))
    assert caught.value.code == "took-too-long"


def test_what_hands_over_too_much_is_ended(inside: Callable[..., Ran], tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    cell = Cell(CWD, writable={"/out": out}, written_bytes=2**20, seconds=30)
    with pytest.raises(Problem) as caught:
        inside(
            "n = 0\n"
            "while True:\n"
            "    open(f'/out/{n}', 'wb').write(bytes(2**18)); n += 1\n"
            "    import time; time.sleep(0.05)\n",
            cell,
        )
    assert caught.value.code == "wrote-too-much"


def test_the_disk_in_memory_is_bounded(inside: Callable[..., Ran]) -> None:
    said = inside(
        "try: open('/tmp/big', 'wb').write(bytes(2**22)); print('wrote')\nexcept OSError as error: print(error.errno)\n",
        Cell(CWD, scratch_bytes=2**20),
    )
    assert said.out.strip() == "28"  # ENOSPC


def test_it_gains_no_privileges(inside: Callable[..., Ran]) -> None:
    said = inside(
        "import os\n"
        "print([line.split()[1] for line in open('/proc/self/status') if line.startswith(('CapEff', 'NoNewPrivs'))])\n"
        "try: os.setuid(0); print('root')\nexcept OSError: pass\n"
    )
    assert said.out.splitlines() == ["['0000000000000000', '1']"]


def test_files_that_are_handed_over_belong_to_the_caller(inside: Callable[..., Ran], tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    assert inside("open('/out/file', 'w').write('x')", Cell(CWD, writable={"/out": out})).ok
    assert (out / "file").stat().st_uid == out.stat().st_uid == tmp_path.stat().st_uid


def test_without_a_way_the_one_command_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    isolation.find_isolation.cache_clear()
    try:
        with pytest.raises(Problem, match=r"bwrap is not installed.* apt install bubblewrap") as caught:
            isolation.find_isolation()
    finally:
        isolation.find_isolation.cache_clear()
    assert caught.value.code == "no-isolation"


AS_NOBODY = """
import sys
sys.path[:0] = {paths!r}
from pathlib import Path
from customhouse.release.building.isolation import Cell, Person, run_in
from customhouse.release.children import Children
out = Path(sys.argv[1]) / "out"
out.mkdir()
cell = Cell("/work", scratch=("/work",), writable={{"/out": out}}, person=Person("rosa", 2017), host="anvil")
code = "import os, socket; open('/out/x', 'w'); open('/work/y', 'w'); print(os.getuid(), socket.gethostname())"
ran = run_in(cell, [sys.executable, "-c", code], Children(), Path(sys.argv[1]))
print(ran.out, ran.err, (out / "x").stat().st_uid)
"""


def test_an_ordinary_user_has_a_cell_too() -> None:
    python = Path("/usr/bin/python3.11")
    if os.getuid() != 0 or shutil.which("setpriv") is None or not python.exists() or sys.version_info[:2] != (3, 11):
        pytest.skip("needs root, setpriv and the system's own Python 3.11")
    paths = [str(Path(customhouse.__file__).parent.parent), sysconfig.get_path("purelib")]
    if any(not folder.stat().st_mode & 0o001 for path in paths for folder in Path(path).parents):
        pytest.skip("this checkout lies where nobody else may enter")
    with TemporaryDirectory(dir="/tmp") as folder:  # others cannot enter root's
        Path(folder).chmod(0o777)
        (Path(folder) / "script.py").write_text(AS_NOBODY.format(paths=paths))
        nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--", str(python), "-B"]
        said = subprocess.run(
            [*nobody, f"{folder}/script.py", folder], capture_output=True, text=True, check=False, timeout=60
        )  # fmt: skip
    if "no-isolation" in said.stderr or "cannot be shut in" in said.stderr:
        pytest.skip("this machine lets nobody make user namespaces")
    assert said.stdout.split() == ["2017", "anvil", "65534"], said.stderr
