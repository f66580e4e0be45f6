"""Measures the store of advisories, `python scripts/bench_advisories.py`, and says whether the bound was kept.

Its advisories are the PyPA's database in tests/data; the catalogue of 100,000 releases is made up, all of it of
projects that have advisories (the worst that can happen), then with a tenth of those and nine tenths of others.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from advisory_records import pypa, pypa_files
from customhouse.advisories.import_source import import_source
from customhouse.advisories.sources.model import describe
from customhouse.advisories.sources.rows import AddSource, add_source
from customhouse.app import App, open_app, prepare
from customhouse.catalog.tables import name, project, release
from customhouse.index.advising.follow import find_affected
from customhouse.index.advising.reverse import reverse_audit
from customhouse.infra.settings import Settings

RELEASES = 100_000
BOUND_SECONDS = 30
R = TypeVar("R")


def main() -> None:
    """Import, then ask what is affected."""
    advised = sorted({one.name for record in pypa() for one in record.affected})
    took: list[tuple[str, float, float]] = []
    for title, share in (("every project has advisories", 1.0), ("one project in ten has advisories", 0.1)):
        with tempfile.TemporaryDirectory() as folder, opened(Path(folder)) as app:
            print(f"\n{title}")
            import_all(app, Path(folder) / "db")
            projects = fill(app, advised, share)
            began, spent = time.perf_counter(), time.process_time()
            found = timed(f"  {RELEASES:,} releases against all advisories", partial(count, app))
            took.append((title, time.perf_counter() - began, time.process_time() - spent))
            print(f"  {found:,} releases are affected, counted once for each advisory")
            keep = partial(find_affected, app.database, projects)
            timed(f"  the same stored, {len(projects):,} projects", keep)
            timed("  the same again, nothing to write", keep)
    print(f"\n| reverse audit of {RELEASES:,} releases | seconds | of processors | bound | kept |")
    print("| --- | ---: | ---: | ---: | --- |")
    for title, seconds, processors in took:
        kept = "yes" if seconds < BOUND_SECONDS else "no"
        print(f"| {title} | {seconds:.1f} | {processors:.1f} | {BOUND_SECONDS} | {kept} |")


def count(app: App) -> int:
    """Everything that is affected, computed and not stored."""
    return sum(1 for _ in reverse_audit(app.database))


def import_all(app: App, folder: Path) -> None:
    """The whole database from a folder, twice."""
    for path, content in pypa_files().items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    source = app.do(add_source, AddSource(describe(str(folder))))
    timed(f"  {len(pypa()):,} records imported", lambda: import_source(app.deeds, app.outbound, source))
    timed("  the same again", lambda: import_source(app.deeds, app.outbound, source, again=True))


def fill(app: App, advised: Sequence[str], share: float) -> list[str]:
    """Make up a catalogue; returns the names of its projects that have advisories."""
    listed = {one.name: list(one.versions) for record in pypa() for one in record.affected}
    chosen = list(advised)[: max(1, round(len(advised) * share))]
    each = round(RELEASES * share / len(chosen))
    others = [f"other-{number}" for number in range(round(RELEASES * (1 - share) / 150))]
    rows = [
        *((one, versions(listed.get(one, []), each)) for one in chosen),
        *((one, versions([], 150)) for one in others),
    ]
    now, left = app.clock.now(), RELEASES
    for number, (normalized, all_versions) in enumerate(rows, 1):
        kept, left = all_versions[:left], left - len(all_versions[:left])
        with app.database.write() as sql:
            sql.execute(
                name.insert().values(normalized=normalized, ultranormalized=f"{number}", state="hosted", claimed_at=now)
            )
            sql.execute(
                project.insert().values(
                    id=number, normalized=normalized, display=normalized, created_at=now, signals=[]
                )
            )
            if kept:
                sql.execute(
                    release.insert(), [{"project_id": number, "version": one, "created_at": now} for one in kept]
                )
    return chosen


def versions(listed: Sequence[str], count: int) -> list[str]:
    """So many versions: those that are listed, then such as people number theirs."""
    found = dict.fromkeys(islice((one for one in listed if one.replace(".", "").isdecimal()), count))
    for number in range(count):
        for one in (f"{number // 100}.{number // 10 % 10}.{number % 10}", f"{number // 100}.{number % 100}rc1"):
            if len(found) < count:
                found[one] = None
    return list(found)


@contextmanager
def opened(folder: Path) -> Iterator[App]:
    """An empty installation on SQLite."""
    settings = Settings.model_validate({"data": folder / "data"})
    prepare(settings)
    with open_app(settings) as app:
        yield app


def timed(what: str, action: Callable[[], R]) -> R:
    """Do something and print how long it took."""
    began = time.perf_counter()
    result = action()
    print(f"{what:<60} {time.perf_counter() - began:8.2f} s")
    return result


if __name__ == "__main__":
    main()
