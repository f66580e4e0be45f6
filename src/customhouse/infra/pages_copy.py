"""A process's own copy of ready pages and gates, bounded in bytes. Whoever owns it decides when it is to be trusted."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable

from customhouse.infra.pages import Edition, Format, Gate, Page

MAX_BYTES = 64 * 2**20
MAX_GATES = 200_000
PageKey = tuple[str, str, Format]
GateKey = tuple[str, str]


class Copy:
    """Pages and gates by key. ``generation`` rises with each drop: what was read before it is not added after it."""

    def __init__(self, max_bytes: int = MAX_BYTES, max_gates: int = MAX_GATES) -> None:
        self.pages: OrderedDict[PageKey, Page] = OrderedDict()
        self.gates: OrderedDict[GateKey, Gate] = OrderedDict()
        self.editions: OrderedDict[tuple[str, str], Edition] = OrderedDict()
        self.generation = 0
        self._max_bytes = max_bytes
        self._max_gates = max_gates
        self._bytes = 0
        self._guard = threading.Lock()

    def add_page(self, page: Page, generation: int) -> None:
        """Keep a page that was read while the copy had this generation."""
        size = len(page.body) + len(page.gzip)
        with self._guard:
            if generation != self.generation or size > self._max_bytes // 4:
                return
            key = (page.view, page.name, page.format)
            self._forget(key)
            self.pages[key] = page
            self._bytes += size
            while self._bytes > self._max_bytes:
                self._forget(next(iter(self.pages)))

    def add_gate(self, gate: Gate, generation: int) -> None:
        """Keep a gate that was read while the copy had this generation."""
        with self._guard:
            if generation == self.generation:
                self.gates[gate.view, gate.filename] = gate
                if len(self.gates) > self._max_gates:
                    self.gates.popitem(last=False)

    def add_edition(self, edition: Edition, generation: int) -> None:
        """Keep an edition that was read while the copy had this generation."""
        with self._guard:
            if generation == self.generation:
                self.editions[edition.view, edition.name] = edition
                if len(self.editions) > self._max_gates:
                    self.editions.popitem(last=False)

    def offer(self, view: str, name: str, format_: Format) -> tuple[Page, Edition] | None:
        """A page and its edition, if both are here and belong together."""
        page, edition = self.pages.get((view, name, format_)), self.editions.get((view, name))
        if page is None or edition is None or page.edition != edition.number:
            return None
        return page, edition

    def file(self, view: str, filename: str) -> tuple[Gate, Edition] | None:
        """A gate and its edition, if both are here and belong together."""
        gate = self.gates.get((view, filename))
        if gate is None:
            return None
        edition = self.editions.get((view, gate.project))
        if edition is None or gate.edition != edition.number:
            return None
        return gate, edition

    def drop(self, names: Iterable[str]) -> None:
        """Forget everything of these projects; ``""`` is the list, and the rest as in the table ``changed``."""
        gone = set(names)
        if not gone:
            return
        views = {name[1:] for name in gone if name.startswith("@")}
        # What views decide of a project is dropped with the project's own pages: they are rendered again soon enough.
        gone |= {name[2:] for name in gone if name.startswith("@/")}
        with self._guard:
            self.generation += 1
            for key in [key for key in self.pages if key[1] in gone or key[0] in views]:
                self._forget(key)
            for gate_key in [key for key, gate in self.gates.items() if gate.project in gone or gate.view in views]:
                del self.gates[gate_key]
            for edition_key in [key for key in self.editions if key[1] in gone or key[0] in views]:
                del self.editions[edition_key]

    def clear(self) -> None:
        """Forget everything."""
        with self._guard:
            self.generation += 1
            self.pages.clear()
            self.gates.clear()
            self.editions.clear()
            self._bytes = 0

    def _forget(self, key: PageKey) -> None:
        page = self.pages.pop(key, None)
        if page is not None:
            self._bytes -= len(page.body) + len(page.gzip)
