"""Every door of the index, in groups. The order matters where two paths could match."""

from __future__ import annotations

from starlette.responses import PlainTextResponse, RedirectResponse, Response

from customhouse.advisories.archive import Archive
from customhouse.app import App
from customhouse.serve.asgi import Serve
from customhouse.views.simulate.there import Looking
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
from customhouse.web.api.views import ViewDoors
from customhouse.web.api.xmlrpc import xmlrpc_doors
from customhouse.web.api.yank import yank_api_doors
from customhouse.web.doors import Door, door, own_door, raw_door
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
from customhouse.web.visit import Visit


def routes(app: App, serve: Serve) -> list[Door]:
    """All of them, in the order in which they are tried."""
    return [
        *_upload_doors(app),
        *_reading_doors(app, serve),
        *_signing_doors(app),
        *_health_doors(),
        *_account_doors(),
        *_owner_doors(),
        *_moderation_doors(),
        *_release_doors(app),
        *_view_doors(app, serve),
        *_statement_doors(),
        *_case_doors(app),
        *_index_doors(),
        *_advisory_doors(app),
    ]


def _upload_doors(app: App) -> list[Door]:
    """Where releases come in: file by file, or staged as a whole."""
    legacy, upload = LegacyUpload(app).__call__, Permission.UPLOAD
    return [
        own_door("POST", "/legacy/", legacy, upload),
        own_door("POST", "/legacy", legacy, upload),
        *Upload2(app).doors(),
        *Stage(app).doors(),
    ]


def _reading_doors(app: App, serve: Serve) -> list[Door]:
    """What installers and their like read, and where they tell of leaked tokens."""
    missing, project = Missing(app, serve), Permission.PROJECT_READ
    return [
        raw_door("GET", "/simple/", missing.listing, Permission.PUBLIC_READ),
        door("GET", "/simple", _simple_with_slash, Permission.PUBLIC_READ),
        raw_door("GET", "/simple/{name}/", missing.page, project),
        raw_door("GET", "/simple/{name}", missing.page, project),
        raw_door("GET", "/files/{project}/{filename}", missing.file, project),
        raw_door("GET", "/packages/{project}/{filename}", missing.file, project),
        door("GET", "/pypi/{name}/json", project_document, project),
        door("GET", "/pypi/{name}/json/", project_document, project),
        door("GET", "/pypi/{name}/{version}/json", project_document, project),
        door("GET", "/pypi/{name}/{version}/json/", project_document, project),
        own_door("GET", PROVENANCE, Integrity(app).__call__, project),
        own_door("POST", "/-/leaked-tokens/", LeakedTokens(app).__call__, Permission.LEAK_REPORT),
    ]


def _signing_doors(app: App) -> list[Door]:
    """Trusted publishing, and our own Sigstore."""
    sigstore = SigstoreApi(app)
    return [
        *Publishing(app).doors(),
        *sigstore.doors(),
        *SigstorePeople(app, sigstore).doors(),
        *SigstoreTrust(app, sigstore).doors(),
        *sigstore_sign_doors(),
        *sigstore_doors(),
    ]


def _health_doors() -> list[Door]:
    """Whether the process lives and can serve."""
    return [
        door("GET", "/-/health", _healthy, Permission.PUBLIC_READ),
        door("GET", "/-/ready", _ready, Permission.PUBLIC_READ),
    ]


def _account_doors() -> list[Door]:
    """What everybody does with an account of his own."""
    return [
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
    ]


def _owner_doors() -> list[Door]:
    """What people do with the projects and organizations that are theirs."""
    return [
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
    ]


def _moderation_doors() -> list[Door]:
    """What admins do, and how projects stand with them."""
    return [
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
    ]


def _release_doors(app: App) -> list[Door]:
    """Release runs; and yanking, which takes a release back."""
    return [
        *ReleaseRoom(app).doors(),
        *release_doors(),
        *yank_api_doors(),
    ]


def _view_doors(app: App, serve: Serve) -> list[Door]:
    """Views of upstreams, and the policies that shape them."""
    looking = Looking(app.views)
    return [
        *Candidates(app, looking).doors(),
        *policy_level_doors(app, looking),
        *admin_view_doors(app),
        *view_log_doors(),
        *ViewDoors(app, serve).doors(),
        *ViewIntegrity(app, serve).doors(),
        *view_doors(),
        *policy_doors(),
        *policy_api_doors(),
    ]


def _statement_doors() -> list[Door]:
    """What is said of releases that are out: whether they are affected, amendments, how they stand."""
    return [
        *vex_doors(),
        *vex_api_doors(),
        *amendment_doors(),
        *amendment_api_doors(),
        *guidance_doors(),
        *standing_doors(),
        *standing_api_doors(),
    ]


def _case_doors(app: App) -> list[Door]:
    """Disclosure cases, their releases and their advisories."""
    return [
        *StagedState(app).doors(),
        *case_release_doors(),
        *case_doors(),
        *blast_doors(),
        *disclosure_report_doors(),
        *disclosure_case_doors(),
        *advisory_document_doors(),
    ]


def _index_doors() -> list[Door]:
    """Recovered accounts, and the pages that anybody reads."""
    return [
        *recovery_doors(),
        *recovery_admin_doors(),
        *ledger_doors(),
        *search_doors(),
        *feed_doors(),
        *page_doors(),
    ]


def _advisory_doors(app: App) -> list[Door]:
    """What is known to be wrong with packages, and what else programs ask in bulk."""
    return [
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
