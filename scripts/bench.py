"""``make bench``: how fast the index is, as ratios to nginx, pypiserver and twine within one run on this machine.

Seeds a real server by real uploads, then lets wrk ask it and an nginx that serves the same bytes from disk, in turn.
Whole releases are published by ``customhouse publish`` and by twine, in turn, on the same index.
``--write`` puts the table into the README and the numbers into ``docs/figures/bench.json``.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "clients")]

import httpx2 as httpx
from rich.console import Console
from rich.table import Table
from venvs import clean_environment, client

from packages import Dist, form_fields, wheel
from servers import free_port
from world import Server

ROUNDS, SECONDS, CONNECTIONS = 5, 2, 16
# What both indexes hold before uploads are timed: 2,291 wheels of 60 projects.
FILES, OTHER_FILES, OTHER_PROJECTS = 2000, 291, 59
UPLOADS, UPLOADERS, WARM_UPLOADS = 820, 4, 20
BOUNDARY = "----customhouse-bench"
BIG_BYTES = 50 * 2**20
RELEASES, WHEEL_BYTES = 3, 5_000_000
PYTHONS = ("cp310", "cp311", "cp312", "cp313", "cp314")
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_28_aarch64", "musllinux_1_2_x86_64", "musllinux_1_2_aarch64",
             "macosx_11_0_arm64", "macosx_11_0_x86_64", "win_amd64", "win32")  # fmt: skip
JSON = "application/vnd.pypi.simple.v1+json"
console = Console(highlight=False)


@dataclass(frozen=True)
class Row:
    """One comparison: what was asked, our rate, the other's, and our p99."""

    what: str
    ours: float
    other: float
    unit: str
    p99_ms: float | None = None
    against: str = "nginx"

    @property
    def ratio(self) -> float:
        """Ours by theirs."""
        return self.ours / self.other if self.other else 0.0


def wrk(url: str, *headers: str, seconds: int = SECONDS) -> tuple[float, float, float]:
    """Requests per second, p99 in ms, MB per second."""
    values = "s.requests, l:percentile(99) / 1000, s.bytes, s.duration"
    script = f"done = function(s, l, r) io.write(string.format('%d %f %d %d\\n', {values})) end"
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script)
        file.flush()
        flags = [part for header in headers for part in ("-H", header)]
        done = subprocess.run(
            ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", file.name, *flags, url],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
    if "Non-2xx" in done.stdout and "304" not in " ".join(headers) and not any("none-match" in h for h in headers):
        raise SystemExit(f"{url}: {done.stdout}")
    requests, p99, size, microseconds = done.stdout.splitlines()[-1].split()
    took = int(microseconds) / 1e6
    return int(requests) / took, float(p99), int(size) / took / 1e6


def in_turn(
    ours: Callable[[], tuple[float, float]], other: Callable[[], tuple[float, float]]
) -> tuple[float, float, float]:
    """Medians of alternating rounds: our rate, the other's, our p99."""
    mine, its = [], []
    for _ in range(ROUNDS):
        mine.append(ours())
        its.append(other())
    return (
        statistics.median(rate for rate, _ in mine),
        statistics.median(rate for rate, _ in its),
        statistics.median(p99 for _, p99 in mine),
    )


@contextmanager
def nginx(folder: Path) -> Iterator[str]:
    """Nginx with two workers on static files, as it comes."""
    port = free_port()
    (folder / "nginx.conf").write_text(
        f"worker_processes 2; daemon off; pid {folder}/pid; error_log {folder}/error.log;\n"
        "events { worker_connections 1024; }\n"
        f"http {{ access_log off; sendfile on; etag on; default_type {JSON};\n"
        f"client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;\n"
        f"uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;\n"
        f"server {{ listen 127.0.0.1:{port}; root {folder}/root; gzip_static on; }} }}\n"
    )
    process = subprocess.Popen(
        ["nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder)], stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    _until_answers(url + "/small.json")
    try:
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


@contextmanager
def pypiserver(folder: Path) -> Iterator[str]:
    """Pypiserver as its users start it, without passwords."""
    place = ROOT / ".cache" / "clients" / "pypiserver"
    if not (place / "bin" / "pypi-server").exists():
        subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
        lock = ROOT / "requirements" / "clients" / "pypiserver.txt"
        uv = Path(sys.executable).parent / "uv"
        subprocess.run(
            [uv, "pip", "install", "-q", "--python", place / "bin/python", "--require-hashes", "-r", lock], check=True
        )
    port = free_port()
    process = subprocess.Popen(
        [place / "bin/pypi-server", "run", "-i", "127.0.0.1", "-p", str(port), "-P", ".", "-a", ".", str(folder)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    _until_answers(url + "/")
    try:
        yield url
    finally:
        process.kill()
        process.wait(10)


def _until_answers(url: str) -> None:
    for _ in range(400):
        try:
            urllib.request.urlopen(url, timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"{url} does not answer")


def upload_all(url: str, path: str, token: str, dists: Sequence[tuple[str, str, Dist]]) -> float:
    """Uploads per second by four clients at once, each on one connection, with bodies made beforehand."""
    address = urlsplit(url)
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    if token:
        headers["Authorization"] = "Basic " + base64.b64encode(f"__token__:{token}".encode()).decode()
    bodies = [multipart(*one) for one in dists]

    def send(mine: Sequence[bytes]) -> None:
        client = http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)
        for body in mine:
            client.request("POST", path, body, headers)
            answer = client.getresponse()
            said = answer.read()
            if answer.status != httpx.codes.OK:
                raise SystemExit(f"{url}: {answer.status} {said.decode()}")
        client.close()

    with ThreadPoolExecutor(UPLOADERS) as threads:
        list(threads.map(send, [bodies[:WARM_UPLOADS]]))
        timed = bodies[WARM_UPLOADS:]
        began = time.monotonic()
        list(threads.map(send, [timed[start::UPLOADERS] for start in range(UPLOADERS)]))
        return len(timed) / (time.monotonic() - began)


def multipart(name: str, version: str, dist: Dist) -> bytes:
    """One upload form as twine sends it."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
        for key, value in form_fields(dist, name, version)
    ]
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="content"; filename="{dist.filename}"\r\n'
    kind = "Content-Type: application/octet-stream\r\n\r\n"
    return b"".join([*parts, f"{head}{kind}".encode(), dist.body, f"\r\n--{BOUNDARY}--\r\n".encode()])


def held() -> list[tuple[str, str, Dist]]:
    """Name, version and wheel of what an index holds before uploads into it are timed."""
    names = ["bench-many"] * FILES + [f"bench-other-{n % OTHER_PROJECTS}" for n in range(OTHER_FILES)]
    return [(name, f"{n}.0", wheel(name, f"{n}.0")) for n, name in enumerate(names)]


def seed(server: Server, root: Path) -> tuple[float, dict[str, str]]:
    """Fill the index and give nginx the same bytes; returns uploads per second and addresses."""
    token = server.new_token()
    single = [(f"bench-{n}", "1.0", wheel(f"bench-{n}")) for n in range(UPLOADS)]
    upload_all(server.url, "/legacy/", token, held())
    # Uploads are timed into an index that holds something already, as pypiserver's below.
    rate = upload_all(server.url, "/legacy/", token, single)
    big = wheel("bench-big", files={"bench_big/data": os.urandom(BIG_BYTES)})
    upload_all(server.url, "/legacy/", token, [("bench-big", "1.0", big)] * (WARM_UPLOADS + 1))
    addresses = {"small": "/simple/bench-1/", "many": "/simple/bench-many/", "big": f"/files/bench-big/{big.filename}"}
    root.mkdir()
    for name, ending in (("small", "json"), ("many", "json"), ("small", "html")):
        accept = JSON if ending == "json" else "text/html"
        headers = {"accept": accept, "accept-encoding": "identity"}
        (root / f"{name}.{ending}").write_bytes(httpx.get(server.url + addresses[name], headers=headers).content)
        with httpx.stream("GET", server.url + addresses[name], headers=headers | {"accept-encoding": "gzip"}) as answer:
            body = b"".join(answer.iter_raw())
        if answer.headers.get("content-encoding") == "gzip":
            (root / f"{name}.{ending}.gz").write_bytes(body)
    (root / "big.bin").write_bytes(big.body)
    return rate, addresses


def compare_pages(ours: str, other: str, addresses: dict[str, str]) -> list[Row]:
    """Pages against nginx."""
    rows = []
    small, many, accept = ours + addresses["small"], ours + addresses["many"], f"accept: {JSON}"
    etag = httpx.get(small, headers={"accept": JSON}).headers["etag"]
    nginx_etag = httpx.get(other + "/small.json").headers["etag"]
    for what, mine, my_headers, its, its_headers in (
        ("small page, JSON", small, [accept], "/small.json", []),
        ("small page, HTML", small, ["accept: text/html"], "/small.html", []),
        ("small page, 304", small, [accept, f"if-none-match: {etag}"], "/small.json", [f"if-none-match: {nginx_etag}"]),
        (f"page of {FILES:,} files, JSON", many, [accept], "/many.json", []),
        (
            f"page of {FILES:,} files, JSON, gzip",
            many,
            [accept, "accept-encoding: gzip"],
            "/many.json",
            ["accept-encoding: gzip"],
        ),
    ):
        wrk(mine, *my_headers, seconds=1)
        rate, its_rate, p99 = in_turn(
            lambda mine=mine, h=my_headers: wrk(mine, *h)[:2], lambda its=its, h=its_headers: wrk(other + its, *h)[:2]
        )
        rows.append(Row(what, rate, its_rate, "requests/s", p99))
        console.print(f"  {what}: {rate:,.0f} of {its_rate:,.0f}, {rows[-1].ratio:.0%}")
    return rows


def compare_files(ours: str, other: str, addresses: dict[str, str]) -> list[Row]:
    """A file of 50 MB, whole and in part, in MB per second."""
    rows = []
    for what, header in (
        ("50 MB file, whole", []),
        ("50 MB file, a range of 10 MB", ["range: bytes=1000000-10999999"]),
    ):
        rate, its_rate, _ = in_turn(
            lambda h=header: (wrk(ours + addresses["big"], *h)[2], 0.0),
            lambda h=header: (wrk(other + "/big.bin", *h)[2], 0.0),
        )
        rows.append(Row(what, rate, its_rate, "MB/s"))
        console.print(f"  {what}: {rate:,.0f} of {its_rate:,.0f} MB/s, {rows[-1].ratio:.0%}")
    return rows


def release(name: str, folder: Path, content: Sequence[bytes]) -> int:
    """Forty wheels of one version, each of a little more than its content; returns their size in bytes."""
    folder.mkdir()
    tags = [f"{python}-{python}-{platform}" for python in PYTHONS for platform in PLATFORMS]
    for tag, body in zip(tags, content, strict=True):
        dist = wheel(name, tag=tag, files={f"{name}/data": body})
        (folder / dist.filename).write_bytes(dist.body)
    return sum(one.stat().st_size for one in folder.iterdir())


def compare_releases(server: Server, folder: Path) -> Row:
    """A whole release by ``customhouse publish`` and by twine, in turn, on the same index: MB per second."""
    token = server.new_token()
    content = [os.urandom(WHEEL_BYTES) for _ in range(len(PYTHONS) * len(PLATFORMS))]
    environment = clean_environment(folder / "home")
    ours = [sys.executable, "-m", "customhouse", "publish", "--quiet", "--index", server.url]
    its = [str(client("twine-7") / "bin" / "twine"), "upload", "--non-interactive", "--disable-progress-bar",
           "--repository-url", f"{server.url}/legacy/", "-u", "__token__"]  # fmt: skip
    rates: dict[str, list[float]] = {"customhouse": [], "twine": []}
    for number in range(RELEASES):
        for who, command in (("customhouse", ours), ("twine", its)):
            place = folder / f"{who}-{number}"
            size = release(f"bench_release_{who}_{number}", place, content)
            files = [str(one) for one in sorted(place.iterdir())]
            known = {"CUSTOMHOUSE_TOKEN": token, "TWINE_PASSWORD": token}
            began = time.monotonic()
            done = subprocess.run([*command, *files], env=environment | known, check=False, capture_output=True)
            took = time.monotonic() - began
            if done.returncode:
                raise SystemExit(f"{who}: {done.stdout.decode()} {done.stderr.decode()}")
            rates[who].append(size / took / 1e6)
            shutil.rmtree(place)
            console.print(f"  a release of {len(content)} wheels by {who}: {took:.1f} s")
    mine, other = (statistics.median(rates[who]) for who in ("customhouse", "twine"))
    what = f"a release of {len(content)} wheels of {WHEEL_BYTES // 10**6} MB each, published whole"
    return Row(what, mine, other, "MB/s", against="twine")


def start_times(server: Server) -> tuple[float, float]:
    """Seconds from the command to the first project page, and until everything is loaded; medians of three."""
    page, whole = [], []
    for _ in range(3):
        server.stop()
        began = time.monotonic()
        server.start(answers="/simple/bench-1/")
        page.append(time.monotonic() - began)
        httpx.get(f"{server.url}/-/ready", timeout=60).raise_for_status()
        whole.append(time.monotonic() - began)
    return statistics.median(page), statistics.median(whole)


def memory(server: Server) -> int:
    """Proportional set size of the whole process tree, bytes."""
    assert server.process is not None
    todo, total = [server.process.pid], 0
    while todo:
        pid = todo.pop()
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        total += int(re.search(r"Pss: +(\d+)", rollup)[1]) * 1024  # type: ignore[index]
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            todo += [int(text) for text in children.read_text().split()]
    return total


def bench(folder: Path) -> tuple[list[Row], dict[str, float]]:
    """Everything, in one run."""
    server = Server(folder / "data")
    server.start()
    try:
        console.print("Seeding by uploads …")
        rate, addresses = seed(server, folder / "root")
        (folder / "pypi").mkdir()
        for _, _, dist in held():
            (folder / "pypi" / dist.filename).write_bytes(dist.body)
        with pypiserver(folder / "pypi") as its_url:
            wheels = [(f"bench-{n}", "1.0", wheel(f"bench-{n}")) for n in range(UPLOADS)]
            its_rate = upload_all(its_url, "/", "", wheels)
        what = f"uploads into an index of {FILES + OTHER_FILES:,} files"
        rows = [Row(what, rate, its_rate, "uploads/s", against="pypiserver")]
        console.print(f"  uploads: {rate:.0f}/s, {rows[0].ratio:.1f} × pypiserver")
        with nginx(folder) as other:
            rows += compare_pages(server.url, other, addresses) + compare_files(server.url, other, addresses)
        after = memory(server)
        page_seconds, whole_seconds = start_times(server)
        facts = {"memory_after_mib": after / 2**20, "start_seconds": page_seconds, "start_whole_seconds": whole_seconds}
        facts["memory_idle_mib"] = memory(server) / 2**20
        rows.append(compare_releases(server, folder))
        return rows, facts
    finally:
        server.stop()


def markdown(rows: list[Row], facts: dict[str, float]) -> str:
    """The README's table."""
    lines = ["| work | Customhouse, one worker | compared with | ratio |", "| --- | --- | --- | --- |"]
    for row in rows:
        tail = f", p99 {row.p99_ms:.1f} ms" if row.p99_ms else ""
        ratio = f"{row.ratio:.0%}" if row.against == "nginx" else f"{row.ratio:.1f} ×"
        lines.append(
            f"| {row.what} | {row.ours:,.0f} {row.unit}{tail} | {row.against}: {row.other:,.0f} | **{ratio}** |"
        )
    lines.append(f"| start to first project page | {facts['start_seconds']:.2f} s | | |")
    lines.append(f"| start to everything loaded | {facts['start_whole_seconds']:.2f} s | | |")
    idle, after = facts["memory_idle_mib"], facts["memory_after_mib"]
    lines.append(f"| memory of all processes (PSS), idle and after the run | {idle:.0f} MiB, {after:.0f} MiB | | |")
    return "\n".join(lines)


def main() -> None:
    """Run, print, and write if asked."""
    if not shutil.which("wrk") or not shutil.which("nginx"):
        raise SystemExit("wrk and nginx are needed: scripts/bootstrap bench installs them")
    with tempfile.TemporaryDirectory(prefix="customhouse-bench-") as name:
        Path(name).chmod(0o755)
        rows, facts = bench(Path(name))
    table = Table(title="Ratios within this run", title_justify="left")
    for title in ("work", "ours", "other", "ratio"):
        table.add_column(title, justify="left" if title == "work" else "right")
    for row in rows:
        table.add_row(row.what, f"{row.ours:,.0f} {row.unit}", f"{row.other:,.0f}", f"{row.ratio:.2f}")
    console.print(table)
    console.print({key: round(value, 2) for key, value in facts.items()})
    if "--write" in sys.argv:
        figures = ROOT / "docs" / "figures"
        figures.mkdir(parents=True, exist_ok=True)
        values = {"rows": [{**row.__dict__, "ratio": round(row.ratio, 3)} for row in rows], **facts}
        (figures / "bench.json").write_text(json.dumps(values, indent=1) + "\n")
        readme = ROOT / "README.md"
        marked = re.compile(r"(<!-- bench -->\n).*?(<!-- /bench -->)", re.DOTALL)
        readme.write_text(
            marked.sub(lambda found: f"{found[1]}{markdown(rows, facts)}\n{found[2]}", readme.read_text())
        )


if __name__ == "__main__":
    main()
