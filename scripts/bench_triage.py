"""Measures how long it takes to import 44,000 distinct CVE records into an empty index, and the same again.

    .venv/bin/python scripts/bench_triage.py [--count 44000] [--processes 2]

The store holds the PyPA's database beforehand, as an index in use does. Reading the files, judging them, and writing
them are all within the time; making the records is not.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "tests")]

from vary_cves import write

from customhouse.advisories.store import put
from customhouse.advisories.triage import queries
from customhouse.advisories.triage.sources import files_below
from customhouse.app import open_app, prepare
from customhouse.index.triage.judging import judge_files
from customhouse.index.triage.known_names import what_is_known
from customhouse.index.triage.take_in import Wish, take_in
from customhouse.infra.settings import Settings
from triaging import pypa_records

BOUND_SECONDS = 60


def cpu_seconds() -> float:
    """What this process and those that it has waited for have spent: it tells more than the clock on a busy machine."""
    return sum(os.times()[:4])


def main() -> None:
    """Make the records, import them twice, say how long it took."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--count", type=int, default=44_000)
    arguments.add_argument("--processes", type=int, default=2)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write(folder / "cves", given.count)
        settings = Settings.model_validate({"data": folder / "data"})
        prepare(settings)
        rows: list[str] = []
        with open_app(settings) as app:
            put(app.deeds, pypa_records(), "pypa")
            for turn in ("first", "again"):
                begin, spent = time.monotonic(), cpu_seconds()
                known = what_is_known(app.database)
                with app.database.read() as sql:
                    here = queries.every_digest(sql)
                files = files_below([folder / "cves"])
                judged = judge_files(files, known, processes=given.processes, here=here)
                taken = take_in(app.deeds, judged, Wish("bench", settings.advisory_prefix))
                seconds = time.monotonic() - begin
                print(
                    f"{turn}: {taken.records:,} records in {seconds:.1f} s ({taken.records / seconds:,.0f} a second,"
                    f" bound {BOUND_SECONDS} s): {taken.automatic:,} advisories, {taken.waiting:,} wait,"
                    f" {taken.ignored:,} lead nowhere, {taken.same:,} as before, {len(taken.damaged):,} damaged;"
                    f" {cpu_seconds() - spent:.1f} s of processors"
                )
                rows.append(
                    f"| {taken.records:,} CVE records, {turn} | {seconds:.1f} | {cpu_seconds() - spent:.1f} |"
                    f" {BOUND_SECONDS} | {'yes' if seconds < BOUND_SECONDS else 'no'} |"
                )
        print("\n| import | seconds | of processors | bound | kept |\n| --- | ---: | ---: | ---: | --- |")
        print("\n".join(rows))


if __name__ == "__main__":
    main()
