"""How fast an audit is: `customhouse audit`, pip-audit and `uv audit` on the same pins and the same advisories.

A real server holds the PyPA's database; pip-audit and uv ask it over loopback, ours has taken its snapshot from it.
Each run is a new process. The verdicts are compared before anything is timed. ``--write`` puts the table into
``docs/audit.md`` and the numbers into ``docs/figures/audit.json``.
"""

from __future__ import annotations

import asyncio
import json
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "clients")]

import auditing
from advising import load, pypa_records
from world import Server

ROUNDS = 7
AWAY_SECONDS = 0.02


@dataclass(frozen=True)
class Row:
    """One tool on one input: median, the fastest and the slowest run, in seconds."""

    what: str
    tool: str
    seconds: float
    fastest: float
    slowest: float
    findings: int


def timed(
    what: str, contenders: Mapping[str, tuple[Callable[[], str], Callable[[str], auditing.Verdict]]]
) -> list[Row]:
    """The tools in turn, several rounds; one round before them warms the disk's cache."""
    taken: dict[str, list[float]] = {tool: [] for tool in contenders}
    findings: dict[str, int] = {}
    for round_ in range(ROUNDS + 1):
        for tool, (run, read) in contenders.items():
            start = time.perf_counter()
            text = run()
            took = time.perf_counter() - start
            findings[tool] = sum(map(len, read(text).values()))
            if round_:
                taken[tool].append(took)
    return [
        Row(what, tool, statistics.median(times), min(times), max(times), findings[tool])
        for tool, times in taken.items()
    ]


@contextmanager
def far_away(url: str) -> Iterator[str]:
    """The same server, with as long a way there as to a service in the next country."""
    host, port = urlsplit(url).hostname, urlsplit(url).port

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
        while piece := await reader.read(65_536):
            await asyncio.sleep(seconds)
            writer.write(piece)
            await writer.drain()
        writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(host, port)
        await asyncio.gather(carry(reader, back, AWAY_SECONDS), carry(there, writer, 0.0))

    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(accept, "127.0.0.1", 0))
    thread = Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


def same(verdicts: Sequence[auditing.Verdict]) -> None:
    """All say the same of every package."""
    for other in verdicts[1:]:
        if other != verdicts[0]:
            raise SystemExit(f"the verdicts differ:\n{json.dumps(verdicts[0])}\n{json.dumps(other)}")


def bench(folder: Path) -> list[Row]:
    """Fifty pins by all three, then the large lock and the large environment."""
    server = Server(folder / "data")
    with server.opened() as app:
        load(app, pypa_records())
    server.start()
    try:
        return _bench(folder, server.url)
    finally:
        server.stop()


def _bench(folder: Path, url: str) -> list[Row]:
    pins = auditing.fifty_pins(pypa_records())
    small, large, installed = (folder / name for name in ("small", "large", "installed"))
    for one in (small, large, installed):
        one.mkdir()
    requirements = auditing.write_requirements(small, pins)
    auditing.write_lock(small, url, pins)
    lock = auditing.write_lock(large, url, auditing.with_bystanders(pins, auditing.PACKAGES), files=6)
    site = auditing.write_environment(installed, auditing.with_bystanders(pins, auditing.INSTALLED))
    snapshot = folder / "advisories.sqlite"
    taking = ["audit", "--advisories", url, "--snapshot", str(snapshot), "--no-index", str(requirements)]
    start = time.perf_counter()
    auditing.done([str(auditing.BIN / "customhouse"), *taking], small)
    print(f"the first audit, which takes the whole snapshot: {time.perf_counter() - start:.2f} s")

    def ours(target: Path, *flags: str) -> Callable[[], str]:
        command = auditing.our_command(target, "--format", "json", *flags, snapshot=snapshot)
        return lambda: auditing.done(command, small)

    def theirs() -> str:
        return auditing.done(auditing.pip_audit_command(requirements, url), small)

    def uvs(place: Path) -> Callable[[], str]:
        return lambda: auditing.done(auditing.uv_audit_command(url), place)

    same([
        auditing.our_verdict(ours(requirements)()), auditing.pip_audit_verdict(theirs()),
        auditing.uv_audit_verdict(uvs(small)()), auditing.our_verdict(ours(lock)()),
        auditing.uv_audit_verdict(uvs(large)()), auditing.our_verdict(ours(site)()),
    ])  # fmt: skip
    with far_away(url) as far:
        away = timed("50 pins, the service 20 ms away", {
            "customhouse audit": (ours(requirements), auditing.our_verdict),
            "pip-audit": (lambda: auditing.done(auditing.pip_audit_command(requirements, far), small),
                          auditing.pip_audit_verdict),
            "uv audit": (lambda: auditing.done(auditing.uv_audit_command(far), small), auditing.uv_audit_verdict),
        })  # fmt: skip
    return [
        *timed("50 pins", {
            "customhouse audit": (ours(requirements), auditing.our_verdict),
            "pip-audit": (theirs, auditing.pip_audit_verdict),
            "uv audit": (uvs(small), auditing.uv_audit_verdict),
        }),
        *away,
        *timed("uv.lock of 1,300 packages", {
            "customhouse audit": (ours(lock), auditing.our_verdict),
            "uv audit": (uvs(large), auditing.uv_audit_verdict),
        }),
        *timed("environment of 250 packages", {"customhouse audit": (ours(site), auditing.our_verdict)}),
    ]  # fmt: skip


def markdown(rows: Sequence[Row]) -> str:
    """The table of the documentation."""
    lines = [
        "| what | tool | median | fastest–slowest | findings | as long as ours |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for row in rows:
        ours = next(one.seconds for one in rows if (one.what, one.tool) == (row.what, "customhouse audit"))
        lines.append(f"| {row.what} | {row.tool} | {row.seconds * 1000:.0f} ms | {row.fastest * 1000:.0f}–"
                     f"{row.slowest * 1000:.0f} ms | {row.findings} | {row.seconds / ours:.1f} × |")  # fmt: skip
    return "\n".join(lines)


def main() -> None:
    """Run, print, and write if asked."""
    with tempfile.TemporaryDirectory(prefix="customhouse-bench-audit-") as name:
        rows = bench(Path(name))
    print(markdown(rows))
    if "--write" in sys.argv:
        figures = ROOT / "docs" / "figures" / "audit.json"
        figures.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
        page = ROOT / "docs" / "audit.md"
        marked = re.compile(r"(<!-- bench -->\n).*?(<!-- /bench -->)", re.DOTALL)
        page.write_text(marked.sub(lambda found: f"{found[1]}{markdown(rows)}\n{found[2]}", page.read_text()))


if __name__ == "__main__":
    main()
