"""The web application: `serve` in front, Starlette behind it. Made once in each worker process by `create`."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager

import anyio.to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from customhouse.app import App, open_app
from customhouse.infra.lifeline import die_with_parent
from customhouse.infra.logs import configure_logs
from customhouse.infra.settings import Settings
from customhouse.serve.asgi import Serve
from customhouse.terms.errors import CustomhouseError
from customhouse.web.api.legacy import LegacyUpload
from customhouse.web.api.project_json import ProjectJson
from customhouse.web.api.simple import Missing
from customhouse.web.pages.routes import page_routes
from customhouse.web.problems import on_customhouse_error, on_http_exception, on_unexpected

# Sync handlers and page rendering; bodies and archive walks have limiters of their own.
PAGE_THREADS = 40


class _Raw:
    """An ASGI endpoint that Starlette's Route takes as it is, with the errors of the others."""

    def __init__(self, answer: ASGIApp) -> None:
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._answer(scope, receive, send)


def create() -> ASGIApp:
    """The application of one worker, from the settings in its environment."""
    die_with_parent(os.getppid())
    settings = Settings()
    configure_logs(settings.log_level)
    context = open_app(settings)
    return build(context.__enter__(), context)


def build(app: App, context: AbstractContextManager[App] | None = None) -> Serve:
    """The application around an open `App`; ``context`` is left when the server shuts down."""

    @asynccontextmanager
    async def lifespan(_inner: Starlette) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = PAGE_THREADS
        app.walkers.start()
        yield
        if context is not None:
            context.__exit__(None, None, None)

    inner = Starlette(
        lifespan=lifespan,
        exception_handlers={
            CustomhouseError: on_customhouse_error,
            HTTPException: on_http_exception,
            Exception: on_unexpected,
        },
    )
    # Addresses that end in a slash are part of the protocol: we redirect where it says so, and nowhere else.
    inner.router = Router(lifespan=lifespan, redirect_slashes=False)
    serve = Serve(app.pages, app.blobs, inner)
    inner.router.routes.extend(_routes(app, serve))
    return serve


def _routes(app: App, serve: Serve) -> list[BaseRoute]:
    legacy = LegacyUpload(app).__call__
    missing, documents = Missing(app, serve), ProjectJson(app)
    return [
        Route("/legacy/", legacy, methods=["POST"]),
        Route("/legacy", legacy, methods=["POST"]),
        Route("/simple/", _Raw(missing.listing), methods=["GET"]),
        Route("/simple", _simple_with_slash, methods=["GET"]),
        Route("/simple/{name}/", _Raw(missing.page), methods=["GET"]),
        Route("/simple/{name}", _Raw(missing.page), methods=["GET"]),
        Route("/files/{project}/{filename}", _Raw(missing.file), methods=["GET"]),
        Route("/pypi/{name}/json", documents.__call__, methods=["GET"]),
        Route("/pypi/{name}/json/", documents.__call__, methods=["GET"]),
        Route("/pypi/{name}/{version}/json", documents.__call__, methods=["GET"]),
        Route("/pypi/{name}/{version}/json/", documents.__call__, methods=["GET"]),
        Route("/-/health", _healthy, methods=["GET"]),
        Route("/-/ready", _Readiness(app).__call__, methods=["GET"]),
        *page_routes(app),
    ]


def _simple_with_slash(_request: Request) -> Response:
    return RedirectResponse("simple/", 301)


def _healthy(_request: Request) -> Response:
    """The process answers."""
    return PlainTextResponse("ok\n")


class _Readiness:
    """Whether requests can be served: the database answers."""

    def __init__(self, app: App) -> None:
        self._app = app

    def __call__(self, _request: Request) -> Response:
        """200, or 503 from the error that the database raises."""
        with self._app.database.read() as sql:
            sql.exec_driver_sql("SELECT 1")
        return PlainTextResponse("ready\n")
