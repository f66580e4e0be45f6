"""A release under embargo, by the template ``security-release``, with everything real around it.

One Customhouse with its Sigstore, a disclosure case with a coordinator and two members, a private fork that holds the fix,
two builders and two people with security keys. Outside of the case are another maintainer of the project, whom letters
and a webhook of the project reach, somebody with an account, and strangers.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import ClassVar

import httpx2 as httpx

from build_service import BuildService
from command_line import customhouse
from customhouse.accounts.links import SetPassword, set_password
from customhouse.accounts.tokens import CreateToken
from customhouse.accounts.users import AddUser, SetSiteRole, add_user, find_user, set_site_role
from customhouse.advisories.disclosure.model import Case
from customhouse.app import App
from customhouse.catalog.tables import project_role
from customhouse.hooks.model import Patterns
from customhouse.index.disclosing.access import Knock
from customhouse.index.disclosing.move import Move, move
from customhouse.index.disclosing.people import Invite, invite
from customhouse.index.disclosing.reserve import AskForCve, ask_for_cve
from customhouse.index.webhooks.add import AddWebhook, add_webhook
from customhouse.index.webhooks.holder import Holder
from customhouse.infra.db import insert_new
from customhouse.infra.targets import Target
from customhouse.release.template_texts import template_text
from demonstration import Host, Machine, Together, told_anew
from mail_sink import MailSink
from packages import wheel
from person import Person, hashed_password
from receiver import Receiver
from sealed_project import SealedProject, commit_all, git, write_sealed_project
from shipping import gpg_home
from town_disclosure import accepted_case, actor_of
from world import upload

VERSION = "1.7.31"
"""A number that stands nowhere else on a page."""
CVE = "CVE-2026-31415"
OUTSIDE = ("maud", "nils")
"""A maintainer who is not in the case, and somebody with an account."""
SIMPLE = {"accept": "application/vnd.pypi.simple.v1+json"}
ANNOUNCED = "announce@example.org"
WEBHOOK_KEY = f"whsec_{base64.b64encode(bytes(range(32))).decode()}"
FIX = "/* The seal of nothing was never refused. */\n"


@dataclass
class Embargoed(Together):
    """The run, before it is opened."""

    accounts: ClassVar[Mapping[str, str]] = {"rm": "rosa", "response": "psrt"}
    name: ClassVar[str] = "sealed"

    project: SealedProject = field(kw_only=True)
    sink: MailSink = field(kw_only=True)
    hooks: Receiver = field(kw_only=True)
    case: Case = field(init=False)
    outside: dict[str, str] = field(default_factory=dict)
    """API tokens of those who are not in the case."""
    fix: str = ""
    """The commit with the fix, which only the fork has."""

    def furnish(self, source: Path) -> None:
        """Everybody, the case, and the fix in the private fork."""
        super().furnish(source)
        work = self.folder / "fix"
        git(source, "clone", "--quiet", str(self.upstream), str(work))
        with (work / "src/sealed/_seal.c").open("a") as written:
            written.write(FIX)
        self.fix = commit_all(work, "Mend what the case is about")
        git(work, "push", "--quiet", str(self.fork), "main")
        with httpx.Client(base_url=self.host.url) as client:
            token, first = self.people["rm"].token, wheel(self.name, "1.0.0")
            taken = upload(client, token, first, name=self.name, version="1.0.0")
        if taken.status != httpx.codes.OK:
            raise RuntimeError(taken.text)
        with self.host.opened() as app:
            self._furnish_index(app)

    def _furnish_index(self, app: App) -> None:
        for name in ("olga", *OUTSIDE):
            user = app.do(add_user, AddUser(name, f"{name}@example.org"))
            app.do(partial(set_password, app.key), SetPassword(hashed_password(), user=user))
            self.outside[name] = app.create_token(CreateToken(name)).text
        app.do(set_site_role, SetSiteRole("olga", "operator"))
        with app.database.read() as sql:
            maud = find_user(sql, "maud")
        with app.database.write() as sql:
            number = sql.exec_driver_sql("SELECT id FROM project WHERE normalized = 'sealed'").scalar_one()
            insert_new(sql, project_role, project_id=number, account_id=maud.id, role="maintainer")
        target = Target.parse(self.hooks.url, where="hook")
        rosa = actor_of(app, "rosa")
        app.do(
            partial(add_webhook, app.key.secret),
            AddWebhook(Holder("project", self.name), target, Patterns.parse("*"), rosa),
        )
        self.case, _link = accepted_case(app, actor_of(app, "olga"), "rosa", project=self.name, fixed=self.version)
        knock = Knock(self.case.public_id, actor_of(app, "olga"))
        app.do(ask_for_cve, AskForCve(knock, CVE))
        for state in ("fixing", "fix-ready"):
            app.do(move, Move(knock, state))

    def put_in(self, user: str) -> None:
        """Put somebody into the case."""
        with self.host.opened() as app:
            app.do(invite, Invite(Knock(self.case.public_id, actor_of(app, "olga")), user))

    def pipeline(self) -> str:
        """The template, for these people and machines."""
        return told_anew(template_text("security-release"), self.everybody())

    def params(self) -> dict[str, str]:
        """What the run is told."""
        return {**super().params(), "case": self.case.public_id}

    def places(self) -> dict[str, dict[str, str]]:
        """Where things are; people hear by letter, feed and webhook."""
        found = super().places()
        builder = {"wheelhouse": str(self.project.wheelhouse)}
        return {
            **{name: place for name, place in found.items() if name != "fork"},
            "private": found["fork"], "desk": {}, "ci": builder, "ci-b": builder,
            "index": {"url": self.host.url, "project": self.name},
            "mail": {"to": ANNOUNCED, "host": "127.0.0.1", "port": str(self.sink.port), "sender": "rosa@example.org"},
            "webhook": {"url": self.hooks.url.replace("/hook", "/announced")},
        }  # fmt: skip

    def open(self, text: str = "") -> str:
        """Open the run by command, as docs/adopt-releases.md says it; returns its id."""
        desk = self.folder / "desk"
        desk.mkdir(exist_ok=True)
        (desk / "security.toml").write_text(text or self.pipeline())
        places = (
            f"[{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in place.items())
            for name, place in self.places().items()
        )
        (desk / "places.toml").write_text("\n".join(places))
        params = [part for name, value in self.params().items() for part in ("--param", f"{name}={value}")]
        opened = customhouse(
            "release", "open", "security.toml", "--index", self.host.url, "--places", "places.toml", *params,
            folder=desk, environment={"CUSTOMHOUSE_TOKEN": self.people["rm"].token, "HOME": str(desk)},
        )  # fmt: skip
        if opened.returncode != 0:
            raise RuntimeError(opened.stderr)
        self.run = opened.stdout.split()[0].rstrip("/").rpartition("/")[2]
        return self.run

    def secrets(self, machine: Machine) -> dict[str, str]:
        """The release manager's machine signs what it tells a webhook."""
        found = super().secrets(machine)
        if machine.actor == "rm":
            path = machine.home / "webhook-key"
            path.touch(mode=0o600)
            path.write_text(WEBHOOK_KEY)
            found["CUSTOMHOUSE_RELEASE_WEBHOOK_KEY_FILE"] = str(path)
        return found

    @contextmanager
    def browser(self, name: str = "") -> Iterator[httpx.Client]:
        """Somebody's, who is signed in; or a stranger's."""
        # Browsers take localhost for a secure place; Python's cookie jar has to be told.
        jar = CookieJar(DefaultCookiePolicy(secure_protocols=("https", "http")))
        with httpx.Client(base_url=self.host.url, timeout=60, cookies=jar) as client:
            if name and Person(client).sign_in(name).status_code != httpx.codes.SEE_OTHER:
                raise RuntimeError(name)
            yield client

    # What a stranger sees.

    def tag(self, repository: Path) -> str:
        """The tag's object there; empty where there is none."""
        return git(repository, "for-each-ref", "--format=%(objectname)", f"refs/tags/v{self.version}")

    def files(self, client: httpx.Client) -> dict[str, str]:
        """SHA-256 of this version's files by name, as the simple page has them."""
        listed = client.get(f"/simple/{self.name}/", headers=SIMPLE).raise_for_status().json()["files"]
        return {one["filename"]: one["hashes"]["sha256"] for one in listed if f"-{self.version}" in one["filename"]}

    def advisories(self, client: httpx.Client) -> list[str]:
        """What the index answers scanners of the version that everybody has."""
        asked = {"package": {"name": self.name, "ecosystem": "PyPI"}, "version": "1.0.0"}
        return [one["id"] for one in client.post("/v1/query", json=asked).json().get("vulns", [])]


@contextmanager
def embargoed(
    host: Host, folder: Path, builds: BuildService, sink: MailSink, hooks: Receiver
) -> Iterator[Embargoed]:  # fmt: skip
    """The world, furnished."""
    folder.mkdir(parents=True)
    with gpg_home() as home:
        project = write_sealed_project(folder / "sealed", folder / "wheelhouse")
        made = Embargoed(
            host, folder, builds, home, version=VERSION, project=project, sink=sink, hooks=hooks
        )  # fmt: skip
        made.furnish(project.folder)
        try:
            yield made
        finally:
            made.end()
