"""One worker process: pages and files that are ready are served at once, the rest as soon as it has been loaded.

Loading all that people and publishers may ask for takes a second or two; installers do not wait for it.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from customhouse.infra.blob_stores import open_blobs
from customhouse.infra.client_address import parse_networks
from customhouse.infra.client_hash import ClientHashes
from customhouse.infra.count_spool import CountSpool
from customhouse.infra.decision_spool import DecisionSpool
from customhouse.infra.key_file import read_secret
from customhouse.infra.lifeline import die_with_parent
from customhouse.infra.logs import configure_logs
from customhouse.infra.pages_open import open_pages
from customhouse.infra.settings import Settings
from customhouse.serve.asgi import Serve
from customhouse.serve.hosts import Hosts
from customhouse.terms.clock import SystemClock
from customhouse.web.address import names_of
from customhouse.web.inner import Inner
from customhouse.web.shown import who_shows

log = logging.getLogger("customhouse.web")


class Later:
    """An application that a thread loads: requests wait for it. If it cannot be loaded, the process ends."""

    def __init__(self, load: Callable[[], Inner]) -> None:
        self._load = load
        self._inner: ASGIApp | None = None
        self._there = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, once loaded."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        if self._inner is None:
            await self._there.wait()
        if self._inner is not None:
            await self._inner(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        """Say at once that we are there, load, and live until the server stops (ASGI, section "Lifespan protocol")."""
        await receive()
        await send({"type": "lifespan.startup.complete"})
        stopping = asyncio.ensure_future(receive())
        loading = asyncio.ensure_future(asyncio.to_thread(self._load))
        await asyncio.wait([stopping, loading], return_when=asyncio.FIRST_COMPLETED)
        try:
            inner = await loading
            async with inner.lives():
                self._inner = inner.app
                self._there.set()
                await stopping
        except Exception:
            log.critical("this worker cannot serve more than what is ready, and ends", exc_info=True)
            _end()
        await send(_STOPPED)


_STOPPED: Message = {"type": "lifespan.shutdown.complete"}


def _end() -> None:
    """Leave at once: the server starts another worker, and the operator reads why in the log."""
    logging.shutdown()
    os._exit(1)


def create() -> ASGIApp:
    """The application of one worker, from the settings in its environment."""
    die_with_parent(os.getppid())
    settings = Settings()
    configure_logs(settings.log_level)
    if not settings.breached_passwords:
        log.warning("new passwords are not compared with breached ones: the setting breached_passwords is empty")
    clock = SystemClock()
    pages, blobs = open_pages(settings), open_blobs(settings)
    secret = read_secret(settings)
    counts = CountSpool(
        settings.data, clock, ClientHashes(secret), parse_networks(settings.trusted_proxies),
        who_shows(secret) if settings.fetched_days else None,
    )  # fmt: skip

    decisions = DecisionSpool(
        settings.data, clock, ClientHashes(secret), parse_networks(settings.trusted_proxies),
        days=settings.decisions_days,
    )  # fmt: skip

    def load() -> Inner:
        from customhouse.app import open_app  # noqa: PLC0415 - all that takes long
        from customhouse.web.asgi import inner_of  # noqa: PLC0415 - as above

        context = open_app(settings, clock=clock, pages=pages, blobs=blobs)
        return inner_of(context.__enter__(), serve, counts, decisions, context)

    serve = Serve(pages, blobs, Later(load), count=counts.count, hosts=Hosts(names_of(settings)), clock=clock)
    serve.note = decisions.note
    return serve
