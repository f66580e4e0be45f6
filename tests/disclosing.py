"""Disclosure cases for tests: somebody reports, somebody works on it."""

from __future__ import annotations

import re
from dataclasses import dataclass

import httpx2 as httpx

from customhouse.advisories.disclosure import queries
from customhouse.advisories.disclosure.model import Case, Member
from customhouse.index.disclosing.links import page_text
from customhouse.work import run_due_job, run_followers
from packages import wheel
from person import Person
from world import World

ADDRESS = "security@index.test"
DRAFT = {
    "title": "Unpacking writes outside its folder",
    "details": "A member named ../../x is written where it says.",
    "vector": "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:U/C:N/I:H/A:N",
    "spans": "0 1.1",
    "weaknesses": "CWE-22",
    "references": "https://example.org/advisory",
}


@dataclass
class Desk:
    """A world with a project of alice, an operator at the desk, and a case about the project."""

    world: World
    operator: Person
    owner: Person
    reporter: Person
    here: str
    """The case for those with accounts."""
    link: str
    """The case for its reporter, who has none."""

    @property
    def case(self) -> Case:
        """As it is now."""
        with self.world.app.database.read() as sql:
            found = queries.case_by_public_id(sql, self.here.rstrip("/").rpartition("/")[2])
        assert found is not None
        return found

    @property
    def members(self) -> list[Member]:
        """Everybody who belongs to it."""
        with self.world.app.database.read() as sql:
            return queries.members_of(sql, self.case.id)

    def does(self, who: Person, step: str, **fields: str) -> str:
        """One form of the page of the case; it must be taken. Returns what is said then."""
        base = self.link if who is self.reporter else self.here
        who.get(base)
        answer = who.post(f"{base}{step}/", **fields)
        assert answer.status_code == 303, answer.text
        return who.said(answer)

    def accept(self) -> None:
        """The desk's way up to a case that is worked on, with its owner in it."""
        for state in ("acknowledged", "triage", "accepted"):
            self.does(self.operator, "move", state=state, reason="As is usual.")
        self.does(self.operator, "invite", user="alice")


def desk(world: World, *, project: str = "demo", upload: bool = True) -> Desk:
    """A case that was reported by the form, by somebody without an account."""
    if upload:
        assert world.upload(wheel(project, "1.0"), name=project, version="1.0").status == 200
    operator, owner, reporter = world.operator(), world.person("alice"), world.stranger()
    answer = report(reporter, project=project)
    assert answer.status_code == 200, answer.text
    found = re.search(r'href="(/security/case/[^"]+)"', answer.text)
    assert found is not None
    with world.app.database.read() as sql:
        case = queries.open_cases(sql)[-1]
        first = queries.members_of(sql, case.id)[0]
    assert page_text(world.app.key, first) in found[1]
    return Desk(world, operator, owner, reporter, f"/security/cases/{case.public_id}/", found[1])


def report(who: Person, **fields: str) -> httpx.Response:
    """Send the form."""
    who.get("/security/report/")
    wanted = {"title": "It writes outside", "text": "Unpack x.tar and see.", "email": "rita@example.org"} | fields
    return who.post("/security/report/", **wanted)


def settle(world: World) -> None:
    """Let followers and jobs do all that is due."""
    while run_followers(world.app) or run_due_job(world.app):
        pass
