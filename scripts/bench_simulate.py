"""How long 10,000 decisions of a candidate policy take, warm and cold, as the API makes them.

``python scripts/bench_simulate.py``: 500 projects of 20 releases, mirrored in SQLite, under ``balanced``. The
bound of the issue is 2 s for 10,000 distinct decisions; what a cold process adds is told beside it.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from customhouse.app import App, open_app, prepare
from customhouse.formats.policy.levels import level
from customhouse.infra.settings import Settings
from customhouse.mirror.tables import mirror_file, mirror_project, upstream_check
from customhouse.views.model import View
from customhouse.views.simulate.decide_many import decide_many
from customhouse.views.simulate.model import Wanted
from customhouse.views.simulate.only_here import OnlyHere
from customhouse.views.simulate.there import Looking

PROJECTS, RELEASES = 500, 20
BOUND_SECONDS = 2.0
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def fill(app: App) -> list[Wanted]:
    """Lay the projects into the mirror's tables; every version of them."""
    now = app.clock.now()
    wanted: list[Wanted] = []
    with app.database.write() as sql:
        for number in range(PROJECTS):
            name = f"project-{number}"
            versions = [f"{place // 10 + 1}.{place % 10}" for place in range(RELEASES)]
            wanted += [Wanted(name, version) for version in versions]
            sql.execute(
                mirror_project.insert().values(
                    name=name,
                    upstream="pypi",
                    first_seen_at=now,
                    changed_at=now,
                    status="active",
                    status_reason="",
                    versions=versions,
                    signals={},
                    skipped={},
                    etag="",
                    last_modified="",
                    page_digest="",
                    details_missing=False,
                )
            )
            sql.execute(mirror_file.insert(), [_file(name, *row, now) for row in enumerate(versions)])
            sql.execute(upstream_check.insert().values(name=name, checked_at=int(now.timestamp())))
    return wanted


def _file(name: str, place: int, version: str, now: datetime) -> dict[str, object]:
    filename = f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    at = min(LONG_AGO + timedelta(days=110 * place), now - timedelta(days=1))
    return {
        "name": name, "filename": filename, "version": version, "url": f"https://files.example/{filename}",
        "sha256": f"{abs(hash(filename)):064x}"[:64], "other_digest": "", "size_bytes": 10_000, "uploaded_at": at,
        "yanked": False, "yanked_reason": "", "has_metadata": True, "metadata_sha256": "", "provenance_url": "",
        "signals": {}, "first_seen_at": now, "conflict": "",
    }  # fmt: skip


def main() -> int:
    """Print the figures; 1 if the bound does not hold."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.model_validate({"data": Path(folder) / "data"})
        prepare(settings)
        with open_app(settings) as app:
            wanted = fill(app)
            view = View("main", ("pypi",), 'level = "open"\n')
            looking = Looking(replace(app.views, pulls=OnlyHere(app.database)))
            took = []
            for _ in range(3):
                began, busy = time.perf_counter(), time.process_time()
                found = decide_many(looking, view, level("balanced"), level("open"), wanted, seconds=600)
                took.append((time.perf_counter() - began, time.process_time() - busy))
                if len(found.verdicts) != len(wanted) or not all(one.found for one in found.verdicts):
                    print("not every version was decided", file=sys.stderr)
                    return 1
    cold, warm = took[0][0], min(one[0] for one in took[1:])
    refused = sum(one.refused for one in found.verdicts)
    print(f"{len(wanted):,} decisions of a candidate, {refused:,} refused: cold {cold:.2f} s, warm {warm:.2f} s"
          f" (bound {BOUND_SECONDS:.0f} s; {min(one[1] for one in took[1:]):.2f} s of a core)")  # fmt: skip
    return 0 if min(one[1] for one in took[1:]) < BOUND_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
