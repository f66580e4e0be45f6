"""The web application: `serve` in front, Starlette behind it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from threading import Event, Thread

import anyio.to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Router
from starlette.types import Receive, Scope, Send

from customhouse.advisories.archive import Archive
from customhouse.app import App
from customhouse.catalog.downloads.neglect import NeglectedSpools
from customhouse.infra.client_address import parse_networks
from customhouse.infra.client_hash import ClientHashes
from customhouse.infra.count_spool import CountSpool, counts_folder
from customhouse.infra.decision_spool import DecisionSpool
from customhouse.serve.asgi import Serve
from customhouse.serve.hosts import Hosts
from customhouse.terms.errors import CustomhouseError
from customhouse.views.simulate.there import Looking
from customhouse.web.address import names_of
from customhouse.web.api.advisory_documents import advisory_document_doors
from customhouse.web.api.amendments import amendment_api_doors
from customhouse.web.api.bundled import bundled_api_doors
from customhouse.web.api.candidates import Candidates
from customhouse.web.api.case_release import case_release_doors
from customhouse.web.api.downloads import download_doors
from customhouse.web.api.feeds import feed_doors
from customhouse.web.api.guidance import guidance_doors
from customhouse.web.api.integrity import PROVENANCE, Integrity
from customhouse.web.api.leaked_tokens import LeakedTokens
from customhouse.web.api.legacy import LegacyUpload
from customhouse.web.api.namespaces import namespace_doors
from customhouse.web.api.osv import Osv
from customhouse.web.api.policy import policy_api_doors
from customhouse.web.api.project_json import project_document
from customhouse.web.api.publishing import Publishing
from customhouse.web.api.release_room import ReleaseRoom
from customhouse.web.api.reports import report_api_doors
from customhouse.web.api.sigstore import SigstoreApi
from customhouse.web.api.sigstore_people import SigstorePeople
from customhouse.web.api.sigstore_trust import SigstoreTrust
from customhouse.web.api.simple import Missing
from customhouse.web.api.stage import Stage
from customhouse.web.api.staged import StagedState
from customhouse.web.api.standing import standing_api_doors
from customhouse.web.api.upload2 import Upload2
from customhouse.web.api.vex import vex_api_doors
from customhouse.web.api.view_integrity import ViewIntegrity
from customhouse.web.api.views import Renewing, ViewDoors
from customhouse.web.api.xmlrpc import xmlrpc_doors
from customhouse.web.api.yank import yank_api_doors
from customhouse.web.doors import Door, door, own_door, raw_door
from customhouse.web.dress import Dressed
from customhouse.web.inner import Inner
from customhouse.web.pages.account import account_doors
from customhouse.web.pages.admin import admin_doors
from customhouse.web.pages.admin_views import admin_view_doors
from customhouse.web.pages.advisories import advisory_doors
from customhouse.web.pages.advisory_sources import advisory_source_doors
from customhouse.web.pages.amendments import amendment_doors
from customhouse.web.pages.approving import approving_doors
from customhouse.web.pages.authoring import authoring_doors
from customhouse.web.pages.blast import blast_doors
from customhouse.web.pages.bundled import bundled_doors
from customhouse.web.pages.cases import case_doors
from customhouse.web.pages.checklist import checklist_doors
from customhouse.web.pages.critical import critical_doors
from customhouse.web.pages.diff import diff_doors
from customhouse.web.pages.disclosure_case import disclosure_case_doors
from customhouse.web.pages.disclosure_report import disclosure_report_doors
from customhouse.web.pages.domains import domain_doors
from customhouse.web.pages.factors import factor_doors
from customhouse.web.pages.giveaway import giveaway_doors
from customhouse.web.pages.holding import holding_doors
from customhouse.web.pages.ledger import ledger_doors
from customhouse.web.pages.linked import linked_doors
from customhouse.web.pages.mail import mail_doors
from customhouse.web.pages.manage import manage_doors
from customhouse.web.pages.mandates import mandate_doors
from customhouse.web.pages.name_owner import name_owner_doors
from customhouse.web.pages.names import name_doors
from customhouse.web.pages.organizations import organization_doors
from customhouse.web.pages.password import password_doors
from customhouse.web.pages.pending import pending_doors
from customhouse.web.pages.people import people_doors
from customhouse.web.pages.policy import policy_doors
from customhouse.web.pages.policy_levels import policy_level_doors
from customhouse.web.pages.publishers import publisher_doors
from customhouse.web.pages.recovery import recovery_doors
from customhouse.web.pages.recovery_admin import recovery_admin_doors
from customhouse.web.pages.register import register_doors
from customhouse.web.pages.releases import release_doors
from customhouse.web.pages.reports import report_doors
from customhouse.web.pages.routes import page_doors
from customhouse.web.pages.search import search_doors
from customhouse.web.pages.security import security_doors
from customhouse.web.pages.sign_in import sign_in_doors
from customhouse.web.pages.sigstore import sigstore_doors
from customhouse.web.pages.sigstore_sign import sigstore_sign_doors
from customhouse.web.pages.standing import standing_doors
from customhouse.web.pages.terms import terms_doors
from customhouse.web.pages.tokens import token_doors
from customhouse.web.pages.triage import triage_doors
from customhouse.web.pages.trust import trust_doors
from customhouse.web.pages.vex import vex_doors
from customhouse.web.pages.view_log import view_log_doors
from customhouse.web.pages.views import view_doors
from customhouse.web.pages.webhooks import webhook_doors
from customhouse.web.permissions import Permission
from customhouse.web.problems import on_customhouse_error, on_http_exception, on_unexpected
from customhouse.web.shown import who_shows
from customhouse.web.visit import Visit

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
    inner.router.routes.extend(_routes(app, serve))
    return Inner(Dressed(inner), lives)


def _warm(app: App, stop: Event) -> None:
    try:
        app.advice.warm(stop)
    except Exception:
        # Whoever asks next reads it himself, and hears it if the database is away.
        log.info("what is known of packages was not read in advance", exc_info=True)


def _routes(app: App, serve: Serve) -> list[Door]:
    """Every door of the index. The order matters where two paths could match."""
    missing = Missing(app, serve)
    legacy = LegacyUpload(app).__call__
    read, upload = Permission.PUBLIC_READ, Permission.UPLOAD
    looking = Looking(app.views)
    return [
        own_door("POST", "/legacy/", legacy, upload),
        own_door("POST", "/legacy", legacy, upload),
        *Upload2(app).doors(),
        *Stage(app).doors(),
        raw_door("GET", "/simple/", missing.listing, read),
        door("GET", "/simple", _simple_with_slash, read),
        raw_door("GET", "/simple/{name}/", missing.page, Permission.PROJECT_READ),
        raw_door("GET", "/simple/{name}", missing.page, Permission.PROJECT_READ),
        raw_door("GET", "/files/{project}/{filename}", missing.file, Permission.PROJECT_READ),
        raw_door("GET", "/packages/{project}/{filename}", missing.file, Permission.PROJECT_READ),
        door("GET", "/pypi/{name}/json", project_document, Permission.PROJECT_READ),
        door("GET", "/pypi/{name}/json/", project_document, Permission.PROJECT_READ),
        door("GET", "/pypi/{name}/{version}/json", project_document, Permission.PROJECT_READ),
        door("GET", "/pypi/{name}/{version}/json/", project_document, Permission.PROJECT_READ),
        own_door("GET", PROVENANCE, Integrity(app).__call__, Permission.PROJECT_READ),
        own_door("POST", "/-/leaked-tokens/", LeakedTokens(app).__call__, Permission.LEAK_REPORT),
        *Publishing(app).doors(),
        *(sigstore := SigstoreApi(app)).doors(),
        *SigstorePeople(app, sigstore).doors(),
        *SigstoreTrust(app, sigstore).doors(),
        *sigstore_sign_doors(),
        *sigstore_doors(),
        door("GET", "/-/health", _healthy, read),
        door("GET", "/-/ready", _ready, read),
        *sign_in_doors(),
        *factor_doors(),
        *password_doors(),
        *register_doors(),
        *linked_doors(),
        *terms_doors(),
        *security_doors(),
        *account_doors(),
        *token_doors(),
        *publisher_doors(),
        *mail_doors(),
        *people_doors(),
        *holding_doors(),
        *organization_doors(),
        *name_doors(),
        *name_owner_doors(),
        *namespace_doors(),
        *manage_doors(),
        *pending_doors(),
        *approving_doors(),
        *webhook_doors(),
        *admin_doors(),
        *domain_doors(),
        *giveaway_doors(),
        *trust_doors(),
        *critical_doors(),
        *mandate_doors(),
        *diff_doors(),
        *checklist_doors(),
        *report_doors(),
        *report_api_doors(),
        *ReleaseRoom(app).doors(),
        *release_doors(),
        *yank_api_doors(),
        *Candidates(app, looking).doors(),
        *policy_level_doors(app, looking),
        *admin_view_doors(app),
        *view_log_doors(),
        *ViewDoors(app, serve).doors(),
        *ViewIntegrity(app, serve).doors(),
        *view_doors(),
        *policy_doors(),
        *policy_api_doors(),
        *vex_doors(),
        *vex_api_doors(),
        *amendment_doors(),
        *amendment_api_doors(),
        *guidance_doors(),
        *standing_doors(),
        *standing_api_doors(),
        *StagedState(app).doors(),
        *case_release_doors(),
        *case_doors(),
        *blast_doors(),
        *disclosure_report_doors(),
        *disclosure_case_doors(),
        *advisory_document_doors(),
        *recovery_doors(),
        *recovery_admin_doors(),
        *ledger_doors(),
        *search_doors(),
        *feed_doors(),
        *page_doors(),
        *advisory_doors(),
        *bundled_doors(),
        *bundled_api_doors(),
        *triage_doors(),
        *advisory_source_doors(),
        *authoring_doors(),
        *download_doors(),
        *xmlrpc_doors(),
        *Osv(app, Archive(app.database, app.settings.data / "osv")).doors(),
    ]


def _simple_with_slash(_visit: Visit) -> Response:
    return RedirectResponse("simple/", 301)


def _healthy(_visit: Visit) -> Response:
    """The process answers."""
    return PlainTextResponse("ok\n")


def _ready(visit: Visit) -> Response:
    """Requests can be served: 200, or 503 from the error that the database raises."""
    with visit.app.database.read() as sql:
        sql.exec_driver_sql("SELECT 1")
    return PlainTextResponse("ready\n")
