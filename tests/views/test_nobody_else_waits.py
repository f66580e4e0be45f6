"""An upstream that never answers holds up those who want its files, and nobody else (P18)."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from customhouse.web.api.views import METADATA_THREADS
from customhouse.web.asgi import PAGE_THREADS
from letting_in import LettingIn
from packages import wheel

pytestmark = pytest.mark.slow


def test_metadata_that_never_comes_holds_up_no_other_reader(small_views: LettingIn) -> None:
    views, upstream = small_views, small_views.upstream
    wanted = [upstream.add(wheel("stuck", f"1.{number}")).filename for number in range(PAGE_THREADS + 8)]
    for name in wanted:
        upstream.instead[upstream.file_path("stuck", name) + ".metadata"] = upstream.hang()
    assert views.page("stuck").status_code == 200
    with ThreadPoolExecutor(len(wanted)) as clients:
        waiting = [clients.submit(views.file, f"{name}.metadata", "stuck") for name in wanted]
        try:
            deadline = time.monotonic() + 10
            while METADATA_THREADS.borrowed_tokens < METADATA_THREADS.total_tokens:
                assert time.monotonic() < deadline
                upstream.over.wait(0.05)
            begun = time.monotonic()
            assert views.page("demo").status_code == 200
            took = time.monotonic() - begun
        finally:
            upstream.over.set()
        for one in waiting:
            one.result()
    assert took < 5
