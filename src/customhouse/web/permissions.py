"""What each door asks of whoever knocks. Every route has one permission for each of its verbs.

A permission either reads or writes, so no mutating handler can hide behind a permission to read (TOB-PYPI26-7, -8). The
doors check it before a handler runs; the deeds look again inside their transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from customhouse.terms.scope import Action


class Need(Enum):
    """Who is let in."""

    ANYBODY = "anybody"
    READER = "anybody who may read the project"
    SIGNED_IN = "anybody signed in"
    SIGNED_IN_OR_TOKEN = "anybody signed in, or with an API token"  # noqa: S105 - no password
    MAINTAINER = "owners and maintainers of the project"
    OWNER = "owners of the project"
    MEMBER = "members of the organization"
    MANAGER = "owners and managers of the organization"
    ORGANIZATION_OWNER = "owners of the organization"
    SUPPORT = "support and operators"
    OPERATOR = "operators"
    OWN_CHECK = "whoever the handler itself authenticates"


class Permission(Enum):
    """Name, who has it, whether it writes, and whether the password must have been typed a short while ago."""

    PUBLIC_READ = ("public:read", Need.ANYBODY, False, False)
    PROJECT_READ = ("project:read", Need.READER, False, False)
    UPLOAD = ("project:upload", Need.OWN_CHECK, True, False)
    RELEASE_STAGE = ("release:stage", Need.OWN_CHECK, True, False)
    RELEASE_STAGE_READ = ("release:stage-read", Need.OWN_CHECK, False, False)
    # The address itself is what opens it.
    STAGE_READ = ("stage:read", Need.ANYBODY, False, False)
    # XML-RPC posts its questions; its handler has no way to change anything.
    XMLRPC_READ = ("xmlrpc:read", Need.ANYBODY, False, False)
    # So does the protocol of OSV.dev.
    OSV_READ = ("osv:read", Need.ANYBODY, False, False)

    LEAK_REPORT = ("token:leak-report", Need.OWN_CHECK, True, False)
    PUBLISHER_MINT = ("publisher:mint", Need.OWN_CHECK, True, False)

    # The private Sigstore: whoever shows a token, a code, or the signature of a log that is watched here.
    SIGSTORE_SIGN = ("sigstore:sign", Need.OWN_CHECK, True, False)
    SIGSTORE_REDEEM = ("sigstore:redeem", Need.OWN_CHECK, True, False)
    SIGSTORE_WITNESS = ("sigstore:witness", Need.OWN_CHECK, True, False)
    # The protocol of timestamps posts its questions; nothing is kept of them.
    SIGSTORE_ASK = ("sigstore:ask", Need.ANYBODY, False, False)
    SIGSTORE_IDENTIFY_FORM = ("sigstore:identify-form", Need.SIGNED_IN, False, True)
    SIGSTORE_IDENTIFY = ("sigstore:identify", Need.SIGNED_IN, True, True)

    SIGN_IN_FORM = ("sign-in:form", Need.ANYBODY, False, False)
    SIGN_IN = ("sign-in", Need.ANYBODY, True, False)
    PROVE_FORM = ("prove:form", Need.SIGNED_IN, False, False)
    PROVE = ("prove", Need.SIGNED_IN, True, False)
    PASSWORD_LINK = ("password:link", Need.ANYBODY, True, False)
    PASSWORD_BY_LINK = ("password:by-link", Need.ANYBODY, True, False)

    REGISTER = ("register", Need.ANYBODY, True, False)
    ADDRESS_BY_LINK = ("address:by-link", Need.ANYBODY, True, False)
    IDENTITY_RETURN = ("identity:return", Need.ANYBODY, True, False)

    ACCOUNT_READ = ("account:read", Need.SIGNED_IN, False, False)
    ACCOUNT_WRITE = ("account:write", Need.SIGNED_IN, True, False)
    ACCOUNT_DANGER_FORM = ("account:danger-form", Need.SIGNED_IN, False, True)
    ACCOUNT_DANGER = ("account:danger", Need.SIGNED_IN, True, True)
    INVITATION_ANSWER = ("invitation:answer", Need.SIGNED_IN, True, False)

    REPORT_FORM = ("report:form", Need.SIGNED_IN, False, False)
    STANDING_READ = ("standing:read", Need.SIGNED_IN_OR_TOKEN, False, False)
    STANDING_WRITE = ("standing:write", Need.SIGNED_IN_OR_TOKEN, True, False)

    # A policy is tried, and ends by itself. What is posted because it is long counts as written: no page of somebody
    # else may have us work.
    CANDIDATE_WRITE = ("candidate:write", Need.SIGNED_IN_OR_TOKEN, True, False)
    POLICY_TRY = ("policy:try", Need.ANYBODY, True, False)
    # The address itself is what opens it.
    CANDIDATE_READ = ("candidate:read", Need.ANYBODY, False, False)

    REPORT_WRITE = ("report:write", Need.SIGNED_IN_OR_TOKEN, True, False)

    PROJECT_CREATE_FORM = ("project:create-form", Need.SIGNED_IN, False, False)
    PROJECT_CREATE = ("project:create", Need.SIGNED_IN, True, False)
    PROJECT_MANAGE_READ = ("project:manage-read", Need.MAINTAINER, False, False)
    PROJECT_YANK = ("project:yank", Need.MAINTAINER, True, False)
    PROJECT_VEX = ("project:vex", Need.MAINTAINER, True, False)
    PROJECT_AMEND = ("project:amend", Need.MAINTAINER, True, False)
    PROJECT_LEAVE = ("project:leave", Need.MAINTAINER, True, True)
    PROJECT_SETTINGS_READ = ("project:settings-read", Need.OWNER, False, False)
    PROJECT_SETTINGS = ("project:settings", Need.OWNER, True, False)
    PROJECT_DANGER_FORM = ("project:danger-form", Need.OWNER, False, True)
    PROJECT_DANGER = ("project:danger", Need.OWNER, True, True)
    PROJECT_CONFIRM_FORM = ("project:confirm-form", Need.MAINTAINER, False, True)
    PROJECT_CONFIRM = ("project:confirm", Need.MAINTAINER, True, True)
    # The handlers look whether one may act for the release: it may be the first of a project that is not there yet.
    STAGED_READ = ("staged:read", Need.SIGNED_IN, False, False)
    STAGED_WRITE = ("staged:write", Need.SIGNED_IN, True, False)
    STAGED_PUBLISH = ("staged:publish", Need.SIGNED_IN, True, True)
    STAGED_STATE = ("staged:state", Need.OWN_CHECK, False, False)
    # A link from a letter opens one veto, and says whose.
    VETO_FORM = ("veto:form", Need.ANYBODY, False, False)
    VETO_BY_LINK = ("veto:by-link", Need.ANYBODY, True, False)

    ORGANIZATION_CREATE_FORM = ("organization:create-form", Need.SIGNED_IN, False, False)
    ORGANIZATION_CREATE = ("organization:create", Need.SIGNED_IN, True, False)
    ORGANIZATION_READ = ("organization:read", Need.MEMBER, False, False)
    ORGANIZATION_LEAVE = ("organization:leave", Need.MEMBER, True, True)
    ORGANIZATION_SETTINGS_READ = ("organization:settings-read", Need.MANAGER, False, False)
    ORGANIZATION_SETTINGS = ("organization:settings", Need.MANAGER, True, False)
    ORGANIZATION_MANAGE_DANGER = ("organization:manage-danger", Need.MANAGER, True, True)
    ORGANIZATION_DANGER = ("organization:danger", Need.ORGANIZATION_OWNER, True, True)

    # Whoever is a member of a run, a machine that has joined it, or anybody once it is published: the handlers look.
    RELEASE_RUNS_READ = ("release:runs-read", Need.SIGNED_IN, False, False)
    RELEASE_PAGE_READ = ("release:page-read", Need.ANYBODY, False, False)
    RELEASE_PAGE_WRITE = ("release:page-write", Need.SIGNED_IN, True, False)
    RELEASE_PAGE_DANGER = ("release:page-danger", Need.SIGNED_IN, True, True)
    RELEASE_RUN_READ = ("release:run-read", Need.OWN_CHECK, False, False)
    RELEASE_RUN_OPEN = ("release:run-open", Need.OWN_CHECK, True, False)
    RELEASE_RUN_WRITE = ("release:run-write", Need.OWN_CHECK, True, False)
    RELEASE_RUN_JOIN = ("release:run-join", Need.OWN_CHECK, True, False)
    RELEASE_RUN_DECIDE = ("release:run-decide", Need.OWN_CHECK, True, False)

    DISCLOSURE_FORM = ("disclosure:form", Need.ANYBODY, False, False)
    DISCLOSURE_REPORT = ("disclosure:report", Need.ANYBODY, True, False)
    # The handlers look who belongs to the case; whoever has a member's link comes as that member.
    DISCLOSURE_READ = ("disclosure:read", Need.SIGNED_IN, False, False)
    DISCLOSURE_WRITE = ("disclosure:write", Need.SIGNED_IN, True, False)
    DISCLOSURE_PUBLISH = ("disclosure:publish", Need.SIGNED_IN, True, True)
    # The release of a case, for programs: the handlers look who works on the case.
    CASE_RELEASE_READ = ("case:release-read", Need.SIGNED_IN_OR_TOKEN, False, False)
    CASE_RELEASE_STAGE = ("case:release-stage", Need.SIGNED_IN_OR_TOKEN, True, False)
    CASE_RELEASE_PUBLISH = ("case:release-publish", Need.SIGNED_IN_OR_TOKEN, True, False)
    DISCLOSURE_LINK_READ = ("disclosure:link-read", Need.ANYBODY, False, False)
    DISCLOSURE_LINK_WRITE = ("disclosure:link-write", Need.ANYBODY, True, False)

    RECOVERY_ASK = ("recovery:ask", Need.ANYBODY, True, False)
    # Whoever has the link of a case: it is looked at by the handlers, as those of letters are.
    RECOVERY_READ = ("recovery:read", Need.ANYBODY, False, False)
    RECOVERY_PROVE = ("recovery:prove", Need.ANYBODY, True, False)
    RECOVERIES_READ = ("recoveries:read", Need.SUPPORT, False, False)

    CASES_READ = ("cases:read", Need.SUPPORT, False, False)
    CASES_DECIDE = ("cases:decide", Need.OPERATOR, True, False)
    ACCOUNTS_READ = ("accounts:read", Need.SUPPORT, False, False)
    LEDGER_READ_ALL = ("ledger:read-all", Need.OPERATOR, False, False)
    ADMIN_READ = ("admin:read", Need.OPERATOR, False, False)
    ADMIN_WRITE = ("admin:write", Need.OPERATOR, True, False)
    ADMIN_DANGER_FORM = ("admin:danger-form", Need.OPERATOR, False, True)
    ADMIN_DANGER = ("admin:danger", Need.OPERATOR, True, True)

    def __init__(self, title: str, need: Need, writes: bool, proved: bool) -> None:
        self.title = title
        self.need = need
        self.writes = writes
        self.proved = proved


TOKEN_ACTIONS: Mapping[Permission, Action] = {
    Permission.PROJECT_READ: "read",
    Permission.PROJECT_YANK: "yank",
    Permission.UPLOAD: "upload",
    Permission.CANDIDATE_WRITE: "read",
}
"""What a token must be for that opens a door. Every other door under ``/api/`` wants one for the whole account."""
