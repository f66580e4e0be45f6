"""Who may do what, door by door: written by hand and reviewed, never computed from the code that it judges.

One row for each door: its verb and address, the title of its permission, who is let in, and for a door that changes
something a sensible form. ``at`` names other examples for the address than the town's usual ones. HEAD is let in like
GET; every other verb is answered 405 or 404.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from town import NAMES, Kind, Town
from town_amendments import FORM as AMENDS
from town_release import PIPELINE as RELEASES_BY

EVERYBODY: frozenset[Kind] = frozenset(NAMES)
SIGNED_IN = EVERYBODY - {"anonymous", "half"}
MAINTAINERS: frozenset[Kind] = frozenset({"maintainer", "owner", "operator"})
OWNERS: frozenset[Kind] = frozenset({"owner", "operator"})
MEMBERS: frozenset[Kind] = frozenset({"member", "manager", "chair", "operator"})
MANAGERS: frozenset[Kind] = frozenset({"manager", "chair", "operator"})
CHAIRS: frozenset[Kind] = frozenset({"chair", "operator"})
SUPPORT: frozenset[Kind] = frozenset({"support", "operator"})
OPERATORS: frozenset[Kind] = frozenset({"operator"})
UPLOADERS: frozenset[Kind] = frozenset({"maintainer", "owner"})
SESSION, STAGED = "/upload/sessions/{session}/", "/upload/files/{stage}/{staged_file}/"
ATTESTATION = Path(__file__).parents[1] / "data/attestations/pypi_attestations-0.0.19.publish.json"
ATTESTED = f"[{ATTESTATION.read_text()}]"
ANNOUNCED = json.dumps(
    {
        "filename": "demo-4.0-py2-none-any.whl", "size": 9, "hashes": {"sha256": "0" * 64},
        "mechanism": "http-post-bytes",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One door."""

    verb: str
    path: str
    permission: str
    who: frozenset[Kind]
    form: Mapping[str, str] = field(default_factory=dict)
    at: Mapping[str, str] = field(default_factory=dict)
    sends: Literal["form", "file", "call", "document", "bytes"] = "form"
    """``document`` and ``bytes`` go with an API token: the JSON of Upload 2.0 in ``form["json"]``, or a file's bytes."""
    query: str = ""
    """What a reading door needs behind the question mark to show anything."""
    idle: frozenset[Kind] = frozenset()
    """Who is let in and finds nothing to do: an operator has no role that he could give up."""
    quiet: bool = False
    """Whether it is a step that leaves no event of its own: the one that ends it does."""

    @property
    def door(self) -> str:
        """How it is spoken of."""
        return f"{self.verb} {self.path}"

    def address(self, town: Town, kind: Kind, **other: str) -> str:
        """Where somebody knocks: with his own examples, those of this row, or other ones."""
        known = {**self.at, **other}
        places = re.compile(r"\{(\w+)(?::path)?\}")
        return town.fill(places.sub(lambda place: known.get(place[1], f"{{{place[1]}}}"), self.path), kind)

    def page(self, town: Town, kind: Kind, query: str = "", **other: str) -> str:
        """The same with what stands behind the question mark."""
        asked = "&".join(part for part in (self.query, query) if part)
        return self.address(town, kind, **other) + (f"?{asked}" if asked else "")


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


def idle(
    path: str, permission: str, who: frozenset[Kind], at: Mapping[str, str] | None = None, /, *, verb: str = "POST",
    query: str = "", **form: str,
) -> Row:  # fmt: skip
    """A door that lets somebody in who finds nothing to do: 404 or 409."""
    return Row(verb, path, permission, who, form, at or {}, query=query, idle=who)


NEW_PASSWORD = {"password": "a new and long password", "again": "a new and long password"}
PROJECT, MANAGE, ADMIN, API = "/project/{name}", "/manage/project/{name}", "/admin", "/api/projects/{name}"
CASE = "/admin/cases/{case}"
CASE_RELEASE = "/api/security/cases/{disclosure}"
DISCLOSURE, BY_LINK = "/security/cases/{disclosure}/", "/security/case/{member_link}/"
HANDLERS: frozenset[Kind] = frozenset({"owner", "operator"})
GUILD = "/manage/organization/{organization}"
WAITS, READY = MANAGE + "/staged/{session}/", {"session": "{session_ready}"}
TEAM = GUILD + "/teams/{team}"
RUN, RUNS = "/release/run/{run}/", "/api/release/runs"
MEETS, ASKS, RELEASED = {"run": "{release_run}"}, {"run": "{release_asking}"}, {"run": "{release_released}"}
OPENS = json.dumps({"pipeline": RELEASES_BY, "params": {"version": "9.0"}})
ASKED = {"body": '{"package": {"name": "demo", "ecosystem": "PyPI"}, "version": "1.0"}'}
SAFE = {"vulnerability": "CVE-2026-9", "status": "not_affected", "impact": "It is never called."}
LISTED = {"title": "shop, staging", "components": "b==1.9"}
HOOK = {"url": "https://hooks.invalid/other", "events": "*"}


def webhooks(path: str, fact: str, read: str, write: str, danger: str, who: frozenset[Kind]) -> list[Row]:
    """The same doors for each holder of webhooks."""
    at, hook = {"hook": f"{{{fact}_hook}}"}, path + "{hook}/"
    return [
        reads(path, read, who),
        writes(path, danger, who, **HOOK),
        reads(hook, read, who, at=at),
        writes(hook, danger, who, at, active="yes", **HOOK),
        writes(hook + "key/", danger, who, at),
        writes(hook + "remove/", write, who, at),
        writes(hook + "probe/", write, who, at),
        writes(hook + "again/", write, who, at, serial=f"{{{fact}_serial}}"),
    ]


ROWS = [
    # Installers and publishers.
    Row("POST", "/legacy/", "project:upload", UPLOADERS, sends="file"),
    Row("POST", "/legacy", "project:upload", UPLOADERS, sends="file"),
    *[
        Row("POST", path, "release:stage", UPLOADERS, {"json": '{"name": "demo", "version": "7.0"}'}, sends="document")
        for path in ("/upload/", "/upload")
    ],
    Row("GET", SESSION, "release:stage-read", UPLOADERS, sends="document"),
    Row("DELETE", SESSION, "release:stage", UPLOADERS, sends="document"),
    Row("POST", f"{SESSION}publish/", "release:stage", UPLOADERS, at={"session": "{session_ready}"}, sends="document"),
    Row(
        "POST",
        f"{SESSION}extend/",
        "release:stage",
        UPLOADERS,
        {"json": '{"extend-for": 60}'},
        sends="document",
        quiet=True,
    ),
    Row("POST", f"{SESSION}files/", "release:stage", UPLOADERS, {"json": ANNOUNCED}, sends="document", quiet=True),
    Row("GET", STAGED, "release:stage-read", UPLOADERS, sends="document"),
    Row("DELETE", STAGED, "release:stage", UPLOADERS, at={"staged_file": "{staged_done}"}, sends="document"),
    Row("POST", f"{STAGED}complete/", "release:stage", UPLOADERS, sends="document"),
    Row(
        "POST",
        f"{STAGED}extend/",
        "release:stage",
        UPLOADERS,
        {"json": '{"extend-for": 60}'},
        sends="document",
        quiet=True,
    ),
    # The owner has announced the file: the maintainer is let in and may not finish it.
    Row(
        "POST",
        f"{STAGED}attestations/",
        "release:stage",
        UPLOADERS,
        {"json": ATTESTED},
        sends="document",
        quiet=True,
        idle=frozenset({"maintainer"}),
    ),
    Row(
        "POST", f"{STAGED}bytes/", "release:stage", UPLOADERS, sends="bytes", quiet=True, idle=frozenset({"maintainer"})
    ),
    Row("GET", f"{STAGED}parts/", "release:stage-read", UPLOADERS, sends="document"),
    Row(
        "PUT",
        f"{STAGED}parts/",
        "release:stage",
        UPLOADERS,
        at={"staged_file": "{staged_parts}"},
        sends="bytes",
        query="offset=0",
        quiet=True,
        idle=frozenset({"maintainer"}),
    ),
    reads("/stage/{stage}/simple/", "stage:read", EVERYBODY),
    reads("/stage/{stage}/simple/{name}/", "stage:read", EVERYBODY),
    reads("/stage/{stage}/simple/{name}", "stage:read", EVERYBODY),
    reads("/stage/{stage}/files/{filename}", "stage:read", EVERYBODY, at={"filename": "{staged_filename}"}),
    reads("/views/", "public:read", EVERYBODY),
    reads("/view/{view}/", "public:read", EVERYBODY),
    replace(writes("/api/views/{view}/candidates", "candidate:write", SIGNED_IN, policy='level = "open"'), quiet=True),
    replace(
        writes("/api/views/{view}/candidates/{candidate}/decide", "candidate:write", SIGNED_IN, wanted="demo==1.0"),
        quiet=True,
    ),
    replace(
        writes("/api/views/{view}/candidates/{candidate}/end", "candidate:write", SIGNED_IN, end="yes"), quiet=True
    ),
    reads("/view/~{candidate}/simple/", "candidate:read", EVERYBODY),
    reads("/view/~{candidate}/simple/{name}/", "candidate:read", EVERYBODY),
    reads("/view/~{candidate}/simple/{name}", "candidate:read", EVERYBODY),
    reads(
        "/view/~{candidate}/files/{name}/{filename}",
        "candidate:read",
        EVERYBODY,
        at={"filename": "{filename}.metadata"},
    ),
    reads("/policy/", "public:read", EVERYBODY),
    replace(writes("/policy/", "policy:try", EVERYBODY, lock="demo==1.0"), quiet=True),
    reads("/view/{view}/policy/", "public:read", EVERYBODY),
    replace(writes("/view/{view}/policy/", "policy:try", EVERYBODY, lock="demo==1.0"), quiet=True),
    reads("/view/{view}/log/", "admin:read", OPERATORS),
    reads("/admin/views/", "admin:read", OPERATORS),
    writes("/admin/views/", "admin:danger", OPERATORS, name="other", level="open"),
    reads("/admin/views/{view}/", "admin:danger-form", OPERATORS),
    replace(
        writes("/admin/views/{view}/", "admin:danger", OPERATORS, policy='level = "strict"\n', do="check"), quiet=True
    ),
    writes("/admin/views/{view}/remove/", "admin:danger", OPERATORS, typed="{view}"),
    reads("/view/{view}/simple/", "public:read", EVERYBODY),
    reads("/view/{view}/simple/{name}/", "project:read", EVERYBODY),
    reads("/view/{view}/simple/{name}", "project:read", EVERYBODY),
    reads("/view/{view}/files/{project}/{filename}", "project:read", EVERYBODY),
    reads("/view/{view}/integrity/{name}/{version}/{filename}/provenance", "project:read", EVERYBODY),
    reads("/simple/", "public:read", EVERYBODY),
    reads("/simple", "public:read", EVERYBODY),
    reads("/simple/{name}/", "project:read", EVERYBODY),
    reads("/simple/{name}", "project:read", EVERYBODY),
    reads("/files/{project}/{filename}", "project:read", EVERYBODY),
    reads("/packages/{project}/{filename}", "project:read", EVERYBODY),
    reads("/integrity/{name}/{version}/{filename}/provenance", "project:read", EVERYBODY),
    reads("/pypi/{name}/json", "project:read", EVERYBODY),
    reads("/pypi/{name}/json/", "project:read", EVERYBODY),
    reads("/pypi/{name}/{version}/json", "project:read", EVERYBODY),
    reads("/pypi/{name}/{version}/json/", "project:read", EVERYBODY),
    # XML-RPC posts its questions and changes nothing.
    Row("POST", "/pypi", "xmlrpc:read", EVERYBODY, sends="call"),
    Row("POST", "/pypi/", "xmlrpc:read", EVERYBODY, sends="call"),
    # So does the protocol of OSV.dev.
    Row("POST", "/v1/query", "osv:read", EVERYBODY, ASKED, sends="call"),
    Row("POST", "/v1/querybatch", "osv:read", EVERYBODY, {"body": '{"queries": []}'}, sends="call"),
    reads("/v1/vulns/{advisory}", "public:read", EVERYBODY),
    reads("/osv/PyPI/all.zip", "public:read", EVERYBODY),
    reads("/osv/PyPI/modified_id.csv", "public:read", EVERYBODY),
    reads("/osv/known_exploited_vulnerabilities.json", "public:read", EVERYBODY),
    reads("/osv/epss_scores.csv", "public:read", EVERYBODY),
    reads("/osv/PyPI/{advisory}.json", "public:read", EVERYBODY),
    reads("/advisories/", "public:read", EVERYBODY),
    reads("/advisory/{advisory}/", "public:read", EVERYBODY),
    reads("/name/{name}/", "public:read", EVERYBODY),
    reads("/bundled/", "public:read", EVERYBODY, query="library=libwebp&range=%3C1.3.2"),
    reads("/api/bundled", "public:read", EVERYBODY, query="library=libwebp&below=1.3.2"),
    reads("/admin/advisory/{advisory}/libraries/", "admin:read", OPERATORS),
    writes("/admin/advisory/{advisory}/libraries/", "admin:write", OPERATORS, library="zlib", fixed="1.3.1"),
    writes("/admin/advisory/{advisory}/libraries/take-back/", "admin:write", OPERATORS, library="libwebp"),
    writes("/admin/advisory/{advisory}/libraries/tell/", "admin:write", OPERATORS),
    # Only what a reporter has signed is taken: tests/web/test_leaked_tokens.py.
    writes("/-/leaked-tokens/", "token:leak-report", frozenset()),
    reads("/.well-known/pytp", "public:read", EVERYBODY, query="discover=/legacy/"),
    reads("/_/oidc/audience", "public:read", EVERYBODY),
    writes("/_/oidc/mint-token", "publisher:mint", frozenset()),
    # The private Sigstore is switched off in the town: tests/web/test_sigstore_doors.py has one that runs.
    *(
        reads(f"/sigstore{path}", "public:read", frozenset())
        for path in (
            "/api/v2/trustBundle",
            "/api/v1/log",
            "/api/v1/log/entries",
            "/api/v1/log/entries/{uuid}",
            "/api/v1/log/proof",
            "/api/v1/log/publicKey",
            "/api/v2/checkpoint",
            "/api/v2/tile/entries/{tile:path}",
            "/api/v2/tile/{level}/{tile:path}",
            "/certificates/checkpoint",
            "/certificates/tile/entries/{tile:path}",
            "/certificates/tile/{level}/{tile:path}",
            "/trusted_root.json",
            "/signing_config.json",
            "/trust_config.json",
            "/tuf/{metadata}",
            "/tuf/targets/{target}",
            "/witness/key",
            "/oidc/.well-known/openid-configuration",
            "/oidc/keys",
            "/oidc/auth",
        )
    ),
    reads("/trust/sigstore/", "public:read", frozenset()),
    *(
        writes(path, "sigstore:sign", frozenset())
        for path in (
            "/api/v2/signingCert",
            "/sigstore/api/v2/signingCert",
            "/sigstore/api/v1/log/entries",
            "/sigstore/api/v2/log/entries",
        )
    ),
    # The protocol of timestamps posts its questions, and nothing is kept of them.
    Row("POST", "/sigstore/api/v1/timestamp", "sigstore:ask", frozenset(), {"body": "x"}, sends="call"),
    writes("/sigstore/oidc/token", "sigstore:redeem", frozenset()),
    writes("/sigstore/witness/add-checkpoint", "sigstore:witness", frozenset()),
    reads("/sigstore/oidc/asked/{outing}/", "sigstore:identify-form", frozenset()),
    writes("/sigstore/oidc/asked/{outing}/", "sigstore:identify", frozenset()),
    reads("/-/health", "public:read", EVERYBODY),
    reads("/-/ready", "public:read", EVERYBODY),
    # One's own account.
    reads("/account/sign-in/", "sign-in:form", EVERYBODY),
    writes("/account/sign-in/", "sign-in", EVERYBODY, name="{me}", password="{password}"),
    # Keys need an index that knows its name, which the town does not.
    idle("/account/passkey/", "sign-in", EVERYBODY, answer="{}"),
    idle("/account/keys/options/", "sign-in:form", EVERYBODY, verb="GET", query="purpose=passkey"),
    reads("/account/second/", "sign-in:form", EVERYBODY),
    replace(writes("/account/second/", "sign-in", EVERYBODY, code="{code}"), idle=EVERYBODY - {"half"}),
    reads("/account/browser/", "sign-in:form", EVERYBODY),
    idle("/account/browser/", "sign-in", EVERYBODY),
    reads("/account/browser/{link}/", "sign-in:form", EVERYBODY, at={"link": "{browser_link}"}),
    writes("/account/browser/{link}/", "sign-in", EVERYBODY, {"link": "{browser_link}"}, mine="yes"),
    writes("/account/sign-out/", "account:write", SIGNED_IN),
    reads("/account/again/", "prove:form", SIGNED_IN),
    writes("/account/again/", "prove", SIGNED_IN, password="{password}"),
    reads("/account/two-factor/", "account:danger-form", SIGNED_IN),
    writes("/account/two-factor/codes/", "account:danger", SIGNED_IN),
    # Codes come first, and nobody in the town has any.
    idle("/account/two-factor/codes/kept/", "account:danger", SIGNED_IN, code="abcd-abcd-abcd-abcd"),
    reads("/account/two-factor/app/", "account:danger-form", SIGNED_IN),
    idle("/account/two-factor/app/", "account:danger", SIGNED_IN, label="my phone", code="123456"),
    idle("/account/two-factor/key/", "account:danger", SIGNED_IN, label="my key", answer="{}"),
    writes("/account/two-factor/browsers/forget/", "account:danger", SIGNED_IN),
    idle("/account/two-factor/{factor}/rename/", "account:danger", SIGNED_IN, {"factor": "1"}, label="another name"),
    idle("/account/two-factor/{factor}/remove/", "account:danger", SIGNED_IN, {"factor": "1"}),
    reads("/account/reset/", "sign-in:form", EVERYBODY),
    writes("/account/reset/", "password:link", EVERYBODY, name="alice"),
    # What waits.
    reads("/account/pending/", "account:read", SIGNED_IN),
    writes("/account/pending/{change}/veto/", "account:write", frozenset({"owner"}), {"change": "{vetoable_change}"}),
    writes("/account/pending/{change}/withdraw/", "account:write", frozenset({"owner"}), {"change": "{own_change}"}),
    reads("/veto/{link}/", "veto:form", EVERYBODY, at={"link": "{veto_link}"}),
    writes("/veto/{link}/", "veto:by-link", EVERYBODY, {"link": "{veto_link}"}),
    reads(MANAGE + "/pending/", "project:manage-read", MAINTAINERS),
    writes(MANAGE + "/protect/", "project:danger", OWNERS, on="yes"),
    # Releases that wait.
    reads(MANAGE + "/staged/", "project:manage-read", MAINTAINERS),
    reads(WAITS, "staged:read", MAINTAINERS, at=READY),
    reads(WAITS + "diff/", "staged:read", MAINTAINERS, at=READY),
    idle(WAITS + "approve/", "staged:write", MAINTAINERS, READY, manifest="0" * 64, code="123456"),
    idle(WAITS + "withdraw/", "staged:write", MAINTAINERS, READY),
    writes(WAITS + "publish/", "staged:publish", UPLOADERS, READY),
    writes(WAITS + "cancel/", "staged:write", MAINTAINERS, READY),
    reads(API + "/staged/{session}", "staged:state", UPLOADERS, at=READY),
    # Release runs whose actors meet here: alice and mona are named in them. Whoever is not, hears that there is none.
    reads("/release/runs/", "release:runs-read", SIGNED_IN),
    *[
        reads(RUN + what, "release:page-read", UPLOADERS, at=MEETS)
        for what in ("", "head.json", "picture.svg", "journal/", "journal.jsonl")
    ],
    reads(RUN + "bundle", "release:page-read", UPLOADERS, at=RELEASED),
    Row("GET", f"{RUNS}/{{run}}/bundle", "release:run-read", UPLOADERS, at=RELEASED, sends="document"),
    replace(writes(RUN + "around/", "release:page-write", UPLOADERS, MEETS), idle=frozenset({"maintainer"})),
    *[
        writes(
            f"{RUN}{what}/",
            "release:page-write",
            UPLOADERS,
            ASKS,
            step="stop",
            question="{release_question}",
            why="Not on a Friday.",
        )
        for what in ("approve", "decline")
    ],
    writes(RUN + "resume/", "release:page-danger", UPLOADERS, {"run": "{release_stopped}"}, why="It is Monday."),
    writes(RUN + "restart/", "release:page-danger", UPLOADERS, ASKS, step="write", why="There was a mistake."),
    writes(RUN + "abort/", "release:page-danger", UPLOADERS, ASKS, why="Not now."),
    writes(RUN + "remove/", "release:page-danger", UPLOADERS, ASKS, machine="{release_machine}"),
    Row("POST", RUNS, "release:run-open", UPLOADERS, {"json": OPENS}, sends="document"),
    Row("GET", f"{RUNS}/{{run}}", "release:run-read", UPLOADERS, at=MEETS, sends="document"),
    Row("GET", f"{RUNS}/{{run}}/lines", "release:run-read", UPLOADERS, at=MEETS, sends="document"),
    # Only machines that have joined say anything, and no kind of person is one.
    Row("POST", f"{RUNS}/{{run}}/claims", "release:run-write", frozenset(), {"json": "{}"}, at=MEETS, sends="document"),
    Row("POST", f"{RUNS}/{{run}}/join", "release:run-join", frozenset(), {"json": "{}"}, at=MEETS, sends="document"),
    Row(
        "POST",
        f"{RUNS}/{{run}}/decisions",
        "release:run-decide",
        UPLOADERS,
        {"json": '{"what": "approve", "step": "stop"}'},
        at=ASKS,
        sends="document",
    ),
    Row(
        "GET",
        f"{RUNS}/{{run}}/objects/{{digest}}",
        "release:run-read",
        UPLOADERS,
        at={**ASKS, "digest": "{release_digest}"},
        sends="document",
    ),
    Row(
        "PUT",
        f"{RUNS}/{{run}}/objects/{{digest}}",
        "release:run-write",
        UPLOADERS,
        at={**ASKS, "digest": "{other_digest}"},
        sends="bytes",
        quiet=True,
    ),
    reads(MANAGE + "/rule/", "project:danger-form", OWNERS),
    writes(MANAGE + "/rule/", "project:danger", OWNERS, approvals="1"),
    reads(MANAGE + "/confirm/", "project:confirm-form", MAINTAINERS),
    writes(MANAGE + "/confirm/", "project:confirm", UPLOADERS),
    reads("/admin/pending/", "admin:read", OPERATORS),
    writes(
        "/admin/pending/{change}/",
        "admin:danger",
        OPERATORS,
        {"change": "{contested_change}"},
        decision="refuse",
        reason="It was not meant.",
    ),
    reads("/account/close/", "account:danger-form", SIGNED_IN),
    # Whoever owns something alone, or runs the index, cannot close his account.
    replace(
        writes("/account/close/", "account:danger", SIGNED_IN, typed="{me}"),
        idle=frozenset({"owner", "support", "operator"}),
    ),
    reads("/account/link/{link}/", "sign-in:form", EVERYBODY),
    writes("/account/link/{link}/", "password:by-link", EVERYBODY, **NEW_PASSWORD),
    reads("/account/register/", "sign-in:form", EVERYBODY),
    writes("/account/register/", "register", EVERYBODY, name="robin", email="robin@example.org", **NEW_PASSWORD),
    reads("/account/verify/{link}/", "sign-in:form", EVERYBODY, at={"link": "{verify_link}"}),
    writes("/account/verify/{link}/", "address:by-link", EVERYBODY, {"link": "{verify_link}"}),
    reads("/account/undo/{link}/", "sign-in:form", EVERYBODY, at={"link": "{undo_link}"}),
    writes("/account/undo/{link}/", "address:by-link", EVERYBODY, {"link": "{undo_link}"}),
    reads("/account/address/", "account:read", SIGNED_IN),
    writes("/account/address/", "account:danger", SIGNED_IN, email="other@example.org"),
    replace(writes("/account/address/again/", "account:write", SIGNED_IN), idle=frozenset({"owner", "user"})),
    reads("/account/linked/", "account:danger-form", SIGNED_IN),
    writes("/account/linked/{linked}/unlink/", "account:danger", SIGNED_IN),
    # The login of the town does not answer: whoever sets out or comes back is told so, and it is noted.
    reads("/account/linked/{login}/", "sign-in:form", EVERYBODY),
    reads("/account/linked/{login}/back/", "sign-in:form", EVERYBODY, query="code=c&state=s"),
    writes("/account/linked/{login}/back/", "identity:return", EVERYBODY, code="c", state="s"),
    reads("/account/publishing/", "account:read", SIGNED_IN),
    writes(
        "/account/publishing/",
        "account:danger",
        SIGNED_IN,
        issuer="github",
        project="yet-to-come",
        **{"field-owner": "acme", "field-repository": "come", "field-workflow": "release.yml"},
    ),
    writes(
        "/account/publishing/{publisher}/withdraw/", "account:write", SIGNED_IN, {"publisher": "{pending_publisher}"}
    ),
    reads("/account/security/", "account:read", SIGNED_IN),
    reads("/terms/", "public:read", EVERYBODY),
    reads("/account/terms/", "account:read", SIGNED_IN),
    # The town has no terms, so nobody can agree to any.
    idle("/account/terms/", "account:write", SIGNED_IN, revision="1", agree="yes"),
    reads("/admin/terms/", "admin:read", OPERATORS),
    writes("/admin/terms/", "admin:danger", OPERATORS, text="Be kind."),
    reads("/account/", "account:read", SIGNED_IN),
    reads("/account/password/", "account:danger-form", SIGNED_IN),
    writes("/account/password/", "account:danger", SIGNED_IN, **NEW_PASSWORD),
    reads("/account/sessions/", "account:read", SIGNED_IN),
    writes("/account/sessions/end/", "account:write", SIGNED_IN),
    reads("/account/tokens/", "account:danger-form", SIGNED_IN),
    writes("/account/tokens/", "account:danger", SIGNED_IN, note="ci"),
    writes("/account/tokens/{token}/revoke/", "account:write", SIGNED_IN),
    reads("/admin/tokens/", "admin:danger-form", OPERATORS),
    writes("/admin/tokens/", "admin:danger", OPERATORS, user="alice", reason="a test"),
    reads("/account/mail/", "account:read", SIGNED_IN),
    writes("/account/mail/", "account:write", SIGNED_IN, releases="yes"),
    reads("/account/invitations/", "account:read", SIGNED_IN),
    writes("/account/invitations/{invitation}/accept/", "invitation:answer", SIGNED_IN),
    writes("/account/invitations/{invitation}/decline/", "invitation:answer", SIGNED_IN),
    reads("/account/keys/", "account:read", SIGNED_IN),
    # Only alice looks after a critical project; the others are told why they cannot claim.
    replace(
        writes("/account/keys/{campaign}/claim/", "account:danger", SIGNED_IN),
        idle=SIGNED_IN - {"owner"},
    ),
    reads("/account/keys/{campaign}/", "account:danger-form", SIGNED_IN),
    # Pages for everybody.
    reads("/", "public:read", EVERYBODY),
    reads(PROJECT, "project:read", EVERYBODY),
    reads(f"{PROJECT}/", "project:read", EVERYBODY),
    reads(f"{PROJECT}/{{version}}", "project:read", EVERYBODY),
    reads(f"{PROJECT}/{{version}}/", "project:read", EVERYBODY),
    reads("/static/{address}", "public:read", EVERYBODY),
    reads(f"{PROJECT}/diff/", "project:read", EVERYBODY, query="old=1.0&new=2.0"),
    reads(f"{PROJECT}/diff/{{old}}/{{new}}/", "project:read", EVERYBODY),
    reads(f"{PROJECT}/checklist/", "project:read", EVERYBODY),
    reads(f"{API}/checklist", "project:read", EVERYBODY),
    reads(f"{MANAGE}/checklist/", "project:manage-read", MAINTAINERS),
    reads("/ledger/", "public:read", EVERYBODY),
    reads("/ledger.jsonl", "public:read", EVERYBODY),
    reads(f"{PROJECT}/ledger/", "project:read", EVERYBODY),
    reads(f"{PROJECT}/ledger.jsonl", "project:read", EVERYBODY),
    reads("/trust/", "public:read", EVERYBODY),
    reads("/trust/data.json", "public:read", EVERYBODY),
    reads("/trust/{table}.csv", "public:read", EVERYBODY, at={"table": "accounts"}),
    reads("/namespaces", "public:read", EVERYBODY),
    reads("/namespace/{namespace}", "public:read", EVERYBODY),
    reads("/search/", "public:read", EVERYBODY, query="q=demo"),
    reads(API + "/vex", "project:read", EVERYBODY),
    writes(API + "/vex", "project:vex", UPLOADERS, **SAFE),
    writes(API + "/vex/{statement}/withdraw", "project:vex", UPLOADERS),
    reads("/api/advisories/{advisory}/vex", "public:read", EVERYBODY),
    reads(MANAGE + "/vex/", "project:manage-read", MAINTAINERS),
    writes(MANAGE + "/vex/", "project:vex", MAINTAINERS, **SAFE),
    writes(MANAGE + "/vex/{statement}/withdraw/", "project:vex", MAINTAINERS),
    reads("/.well-known/customhouse-keys.json", "public:read", EVERYBODY),
    reads(API + "/amendments", "project:read", EVERYBODY),
    writes(API + "/amendments", "project:amend", UPLOADERS, **AMENDS),
    writes(API + "/amendments/{amendment}/withdraw", "project:amend", UPLOADERS, reason="It was a mistake."),
    reads(MANAGE + "/amendments/", "project:manage-read", MAINTAINERS),
    writes(MANAGE + "/amendments/", "project:amend", MAINTAINERS, **AMENDS),
    writes(MANAGE + "/amendments/{amendment}/withdraw/", "project:amend", MAINTAINERS, reason="It was a mistake."),
    reads("/view/{view}/constraints.txt", "public:read", EVERYBODY, query="for=demo"),
    reads("/view/{view}/overrides.txt", "public:read", EVERYBODY, query="widening=1"),
    reads("/view/{view}/uv.toml", "public:read", EVERYBODY),
    reads("/api/views/{view}", "public:read", EVERYBODY),
    reads("/api/views/{view}/amendments", "public:read", EVERYBODY),
    reads("/view/{view}/project/{project}/", "public:read", EVERYBODY),
    reads("/api/views/{view}/explain/{project}", "public:read", EVERYBODY),
    reads("/api/views/{view}/explain/{project}/{version}", "public:read", EVERYBODY),
    reads("/api/standing/", "standing:read", SIGNED_IN),
    writes("/api/standing/", "standing:write", SIGNED_IN, **LISTED),
    reads("/api/standing/{standing}/", "standing:read", SIGNED_IN),
    writes("/api/standing/{standing}/revoke", "standing:write", SIGNED_IN),
    reads("/account/standing/", "account:read", SIGNED_IN),
    writes("/account/standing/", "account:write", SIGNED_IN, **LISTED),
    reads("/account/standing/{standing}/", "account:read", SIGNED_IN),
    reads("/account/standing/{standing}/findings.json", "account:read", SIGNED_IN),
    writes("/account/standing/{standing}/revoke/", "account:write", SIGNED_IN),
    writes(API + "/versions/{version}/yank", "project:yank", UPLOADERS, reason="broken"),
    writes(API + "/versions/{version}/unyank", "project:yank", UPLOADERS),
    reads("/api/search", "public:read", EVERYBODY, query="q=demo"),
    reads("/rss/updates.xml", "public:read", EVERYBODY),
    reads("/rss/packages.xml", "public:read", EVERYBODY),
    reads("/rss/advisories.xml", "public:read", EVERYBODY),
    reads("/feeds/advisories.xml", "public:read", EVERYBODY),
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
    # Vulnerabilities that are not public: alice and olga belong to the cases, and whoever has the link comes by it.
    reads("/security/report/", "disclosure:form", EVERYBODY),
    writes("/security/report/", "disclosure:report", EVERYBODY, title="It leaks", text="Look at line 3."),
    reads(f"{MANAGE}/security/", "project:settings-read", OWNERS),
    writes(f"{MANAGE}/security/", "project:settings", OWNERS, text="Write to us first."),
    reads("/security/cases/", "disclosure:read", SIGNED_IN),
    reads(f"{DISCLOSURE}", "disclosure:read", HANDLERS),
    reads(f"{DISCLOSURE}attached/{{attachment}}/", "disclosure:read", HANDLERS),
    writes(f"{DISCLOSURE}say/", "disclosure:write", HANDLERS, text="Look at line 4, too."),
    writes(f"{DISCLOSURE}credit/", "disclosure:write", HANDLERS, name="Rita", kind="finder"),
    writes(f"{DISCLOSURE}uncredit/", "disclosure:write", HANDLERS, credit="1"),
    writes(f"{DISCLOSURE}confirm/", "disclosure:write", HANDLERS, {"disclosure": "{disclosure_staged}"}, works="yes"),
    idle(f"{DISCLOSURE}agree/", "disclosure:write", HANDLERS),
    writes(f"{DISCLOSURE}move/", "disclosure:write", HANDLERS, state="fixing"),
    writes(f"{DISCLOSURE}exploited/", "disclosure:write", HANDLERS, reason="In a log."),
    writes(f"{DISCLOSURE}draft/", "disclosure:write", HANDLERS, title="It leaks"),
    replace(writes(f"{DISCLOSURE}project/", "disclosure:write", HANDLERS, project="demo"), idle=frozenset({"owner"})),
    writes(f"{DISCLOSURE}invite/", "disclosure:write", HANDLERS, user="paul"),
    replace(writes(f"{DISCLOSURE}take/", "disclosure:write", HANDLERS), idle=frozenset({"owner"})),
    idle(f"{DISCLOSURE}remove/", "disclosure:write", HANDLERS, member="99"),
    replace(writes(f"{DISCLOSURE}stage/", "disclosure:write", HANDLERS, version="5.1"), idle=OPERATORS),
    idle(f"{DISCLOSURE}schedule/", "disclosure:write", HANDLERS, at="2027-01-01T12:00"),
    writes(f"{DISCLOSURE}extend/", "disclosure:write", HANDLERS, reason="It is hard."),
    writes(f"{DISCLOSURE}cve/", "disclosure:write", HANDLERS, cve="CVE-2026-4242"),
    idle(f"{DISCLOSURE}downstreams/", "disclosure:write", HANDLERS, others="other"),
    idle(f"{DISCLOSURE}publish/", "disclosure:publish", HANDLERS),
    writes(
        f"{DISCLOSURE}withdraw/",
        "disclosure:publish",
        HANDLERS,
        {"disclosure": "{disclosed_case}"},
        reason="It is none.",
    ),
    # Its release, for programs. A token of an operator is nobody's of the desk: he must belong to the case.
    reads(CASE_RELEASE, "case:release-read", HANDLERS),
    replace(writes(f"{CASE_RELEASE}/stage", "case:release-stage", HANDLERS, version="5.1"), idle=OPERATORS),
    idle(f"{CASE_RELEASE}/publish", "case:release-publish", HANDLERS),
    reads("/advisory/{advisory}/cve.json", "public:read", EVERYBODY, at={"advisory": "{disclosed}"}),
    reads("/advisory/{advisory}/csaf.json", "public:read", EVERYBODY, at={"advisory": "{disclosed}"}),
    reads(BY_LINK, "disclosure:link-read", EVERYBODY),
    reads(f"{BY_LINK}attached/{{attachment}}/", "disclosure:link-read", EVERYBODY),
    writes(f"{BY_LINK}say/", "disclosure:link-write", EVERYBODY, text="Look at line 4, too."),
    writes(f"{BY_LINK}credit/", "disclosure:link-write", EVERYBODY, name="Rita", kind="finder"),
    writes(f"{BY_LINK}uncredit/", "disclosure:link-write", EVERYBODY, credit="1"),
    idle(f"{BY_LINK}confirm/", "disclosure:link-write", EVERYBODY, works="yes"),
    idle(f"{BY_LINK}agree/", "disclosure:link-write", EVERYBODY),
    writes(f"{BY_LINK}move/", "disclosure:link-write", EVERYBODY, state="disputed", reason="It is worse."),
    writes(f"{BY_LINK}exploited/", "disclosure:link-write", EVERYBODY, reason="In a log."),
    # Getting an account back. Whom a case does not concern hears that there is none.
    reads("/account/recover/", "sign-in:form", EVERYBODY),
    writes("/account/recover/", "recovery:ask", EVERYBODY, name="alice", where="sent"),
    reads("/recovery/{link}/", "recovery:read", EVERYBODY, at={"link": "{asked_recovery_link}"}),
    writes("/recovery/{link}/mail/", "recovery:prove", EVERYBODY, {"link": "{asked_recovery_link}"}),
    writes(
        "/recovery/{link}/repository/",
        "recovery:prove",
        EVERYBODY,
        {"link": "{asked_recovery_link}"},
        url="https://example.org/demo",
    ),
    writes(
        "/recovery/{link}/dns/", "recovery:prove", EVERYBODY, {"link": "{asked_recovery_link}"}, domain="example.org"
    ),
    writes("/recovery/{link}/code/", "recovery:prove", EVERYBODY, {"link": "{asked_recovery_link}"}, code="abcd-efgh"),
    writes(
        "/recovery/{link}/address/",
        "recovery:prove",
        EVERYBODY,
        {"link": "{asked_recovery_link}"},
        email="u@new.example",
    ),
    reads("/recovery/{link}/identity/{login}/", "recovery:read", EVERYBODY, at={"link": "{asked_recovery_link}"}),
    reads("/account/recovery/", "account:read", SIGNED_IN),
    writes("/account/recovery/{case}/object/", "account:write", frozenset({"user"}), {"case": "{asked_recovery}"}),
    reads(
        "/account/recovery/{case}/vouch/", "account:danger-form", frozenset({"owner"}), at={"case": "{shared_recovery}"}
    ),
    replace(
        writes(
            "/account/recovery/{case}/vouch/",
            "account:danger",
            frozenset({"owner"}),
            {"case": "{shared_recovery}"},
            word="abcd-efgh",
        ),
        idle=frozenset({"owner"}),  # she has no security key to vouch with
    ),
    reads("/admin/recovery/", "recoveries:read", SUPPORT),
    reads("/admin/recovery/{case}/", "recoveries:read", SUPPORT, at={"case": "{ready_recovery}"}),
    writes(
        "/admin/recovery/{case}/approve/", "admin:danger", OPERATORS, {"case": "{ready_recovery}"}, reason="It is she."
    ),
    writes(
        "/admin/recovery/{case}/refuse/",
        "admin:danger",
        OPERATORS,
        {"case": "{ready_recovery}"},
        reason="It is not she.",
    ),
    writes(
        "/admin/recovery/{case}/resume/",
        "admin:danger",
        OPERATORS,
        {"case": "{contested_recovery}"},
        reason="It is he.",
    ),
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
    reads(f"{MANAGE}/people/", "project:manage-read", MAINTAINERS),
    writes(f"{MANAGE}/people/invite/", "project:danger", OWNERS, who="ursula", role="maintainer"),
    replace(writes(f"{MANAGE}/people/leave/", "project:leave", MAINTAINERS), idle=OPERATORS),
    writes(f"{MANAGE}/people/{{user}}/role/", "project:danger", OWNERS, {"user": "paul"}, role="owner"),
    writes(f"{MANAGE}/people/{{user}}/remove/", "project:danger", OWNERS, {"user": "paul"}),
    writes(
        f"{MANAGE}/invitations/{{invitation}}/withdraw/",
        "project:settings",
        OWNERS,
        {"invitation": "{project_invitation}"},
    ),
    reads("/manage/new/", "project:create-form", SIGNED_IN),
    writes("/manage/new/", "project:create", SIGNED_IN, name="brand-new", visibility="public"),
    reads(f"{MANAGE}/transfer/", "project:danger-form", OWNERS, query="person=ursula"),
    writes(f"{MANAGE}/transfer/", "project:danger", OWNERS, person="ursula", typed="demo"),
    reads(f"{MANAGE}/visibility/", "project:danger-form", OWNERS),
    writes(f"{MANAGE}/visibility/", "project:danger", OWNERS, visibility="private", typed="demo"),
    *webhooks(f"{MANAGE}/webhooks/", "project", "project:settings-read", "project:settings", "project:danger", OWNERS),
    # Organizations.
    reads("/manage/new-organization/", "organization:create-form", SIGNED_IN),
    writes("/manage/new-organization/", "organization:create", SIGNED_IN, name="brand-new", display="Brand new"),
    reads(f"{GUILD}/", "organization:read", MEMBERS),
    reads(f"{GUILD}/people/", "organization:read", MEMBERS),
    writes(f"{GUILD}/people/invite/", "organization:manage-danger", MANAGERS, who="ursula", role="member"),
    writes(f"{GUILD}/people/{{user}}/role/", "organization:danger", CHAIRS, {"user": "greta"}, role="manager"),
    writes(f"{GUILD}/people/{{user}}/remove/", "organization:manage-danger", MANAGERS, {"user": "greta"}),
    replace(writes(f"{GUILD}/leave/", "organization:leave", MEMBERS), idle=OPERATORS),
    writes(
        f"{GUILD}/invitations/{{invitation}}/withdraw/",
        "organization:settings",
        MANAGERS,
        {"invitation": "{guild_invitation}"},
    ),
    reads(f"{GUILD}/teams/", "organization:read", MEMBERS),
    writes(f"{GUILD}/teams/", "organization:settings", MANAGERS, team="builders"),
    reads(f"{TEAM}/", "organization:read", MEMBERS),
    writes(f"{TEAM}/remove/", "organization:manage-danger", MANAGERS),
    writes(f"{TEAM}/members/", "organization:manage-danger", MANAGERS, user="mark"),
    writes(f"{TEAM}/members/{{user}}/remove/", "organization:manage-danger", MANAGERS, {"user": "greta"}),
    writes(f"{TEAM}/projects/", "organization:manage-danger", MANAGERS, project="lodge", role="owner"),
    reads(f"{GUILD}/settings/", "organization:settings-read", MANAGERS),
    writes(f"{GUILD}/settings/", "organization:settings", MANAGERS, display="Another title"),
    *webhooks(
        f"{GUILD}/webhooks/",
        "guild",
        "organization:settings-read",
        "organization:settings",
        "organization:settings",
        MANAGERS,
    ),
    # Running the index.
    reads("/admin/giveaway/", "admin:read", OPERATORS),
    writes("/admin/giveaway/", "admin:danger", OPERATORS, campaign="{campaign}", codes="A-NEW-CODE"),
    reads("/admin/giveaway.csv", "admin:read", OPERATORS),
    reads("/admin/giveaway/{campaign}/", "admin:read", OPERATORS),
    reads("/account/required/", "account:read", SIGNED_IN),
    reads(f"{MANAGE}/publishing/", "project:settings-read", OWNERS),
    writes(
        f"{MANAGE}/publishing/",
        "project:danger",
        OWNERS,
        issuer="github",
        stages_only="yes",
        **{"field-owner": "acme", "field-repository": "other", "field-workflow": "release.yml"},
    ),
    writes(f"{MANAGE}/publishing/only/", "project:danger", OWNERS, on="yes"),
    writes(f"{MANAGE}/publishing/{{publisher}}/remove/", "project:settings", OWNERS),
    reads(f"{MANAGE}/mandate/", "project:settings-read", OWNERS),
    replace(
        writes(f"{MANAGE}/mandate/", "project:danger", OWNERS, methods="any", enforced="2027-01-01"),
        idle=frozenset({"owner"}),
    ),
    writes(f"{MANAGE}/mandate/change/", "project:danger", OWNERS, {"name": "hidden"}, enforced="2026-12-20"),
    writes(f"{MANAGE}/mandate/end/", "project:danger", OWNERS, {"name": "hidden"}, reason="Too hard."),
    reads("/admin/mandates/", "admin:read", OPERATORS),
    reads("/admin/mandates/new/", "admin:read", OPERATORS, query="scope=critical&rule=1%25"),
    writes(
        "/admin/mandates/",
        "admin:danger",
        OPERATORS,
        scope="critical",
        methods="any",
        title="Two factors",
        announced="2026-11-24",
        warned="2026-12-24",
        enforced="2027-01-24",
    ),
    reads("/admin/mandates/{mandate}/", "admin:read", OPERATORS),
    writes("/admin/mandates/{mandate}/change/", "admin:danger", OPERATORS, enforced="2027-02-15"),
    writes("/admin/mandates/{mandate}/end/", "admin:danger", OPERATORS, reason="A mistake."),
    writes(
        "/admin/mandates/{mandate}/exempt/",
        "admin:danger",
        OPERATORS,
        account="paul",
        until="2027-01-01",
        reason="In hospital.",
    ),
    writes("/admin/mandates/{mandate}/exemptions/{exemption}/end/", "admin:danger", OPERATORS),
    reads("/critical/", "public:read", EVERYBODY),
    reads("/critical/data.json", "public:read", EVERYBODY),
    reads("/critical/projects.csv", "public:read", EVERYBODY),
    reads("/critical/curve.csv", "public:read", EVERYBODY),
    reads("/admin/domains/", "admin:read", OPERATORS),
    writes(
        "/admin/domains/decide/", "admin:danger", OPERATORS, domain="wanda.example", choice="lost", reason="For sale."
    ),
    writes("/admin/domains/vouch/", "admin:danger", OPERATORS, account="lotta", reason="I know her."),
    reads("/admin/critical/", "admin:read", OPERATORS),
    reads("/admin/triage/", "admin:read", OPERATORS),
    reads("/admin/triage/{case}/", "admin:read", OPERATORS, at={"case": "{record}"}),
    writes(
        "/admin/triage/{case}/verdict/",
        "admin:write",
        OPERATORS,
        {"case": "{record}"},
        verdict="not-python",
        reason="It is in Go.",
    ),
    writes("/admin/triage/{case}/undo/", "admin:write", OPERATORS, {"case": "{decided_record}"}),
    writes(
        "/admin/triage/list/several/",
        "admin:write",
        OPERATORS,
        verdict="later",
        **{"case:CVE-2026-3000": "{record_digest}"},
    ),
    writes("/admin/triage/list/exceptions/", "admin:write", OPERATORS, entry="CVE-2026-4000", reason="It is none."),
    writes("/admin/triage/list/readmit/", "admin:write", OPERATORS, entry="nothing-much"),
    reads("/admin/sources/", "admin:read", OPERATORS),
    reads("/admin/advisories/", "admin:read", OPERATORS),
    reads("/admin/advisories/new/", "admin:read", OPERATORS),
    writes("/admin/advisories/new/", "admin:write", OPERATORS, details="A hole.", affected="sundry: < 2", do="save"),
    reads("/admin/advisories/{advisory}/", "admin:read", OPERATORS, at={"advisory": "{own_advisory}"}),
    writes(
        "/admin/advisories/{advisory}/",
        "admin:write",
        OPERATORS,
        {"advisory": "{own_advisory}"},
        details="A larger hole.",
        affected="sundry: < 3",
        do="save",
    ),
    writes(
        "/admin/advisories/{advisory}/withdraw/",
        "admin:write",
        OPERATORS,
        {"advisory": "{own_advisory}"},
        reason="It is none.",
    ),
    reads("/admin/names/", "admin:read", OPERATORS),
    writes("/admin/names/prohibit/", "admin:write", OPERATORS, name="evil-name", reason="It insults."),
    writes("/admin/names/allow/", "admin:write", OPERATORS, name="bad-name", reason="It does not."),
    writes("/admin/namespaces/grant/", "admin:write", OPERATORS, prefix="acme", organization="guild"),
    writes("/admin/namespaces/revoke/", "admin:write", OPERATORS, prefix="guild"),
    reads("/admin/quotas/", "admin:read", OPERATORS),
    writes("/admin/quotas/", "admin:write", OPERATORS, project="demo", file_size="900 MB", reason="It is large."),
    *webhooks("/admin/webhooks/", "index", "admin:read", "admin:write", "admin:danger", OPERATORS),
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
    reads("/admin/cases/{case}/fetched/", "cases:read", SUPPORT),
    writes("/admin/cases/{case}/fetched/address/", "cases:decide", OPERATORS, network="198.51.100.7"),
    idle("/admin/cases/{case}/fetched/tell/", "cases:decide", OPERATORS, reason="It reads tokens."),
    reads("/admin/ledger/", "ledger:read-all", OPERATORS),
    reads("/admin/ledger.jsonl", "ledger:read-all", OPERATORS),
    writes("/admin/project/{name}/quarantine/", "admin:write", OPERATORS, reason="It does harm."),
    writes("/admin/project/{name}/critical/", "admin:danger", OPERATORS, critical="yes", reason="Others build on it."),
]
