"""Who may do what, door by door: written by hand and reviewed, never computed from the code that it judges.

One row for each door: its verb and address, the title of its permission, who is let in, and for a door that changes
something a sensible form. ``at`` names other examples for the address than the town's usual ones. HEAD is let in like
GET; every other verb is answered 405 or 404.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from town import NAMES, Kind

EVERYBODY: frozenset[Kind] = frozenset(NAMES)
SIGNED_IN = EVERYBODY - {"anonymous", "half"}
MAINTAINERS: frozenset[Kind] = frozenset({"maintainer", "owner", "operator"})
OWNERS: frozenset[Kind] = frozenset({"owner", "operator"})
MEMBERS: frozenset[Kind] = frozenset({"member", "chair", "operator"})
CHAIRS: frozenset[Kind] = frozenset({"chair", "operator"})
SUPPORT: frozenset[Kind] = frozenset({"support", "operator"})
OPERATORS: frozenset[Kind] = frozenset({"operator"})
UPLOADERS: frozenset[Kind] = frozenset({"maintainer", "owner"})


@dataclass(frozen=True)
class Row:
    """One door."""

    verb: str
    path: str
    permission: str
    who: frozenset[Kind]
    form: Mapping[str, str] = field(default_factory=dict)
    at: Mapping[str, str] = field(default_factory=dict)
    sends: Literal["form", "file", "call"] = "form"
    query: str = ""
    """What a reading door needs behind the question mark to show anything."""

    @property
    def door(self) -> str:
        """How it is spoken of."""
        return f"{self.verb} {self.path}"


def reads(
    path: str, permission: str, who: frozenset[Kind], *, query: str = "", at: Mapping[str, str] | None = None
) -> Row:
    """A door that shows something."""
    return Row("GET", path, permission, who, at=at or {}, query=query)


def writes(
    path: str, permission: str, who: frozenset[Kind], at: Mapping[str, str] | None = None, /, **form: str
) -> Row:
    """A door that changes something, with a form that it takes."""
    return Row("POST", path, permission, who, form, at or {})


NEW_PASSWORD = {"password": "a new and long password", "again": "a new and long password"}
PROJECT, MANAGE, ADMIN, API = "/project/{name}", "/manage/project/{name}", "/admin", "/api/projects/{name}"
CASE = "/admin/cases/{case}"

ROWS = [
    # Installers and publishers.
    Row("POST", "/legacy/", "project:upload", UPLOADERS, sends="file"),
    Row("POST", "/legacy", "project:upload", UPLOADERS, sends="file"),
    reads("/simple/", "public:read", EVERYBODY),
    reads("/simple", "public:read", EVERYBODY),
    reads("/simple/{name}/", "project:read", EVERYBODY),
    reads("/simple/{name}", "project:read", EVERYBODY),
    reads("/files/{project}/{filename}", "project:read", EVERYBODY),
    reads("/packages/{project}/{filename}", "project:read", EVERYBODY),
    reads("/pypi/{name}/json", "project:read", EVERYBODY),
    reads("/pypi/{name}/json/", "project:read", EVERYBODY),
    reads("/pypi/{name}/{version}/json", "project:read", EVERYBODY),
    reads("/pypi/{name}/{version}/json/", "project:read", EVERYBODY),
    # XML-RPC posts its questions and changes nothing.
    Row("POST", "/pypi", "xmlrpc:read", EVERYBODY, sends="call"),
    Row("POST", "/pypi/", "xmlrpc:read", EVERYBODY, sends="call"),
    reads("/-/health", "public:read", EVERYBODY),
    reads("/-/ready", "public:read", EVERYBODY),
    # One's own account.
    reads("/account/sign-in/", "sign-in:form", EVERYBODY),
    writes("/account/sign-in/", "sign-in", EVERYBODY, name="{me}", password="{password}"),
    writes("/account/sign-out/", "account:write", SIGNED_IN),
    reads("/account/again/", "prove:form", SIGNED_IN),
    writes("/account/again/", "prove", SIGNED_IN, password="{password}"),
    reads("/account/reset/", "sign-in:form", EVERYBODY),
    writes("/account/reset/", "password:link", EVERYBODY, name="alice"),
    reads("/account/link/{link}/", "sign-in:form", EVERYBODY),
    writes("/account/link/{link}/", "password:by-link", EVERYBODY, **NEW_PASSWORD),
    reads("/account/", "account:read", SIGNED_IN),
    reads("/account/password/", "account:danger-form", SIGNED_IN),
    writes("/account/password/", "account:danger", SIGNED_IN, **NEW_PASSWORD),
    reads("/account/sessions/", "account:read", SIGNED_IN),
    writes("/account/sessions/end/", "account:write", SIGNED_IN),
    reads("/account/tokens/", "account:danger-form", SIGNED_IN),
    writes("/account/tokens/", "account:danger", SIGNED_IN, note="ci"),
    writes("/account/tokens/{token}/revoke/", "account:write", SIGNED_IN),
    # Pages for everybody.
    reads("/", "public:read", EVERYBODY),
    reads(PROJECT, "project:read", EVERYBODY),
    reads(f"{PROJECT}/", "project:read", EVERYBODY),
    reads(f"{PROJECT}/{{version}}", "project:read", EVERYBODY),
    reads(f"{PROJECT}/{{version}}/", "project:read", EVERYBODY),
    reads("/static/{address}", "public:read", EVERYBODY),
    reads(f"{PROJECT}/diff/", "project:read", EVERYBODY, query="old=1.0&new=2.0"),
    reads(f"{PROJECT}/diff/{{old}}/{{new}}/", "project:read", EVERYBODY),
    reads("/ledger/", "public:read", EVERYBODY),
    reads("/ledger.jsonl", "public:read", EVERYBODY),
    reads(f"{PROJECT}/ledger/", "project:read", EVERYBODY),
    reads(f"{PROJECT}/ledger.jsonl", "project:read", EVERYBODY),
    reads("/search/", "public:read", EVERYBODY, query="q=demo"),
    reads("/api/search", "public:read", EVERYBODY, query="q=demo"),
    reads("/rss/updates.xml", "public:read", EVERYBODY),
    reads("/rss/packages.xml", "public:read", EVERYBODY),
    reads("/rss/project/{name}/releases.xml", "project:read", EVERYBODY),
    reads("/feeds/updates.xml", "public:read", EVERYBODY),
    reads("/feeds/packages.xml", "public:read", EVERYBODY),
    reads("/feeds/project/{name}/releases.xml", "project:read", EVERYBODY),
    reads(f"{API}/downloads", "project:read", EVERYBODY),
    reads(f"{API}/downloads.csv", "project:read", EVERYBODY),
    # Reports and cases.
    reads(f"{PROJECT}/report", "report:form", SIGNED_IN),
    reads(f"{PROJECT}/report/", "report:form", SIGNED_IN),
    writes(f"{PROJECT}/report/", "report:write", SIGNED_IN, kind="spam", text="It advertises."),
    writes(f"{API}/reports", "report:write", SIGNED_IN, kind="spam", text="It advertises."),
    reads("/admin/cases/", "cases:read", SUPPORT),
    reads(f"{CASE}/", "cases:read", SUPPORT),
    reads(f"{CASE}/diff/{{old}}/{{new}}/", "cases:read", SUPPORT),
    writes(f"{CASE}/verdict/", "cases:decide", OPERATORS, verdict="malware", note="It does."),
    writes(f"{CASE}/undo/", "cases:decide", OPERATORS, {"case": "{decided_case}"}, note="It does not."),
    writes("/admin/reporters/{reporter}/trust/", "cases:decide", OPERATORS, trusted="yes", reason="Known to us."),
    # Managing a project.
    reads(f"{MANAGE}/", "project:manage-read", MAINTAINERS),
    reads(f"{MANAGE}/release/{{version}}/", "project:manage-read", MAINTAINERS),
    writes(f"{MANAGE}/yank/", "project:yank", MAINTAINERS, version="1.0", reason="Broken."),
    writes(f"{MANAGE}/reopen/", "project:settings", OWNERS, version="1.0"),
    reads(f"{MANAGE}/settings/", "project:settings-read", OWNERS),
    writes(f"{MANAGE}/status/", "project:settings", OWNERS, status="archived", reason="Finished."),
    reads(f"{MANAGE}/delete/", "project:danger-form", OWNERS, query="version=1.0"),
    writes(f"{MANAGE}/delete/", "project:danger", OWNERS, version="1.0", typed="demo 1.0", reason="Wrong."),
    writes(f"{MANAGE}/restore/", "project:settings", OWNERS, version="0.9"),
    # Running the index.
    reads("/admin/", "accounts:read", SUPPORT),
    reads("/admin/accounts/", "accounts:read", SUPPORT, query="q=alice"),
    writes("/admin/flags/", "admin:danger", OPERATORS, flag="no-uploads", on="yes", reason="An attack."),
    writes("/admin/bans/", "admin:danger", OPERATORS, network="198.51.100.0/24", reason="An attack."),
    writes("/admin/accounts/{account}/freeze/", "admin:danger", OPERATORS, reason="It was taken over."),
    writes("/admin/accounts/{account}/role/", "admin:danger", OPERATORS, role="support"),
    reads("/admin/project/{name}/erase/", "admin:danger-form", OPERATORS),
    writes(
        "/admin/project/{name}/erase/",
        "admin:danger",
        OPERATORS,
        filename="{filename}",
        typed="{filename}",
        reason="A court has said so.",
        reference="1 BvR 1/26",
    ),
    reads("/admin/ledger/", "ledger:read-all", OPERATORS),
    reads("/admin/ledger.jsonl", "ledger:read-all", OPERATORS),
    writes("/admin/project/{name}/quarantine/", "admin:write", OPERATORS, reason="It does harm."),
    writes("/admin/project/{name}/critical/", "admin:write", OPERATORS, critical="yes", reason="Others build on it."),
]
