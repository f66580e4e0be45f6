"""``make demo``: real packages, published by real tools and installed by real tools, through a Customhouse of your own.

Everything happens below ``.cache/demo``. With ``DEMO_EXIT=1`` the server is stopped at the end.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

from demo_release import BuildService, Released, ReleaseFailed, builders, settings_for_builders, ship
from demo_view import HIDDEN, LET_IN, policy_that_hides, upstream_settings
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".cache" / "demo"
BIN = Path(sys.executable).parent
FETCHED = ("six", "idna", "rich")
PORT = 8417
ADVISORIES = ROOT / "tests" / "data" / "advisories" / "pypa-advisory-database.tar.xz"
ADVISED = ("certifi", "jinja2", "requests", "rope", "urllib3")
"""Packages whose advisories are imported: enough to see what an audit says."""
VULNERABLE = "requests==2.30.0"
READY_SECONDS = 120
console = Console(highlight=False)
steps: list[tuple[str, str, float]] = []


class StepFailed(Exception):
    """A tool did not do what the demo shows."""


@contextlib.contextmanager
def step(tool: str, what: str) -> Iterator[None]:
    """Say what happens, and how long it took."""
    began = time.monotonic()
    with console.status(f"[bold]{tool}[/] {what} …"):
        yield
    took = time.monotonic() - began
    steps.append((tool, what, took))
    console.print(f"[green]✓[/] [bold]{tool:<12}[/] {what} [dim]{took:.1f} s[/]")


def run(*command: str | Path, environment: dict[str, str] | None = None, cwd: Path | None = None) -> str:
    """Run a tool; its standard output, or `StepFailed` with its words."""
    done = subprocess.run(
        [str(part) for part in command], check=False, capture_output=True, text=True, env=environment, cwd=cwd,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if done.returncode != 0:
        raise StepFailed(f"{Path(command[0]).name} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done.stdout.strip()


def only_our_index() -> dict[str, str]:
    """An environment in which clients know no index but the one they are given."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "UV_", "CUSTOMHOUSE_"))}
    return kept | {"PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "UV_NO_CONFIG": "1"}


def free_port() -> int:
    """The usual port, or any other if somebody has it."""
    for port in (PORT, 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise StepFailed("no port is free on 127.0.0.1")


def start_server(port: int, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """`customhouse serve`, ready to answer."""
    log = (FOLDER / "server.log").open("wb")
    with log:
        server = subprocess.Popen([BIN / "customhouse", "serve"], env=environment, stdout=log, stderr=log)
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=1).close()
            return server
        time.sleep(0.05)
    server.kill()
    raise StepFailed(f"the server did not start:\n{(FOLDER / 'server.log').read_text()}")


def make_project(folder: Path) -> Path:
    """A project of our own, made on the spot."""
    package = folder / "src" / "manifest_of_today"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text('"""Written a second ago."""\n\n\ndef greet() -> str:\n    return "cleared"\n')
    (folder / "README.md").write_text(
        "# manifest-of-today\n\nBuilt by `make demo`, a second before it was published.\n"
    )
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n\n[project]\n'
        'name = "manifest-of-today"\nversion = "1.0"\ndescription = "Built on the spot"\nreadme = "README.md"\n'
        'license = "Apache-2.0"\nrequires-python = ">=3.11"\ndependencies = ["six", "idna"]\n'
    )
    return folder


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of each distribution file in a folder."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.name.endswith((".whl", ".tar.gz"))
    }


def publish(url: str, token: str, twine: Path) -> None:
    """Three packages from PyPI and one of our own, by twine and uv."""
    fetched = FOLDER / "fetched"
    with step("pip", f"fetches {', '.join(FETCHED)} from PyPI"):
        run(sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", fetched, *FETCHED)
    files = sorted(fetched.iterdir())
    with step("twine", f"publishes {files[0].name} and {files[1].name}"):
        run(twine, "upload", "--non-interactive", "--disable-progress-bar", "--repository-url", f"{url}/legacy/",
            "-u", "__token__", "-p", token, *files[:2])  # fmt: skip
    with step("uv", f"publishes {files[2].name}"):
        run(BIN / "uv", "publish", "--publish-url", f"{url}/legacy/", "--token", token, "--trusted-publishing", "never",
            *files[2:], environment=only_our_index())  # fmt: skip
    project = make_project(FOLDER / "project")
    with step("build", "builds manifest-of-today, wheel and sdist"):
        run(sys.executable, "-m", "build", "--no-isolation", project)
    with step("twine", "publishes manifest-of-today"):
        run(twine, "upload", "--non-interactive", "--disable-progress-bar", "--repository-url", f"{url}/legacy/",
            "-u", "__token__", "-p", token, *sorted((project / "dist").iterdir()))  # fmt: skip


def install(url: str) -> None:
    """Everything back, from this index alone, by pip and uv into fresh environments."""
    wanted = [*FETCHED[:2], "manifest-of-today"]
    with step("pip", f"installs {', '.join(wanted)} into a fresh environment"):
        run(sys.executable, "-m", "venv", FOLDER / "with-pip")
        run(FOLDER / "with-pip/bin/python", "-m", "pip", "install", "-q", "--no-cache-dir", "--index-url",
            f"{url}/simple/", *wanted, environment=only_our_index())  # fmt: skip
    with step("uv", f"installs {', '.join(wanted)} into another one"):
        run(BIN / "uv", "venv", "-q", "--python", sys.executable, FOLDER / "with-uv", environment=only_our_index())
        run(BIN / "uv", "pip", "install", "-q", "--no-cache", "--python", FOLDER / "with-uv/bin/python",
            "--default-index", f"{url}/simple/", *wanted, environment=only_our_index())  # fmt: skip
    for place in ("with-pip", "with-uv"):
        said = run(FOLDER / place / "bin/python", "-c", "import manifest_of_today as m; print(m.greet())")
        if said != "cleared":
            raise StepFailed(f"{place}: the installed package says {said!r}")


def compare(url: str) -> None:
    """What came back is, bit for bit, what PyPI gave."""
    back = FOLDER / "back"
    with step("pip", "downloads the three again, from here"):
        run(sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-cache-dir", "-d", back, "--index-url",
            f"{url}/simple/", *FETCHED, environment=only_our_index())  # fmt: skip
    if digests(back) != digests(FOLDER / "fetched"):
        raise StepFailed("the files that came back differ from those that went in")
    request = urllib.request.Request(f"{url}/simple/six/", headers={"accept": "application/vnd.pypi.simple.v1+json"})
    with urllib.request.urlopen(request) as answer:
        page = json.load(answer)
    told = {file["filename"]: file["hashes"]["sha256"] for file in page["files"]}
    console.print(f"  [dim]{', '.join(f'{name} sha256 {digest[:16]}…' for name, digest in told.items())}: the same[/]")


def advise(environment: dict[str, str]) -> None:
    """The PyPA's advisories on a few packages, as they are in its repository."""
    place, wanted = FOLDER / "advisories", tuple(f"vulns/{name}/" for name in ADVISED)
    with step("customhouse", f"imports the PyPA's advisories on {', '.join(ADVISED)}"):
        with tarfile.open(ADVISORIES) as archive:
            for one in archive:
                record = archive.extractfile(one) if one.name.startswith(wanted) else None
                if record is not None:
                    (place / one.name).parent.mkdir(parents=True, exist_ok=True)
                    (place / one.name).write_bytes(record.read())
        run(BIN / "customhouse", "advisory", "import", place, "--name", "pypa", environment=environment)


def audit(url: str) -> None:
    """What is known to be wrong: nothing with what was installed, something with an old pin."""
    asked = only_our_index() | {
        "CUSTOMHOUSE_ADVISORIES": url,
        "CUSTOMHOUSE_SNAPSHOT": str(FOLDER / "advisories.sqlite"),
    }
    with step("customhouse", "audits the environment that pip installed"):
        run(BIN / "customhouse", "audit", "--python", FOLDER / "with-pip/bin/python", "--old-after-days", "36500",
            environment=asked)  # fmt: skip
    pins = FOLDER / "requirements.txt"
    pins.write_text(f"{VULNERABLE}\n")
    with step("customhouse", f"audits a requirements file with {VULNERABLE}"):
        done = subprocess.run(
            [BIN / "customhouse", "audit", pins, "--offline", "--old-after-days", "36500"], check=False,
            capture_output=True, text=True, env=asked, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    if done.returncode != 1:
        raise StepFailed(f"{VULNERABLE} was not found, exit code {done.returncode}:\n{done.stdout}\n{done.stderr}")
    console.print("".join(f"{line}\n" for line in done.stdout.splitlines()[:6]), markup=False, end="", style="dim")


def let_in(url: str, environment: dict[str, str]) -> None:
    """Packages of PyPI through a view: fetched, read and kept here; one version hidden, and why."""
    customhouse, target = BIN / "customhouse", FOLDER / "through-the-view"
    with step("customhouse", "opens a view of PyPI"):
        run(customhouse, "view", "add", "main", "--upstream", "pypi", "--policy", "open", environment=environment)
    policy = FOLDER / "policy.toml"
    with step("customhouse", f"gives it the policy balanced, and has the newest {HIDDEN} wait"):
        policy.write_text(policy_that_hides(url))
        run(customhouse, "view", "set", "main", "--policy", policy, environment=environment)
    with step("uv", f"installs {', '.join(LET_IN)} from PyPI through the view"):
        run(BIN / "uv", "pip", "install", "-q", "--no-cache", "--python", sys.executable, "--target", target,
            "--default-index", f"{url}/view/main/simple/", *LET_IN, environment=only_our_index())  # fmt: skip
    with step("customhouse", f"explains why {HIDDEN} is not newer"):
        done = subprocess.run(
            [customhouse, "policy", "explain", HIDDEN, "--view", "main", "--index", url], check=False,
            capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    if done.returncode not in (0, 1):
        raise StepFailed(f"nothing was explained, exit code {done.returncode}:\n{done.stdout}\n{done.stderr}")
    console.print("".join(f"{line}\n" for line in done.stdout.splitlines()[:5]), markup=False, end="", style="dim")


def show(url: str, released: Released) -> None:
    """What happened, and where to look now."""
    table = Table(title="What just happened", title_justify="left", expand=False)
    table.add_column("tool", style="bold")
    table.add_column("did", overflow="fold")
    table.add_column("seconds", justify="right")
    for tool, what, took in steps:
        table.add_row(tool, what, f"{took:.1f}")
    console.print(table)
    console.print(f"\nLook at it:    [bold]{url}/[/]   and   [bold]{url}/project/rich/[/]")
    console.print(f"What is known: [bold]{url}/advisories/[/]")
    console.print(f"What is let in: [bold]{url}/view/main/[/] and [bold]{url}/view/main/project/{HIDDEN}/[/]")
    console.print(f"How it was released: [bold]{released.page}[/] and [bold]{url}/trust/sigstore/[/]")


def prepare_twine() -> Path:
    """A real twine, from its lock."""
    place = ROOT / ".cache" / "clients" / "demo-twine"
    if not (place / "bin" / "twine").exists():
        run(sys.executable, "-m", "venv", place)
        lock = ROOT / "requirements" / "clients" / "twine-7.txt"
        run(place / "bin/python", "-m", "pip", "install", "-q", "--require-hashes", "-r", lock)
    return place / "bin" / "twine"


def demo(after: Callable[[subprocess.Popen[bytes], str, Released], None], builds: BuildService) -> None:
    """Run every step; ``after`` gets the running server, its address, and what was released."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    port = free_port()
    # Security keys know sites by their names, and not by bare addresses.
    url = f"http://localhost:{port}"
    kept = {key: value for key, value in os.environ.items() if not key.startswith("CUSTOMHOUSE_")}
    environment = kept | {"CUSTOMHOUSE_DATA": str(FOLDER / "data"), "CUSTOMHOUSE_PORT": str(port)}
    upstream = upstream_settings()
    allowed = json.loads(upstream["CUSTOMHOUSE_PRIVATE_NETWORKS_ALLOWED"])
    environment |= {"CUSTOMHOUSE_URL": url} | upstream | settings_for_builders(builds, allowed)
    console.rule("[bold]Customhouse: packages in, packages out")
    with step("pip", "gets twine ready"):
        twine = prepare_twine()
    with step("customhouse", f"starts on {url} (SQLite and files in {(FOLDER / 'data').relative_to(ROOT)})"):
        server = start_server(port, environment)
    try:
        with step("customhouse", "makes the account alice and a token"):
            run(BIN / "customhouse", "user", "add", "alice", environment=environment)
            token = run(BIN / "customhouse", "token", "create", "alice", environment=environment)
        publish(url, token, twine)
        install(url)
        compare(url)
        advise(environment)
        audit(url)
        let_in(url, environment)
        released = ship(console, step, url, environment, FOLDER / "release", builds)
        with step("customhouse", "checks every invariant of its data"):
            run(BIN / "customhouse", "check", environment=environment)
        show(url, released)
        after(server, url, released)
    finally:
        if server.poll() is None:
            server.send_signal(signal.SIGTERM)
            server.wait(30)


def stay(server: subprocess.Popen[bytes], url: str, _released: Released) -> None:
    """Leave the server in the foreground, unless DEMO_EXIT says otherwise."""
    if os.environ.get("DEMO_EXIT") == "1":
        console.print("DEMO_EXIT=1: the server stops.")
        return
    console.print(f"The server keeps running on {url}; Ctrl-C stops it.")
    with contextlib.suppress(KeyboardInterrupt):
        server.wait()


if __name__ == "__main__":
    try:
        with builders() as service:
            demo(stay, service)
    except (StepFailed, ReleaseFailed) as failure:
        console.print(f"[red]✗[/] {failure}", markup=True)
        sys.exit(1)
