"""People who report, for tests: settled accounts, claims and what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from customhouse.accounts.tokens import CreateToken
from customhouse.accounts.users import AddUser, add_user, find_user
from customhouse.catalog import queries as catalog
from customhouse.index.report import FileReport, ReportTaken, Rules, file_report
from customhouse.index.reporter_trust import TrustReporter, trust_reporter
from customhouse.index.verdict import Decided, GiveVerdict, give_verdict
from customhouse.ledger.tables import ledger_event
from customhouse.reports import queries
from customhouse.reports.claim import parse_claim
from customhouse.reports.queries import Case
from packages import Dist, wheel
from world import World

RULES = Rules(young_for=timedelta(days=30), reports_per_day=20)
SETTLED = timedelta(hours=25)


@dataclass
class Village:
    """Reporters with settled accounts, and a publisher whose project is new."""

    world: World

    def person(self, name: str, email: str = "", *, trusted: bool = False) -> str:
        """An account of this moment; returns its name."""
        self.world.app.do(add_user, AddUser(name, email or f"{name}@{name}.example"))
        self.world.tokens[name] = self.world.app.create_token(CreateToken(name)).text
        if trusted:
            self.trust(name)
        return name

    def trust(self, name: str) -> None:
        self.world.app.do(trust_reporter, TrustReporter(name, "Known to us."))

    def settle(self) -> None:
        """Everybody becomes older than a day."""
        self.world.clock.turn(SETTLED)

    def publish(self, dist: Dist | None = None, *, name: str = "demo", version: str = "1.0") -> Dist:
        dist = dist or wheel(name, version)
        answer = self.world.upload(dist, name=name, version=version)
        assert answer.status == 200, answer.text
        return dist

    def report(
        self, name: str, project: str = "demo", kind: str = "malware", rules: Rules = RULES, **fields: str
    ) -> ReportTaken:
        """Report through the deed."""
        claim = parse_claim({"kind": kind, "text": "It reads ~/.pypirc.", **fields})
        with self.world.app.database.read() as sql:
            actor = find_user(sql, name).actor
        return self.world.app.do(file_report, FileReport(project, claim, actor, rules))

    def decide(self, verdict: str, case_id: int = 1, note: str = "Looked at.", **more: object) -> Decided:
        return self.world.app.do(give_verdict, GiveVerdict(case_id, verdict, note, **more))  # type: ignore[arg-type]

    def status(self, project: str = "demo") -> tuple[str, str]:
        with self.world.app.database.read() as sql:
            found = catalog.find_project(sql, project)
        assert found is not None
        return found.status, found.status_reason

    def case(self, case_id: int = 1) -> Case:
        with self.world.app.database.read() as sql:
            found = queries.find_case(sql, case_id)
        assert found is not None
        return found

    def kinds(self) -> list[str]:
        """Kinds of the ledger's events, oldest first."""
        with self.world.app.database.read() as sql:
            return list(sql.execute(sa.select(ledger_event.c.kind).order_by(ledger_event.c.serial)).scalars())

    def catch_up(self) -> None:
        """On PostgreSQL a process hears of changes when it polls next; this is that poll."""
        poll = getattr(self.world.app.pages, "_poll", None)
        if poll is not None:
            poll()

    def offered(self, project: str = "demo") -> list[str]:
        """File names on the project's simple page."""
        self.catch_up()
        accept = {"accept": "application/vnd.pypi.simple.v1+json"}
        return [
            file["filename"] for file in self.world.client.get(f"/simple/{project}/", headers=accept).json()["files"]
        ]

    def fetch(self, dist: Dist, project: str = "demo") -> int:
        """The status of a download."""
        self.catch_up()
        return self.world.client.get(f"/files/{project}/{dist.filename}", follow_redirects=False).status_code

    def can_download(self, dist: Dist, project: str = "demo") -> bool:
        return self.fetch(dist, project) in (200, 302)


def village(world: World) -> Village:
    """``trusty`` is trusted, ``olga`` and ``otto`` are not, all settled; ``alice`` has published ``demo`` 1.0."""
    made = Village(world)
    made.person("trusty", trusted=True)
    made.person("olga")
    made.person("otto")
    world.user("alice")
    made.settle()
    made.publish()
    return made
