"""A village in which somebody has lost her phone: alice, who owns demo with bob and lantern alone, and three operators."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from customhouse.accounts import sessions
from customhouse.accounts.recovery_codes import hash_of_code
from customhouse.accounts.sessions import ProvedBy, SignIn
from customhouse.accounts.tables import account, recovery_code, second_factor
from customhouse.accounts.users import SetSiteRole, find_user, set_site_role
from customhouse.app import App
from customhouse.catalog.tables import project, project_role
from customhouse.index.recovery.decide import Decide
from customhouse.index.recovery.delays import delays_of
from customhouse.index.recovery.links import link_text, token_of, word_of
from customhouse.index.recovery.model import Case
from customhouse.index.recovery.queries import case_by_public_id, evidence_of, find_case
from customhouse.index.recovery.tables import recovery_case
from customhouse.ledger import queries as ledger
from customhouse.work import run_due_job, run_followers
from packages import wheel
from person import Person
from world import World

AGES = timedelta(days=60)


@dataclass
class Village:
    """The people and what they do in recovery cases."""

    world: World

    @property
    def app(self) -> App:
        return self.world.app

    def settle(self, *, url: str = "https://forge.example/alice/lantern") -> None:
        """Everybody has lived here for a while."""
        headers = {"Project-URL": f"Repository, {url}"}
        answer = self.world.upload(wheel("lantern", headers=headers), name="lantern")
        assert answer.status == 200, answer.text
        shared = {"Project-URL": f"Repository, {url.replace('lantern', 'demo')}", "Home-page": "https://demo.example/"}
        answer = self.world.upload(wheel("demo", headers=shared), name="demo")
        assert answer.status == 200, answer.text
        for name in ("bob", "mallory"):
            self.world.user(name)
            self.verify(name)
        self.verify("alice")
        self.co_own("demo", "bob")
        self.key("alice", "totp")
        self.key("bob", "webauthn")
        for name in ("olga", "oscar", "otto"):
            self.world.user(name)
            self.app.do(set_site_role, SetSiteRole(name, "operator"))
            self.verify(name)
        self.world.clock.turn(AGES)

    def verify(self, name: str, email: str = "") -> None:
        """Give an account an address that is verified."""
        values = {"email": email or f"{name}@{name}.example", "email_verified_at": self.world.clock.now()}
        with self.app.database.write() as sql:
            sql.execute(account.update().where(account.c.normalized == name).values(**values))

    def co_own(self, name: str, user: str) -> None:
        """Make somebody a co-owner, without an event: it was so long ago."""
        with self.app.database.write() as sql:
            number = sql.execute(sa.select(project.c.id).where(project.c.normalized == name)).scalar_one()
            sql.execute(
                project_role.insert().values(project_id=number, account_id=find_user(sql, user).id, role="owner")
            )

    def key(self, name: str, method: str) -> None:
        """Give an account a factor."""
        with self.app.database.write() as sql:
            values = {
                "account_id": find_user(sql, name).id, "method": method, "label": "a key",
                "created_at": self.world.clock.now(), "credential_id": name.encode() if method == "webauthn" else None,
            }  # fmt: skip
            sql.execute(second_factor.insert().values(**values))

    def code(self, name: str, text: str, *, replaced: bool = False) -> None:
        """Give an account a recovery code."""
        now = self.world.clock.now()
        with self.app.database.write() as sql:
            user = find_user(sql, name)
            values = {"account_id": user.id, "code_hash": hash_of_code(self.app.key, user.id, text), "created_at": now}
            sql.execute(recovery_code.insert().values(**values, replaced_at=now if replaced else None))

    def ask(self, name: str = "alice", where: str = "shown", person: Person | None = None) -> Case:
        """Open a case by the public form; returns it."""
        person = person or self.world.stranger()
        answer = person.post("/account/recover/", name=name, where=where)
        assert answer.status_code == 200, answer.text
        with self.app.database.read() as sql:
            number = sql.execute(sa.select(sa.func.max(recovery_case.c.id))).scalar_one()
            found = find_case(sql, number)
        assert found is not None
        return found

    def link(self, case: Case, purpose: str = "case") -> str:
        """The address of a case."""
        case = self.now(case)
        email = {"case": "", "mail": case.email, "address": case.new_email}[purpose]
        return f"/recovery/{link_text(self.app.key, case.public_id, purpose, email)}/"  # type: ignore[arg-type]

    def token(self, case: Case) -> str:
        """What is published for it."""
        return token_of(self.app.key, case.public_id)

    def now(self, case: Case) -> Case:
        """The case as it is now."""
        with self.app.database.read() as sql:
            found = case_by_public_id(sql, case.public_id)
        assert found is not None
        return found

    def proofs(self, case: Case) -> list[str]:
        """The kinds of its accepted proofs."""
        with self.app.database.read() as sql:
            return [one.kind for one in evidence_of(sql, case.id) if one.accepted]

    def prove_mail(self, case: Case) -> None:
        """Follow the letter's link."""
        reader = self.world.stranger()
        reader.get(self.link(case, "mail"))
        assert reader.post(self.link(case, "mail") + "mail/").status_code == 303
        assert "mail" in self.proofs(case)

    def signed_in(self, name: str, by: ProvedBy = "password") -> Person:
        """Somebody who has just signed in, without the time that passwords take."""
        with self.app.database.read() as sql:
            user = find_user(sql, name)
        cookie = self.app.do(sessions.sign_in, SignIn(user, "203.0.113.9", "Tests", proved_by=by))
        person = self.world.stranger()
        person.client.cookies.set("__Host-session", cookie, domain="index.test")
        person.name = name
        return person

    def vouch(self, case: Case, name: str = "bob", word: str = "") -> int:
        """A co-owner's word; the status of the answer."""
        bob = self.signed_in(name, "webauthn")
        answer = bob.post(
            f"/account/recovery/{case.id}/vouch/", word=word or word_of(self.app.key, case.public_id)
        )  # fmt: skip
        return answer.status_code

    def decide(
        self, case: Case, name: str, what: str = "approve", reason: str = "It is she.", *, by: ProvedBy = "password"
    ) -> int:
        """An operator's click, on the page."""
        operator = self.signed_in(name, by)
        return operator.post(f"/admin/recovery/{case.id}/{what}/", reason=reason).status_code

    def command(self, case: Case, name: str) -> Decide:
        """The same as a command."""
        with self.app.database.read() as sql:
            return Decide(case.id, "It is she.", find_user(sql, name).actor, delays_of(self.app.settings))

    def ready(self) -> Case:
        """A case that lacks nothing but operators: the letter was read, and bob has vouched."""
        case = self.ask(where="sent")
        self.prove_mail(case)
        assert self.vouch(case) == 303
        return self.now(case)

    def approved(self) -> Case:
        """A case whose delay runs."""
        case = self.ready()
        assert self.decide(case, "olga") == 303
        assert self.decide(case, "oscar") == 303
        found = self.now(case)
        assert found.due_at is not None
        return found

    def work(self) -> None:
        """Whatever is due now."""
        while run_followers(self.app) or run_due_job(self.app):
            pass

    def kinds(self) -> list[str]:
        """The kinds of all events."""
        with self.app.database.read() as sql:
            return [entry.kind for entry in ledger.entries(sql)]

    def upload(self, version: str) -> tuple[int, str]:
        """Alice uploads lantern."""
        answer = self.world.upload(wheel("lantern", version), name="lantern", version=version)
        return answer.status, answer.text
