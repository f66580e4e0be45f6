"""How fast a warm view under a policy is, as ratios to the plain index within one run on this machine.

The same project is asked for at ``/simple/`` and in a view under the policy ``balanced``; a wheel and its metadata
likewise. A project of an upstream stands beside them. Both are asked in turn by wrk, and the medians are compared.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "clients"), str(ROOT / "scripts")]

import httpx2 as httpx
from bench import JSON, wrk

from packages import wheel
from upstream_world import upstream_world
from world import Server, upload

FILES, ROUNDS, SECONDS = 40, 7, 2
BOUND = 0.90
"""A warm view is within 10 % of the plain index."""


def main() -> int:
    """Measure, print, and fail if a view is slower than it may be."""
    with tempfile.TemporaryDirectory(prefix="customhouse-bench-") as folder, upstream_world() as upstream:
        dists = [wheel("demo", f"1.{number}") for number in range(FILES)]
        for dist in dists:
            upstream.add(wheel("mirrored", dist.filename.split("-")[1]))
        settings = upstream.settings()
        environment = {f"CUSTOMHOUSE_{key.upper()}": json.dumps(value) for key, value in settings.items()}
        environment |= {"CUSTOMHOUSE_LOG_LEVEL": "error", "CUSTOMHOUSE_DECISIONS_DAYS": "30"}
        server = Server(Path(folder) / "data", environment=environment, prepared=False)
        server.start()
        try:
            server.command("view", "add", "main", "--upstream", "pypi", "--policy", "balanced")
            token = server.new_token("alice")
            with httpx.Client(base_url=server.url, timeout=60) as client:
                for number, dist in enumerate(dists):
                    assert upload(client, token, dist, name="demo", version=f"1.{number}").status == httpx.codes.OK
                for path in ("/simple/demo/", "/view/main/simple/demo/", "/view/main/simple/mirrored/"):
                    client.get(path, headers={"accept": JSON}).raise_for_status()
                name = dists[0].filename
                for path in (f"/files/demo/{name}", f"/view/main/files/demo/{name}"):
                    client.get(path).raise_for_status()
            slow = [
                _compare(server.url, "page", "/simple/demo/", "/view/main/simple/demo/", f"accept: {JSON}",
                         "accept-encoding: gzip"),
                _compare(server.url, "wheel", f"/files/demo/{name}", f"/view/main/files/demo/{name}"),
                _compare(server.url, "metadata", f"/files/demo/{name}.metadata",
                         f"/view/main/files/demo/{name}.metadata"),
                _compare(server.url, "page of an upstream", "/simple/demo/", "/view/main/simple/mirrored/",
                         f"accept: {JSON}", "accept-encoding: gzip"),
            ]  # fmt: skip
        finally:
            server.stop()
    return 1 if any(slow) else 0


def _compare(site: str, what: str, plain: str, viewed: str, *headers: str) -> bool:
    """Ask both in turn and say the ratio; whether it is below the bound."""
    rates: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for found, path in zip(rates, (plain, viewed), strict=True):
            found.append(wrk(site + path, *headers, seconds=SECONDS)[0])
    mine, its = statistics.median(rates[1]), statistics.median(rates[0])
    print(f"{what:<22} {mine:>8,.0f}/s in a view  {its:>8,.0f}/s plain  ratio {mine / its:.2f} (at least {BOUND:.2f})")
    return mine / its < BOUND


if __name__ == "__main__":
    sys.exit(main())
