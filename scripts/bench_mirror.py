"""How fast packages of another index come through a view: beside that index itself, proxpi and devpi.

The upstream is nginx on loopback with ready files. Everything is measured in turn, within one run; a first fetch is of
a file that nobody has fetched. ``--write`` puts the table into ``docs/figures/mirror.json``.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests")]

from packages import Dist, wheel
from servers import MORTAL, free_port, until_listening
from world import Server

BIG_BYTES = 50_000_000
ROUNDS = 3
CHAINS, CHAIN_LENGTH, WARM_ROUNDS = 3, 30, 5
CLIENTS = 50
JSON_TYPE = "application/vnd.pypi.simple.v1+json"
FIGURES = ROOT / "docs" / "figures" / "mirror.json"
UV = str(Path(sys.executable).parent / "uv")


@dataclass(frozen=True)
class Row:
    """One way to the same thing: median, fastest and slowest run in seconds, and the ratio to the first row of it."""

    what: str
    way: str
    seconds: float
    fastest: float
    slowest: float
    ratio: float


def rows_of(what: str, taken: Mapping[str, Sequence[float]]) -> list[Row]:
    """The medians, and each one's ratio to the first."""
    first = statistics.median(next(iter(taken.values())))
    return [
        Row(what, way, statistics.median(times), min(times), max(times), statistics.median(times) / first)
        for way, times in taken.items()
    ]


class Upstream:
    """A folder that nginx serves as a modern index, at full speed and at 25 MiB/s for each connection."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self.slow_port = free_port(), free_port()
        self.url, self.slow_url = f"http://127.0.0.1:{self.port}", f"http://127.0.0.1:{self.slow_port}"

    def add(self, name: str, dist: Dist) -> None:
        """List a file."""
        files = self.folder / "files"
        files.mkdir(parents=True, exist_ok=True)
        (files / dist.filename).write_bytes(dist.body)
        (files / f"{dist.filename}.metadata").write_text(dist.metadata)
        for root in ("simple", "slow"):
            page = self.folder / root / name
            page.mkdir(parents=True, exist_ok=True)
            whole = {
                "meta": {"api-version": "1.1"}, "name": name, "versions": ["1.0"],
                "files": [{
                    "filename": dist.filename, "url": f"../../files/{dist.filename}", "size": len(dist.body),
                    "hashes": {"sha256": dist.sha256}, "upload-time": "2026-01-01T00:00:00Z",
                    "core-metadata": {"sha256": hashlib.sha256(dist.metadata.encode()).hexdigest()},
                }],
            }  # fmt: skip
            (page / "index.json").write_text(json.dumps(whole))
            # devpi wants the list of all projects before it believes that there is one.
            names = sorted(path.name for path in (self.folder / root).iterdir() if path.is_dir())
            every = {"meta": {"api-version": "1.1"}, "projects": [{"name": one} for one in names]}
            (self.folder / root / "index.json").write_text(json.dumps(every))

    def count(self, filename: str) -> int:
        """How often a file was asked for."""
        log = (self.folder / "access.log").read_text().splitlines()
        return sum(f"/files/{filename} " in line for line in log)

    @contextmanager
    def served(self) -> Iterator[None]:
        """By nginx."""
        user = "user root; " if os.geteuid() == 0 else ""
        temporary = "".join(
            f"{kind}_temp_path {self.folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        location = (
            f"root {self.folder}; location /simple/ {{ default_type {JSON_TYPE}; index index.json; "
            f"types {{ {JSON_TYPE} json; }} }}"
        )
        (self.folder / "nginx.conf").write_text(
            f"{user}daemon off; worker_processes 1; pid {self.folder}/pid; error_log {self.folder}/error.log;\n"
            f"events {{ worker_connections 512; }}\nhttp {{ access_log {self.folder}/access.log; {temporary}\n"
            "sendfile on; tcp_nopush on; default_type application/octet-stream;\n"
            f"server {{ listen 127.0.0.1:{self.port}; {location} }}\n"
            f"server {{ listen 127.0.0.1:{self.slow_port}; {location} limit_rate 25m; }} }}\n"
        )
        process = subprocess.Popen(
            [*MORTAL, "nginx", "-c", str(self.folder / "nginx.conf"), "-p", str(self.folder), "-e",
             str(self.folder / "error.log")],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            until_listening(self.port, process)
            yield
        finally:
            process.terminate()
            process.wait(10)


@contextmanager
def ours(data: Path, upstream: Upstream) -> Iterator[Server]:
    """A server with a view on the quick upstream and one on the slow, for the levels open and balanced."""
    server = Server(
        data,
        environment={
            "CUSTOMHOUSE_UPSTREAMS": json.dumps([
                {"name": "quick", "url": f"{upstream.url}/simple/", "names": ["big-quick-*", "*-chain-*"]},
                {"name": "slow", "url": f"{upstream.slow_url}/simple/", "names": ["big-slow-*"]},
            ]),
            "CUSTOMHOUSE_PRIVATE_NETWORKS_ALLOWED": '["127.0.0.0/8"]',
        },
    )  # fmt: skip
    server.lay_out()
    for level in ("open", "balanced"):
        server.command("view", "add", level, "--upstream", "quick", "--upstream", "slow", "--policy", level)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def other(tool: str, folder: Path, upstream: Upstream) -> Iterator[str]:
    """Proxpi or devpi-server from its lock, in an environment that is thrown away; gives the address of its index."""
    home = folder / tool
    subprocess.run([UV, "venv", "-q", str(home)], check=True)
    lock = ROOT / "requirements" / "clients" / f"{tool}.txt"
    python = str(home / "bin" / "python")
    subprocess.run([UV, "pip", "install", "-q", "--python", python, "--require-hashes", "-r", str(lock)], check=True)
    port = free_port()
    if tool == "proxpi":
        command = [python, "-m", "waitress", f"--listen=127.0.0.1:{port}", "--threads=16", "proxpi.server:app"]
        environment = {
            "PROXPI_INDEX_URL": f"{upstream.url}/simple/", "PROXPI_CACHE_DIR": str(home / "cache"),
            "PROXPI_DOWNLOAD_TIMEOUT": "30",
        }  # fmt: skip
        index = f"http://127.0.0.1:{port}/index/"
    else:
        data = home / "data"
        subprocess.run([str(home / "bin" / "devpi-init"), "--serverdir", str(data)], check=True, capture_output=True)
        command = [
            str(home / "bin" / "devpi-server"), "--serverdir", str(data), "--host", "127.0.0.1", "--port", str(port),
        ]  # fmt: skip
        environment = {}
        index = f"http://127.0.0.1:{port}/root/pypi/+simple/"
    with (home / "log").open("wb") as log:
        process = subprocess.Popen([*MORTAL, *command], env={**os.environ, **environment}, stdout=log, stderr=log)
    try:
        until_listening(port, process)
        if tool == "devpi-server":
            _point_devpi(home, port, upstream)
        yield index
    finally:
        process.terminate()
        process.wait(30)


def _point_devpi(home: Path, port: int, upstream: Upstream) -> None:
    """Its mirror of PyPI is told where the upstream is, as its operator would with devpi-client."""
    import base64  # noqa: PLC0415 - here alone
    from urllib.request import Request, urlopen  # noqa: PLC0415 - here alone

    def call(method: str, path: str, body: object, token: str = "") -> dict[str, object]:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if token:
            headers["X-Devpi-Auth"] = base64.b64encode(f"root:{token}".encode()).decode()
        request = Request(f"http://127.0.0.1:{port}{path}", json.dumps(body).encode(), headers, method=method)
        with urlopen(request) as answer:
            found: dict[str, object] = json.loads(answer.read())
        return found

    logged_in = call("POST", "/+login", {"user": "root", "password": ""})
    token = str(logged_in["result"]["password"])  # type: ignore[index]
    call("PATCH", "/root/pypi", [f"mirror_url={upstream.url}/simple/"], token)
    del home


def fetched(url: str, to: Path) -> float:
    """How long curl takes to write an address into a file."""
    start = time.perf_counter()
    subprocess.run(["curl", "-sS", "--fail", "-o", str(to), url], check=True)
    return time.perf_counter() - start


def first_fetches(speed: str, upstream: Upstream, server: Server, folder: Path, names: Sequence[str]) -> list[Row]:
    """Each file once directly and once through each view, none of which has it."""
    direct = upstream.slow_url if speed == "slow" else upstream.url
    taken: dict[str, list[float]] = {"directly": [], "through a view, open": [], "through a view, balanced": []}
    to = folder / "fetched"
    for place, name in enumerate(names):
        level = ("open", "balanced")[place % 2]
        filename = f"{name.replace('-', '_')}-1.0-py3-none-any.whl"
        subprocess.run(["curl", "-sS", "--fail", "-o", "/dev/null", f"{server.url}/view/{level}/simple/{name}/"],
                       check=True)  # fmt: skip
        taken["directly"].append(fetched(f"{direct}/files/{filename}", to))
        whole = to.read_bytes()
        taken[f"through a view, {level}"].append(fetched(f"{server.url}/view/{level}/files/{name}/{filename}", to))
        assert to.read_bytes() == whole
    what = "a wheel of 50 MB, first fetch" + (", upstream at 25 MiB/s" if speed == "slow" else "")
    return rows_of(what, taken)


def at_once(upstream: Upstream, server: Server, folder: Path, name: str) -> list[Row]:
    """Fifty clients of a file that nobody has fetched; afterwards the same from the upstream itself."""
    filename = f"{name.replace('-', '_')}-1.0-py3-none-any.whl"
    before = upstream.count(filename)
    taken = {
        "directly": [_together(f"{upstream.url}/files/{filename}", folder)],
        "through a view": [_together(f"{server.url}/view/open/files/{name}/{filename}", folder)],
    }
    asked = upstream.count(filename) - before - CLIENTS
    assert asked == 1, f"{asked} fetches from upstream"
    return rows_of(f"{CLIENTS} clients at once, first fetch (1 fetch from upstream)", taken)


def _together(url: str, folder: Path) -> float:
    start = time.perf_counter()
    clients = [subprocess.Popen(["curl", "-sS", "--fail", "-o", "/dev/null", url]) for _ in range(CLIENTS)]
    for one in clients:
        assert one.wait() == 0
    del folder
    return time.perf_counter() - start


def install(index: str, package: str, folder: Path) -> float:
    """How long uv takes to install a package and all that it needs, with nothing kept from before."""
    target = folder / "target"
    shutil.rmtree(target, ignore_errors=True)
    start = time.perf_counter()
    subprocess.run(
        [UV, "pip", "install", "-q", "--no-cache", "--no-config", "--index-url", index, "--target", str(target),
         "--python", sys.executable, package],
        check=True,
    )  # fmt: skip
    took = time.perf_counter() - start
    assert len(list(target.glob("*.dist-info"))) == CHAIN_LENGTH
    return took


def chains(indexes: Mapping[str, str], folder: Path) -> list[Row]:
    """A chain of thirty packages, cold once for each chain, then warm."""
    cold: dict[str, list[float]] = {way: [] for way in indexes}
    warm: dict[str, list[float]] = {way: [] for way in indexes}
    for letter in "abc"[:CHAINS]:
        for way, index in indexes.items():
            cold[way].append(install(index, f"{letter}-chain-0", folder))
    for _ in range(WARM_ROUNDS):
        for way, index in indexes.items():
            warm[way].append(install(index, "a-chain-0", folder))
    what = f"{CHAIN_LENGTH} packages by uv"
    return [*rows_of(f"{what}, cold", cold), *rows_of(f"{what}, warm", warm)]


def stock(upstream: Upstream) -> None:
    """What the upstream has: fifty-megabyte wheels, and chains of small ones."""
    for speed in ("quick", "slow"):
        for number in range(2 * ROUNDS + 1):
            name = f"big-{speed}-{number}"
            noise = {f"big/part{part}.bin": os.urandom(BIG_BYTES // 5) for part in range(5)}
            upstream.add(name, wheel(name, "1.0", files=noise))
    for letter in "abc"[:CHAINS]:
        for number in range(CHAIN_LENGTH):
            needs = {"Requires-Dist": f"{letter}-chain-{number + 1}"} if number + 1 < CHAIN_LENGTH else {}
            name = f"{letter}-chain-{number}"
            module = {f"{letter}_chain_{number}/__init__.py": os.urandom(20_000).hex().encode()}
            upstream.add(name, wheel(name, "1.0", headers=needs, files=module))


def bench(folder: Path) -> list[Row]:
    """Everything, in turn."""
    upstream = Upstream(folder / "upstream")
    stock(upstream)
    rows: list[Row] = []
    with ExitStack() as stack:
        stack.enter_context(upstream.served())
        server = stack.enter_context(ours(folder / "data", upstream))
        for speed in ("quick", "slow"):
            names = [f"big-{speed}-{number}" for number in range(2 * ROUNDS)]
            rows += first_fetches(speed, upstream, server, folder, names)
        rows += at_once(upstream, server, folder, f"big-quick-{2 * ROUNDS}")
        show(rows)
        indexes = {
            "nginx, the upstream itself": f"{upstream.url}/simple/",
            "a view, balanced": f"{server.url}/view/balanced/simple/",
        }
        for tool in ("proxpi", "devpi-server"):
            indexes[tool] = stack.enter_context(other(tool, folder, upstream))
        rows += chains(indexes, folder)
    return rows


def main() -> None:
    """Print the table; with ``--write`` keep it."""
    with tempfile.TemporaryDirectory(prefix="customhouse-mirror-") as folder:
        rows = bench(Path(folder))
    show(rows)
    if "--write" in sys.argv:
        FIGURES.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")


def show(rows: Sequence[Row]) -> None:
    """The table for people."""
    what = ""
    for row in rows:
        if row.what != what:
            print(f"\n{row.what}")
            what = row.what
        print(f"  {row.way:28} {row.seconds:7.3f} s  ({row.fastest:.3f} to {row.slowest:.3f})  x {row.ratio:.2f}")


if __name__ == "__main__":
    main()
