"""Who asks after a deed is told what is so after it, even if a rendering from before it is still under way."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta
from typing import Any

from customhouse.index.quarantine_by_hand import QuarantineProject, order_project_quarantine
from customhouse.index.render import Renderer
from customhouse.infra.pages import Gate, Page
from packages import wheel
from world import World

WAIT_SECONDS = 20.0


class PausedOnce:
    """Ready pages of which the first put waits until it is let go."""

    def __init__(self, pages: Any) -> None:
        self._pages = pages
        self.reached, self.go = threading.Event(), threading.Event()

    def put(self, name: str, serial: int, pages: tuple[Page, ...], gates: tuple[Gate, ...]) -> bool:
        if not self.reached.is_set():
            self.reached.set()
            assert self.go.wait(WAIT_SECONDS)
        stored: bool = self._pages.put(name, serial, pages, gates)
        return stored

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pages, name)


def test_whoever_asks_after_a_quarantine_is_not_answered_from_a_rendering_that_began_before_it(world: World) -> None:
    assert world.upload(wheel("demo", "1.0"), user="alice", name="demo", version="1.0").status == 200
    pages = PausedOnce(world.app.pages)
    renderer = Renderer(
        world.app.database, pages, world.clock, deleted_files_answer=timedelta(days=90), site="http://index.test"
    )  # fmt: skip
    with ThreadPoolExecutor(2) as threads:
        before = threads.submit(renderer.render, "demo")
        assert pages.reached.wait(WAIT_SECONDS)
        world.app.do(order_project_quarantine, QuarantineProject("demo", "because"))
        after = threads.submit(renderer.render, "demo")
        wait([after], timeout=WAIT_SECONDS / 4)
        pages.go.set()
        seen, told = before.result(), after.result()
    assert seen is not None
    assert [gate.verdict for gate in seen.gates] == ["allow"]
    assert told is not None
    assert [gate.verdict for gate in told.gates] == ["deny"]
    # The rendering from before was not stored: the project had moved on.
    answer = world.client.get("/files/demo/demo-1.0-py3-none-any.whl")
    assert answer.status_code == 403
    world.check()
