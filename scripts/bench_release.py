"""Measures a release against the bounds of its issue, on this machine, with nothing of it made up.

    .venv/bin/python scripts/bench_release.py [--releases 1] [--entries 1000000]

The demonstration is released at a real server: a C extension, two builders, three approvers, both signatures, staged,
tested, published, tag last. Then files are signed, its bundle is verified, and a log grows, of which proofs are asked
for at each power of ten. The exit code is 1 where a bound is missed. Other work on the machine makes figures worse: the
load is printed beside them.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "clients")]

import httpx2 as httpx
from rich.console import Console
from rich.table import Table

from besieged import Besieged, besieged
from command_line import customhouse
from customhouse.infra.db import Database, database_url
from customhouse.infra.issuer import Issuers
from customhouse.infra.settings import Settings
from customhouse.ledger.tx import Deeds
from customhouse.release.children import Children
from customhouse.release.engine.forecast import times_of
from customhouse.release.evidence.points.case import Brought
from customhouse.release.evidence.verify import verify
from customhouse.release.room.proof import check_proof
from customhouse.release.signing.sealer import SigstoreSealer
from customhouse.terms.clock import SystemClock
from customhouse.trust.private_sigstore.entries import Proposed
from customhouse.trust.private_sigstore.logbook import Logbook
from customhouse.trust.private_sigstore.merkle import leaf_hash
from customhouse.trust.private_sigstore.service import Sigstore, make_ready
from customhouse.trust.private_sigstore.tiles import includes
from customhouse.trust.private_sigstore.tree import ENTRIES, Leaf, append
from demonstration import builders, settings_for_builders
from world import Server

RELEASE_SECONDS, OWN_SECONDS, SIGN_SECONDS, VERIFY_SECONDS = 60.0, 10.0, 0.020, 1.0
SIGNATURES, ROUNDS, AT_ONCE, PROOFS = 100, 5, 20_000, 50
FIRST_SIZE = 1_000


@dataclass
class Bounds:
    """What was measured, and what it may be."""

    table: Table
    missed: int = 0

    def row(self, what: str, seconds: float, bound: float = 0.0) -> None:
        """One line. Without a bound it is only told."""
        held = not bound or seconds < bound
        self.missed += not held
        verdict = "" if not bound else f"under {_time(bound)} {'✓' if held else '✗'}"
        self.table.add_row(what, _time(seconds), verdict)


def main() -> int:
    """Measure, print, and fail where a bound is missed."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--releases", type=int, default=1, help="how many; the median counts")
    options.add_argument("--entries", type=int, default=1_000_000, help="of the largest log; 0: none")
    given = options.parse_args()
    console = Console(width=80)
    bounds = Bounds(Table("What", "Took", "Bound", box=None))
    console.print(f"load at the start {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors")
    with tempfile.TemporaryDirectory(prefix="customhouse-bench-") as place:
        folder = Path(place)
        with _world(folder) as world:
            last = _releases(world, given.releases, bounds)
            _signing(world, folder, bounds)
            _verifying(last, bounds)
        if given.entries:
            _log(folder / "log", given.entries, bounds)
    console.print(bounds.table)
    console.print(f"load at the end {os.getloadavg()[0]:.1f}")
    return 1 if bounds.missed else 0


@contextmanager
def _world(folder: Path) -> Iterator[Besieged]:
    with builders() as builds:
        server = Server(folder / "data", environment=settings_for_builders(builds), named=True)
        server.start()
        try:
            with besieged(server, folder / "world", builds) as world:
                yield world
        finally:
            server.stop()


def _releases(world: Besieged, count: int, bounds: Bounds) -> Besieged:
    """From the start of the machines to the end of the run, as somebody waits for it."""
    walls, owns, steps, run = list[float](), list[float](), dict[str, list[float]](), world
    for number in range(count):
        run = world.fresh(f"release-{number}", attested=True)
        run.open()
        began = time.monotonic()
        end = run.release()
        walls.append(time.monotonic() - began)
        if end["status"] != "released":
            raise SystemExit(f"the release is {end['status']}: {end['stop']}\n{run.logs()}")
        opened, covered = run.times()
        owns.append(opened - covered)
        for step, took in times_of(run.lines).items():
            steps.setdefault(step, []).append(took.total_seconds())
        for machine in run.machines.values():
            if machine.process is not None:
                machine.process.wait(60)
    bounds.row("a release, from the start of its machines", statistics.median(walls), RELEASE_SECONDS)
    bounds.row("the engine's own share: no program of a step runs", statistics.median(owns), OWN_SECONDS)
    for step, took in steps.items():
        bounds.row(f"    {step}", statistics.median(took))
    return run


def _signing(world: Besieged, folder: Path, bounds: Bounds) -> None:
    """One certificate, many files, through the unmodified client and over HTTP; and the same files with GnuPG."""
    config = httpx.get(f"{world.host.url}/sigstore/trust_config.json", timeout=30).text
    sealer = SigstoreSealer(config, world.builds.token({"sub": "builder-a"}, aud="sigstore"))
    files = [folder / f"file-{number}" for number in range(SIGNATURES)]
    for path in files:
        path.write_text(path.name)
    took = [_took(lambda path=path: sealer.file(path)) for path in files]  # type: ignore[misc]
    bounds.row("a signature by Sigstore, first (with its certificate)", took[0])
    bounds.row("a signature by Sigstore, median of the others", statistics.median(took[1:]), SIGN_SECONDS)
    children, env = Children(), {"PATH": os.environ["PATH"], "GNUPGHOME": str(world.gpg.path)}

    def gpg(path: Path) -> None:
        command = ["gpg", "--batch", "--local-user", world.gpg.fingerprint, "--armor", "--detach-sign", str(path)]
        done = children.run(command, env=env)
        if not done.ok:
            raise SystemExit(done.tail)

    bounds.row("a signature by GnuPG, median", statistics.median(_took(lambda path=path: gpg(path)) for path in files))  # type: ignore[misc]


def _verifying(run: Besieged, bounds: Bounds) -> None:
    """The bundle of the last release, with everything that a stranger could bring."""
    home = run.machines["rm"].home / "work"
    done = customhouse(
        "release", "bundle", run.page, "--actor", "rm", "--folder", str(home), "-o", str(run.folder),
        environment=dict(os.environ),
    )  # fmt: skip
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    data = next(run.folder.glob("*.release.tar")).read_bytes()
    wrong = [
        one.text
        for point in verify(data, Brought(check_key=check_proof)).points
        for one in point.findings
        if one.sign == "fails"
    ]
    if wrong:
        raise SystemExit(f"the bundle does not verify: {wrong}")
    took = [_took(lambda: verify(data, Brought(check_key=check_proof))) for _ in range(ROUNDS)]
    bounds.row(f"verification of its bundle ({len(data):,} bytes)", statistics.median(took), VERIFY_SECONDS)


def _log(folder: Path, most: int, bounds: Bounds) -> None:
    """Appending to the log in the database, and proofs, at each power of ten; a proof has O(log n) hashes."""
    settings = Settings.model_validate({"data": folder, "sigstore": True, "url": "https://index.test"})
    from customhouse.app import prepare  # noqa: PLC0415 - only here

    prepare(settings)
    database = Database(database_url(settings))
    deeds = Deeds(database, SystemClock())
    make_ready(settings, deeds)
    issuers: Any = Issuers(outbound=None, clock=SystemClock())  # type: ignore[arg-type] # asks nobody
    book = Sigstore.open(settings, deeds, issuers).logbook
    size = FIRST_SIZE
    while size <= most:
        _fill(book, size)
        added, proved, consistent, longest = list[float](), list[float](), list[float](), 0
        for number in range(PROOFS):
            began = time.perf_counter()
            proof = book.add(_proposed(f"at {size}: {number}"))
            added.append(time.perf_counter() - began)
            assert includes(proof.entry.leaf_hash, proof.entry.place, proof.size, proof.path, proof.root)
            place, old = number * size // PROOFS, 1 + number * size // PROOFS
            entry = book.at(place)
            longest = max(longest, len(book.proof(entry).path), len(proof.path))
            proved.append(_took(lambda entry=entry: book.proof(entry)))  # type: ignore[misc]
            consistent.append(_took(lambda old=old: book.consistency(ENTRIES, old)))  # type: ignore[misc]
        most_hashes = math.ceil(math.log2(book.size(ENTRIES)))
        assert longest <= most_hashes, f"{longest} hashes at {size} entries"
        bounds.row(f"log of {size:,}: append with proof ({longest} of {most_hashes} hashes)", statistics.median(added))
        bounds.row("    proof of inclusion", statistics.median(proved))
        bounds.row("    proof of consistency", statistics.median(consistent))
        size *= 10
    database.close()


def _fill(book: Logbook, size: int) -> None:
    while (start := book.size(ENTRIES)) < size:
        leaves = [_proposed(f"entry {number}") for number in range(start, min(size, start + AT_ONCE))]
        with book.database.write() as sql:
            append(sql, ENTRIES, [(one.digest, one.leaf) for one in leaves], book.deeds.clock.now())


def _proposed(text: str) -> Proposed:
    body = text.encode()
    return Proposed(Leaf(body, "hashedrekord 0.0.2", "alice@example.org", "https://issuer.test"), leaf_hash(body))


def _took(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _time(seconds: float) -> str:
    return f"{seconds * 1000:,.1f} ms" if seconds < 1 else f"{seconds:,.1f} s"


if __name__ == "__main__":
    sys.exit(main())
