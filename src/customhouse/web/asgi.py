"""The web application: `serve` in front, Starlette behind it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from threading import Event, Thread

import anyio.to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Router
from starlette.types import Receive, Scope, Send

from customhouse.app import App
from customhouse.catalog.downloads.neglect import NeglectedSpools
from customhouse.infra.client_address import parse_networks
from customhouse.infra.client_hash import ClientHashes
from customhouse.infra.count_spool import CountSpool, counts_folder
from customhouse.infra.decision_spool import DecisionSpool
from customhouse.serve.asgi import Serve
from customhouse.serve.hosts import Hosts
from customhouse.terms.errors import CustomhouseError
from customhouse.web.address import names_of
from customhouse.web.api.views import Renewing
from customhouse.web.dress import Dressed
from customhouse.web.inner import Inner
from customhouse.web.problems import on_customhouse_error, on_http_exception, on_unexpected
from customhouse.web.routes import routes
from customhouse.web.shown import who_shows

log = logging.getLogger("customhouse.web")

# Sync handlers and page rendering; bodies and archive walks have limiters of their own.
PAGE_THREADS = 40


def build(app: App) -> Serve:
    """The application around an open `App`, whole from the first request on."""
    trusted = parse_networks(app.settings.trusted_proxies)
    who = who_shows(app.key.secret) if app.settings.fetched_days else None
    counts = CountSpool(app.settings.data, app.clock, ClientHashes(app.key.secret), trusted, who)
    around = _Around()
    serve = Serve(
        app.pages, app.blobs, around, count=counts.count, hosts=Hosts(names_of(app.settings)), clock=app.clock
    )
    decisions = DecisionSpool(
        app.settings.data, app.clock, ClientHashes(app.key.secret), trusted, days=app.settings.decisions_days
    )
    serve.note = decisions.note
    around.inner = inner_of(app, serve, counts, decisions)
    return serve


class _Around:
    """Joins requests and the lifespan of an `Inner` in one application."""

    inner: Inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or live from start to stop (ASGI, section "Lifespan protocol")."""
        if scope["type"] != "lifespan":
            await self.inner.app(scope, receive, send)
            return
        await receive()
        async with self.inner.lives():
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})


def inner_of(
    app: App, serve: Serve, counts: CountSpool, decisions: DecisionSpool,
    context: AbstractContextManager[App] | None = None,
) -> Inner:  # fmt: skip
    """What stands behind ``serve``; ``context`` is left when the server shuts down."""
    serve.renew = renewing = Renewing(app)
    neglected = NeglectedSpools(app.database, counts_folder(app.settings.data), app.clock, app.settings.fetched_days)

    @asynccontextmanager
    async def lives() -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = PAGE_THREADS
        app.walkers.start()
        counts.start()
        decisions.start()
        neglected.start()
        # Whoever asks first what is known of his packages does not wait until it was read.
        stop = Event()
        reading = Thread(target=_warm, args=(app, stop), name="warm-advice", daemon=True)
        reading.start()
        yield
        stop.set()
        reading.join()
        renewing.close()
        counts.close()
        decisions.close()
        neglected.close()
        if context is not None:
            context.__exit__(None, None, None)

    inner = Starlette(
        exception_handlers={
            CustomhouseError: on_customhouse_error,
            HTTPException: on_http_exception,
            Exception: on_unexpected,
        },
    )
    # Addresses that end in a slash are part of the protocol: we redirect where it says so, and nowhere else.
    inner.state.customhouse = app
    inner.router = Router(redirect_slashes=False)
    inner.router.routes.extend(routes(app, serve))
    return Inner(Dressed(inner), lives)


def _warm(app: App, stop: Event) -> None:
    try:
        app.advice.warm(stop)
    except Exception:
        # Whoever asks next reads it himself, and hears it if the database is away.
        log.info("what is known of packages was not read in advance", exc_info=True)
