"""A town: one of everything that an index holds, and one person of every kind, for tests that try every door.

It is founded once for a module. `Town.kept` notes all rows, and `Town.restore` brings them back after a door has changed
some, so that every knock finds the same town.
"""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Literal

import httpx2 as httpx
import sqlalchemy as sa
from starlette.routing import BaseRoute
from starlette.testclient import TestClient

from advising import advise, know_exploited, record
from attesting import House, attest
from clock import TurnableClock
from customhouse.accounts import sessions
from customhouse.accounts.devices import Admit, Browser, admit
from customhouse.accounts.devices import link_text as browser_link
from customhouse.accounts.links import (
    MakeLink,
    MakePasswordLink,
    SetPassword,
    link_text,
    make_link,
    make_password_link,
    set_password,
)
from customhouse.accounts.links import Purpose as LinkPurpose
from customhouse.accounts.recovery_codes import MakeCodes, make_codes
from customhouse.accounts.sessions import SignIn, form_token
from customhouse.accounts.tables import account, device_question, linked_identity
from customhouse.accounts.tokens import CreateToken
from customhouse.accounts.users import AddUser, SetSiteRole, add_user, find_user, find_user_by_id, set_site_role
from customhouse.advisories.triage.stored import digest_of
from customhouse.app import App, open_app
from customhouse.catalog.bundled import forget_scan, keep_scan
from customhouse.catalog.tables import (
    file,
    invitation,
    organization,
    organization_member,
    project,
    project_role,
    release,
)
from customhouse.formats.bundled.model import BundledLibrary, BundledScan, Evidence
from customhouse.hooks.model import Patterns
from customhouse.hooks.tables import webhook_delivery
from customhouse.index.bundling.ranges import SayRange, say_range
from customhouse.index.change_role import RemoveRole, remove_role
from customhouse.index.delete import Delete
from customhouse.index.domains.judge import Look, Names
from customhouse.index.domains.note import NoteLook, note_look
from customhouse.index.giveaway.load import LoadCodes, load_codes
from customhouse.index.giveaway.model import Terms
from customhouse.index.giveaway.tables import giveaway_campaign, giveaway_eligible
from customhouse.index.invite import InviteToOrganization, InviteToProject, invite_to_organization, invite_to_project
from customhouse.index.mandates.announce import Announce, announce
from customhouse.index.mandates.change import Exempt, exempt
from customhouse.index.mandates.model import Dates
from customhouse.index.mandates.queries import exemptions
from customhouse.index.namespaces import GrantNamespace, grant_namespace
from customhouse.index.new_project import CreateProject, new_project
from customhouse.index.organizations import CreateOrganization, create_organization
from customhouse.index.prohibited import Prohibit, prohibit
from customhouse.index.publishing.add import AddPublisher, add_publisher
from customhouse.index.publishing.pending import AddPending, add_pending
from customhouse.index.recovery.accept import Given, accept
from customhouse.index.recovery.contest import Contest, contest
from customhouse.index.recovery.delays import delays_of
from customhouse.index.recovery.links import Purpose
from customhouse.index.recovery.links import link_text as recovery_link_text
from customhouse.index.recovery.open import OpenCase, open_case
from customhouse.index.report import FileReport, Rules, file_report
from customhouse.index.slow.links import veto_text
from customhouse.index.slow.model import PendingChange
from customhouse.index.slow.protect import Protect, protect
from customhouse.index.slow.veto import Veto, veto
from customhouse.index.staging.add_file import AddFile, add_file
from customhouse.index.staging.policy import BYTES, PARTS
from customhouse.index.teams import (
    AboutTeam,
    AboutTeamMember,
    AboutTeamRole,
    add_team_member,
    create_team,
    set_team_role,
)
from customhouse.index.triage.exceptions import Except, put_exception
from customhouse.index.trust.snapshot import take_snapshot
from customhouse.index.verdict import GiveVerdict, give_verdict
from customhouse.index.visibility import ChangeVisibility, change_visibility
from customhouse.index.webhooks.add import AddWebhook, add_webhook
from customhouse.index.webhooks.holder import Holder
from customhouse.index.yank import Yank, yank
from customhouse.infra.db import insert_new
from customhouse.infra.rdap import Registration
from customhouse.infra.settings import Settings
from customhouse.infra.spool import spool_bytes
from customhouse.infra.targets import Target
from customhouse.infra.walkers import Walkers
from customhouse.ledger.tx import Tx
from customhouse.reports.claim import parse_claim
from customhouse.terms.clock import Clock
from customhouse.terms.identity import COMMAND_LINE, Actor, Identity
from customhouse.trust.described import describe
from customhouse.trust.issuers import BUILT_IN
from customhouse.views.define import AddView, add_view
from customhouse.views.simulate.candidates import make_candidate
from customhouse.web.asgi import build
from customhouse.web.doors import Door
from customhouse.web.render import static_address
from customhouse.work import run_followers
from dns_simulator import dns_simulator
from packages import Dist, wheel
from person import hashed_password
from town_amendments import HEADERS as AMENDED_HEADERS
from town_amendments import say
from town_disclosure import accepted_case, actor_of, attach, published_case, stage_for
from town_release import found_runs
from town_vex import register_for, state
from triaging import PREFIX, certain, cve_record, take
from world import upload

Kind = Literal["anonymous", "half", "user", "maintainer", "owner", "member", "manager", "chair", "support", "operator"]
NAMES: Mapping[Kind, str] = {
    "anonymous": "", "half": "hazel", "user": "ursula", "maintainer": "mona", "owner": "alice", "member": "mark",
    "manager": "max", "chair": "gilda", "support": "sue", "operator": "olga",
}  # fmt: skip
"""Who is who. ``member``, ``manager`` and ``chair`` (an owner) belong to the organization ``guild``."""
OTHERS = ("rita", "newcomer", "paul", "petra", "greta", "gregor")
"""People that things are done to: a reporter, somebody new, a maintainer, an owner, a member, a chair."""
SITE_ROLES: Mapping[Kind, str] = {"support": "support", "operator": "operator"}
DESCRIPTION = """# Demo

Some *text* with `code`, [a link](https://example.org/) and a list:

- one
- two

| a | b |
| - | - |
| 1 | 2 |

```python
import demo
```
"""
FORM_COOKIE_VALUE = "a-stranger-in-a-browser-of-his-own-0000000000"
# Pages and gates are made from the other rows, at the first read at the latest. The words of search have tables that
# SQLite keeps for itself. Whoever reads a file is counted and noted, by and by.
DERIVED = re.compile(
    r"page|gate|edition|mirror_.*|mirrored_.*|upstream_.*|download(_.*)?|fetched|sqlite_.*|"
    r".*_(config|content|data|docsize|idx)"
)
STAGED_WHEEL = wheel("demo", "4.0")
"""Of a release that is being made: all its bytes are there, and it is not complete."""
NOTED = {"ledger_event", "ledger_head"}
"""What a refusal may add to."""


@dataclass(frozen=True)
class Townsman:
    """Somebody with what his browser and his programs bring along."""

    kind: Kind
    name: str
    cookies: Mapping[str, str]
    csrf: str
    token: str = ""
    account_id: int = 0

    @property
    def cookie(self) -> str:
        """The header of his browser."""
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())


@dataclass
class Town:
    """An open app with everything in it, spoken to through its ASGI door."""

    app: App
    client: TestClient
    people: dict[Kind, Townsman] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)
    """Ids that addresses and forms need, by name; those of one person as ``what:kind``."""
    files: dict[str, Dist] = field(default_factory=dict)
    _kept: sqlite3.Connection | None = None
    _eyes: sqlite3.Connection | None = None
    _version: int = 0
    _queries: dict[str, str] = field(default_factory=dict)
    _rows: dict[str, list[tuple[object, ...]]] = field(default_factory=dict)

    @property
    def routes(self) -> list[BaseRoute]:
        """Every route of the application."""
        serve = self.client.app
        return list(serve._inner.inner.app._inner.router.routes)  # type: ignore[attr-defined] # what `build` wraps

    @property
    def doors(self) -> list[Door]:
        """The same, as the doors that all of them are."""
        return [route for route in self.routes if isinstance(route, Door)]

    def fill(self, text: str, kind: Kind) -> str:
        """An address or a value of a form with its ``{places}`` filled for somebody."""
        known = {name: value for name, value in self.facts.items() if ":" not in name}
        known |= {name.partition(":")[0]: value for name, value in self.facts.items() if name.endswith(f":{kind}")}
        return re.sub(r"\{(\w+)\}", lambda place: known[place[1]], text)

    def knock(
        self, kind: Kind, verb: str, address: str, *, form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None, accept: str = "application/json, text/html;q=0.5",
        **more: object,
    ) -> httpx.Response:  # fmt: skip
        """One request, as that person's browser sends it, or under ``/api/`` his program; nothing is followed."""
        who = self.people[kind]
        sent = {"accept": accept}
        if address.startswith("/api/"):
            sent |= {"authorization": f"Bearer {who.token}"} if who.token else {}
            more |= {"json": dict(form)} if form is not None else {}
        else:
            sent |= {"cookie": who.cookie}
            more |= {"data": {"csrf": who.csrf, **form}} if form is not None else {}
        answer = self.client.request(verb, address, headers=sent | dict(headers or {}), follow_redirects=False, **more)  # type: ignore[arg-type]
        self.client.cookies.clear()
        return answer

    def keep(self) -> None:
        """Note all rows as they are now."""
        path = self.app.database.engine.url.database
        assert path is not None, "a town stands on SQLite"
        self._eyes = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._kept = sqlite3.connect(":memory:", check_same_thread=False)
        self._eyes.backup(self._kept)
        self._version = self._data_version()
        self._queries = self._how_to_read()
        self._rows = self._read()

    def changed(self) -> dict[str, tuple[int, int]]:
        """Tables whose rows are not as they were kept: how many have gone, and how many are new."""
        if self._data_version() == self._version:
            return {}
        found = {}
        for table, rows in self._read().items():
            if rows != self._rows[table]:
                before, now = set(map(repr, self._rows[table])), set(map(repr, rows))
                found[table] = (len(before - now), len(now - before))
        if not found:
            self._version = self._data_version()
        return found

    def events(self) -> list[str]:
        """The kinds of the events that have been recorded since."""
        assert self._eyes is not None
        last = len(self._rows["ledger_event"])
        rows = self._eyes.execute("SELECT kind FROM ledger_event WHERE serial > ? ORDER BY serial", (last,))
        return [row[0] for row in rows]

    def restore(self) -> None:
        """Bring back every row."""
        assert self._kept is not None
        assert self._eyes is not None
        # Reading all rows to learn whether any has changed would take longer than to bring them back.
        if self._data_version() != self._version:
            self._kept.backup(self._eyes)
            self._version = self._data_version()

    def close(self) -> None:
        """Let go of the database."""
        for connection in (self._eyes, self._kept):
            if connection is not None:
                connection.close()

    def _data_version(self) -> int:
        assert self._eyes is not None
        return int(self._eyes.execute("PRAGMA data_version").fetchone()[0])

    def _how_to_read(self) -> dict[str, str]:
        """The query for the rows of each table that is not made from others."""
        assert self._eyes is not None
        tables = [row[0] for row in self._eyes.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {}
        for table in tables:
            if DERIVED.fullmatch(table):
                continue
            columns = [row[1] for row in self._eyes.execute(f'PRAGMA table_info("{table}")')]
            wanted = ", ".join(f'"{column}"' for column in columns if (table, column) != ("session", "seen_at"))
            found[table] = f'SELECT {wanted} FROM "{table}"'  # noqa: S608 - names from the schema
        return found

    def _read(self) -> dict[str, list[tuple[object, ...]]]:
        assert self._eyes is not None
        return {table: list(self._eyes.execute(query)) for table, query in self._queries.items()}


@contextmanager
def open_town(settings: Settings, clock: Clock, walkers: Walkers | None = None) -> Iterator[Town]:
    """Found a town on a prepared installation."""
    with (
        open_app(settings, clock=clock, walkers=walkers) as app,
        TestClient(build(app), base_url="https://index.test") as client,
    ):
        town = Town(app, client)
        _settle(town)
        _ask_about_a_browser(town)
        _trade(town)
        _gather(town)
        _demand(town)
        _wait(town)
        _give(town)
        _judge(town)
        _lose(town)
        _lapse(town)
        _trust_builds(town)
        _stage(town)
        _disclose(town)
        town.facts |= found_runs(app, NAMES["owner"], NAMES["maintainer"])
        town.facts["other_digest"] = STAGED_WHEEL.sha256
        _let_in(town)
        for person in town.people.values():
            if person.token:
                app.authenticate(person.token)  # the last use is noted now and not at the first knock
        town.keep()
        yield town
        town.close()


OTHER_LOGIN = {
    "name": "guild", "title": "Guild login", "issuer": "https://login.invalid", "client_id": "town",
}  # fmt: skip
"""Nobody answers at that login: whoever sets out to it is told so."""


@contextmanager
def small_town(folder: Path, blank: Path, walkers: Walkers) -> Iterator[Town]:
    """A town on a copy of an empty installation, with a clock that stands still."""
    values = {"data": prepared_copy(blank, folder), "registration": "open", "oidc_logins": [OTHER_LOGIN]}
    # Every name that is asked for is answered with "there is none".
    with dns_simulator() as names:
        settings = Settings.model_validate(values | names.settings)
        with open_town(settings, TurnableClock(), walkers) as town:
            yield town


def prepared_copy(blank: Path, folder: Path) -> Path:
    """A data folder of one's own, from an empty installation that is prepared."""
    return Path(shutil.copytree(blank, folder / "data"))


def _let_in(town: Town) -> None:
    """A view of what is hosted here."""
    town.app.do(add_view, AddView("main", (), 'level = "balanced"\n', ()))
    with town.app.database.read() as sql:
        alice = find_user(sql, "alice").id
    tried = make_candidate(
        town.app.database,
        view="main",
        account_id=alice,
        policy='level = "open"\n',
        as_of=None,
        now=town.app.clock.now(),
    )
    town.facts |= {"view": "main", "candidate": tried.token}


def _lapse(town: Town) -> None:
    """A mail domain that waits for an operator, and one that has taken the address of lotta along."""
    app, now = town.app, town.app.clock.now()
    for name, per_day in (("wanda", 0), ("lotta", 20)):
        domain = f"{name}.example"
        app.do(add_user, AddUser(name, f"{name}@{domain}"))
        look = Look(now, Registration(domain, frozenset({"redemption period"})), Names(exists=False))
        app.do(note_look, NoteLook(domain, look, per_day))


def _settle(town: Town) -> None:
    """People, their passwords, tokens and sessions; a link that sets a password."""
    app = town.app
    stranger = {"__Host-form": FORM_COOKIE_VALUE}
    csrf = form_token(app.key, FORM_COOKIE_VALUE)
    town.people["anonymous"] = Townsman("anonymous", "", stranger, csrf)
    run_followers(app)
    for name in OTHERS:
        app.do(add_user, AddUser(name, f"{name}@example.org"))
    for kind, name in NAMES.items():
        if not name:
            continue
        user = app.do(add_user, AddUser(name, f"{name}@example.org"))
        app.do(partial(set_password, app.key), SetPassword(hashed_password(), user=user))
        if kind in SITE_ROLES:
            user = app.do(set_site_role, SetSiteRole(name, SITE_ROLES[kind]))
        token = app.create_token(CreateToken(name)).text
        half = kind == "half"
        if half:
            town.facts["code"] = app.do(partial(make_codes, app.key), MakeCodes(user))[0]
        cookie = app.do(sessions.sign_in, SignIn(user, "203.0.113.9", "Tests", state="half" if half else "full"))
        # A half session is nobody: he has the stranger's form cookie, too, and no program of his own.
        cookies = {"__Host-session": cookie} | (stranger if half else {})
        town.people[kind] = Townsman(
            kind, name, cookies, csrf if half else form_token(app.key, cookie), "" if half else token, user.id
        )
        town.facts |= {f"token:{kind}": token.split(".")[1], f"me:{kind}": name}
    with app.database.read() as sql:
        newcomer = find_user(sql, "newcomer")
    purposes: dict[str, LinkPurpose] = {"verify_link": "verify", "undo_link": "undo"}
    for what, purpose in purposes.items():
        wish = MakeLink(newcomer.id, purpose, app.lifetimes.life, "newcomer@old.example")
        town.facts[what] = link_text(app.key, app.do(make_link, wish))
    with app.database.write() as sql:
        for kind, who in town.people.items():
            row = {"account_id": who.account_id, "issuer": "https://login.invalid", "subject": kind, "name": who.name}
            if who.account_id:
                sql.execute(
                    linked_identity.insert().values(**row, linked_at=app.clock.now(), proved_at=app.clock.now())
                )
        ids = sa.select(linked_identity.c.id, linked_identity.c.subject)
        town.facts |= {f"linked:{row.subject}": str(row.id) for row in sql.execute(ids)}
    town.facts |= {"login": "guild", "linked:anonymous": "0"}
    link_id = app.do(make_password_link, MakePasswordLink(newcomer, app.lifetimes.life, mail=False))
    town.facts |= {"link": link_text(app.key, link_id), "token:anonymous": "none", "me:anonymous": "alice"}


def _trust_builds(town: Town) -> None:
    """A trusted publisher of demo, and for everybody one that waits for its project."""
    typed = {"owner": "acme", "repository": "demo", "workflow": "release.yml"}
    one = describe(BUILT_IN["github"], typed, {"hosted_runner": "true"})
    made = town.app.do(add_publisher, AddPublisher("demo", one, by=COMMAND_LINE))
    assert not isinstance(made, PendingChange)
    town.facts |= {"publisher": str(made.id), "pending_publisher:anonymous": "0"}
    for kind, who in town.people.items():
        if who.account_id:
            with town.app.database.read() as sql:
                actor = find_user_by_id(sql, who.account_id).actor
            wish = AddPending(f"to-come-{kind}", one, actor)
            town.facts[f"pending_publisher:{kind}"] = str(town.app.do(add_pending, wish).id)


def _stage(town: Town) -> None:
    """Two releases of demo that are being made: one with files in every state, one that is ready."""
    desk, spool = town.app.staging, town.app.settings.data / "spool"
    owner = Actor(find_identity(town, "owner"), town.people["owner"].account_id)
    session, ready = desk.open("demo", "4.0", owner), desk.open("demo", "4.1", owner)
    town.facts |= {"session": session.id, "stage": session.stage, "session_ready": ready.id}
    files = {
        "staged_file": (session, STAGED_WHEEL, BYTES),
        "staged_parts": (session, wheel("demo", "4.0", tag="py39-none-any", files={"demo/p.py": b"p"}), PARTS),
        "staged_done": (session, wheel("demo", "4.0", tag="py38-none-any", files={"demo/d.py": b"d"}), BYTES),
        "staged_ready": (ready, wheel("demo", "4.1"), BYTES),
    }
    for what, (whose, dist, mechanism) in files.items():
        wish = AddFile(
            whose.id, dist.filename, len(dist.body) if mechanism == BYTES else 5000, {"sha256": dist.sha256}, mechanism,
            owner, desk.policy,
        )  # fmt: skip
        file = town.app.do(add_file, wish)
        town.facts[what] = file.id
        if mechanism == BYTES:
            spooled = spool_bytes(spool, dist.body, "")
            desk.take(file, spooled, owner)
            spooled.path.unlink()
        if what in ("staged_done", "staged_ready"):
            desk.complete(whose.stage, file.id, owner)
    town.facts["staged_filename"] = files["staged_done"][1].filename


def _disclose(town: Town) -> None:
    """A case that is worked on, and one whose release can be tried."""
    operator, owner = actor_of(town.app, "olga"), actor_of(town.app, "alice")
    disclosed = published_case(town.app, operator)
    case, link = accepted_case(town.app, operator, "alice")
    staged, _link = accepted_case(town.app, operator, "alice")
    stage_for(town.app, staged, owner, "5.0")
    town.facts |= {
        "disclosed": disclosed.advisory_id, "disclosed_case": disclosed.public_id, "disclosure": case.public_id, "member_link": link, "disclosure_staged": staged.public_id,
        "attachment": str(attach(town.app, case, operator, b"a tar")),
    }  # fmt: skip


def find_identity(town: Town, kind: Kind) -> Identity:
    """How the ledger names somebody of the town."""
    with town.app.database.read() as sql:
        return find_user(sql, town.people[kind].name).identity


def _ask_about_a_browser(town: Town) -> None:
    """Somebody new waits in a browser that nobody knows."""
    app = town.app
    with app.database.write() as sql:
        newcomer = find_user(sql, "newcomer")
        sql.execute(account.update().where(account.c.id == newcomer.id).values(email_verified_at=app.clock.now()))
    app.do(admit, Admit(newcomer, Browser("198.51.100.7", "Tests"), "password", sends_mail=True))
    with app.database.read() as sql:
        question_id = sql.execute(sa.select(device_question.c.id)).scalar_one()
    town.facts["browser_link"] = browser_link(app.key, question_id)


def _trade(town: Town) -> None:
    """Projects and their files, roles, a private project and a deleted release; names that are not to be had."""
    app, alice, rita = town.app, _actor(town, "alice"), _actor(town, "rita")
    token = app.create_token(CreateToken("rita")).text
    evil = {"demo.pth": b"import demo\n", "demo/__init__.py": b"x = 1\n", "demo/new.py": b"print('<b>')\n"}
    _publish(town, wheel(version="0.9"), "demo", "0.9")
    _publish(town, wheel(version="1.0", description=DESCRIPTION, headers={
        "Description-Content-Type": "text/markdown", "Requires-Python": ">=3.8", "License-Expression": "MIT",
        **AMENDED_HEADERS, "Keywords": "text,terminal", "Classifier": "Programming Language :: Python :: 3",
        "Project-URL": "Changelog, https://example.org/changes", "Author-email": "Ada <ada@example.org>",
    }), "demo", "1.0")  # fmt: skip
    _publish(town, wheel(version="2.0", files=evil), "demo", "2.0")
    _publish(town, wheel("hidden"), "hidden", "1.0")
    _publish(town, wheel("lodge"), "lodge", "1.0")
    _publish(town, wheel("errand"), "errand", "1.0", token)
    with app.database.write() as sql:
        ids = {row.normalized: row.id for row in sql.execute(sa.select(project.c.normalized, project.c.id))}
        for name, role in (("mona", "maintainer"), ("paul", "maintainer"), ("petra", "owner")):
            account_id = find_user(sql, name).id
            sql.execute(project_role.insert().values(project_id=ids["demo"], account_id=account_id, role=role))
    attest(app, town.files["demo 1.0"], House(app.clock).verified(town.files["demo 1.0"]))
    app.do(change_visibility, ChangeVisibility("hidden", "private", "hidden", by=alice))
    hook = _hook(town, Holder("project", "demo"))
    app.do(yank, Yank("demo", "2.0", reason="Broken on the newest Python.", by=alice))
    app.do(prohibit, Prohibit("bad-name", "It insults."))
    app.remove(Delete("demo", "0.9", "", "Too old.", "demo 0.9", by=alice))
    for kind, name in NAMES.items():
        if name:
            app.do(invite_to_project, InviteToProject("errand", name, "maintainer", by=rita))
            town.facts[f"invitation:{kind}"] = _last_invitation(town)
    app.do(invite_to_project, InviteToProject("demo", "newcomer", "maintainer", by=alice))
    town.facts |= {
        "name": "demo", "project": "demo", "version": "1.0", "filename": town.files["demo 1.0"].filename, "old": "1.0",
        "new": "2.0", "address": static_address("house.css").rpartition("/")[2], "invitation:anonymous": "1",
        "project_invitation": _last_invitation(town), "project_hook": hook, "index_hook": _hook(town, Holder("index")),
    }  # fmt: skip


def _publish(town: Town, dist: Dist, name: str, version: str, token: str = "") -> None:
    fields = [(":action", "file_upload"), ("protocol_version", "1"), ("name", name), ("version", version),
              ("filetype", dist.filetype), ("sha256_digest", dist.sha256)]  # fmt: skip
    token = token or town.people["owner"].token
    answer = upload(town.client, token, dist, name=name, version=version, fields=fields)
    assert answer.status == httpx.codes.OK, answer.text
    town.files[f"{name} {version}"] = dist


def _gather(town: Town) -> None:
    """An organization with a team, a project, a namespace and a webhook."""
    app, gilda = town.app, _actor(town, "gilda")
    app.do(create_organization, CreateOrganization("guild", "The Guild", by=gilda))
    with app.database.write() as sql:
        guild = sql.execute(sa.select(organization.c.id)).scalar_one()
        for name, role in (("mark", "member"), ("max", "manager"), ("greta", "member"), ("gregor", "owner")):
            account_id = find_user(sql, name).id
            sql.execute(organization_member.insert().values(organization_id=guild, account_id=account_id, role=role))
        sql.execute(project.update().where(project.c.normalized == "lodge").values(organization_id=guild))
    app.do(create_team, AboutTeam("guild", "crew", gilda))
    app.do(add_team_member, AboutTeamMember("guild", "crew", "greta", gilda))
    app.do(set_team_role, AboutTeamRole("guild", "crew", "lodge", "maintainer", gilda))
    app.do(invite_to_organization, InviteToOrganization("guild", "newcomer", "member", by=gilda))
    app.do(grant_namespace, GrantNamespace("guild", "guild"))
    town.facts |= {
        "organization": "guild", "team": "crew", "namespace": "guild", "guild_invitation": _last_invitation(town),
        "guild_hook": _hook(town, Holder("organization", "guild")),
    }  # fmt: skip


def _wait(town: Town) -> None:
    """A protected project with changes that wait: one contested, one that alice may veto, and one of her own."""
    app, alice, petra = town.app, _actor(town, "alice"), _actor(town, "petra")
    made = new_project(app.deeds, CreateProject("vault", alice))
    with app.database.write() as sql:
        sql.execute(project_role.insert().values(project_id=made.id, account_id=petra.account_id, role="owner"))
        sql.execute(project.update().where(project.c.id == made.id).values(slow_motion=True))
    hides = app.do(change_visibility, ChangeVisibility("vault", "private", "vault", by=petra))
    assert isinstance(hides, PendingChange)
    app.do(veto, Veto(hides.id, alice.account_id or 0))
    ends = app.do(protect, Protect("vault", on=False, by=petra))
    removes = app.do(remove_role, RemoveRole("vault", "petra", by=alice))
    assert isinstance(ends, PendingChange)
    assert isinstance(removes, PendingChange)
    town.facts |= {
        "contested_change": str(hides.id), "vetoable_change": str(ends.id), "own_change": str(removes.id),
        "veto_link": veto_text(app.key, ends.id, alice.account_id or 0),
    }  # fmt: skip


def _give(town: Town) -> None:
    """A giveaway in which alice may take part, and one day that was counted."""
    app, today = town.app, town.app.clock.now().date()
    terms = Terms("Keys for all", today, today, "https://keys.invalid/", today)
    app.do(partial(load_codes, app.key), LoadCodes("keys", [f"CODE-{number}" for number in range(9)], terms))
    with app.database.write() as sql:
        campaign, alice = sql.execute(sa.select(giveaway_campaign.c.id)).scalar_one(), find_user(sql, "alice")
        sql.execute(account.update().where(account.c.id == alice.id).values(email_verified_at=app.clock.now()))
        insert_new(sql, giveaway_eligible, campaign_id=campaign, account_id=alice.id, projects=["demo"])
    take_snapshot(app.database, app.clock.now())
    town.facts |= {"campaign": "keys"}
    # Of the private Sigstore, which is switched off here.
    town.facts |= {"uuid": "0" * 64, "level": "0", "tile": "000", "metadata": "1.root.json", "outing": "e30"}
    town.facts["target"] = f"{'0' * 64}.trusted_root.json"


def _demand(town: Town) -> None:
    """A mandate of the index that is not announced yet, with somebody let off; and one of a private project."""
    app = town.app
    first, second, third = (datetime(2027, month, 1, tzinfo=UTC) for month in (1, 2, 3))
    found = app.do(announce, Announce("Critical projects", "critical", "any", Dates(first, second, third)))
    app.do(exempt, Exempt(found.id, "In hospital.", third, "petra"))
    now = app.clock.now()
    app.do(announce, Announce("Two factors", "project", "any", Dates(now, first, second), project="hidden"))
    with app.database.read() as sql:
        let_off = exemptions(sql, [found.id])[0]
    town.facts |= {"mandate": str(found.id), "exemption": str(let_off.id)}


def _actor(town: Town, name: str) -> Actor:
    with town.app.database.read() as sql:
        return find_user(sql, name).actor


def _last_invitation(town: Town) -> str:
    with town.app.database.read() as sql:
        return str(sql.execute(sa.select(sa.func.max(invitation.c.id))).scalar_one())


def _hook(town: Town, holder: Holder) -> str:
    """A webhook that hears of everything; nobody can be reached at its address."""
    target = Target.parse("https://hooks.invalid/customhouse")
    made = town.app.do(
        partial(add_webhook, town.app.key.secret), AddWebhook(holder, target, Patterns.parse("*"), COMMAND_LINE)
    )
    return made.hook_id


def _accept(command: tuple[int, Given], tx: Tx) -> None:
    accept(tx, *command)


def _lose(town: Town) -> None:
    """Four who have lost their factor: one who has just asked, a co-owner of alice, one with evidence, one contested."""
    app = town.app
    for fact, name in (("asked", "ursula"), ("shared", "petra"), ("ready", "rita"), ("contested", "paul")):
        with app.database.write() as sql:
            sql.execute(account.update().where(account.c.normalized == name).values(email_verified_at=app.clock.now()))
        sent = fact in ("asked", "ready", "contested")
        case = app.do(open_case, OpenCase(name, sent, delays_of(app.settings), letters=False))
        assert case is not None
        town.facts[f"{fact}_recovery"] = str(case.id)
        purpose: Purpose = "mail" if sent else "case"
        town.facts[f"{fact}_recovery_link"] = recovery_link_text(app.key, case.public_id, purpose, case.email)
        if fact in ("ready", "contested"):
            for given in (
                Given("mail", "mail", "A link.", accepted=True, rests_on=frozenset({"example.org"})),
                Given("code", "a code", "A hash.", accepted=True, rests_on=frozenset({"codes"})),
            ):
                app.do(_accept, (case.id, given))
    with app.database.read() as sql:
        paul = find_user(sql, "paul")
    app.do(contest, Contest(int(town.facts["contested_recovery"]), "No.", paul, delays_of(app.settings)))


def _bundle(app: App) -> None:
    """A public file that bundles a library, which the advisory is said to be on."""
    named = BundledLibrary("libwebp", "1.3.1", "demo.libs/libwebp.so.7.1.7", (Evidence("string", "1.3.1", "", ""),))
    with app.database.write() as sql:
        listed = (file.c.deleted_at.is_(None), release.c.deleted_at.is_(None), release.c.quarantined_at.is_(None))
        found = sql.execute(
            sa.select(sa.func.min(file.c.id))
            .join(release, release.c.id == file.c.release_id)
            .join(project, project.c.id == file.c.project_id)
            .where(project.c.normalized == "demo", *listed)
        ).scalar_one()
        forget_scan(sql, found)
        keep_scan(sql, found, BundledScan((named,)), app.clock.now())
    app.do(say_range, SayRange("PYSEC-2026-1", "libwebp", fixed="1.3.2"))


def _judge(town: Town) -> None:
    """An advisory, and two cases with a report each, one decided; whoever listens has heard of all that."""
    advise(town.app, record("PYSEC-2026-1", "demo", fixed="9.0", aliases=["CVE-2026-1001"]))
    know_exploited(town.app, "CVE-2026-1001")
    town.facts["advisory"] = "PYSEC-2026-1"
    _bundle(town.app)
    waiting, decided = cve_record("CVE-2026-1000", version="all"), certain("CVE-2026-2000", "sundry")
    third = cve_record("CVE-2026-3000", version="all")
    take(town.app, waiting, decided, third)
    town.facts |= {"record": waiting.id, "decided_record": decided.id, "own_advisory": f"{PREFIX}-2026-1"}
    town.facts["record_digest"] = digest_of(third)
    town.app.do(put_exception, Except("nothing-much", "It is none."))
    town.facts |= {"statement": state(town.app, _actor(town, "alice")), "standing:anonymous": "none"}
    town.facts["amendment"] = say(town.app, _actor(town, "alice"))
    for kind, who in town.people.items():
        if who.account_id:
            made = register_for(town.app, who.account_id)
            town.facts[f"standing:{kind}"] = "none" if kind == "half" else made
    app, rita, rules = town.app, _actor(town, "rita"), Rules.of(town.app.settings)
    claim = parse_claim({"kind": "malware", "text": "It reads ~/.pypirc.", "version": "2.0", "evidence_excerpt": "x"})
    taken = app.do(file_report, FileReport("demo", claim, rita, rules))
    spam = app.do(
        file_report, FileReport("lodge", parse_claim({"kind": "spam", "text": "It advertises."}), rita, rules)
    )
    app.do(give_verdict, GiveVerdict(spam.case_id, "spam", "It does."))
    while run_followers(app):
        pass
    with app.database.read() as sql:
        for hook in ("project_hook", "guild_hook", "index_hook"):
            sent = sa.select(sa.func.max(webhook_delivery.c.serial)).where(
                webhook_delivery.c.hook_id == town.facts[hook]
            )
            town.facts[hook.replace("hook", "serial")] = str(sql.execute(sent).scalar_one())
    town.facts |= {
        "case": str(taken.case_id), "decided_case": str(spam.case_id), "reporter": "rita", "account": "rita"
    }  # fmt: skip
