"""Measures the advisories' doors: `python scripts/bench_osv.py`. It prints what it measures and judges nothing.

Its data are the PyPA's database in tests/data, in a temporary installation that is asked over loopback.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx2 as httpx

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from advising import load, pypa_records
from customhouse.advisories.known import Known
from world import running

PINS, ROUNDS = 1000, 15


def main() -> None:
    """Load, start, ask."""
    records = pypa_records()
    pins = sorted({(one.name, version) for record in records for one in record.affected for version in one.versions})
    some = [pins[at * len(pins) // PINS] for at in range(PINS)]
    heavy = [("tensorflow", f"2.{number % 12}.{number // 12}") for number in range(PINS)]
    with tempfile.TemporaryDirectory() as folder, running(Path(folder) / "data") as server:
        with server.opened() as app:
            load(app, records)
            names = {name for name, _ in some}
            show("a process reads what is known of 1,000 pins", once(lambda: Known(app.database).of(names)))
        with httpx.Client(base_url=server.url, timeout=60) as http:
            for title, chosen in (("1,000 pins of all packages", some), ("1,000 versions of tensorflow", heavy)):
                body = json.dumps({"queries": [asked(*pin) for pin in chosen]})
                first = once(lambda body=body: found(http, "/v1/querybatch", body))
                show(f"/v1/querybatch, {title}, the first time", first)
                show("    again, median of 15", median(lambda body=body: found(http, "/v1/querybatch", body)))
            one = json.dumps(asked("django", "4.2.1"))
            show("/v1/query, django 4.2.1 (13 records), median of 15", median(lambda: found(http, "/v1/query", one)))
            nothing = json.dumps(asked("nothing-there", "1"))
            show("/v1/query, nothing known, median of 15", median(lambda: found(http, "/v1/query", nothing)))
            show("/osv/PyPI/all.zip, the first time", once(lambda: http.get("/osv/PyPI/all.zip").raise_for_status()))
            show("    again, median of 15", median(lambda: http.get("/osv/PyPI/all.zip").raise_for_status()))
            show("/osv/PyPI/modified_id.csv, median of 15", median(lambda: http.get("/osv/PyPI/modified_id.csv")))


def asked(name: str, version: str) -> dict[str, object]:
    """One question."""
    return {"package": {"name": name, "ecosystem": "PyPI"}, "version": version}


def found(http: httpx.Client, path: str, body: str) -> None:
    """One answer, read to its end."""
    http.post(path, content=body).raise_for_status().json()


def once(action: Callable[[], object]) -> float:
    """Seconds of one run."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def median(action: Callable[[], object]) -> float:
    """Seconds of the middle one of several runs."""
    return statistics.median(once(action) for _ in range(ROUNDS))


def show(title: str, seconds: float) -> None:
    """One line."""
    print(f"{title:<62} {seconds * 1000:9.1f} ms", flush=True)


if __name__ == "__main__":
    main()
