"""Folding where no worker does: `customhouse web` alone on a machine, or a worker that is away.

The worker's job folds the spool files of the worker's own machine. So each web process looks once a minute whether the
files beside it are being folded, and if what lay there a minute ago still waits, folds them itself.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from customhouse.catalog.downloads.fold import position_of
from customhouse.catalog.downloads.fold_spools import fold_spools
from customhouse.infra.count_spool import ENDING
from customhouse.infra.db import Database
from customhouse.terms.clock import Clock

log = logging.getLogger("customhouse.counts")

LOOK_SECONDS = 60.0


class NeglectedSpools:
    """Looks after a folder of spool files that others should look after. Several may do so at once, harmlessly."""

    def __init__(self, database: Database, folder: Path, clock: Clock, fetched_days: int = 0) -> None:
        self._fetched_days = fetched_days
        self._database = database
        self._folder = folder
        self._clock = clock
        self._seen: dict[str, int] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start to look, once a minute."""
        self._thread = threading.Thread(target=self._look_on, name="neglected counts", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop looking."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def look(self) -> int:
        """Fold if anything that was there at the last look still waits; returns how many downloads were added."""
        before, self._seen = self._seen, _sizes(self._folder)
        with self._database.read() as sql:
            neglected = [name for name in self._seen if position_of(sql, name) < before.get(name, 0)]
        if not neglected:
            return 0
        return fold_spools(self._database, self._folder, self._clock.now(), self._fetched_days)

    def _look_on(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            try:
                self.look()
            except Exception as error:  # noqa: BLE001 - whatever it was, the next look may find it gone
                log.warning("download counts wait in their files: %s", error)


def _sizes(folder: Path) -> dict[str, int]:
    found = {}
    for path in folder.glob(f"*{ENDING}"):
        try:
            found[path.name] = path.stat().st_size
        except FileNotFoundError:
            continue  # folded and removed at this moment
    return found
