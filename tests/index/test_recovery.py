"""Recovery cases from the form to the new password: attacks A3, A34, A50, A55, and who can lock out whom."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from conftest import Where
from customhouse.accounts.linked import Claimed
from customhouse.accounts.links import SetPassword, set_password
from customhouse.accounts.lost_address import LoseAddress, lose_address
from customhouse.accounts.recovery_codes import hash_of_code
from customhouse.accounts.sessions import ProvedBy
from customhouse.accounts.tables import account, api_token, linked_identity, recovery_code, second_factor, session
from customhouse.accounts.tokens import CreateToken
from customhouse.accounts.users import Freeze, SetSiteRole, find_user, freeze, set_site_role
from customhouse.app import App, open_app
from customhouse.catalog.people_events import RoleChanged
from customhouse.catalog.tables import project, project_role
from customhouse.index.recovery import decide
from customhouse.index.recovery.close import end_old_cases
from customhouse.index.recovery.complete import Complete, complete
from customhouse.index.recovery.contest import Contest, contest
from customhouse.index.recovery.delays import delays_of
from customhouse.index.recovery.model import Case, missing_of
from customhouse.index.recovery.open import ANNOUNCE_JOB, OpenCase, announce, open_case
from customhouse.index.recovery.people import people_around
from customhouse.index.recovery.prove_code import GiveCode, prove_code
from customhouse.index.recovery.prove_identity import ProveIdentity, case_of_errand, errand, prove_identity
from customhouse.index.recovery.queries import finished_times, proofs_of
from customhouse.index.recovery.tables import recovery_case
from customhouse.index.slow.tables import pending_change
from customhouse.infra.tables import job
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import CustomhouseError, Refused
from customhouse.terms.identity import COMMAND_LINE, SYSTEM
from customhouse.web.asgi import build
from customhouse.work import run_due_job, run_followers
from dns_simulator import dns_simulator
from packages import wheel
from person import Person, hashed_password
from receiver import Reply, Request, receiver
from recovering import AGES, Village
from world import World

pytestmark = pytest.mark.slow
ON_BOTH = pytest.mark.parametrize("world", [Where("sqlite"), Where("postgresql")], indirect=True, ids=str)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def village(small_world: World) -> Village:
    made = Village(small_world)
    made.settle()
    return made


@pytest.fixture
def both(world: World) -> Village:
    made = Village(world)
    made.settle()
    return made


@ON_BOTH
def test_a_lost_phone_to_a_new_password(both: Village) -> None:
    village = both
    case = village.approved()
    assert village.upload("1.1")[0] == 202
    with village.app.database.read() as sql:
        alice = find_user(sql, "alice")
    assert case.due_at is not None
    assert case.approved_at is not None
    assert case.due_at - case.approved_at == timedelta(hours=72)
    village.work()
    assert village.now(case).open, "the delay has not begun to end"
    village.world.clock.turn(timedelta(hours=73))
    village.work()
    done = village.now(case)
    assert (done.outcome, done.closed_by) == ("completed", "customhouse")
    with village.app.database.read() as sql:
        for table in (second_factor, recovery_code, session):
            assert sql.execute(sa.select(table).where(table.c.account_id == alice.id)).all() == []
        living = sa.select(api_token).where(api_token.c.account_id == alice.id, api_token.c.revoked_at.is_(None))
        assert sql.execute(living).all() == []
        row = sql.execute(sa.select(account).where(account.c.id == alice.id)).one()
        assert (row.password_hash, row.email) == (None, "alice@alice.example")
        figures = finished_times(sql, village.world.clock.now() - 10 * DAY)
    assert [span.days for span in figures.durations] == [3]
    assert (figures.open, figures.outcomes) == (0, {"completed": 1})
    assert village.kinds()[-2:] == ["password-link-made", "recovery-completed"]
    village.app.do(partial(set_password, village.app.key), SetPassword(hashed_password(), user=alice))
    village.world.tokens.pop("alice")
    village.world.tokens["alice"] = village.app.create_token(CreateToken("alice")).text
    status, text = village.upload("1.1")
    assert (status, "publishes nothing until" in text) == (202, True)
    village.world.clock.turn(timedelta(hours=25))
    assert village.upload("1.1")[0] == 200


def test_an_upload_that_only_waits_names_the_date_when_it_may_appear(village: Village) -> None:
    case = village.ask()
    assert village.upload("1.1")[0] == 200, "asking alone changes nothing"
    village.code("alice", "the-code")
    person = village.world.stranger()
    person.get(village.link(case))
    person.post(village.link(case) + "code/", code="THE CODE")
    status, text = village.upload("1.2")
    until = village.now(case).expires_at
    assert status == 202
    assert f"until {until:%-d %B %Y, %H:%M} UTC at the latest" in text
    village.world.clock.turn(31 * DAY)
    village.app.do(end_old_cases, village.world.clock.now())
    assert village.now(case).outcome == "expired"
    assert village.upload("1.2")[0] == 200


# --- who can lock out whom ------------------------------------------------------------------------------------------


def test_a_stranger_who_asks_locks_nobody_out_and_one_click_ends_it(village: Village) -> None:
    case = village.ask()
    alice = village.signed_in("alice")
    for address in ("/account/", "/account/tokens/", "/project/demo/"):
        answer = alice.get(address)
        page = answer.text if answer.status_code == 200 else ""
        assert "Somebody asks to get your account back" in page or answer.status_code == 303, address
    assert "Somebody asks to get your account back" not in village.signed_in("bob").get("/account/").text
    assert village.upload("1.1")[0] == 200
    alice.get("/account/recovery/")
    answer = alice.post(f"/account/recovery/{case.id}/object/")
    assert "The case is ended" in alice.said(answer)
    assert village.now(case).outcome == "ended"
    assert "Somebody asks" not in alice.get("/account/").text


def test_a34_a_hostile_co_owner_alone_holds_no_uploads_and_completes_nothing(village: Village) -> None:
    """He opens the case himself, vouches, and writes the token into the repository of the project that they share."""
    with receiver() as forge:
        url = f"http://127.0.0.1:{forge.port}/demo"
        _own_url(village, url, "demo")
        with _reopened(village, private_networks_allowed=("127.0.0.0/8",)) as other:
            case = other.ask(where="shown")
            assert other.vouch(case) == 303
            forge.answer = lambda _request: Reply(200, other.token(case).encode())
            assert "accepted" in _repository(other, case, url)
            assert set(other.proofs(case)) == {"vouch", "repository"}
            assert other.upload("1.1")[0] == 200
            assert other.decide(case, "olga") == 409


def test_a34_a_co_owner_of_two_projects_alone_completes_nothing_and_a_former_one_neither(village: Village) -> None:
    """He vouches in one project and writes into the repository of another, which he has left long ago."""
    village.world.clock.turn(-AGES)
    _become_owner(village, "lantern", "bob")
    with village.app.database.read() as sql:
        bob, alice = find_user(sql, "bob").id, find_user(sql, "alice").id
        assert people_around(sql, alice)["lantern"] == {bob}
    _leave(village, "lantern", "bob")
    village.world.clock.turn(AGES)
    with receiver() as forge, dns_simulator() as names:
        url = f"http://127.0.0.1:{forge.port}/lantern"
        _own_url(village, url, "lantern")
        with _reopened(village, private_networks_allowed=("127.0.0.0/8",), **names.settings) as other:
            case = other.ask()
            assert other.vouch(case) == 303
            forge.answer = lambda _request: Reply(200, other.token(case).encode())
            assert "accepted" in _repository(other, case, url)
            names.zone("_customhouse-recovery.demo.example", TXT=[f'"{other.token(case)}"'])
            assert "accepted" in _record(other, case, "demo.example")
            assert set(other.proofs(case)) == {"vouch", "repository", "dns"}
            assert other.now(case).held_at is None
            with other.app.database.read() as sql:
                assert "independent" in missing_of(case, proofs_of(sql, case.id))


def test_the_owner_of_a_project_of_his_own_gives_two_proofs_with_it(village: Village) -> None:
    with receiver() as forge, dns_simulator() as names:
        url = f"http://127.0.0.1:{forge.port}/lantern"
        headers = {"Project-URL": f"Repository, {url}", "Home-page": "https://lantern.example/"}
        assert (
            village.world.upload(wheel("lantern", "1.5", headers=headers), name="lantern", version="1.5").status == 200
        )
        village.world.clock.turn(AGES)
        with _reopened(village, private_networks_allowed=("127.0.0.0/8",), **names.settings) as other:
            case = other.ask()
            forge.answer = lambda _request: Reply(200, other.token(case).encode())
            assert "accepted" in _repository(other, case, url)
            names.zone("_customhouse-recovery.lantern.example", TXT=[f'"{other.token(case)}"'])
            assert "accepted" in _record(other, case, "lantern.example")
            with other.app.database.read() as sql:
                assert missing_of(case, proofs_of(sql, case.id)) == ("address",)


def test_after_a_strong_proof_a_click_makes_it_contested_and_an_operator_must_answer(village: Village) -> None:
    case = village.ready()
    assert village.now(case).held_at is not None
    alice = village.signed_in("alice")
    assert "Your objection is noted" in alice.said(alice.post(f"/account/recovery/{case.id}/object/"))
    assert village.now(case).contested_at is not None
    assert village.decide(case, "olga") == 409, "a contested case is agreed on by nobody"
    assert alice.post(f"/account/recovery/{case.id}/object/").status_code == 409, "once each"
    assert village.decide(case, "olga", "resume", "We have seen her passport.") == 303
    assert village.now(case).contested_at is None
    assert village.decide(case, "oscar", "refuse", "It is not she.") == 303
    assert village.upload("1.1")[0] == 200


def test_an_objection_in_the_delay_stops_the_clock_and_going_on_begins_it_anew(village: Village) -> None:
    case = village.approved()
    village.world.clock.turn(50 * HOUR)
    bob = village.signed_in("bob")
    bob.get("/account/recovery/")
    assert bob.post(f"/account/recovery/{case.id}/object/", reason="Her phone is on my table.").status_code == 303
    village.world.clock.turn(50 * HOUR)
    village.work()
    assert village.now(case).open
    assert village.decide(case, "otto", "resume", "She has bought another one.") == 303
    due = village.now(case).due_at
    assert due is not None
    assert due > village.world.clock.now() + timedelta(days=6, hours=23)
    village.work()
    assert village.now(case).open
    village.world.clock.turn(timedelta(days=7, hours=1))
    village.work()
    assert village.now(case).outcome == "completed"


def test_who_became_a_co_owner_after_the_opening_neither_vouches_nor_objects(village: Village) -> None:
    case = village.ask()
    village.world.clock.turn(HOUR)
    _become_owner(village, "demo", "mallory")
    village.key("mallory", "webauthn")
    assert village.vouch(case, "mallory") == 403
    mallory = village.signed_in("mallory")
    assert mallory.post(f"/account/recovery/{case.id}/object/").status_code == 403
    assert "recovery-refusal" in village.kinds()


def test_a_vouch_wants_a_key_that_is_older_than_the_case_and_used_now(village: Village) -> None:
    case = village.ask()
    bob = village.signed_in("bob")
    bob.get("/account/recovery/")
    answer = bob.post(f"/account/recovery/{case.id}/vouch/", word="aaaa-bbbb")
    assert answer.headers.get("location", "").startswith("/account/again/"), "a password is not enough"
    assert village.vouch(case, word="aaaa-bbbb") == 403, "the word of another case"
    for added, why in ((village.world.clock.now() - 29 * DAY, "shortly before"), (village.world.clock.now(), "since")):
        with village.app.database.write() as sql:
            sql.execute(second_factor.update().values(created_at=added))
        assert village.vouch(case) == 403, f"a key that was added {why}"
    assert village.proofs(case) == []


def test_whom_a_case_does_not_concern_hears_that_there_is_none(village: Village) -> None:
    case = village.ask()
    mallory = village.signed_in("mallory", "webauthn")
    for address in (f"/account/recovery/{case.id}/object/", "/account/recovery/999/object/"):
        assert mallory.post(address, reason="x", word="aaaa-aaaa").status_code == 404
    assert mallory.get(f"/account/recovery/{case.id}/vouch/").status_code == 404
    assert "Nobody asks for your account" in mallory.get("/account/recovery/").text


# --- A3, A50: the public form -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["sent", "shown"])
def test_a3_the_form_answers_alike_for_everybody(village: Village, where: str) -> None:
    village.app.do(freeze, Freeze("mallory", "spam"))
    pages = {}
    for name in ("alice", "mallory", "nobody-at-all"):
        person = village.world.stranger()
        answer = person.post("/account/recover/", name=name, where=where)
        assert answer.status_code == 200
        pages[name] = (_anonymous(answer.text), sorted(set(answer.headers) - {"set-cookie"}))
    assert pages["alice"] == pages["mallory"] == pages["nobody-at-all"]


def test_a3_the_case_of_nobody_looks_and_fails_like_that_of_somebody(village: Village) -> None:
    """Carol owns no public project, and her address is not asked for by name: nothing tells her from nobody."""
    seen = {}
    village.world.user("carol")
    village.verify("carol")
    with dns_simulator() as names, _reopened(village, **names.settings) as other:
        for name in ("carol", "nobody-at-all", "carol@carol.example"):
            case = other.ask(name)
            person = other.world.stranger()
            page = _anonymous(person.get(other.link(case)).text)
            forms = {
                "code/": {"code": "abcd-efgh"}, "dns/": {"domain": "carol.example"},
                "repository/": {"url": "https://forge.example/alice/demo"},
                "address/": {"email": f"new-{len(name)}@elsewhere.example"},
            }  # fmt: skip
            answers = [person.said(person.post(other.link(case) + what, **form)) for what, form in forms.items()]
            again = _anonymous(person.get(other.link(case)).text)
            seen[name] = (page, answers, again, person.post(other.link(case) + "mail/").status_code)
        with other.app.database.read() as sql:
            waiting = [row.arguments for row in sql.execute(sa.select(job.c.arguments).where(job.c.name == "mail"))]
    assert seen["carol"] == seen["nobody-at-all"] == seen["carol@carol.example"]
    assert sum(one["template"] == "recovery-address" for one in waiting) == 3, "a letter that does not come tells, too"


@pytest.mark.parametrize("where", ["sent", "shown"])
def test_a3_asking_asks_the_database_the_same_for_nobody_as_for_somebody(village: Village, where: str) -> None:
    """What takes longer for some, those who must be told, is found by a job afterwards."""
    statements: list[str] = []
    engine = village.app.database.engine
    sa.event.listen(engine, "before_cursor_execute", lambda *call: statements.append(call[2]))
    asked = {}
    for name in ("alice", "nobody-at-all", "mallory"):
        stranger = village.world.stranger()
        stranger.get("/account/recover/")
        statements.clear()
        stranger.post("/account/recover/", name=name, where=where)
        asked[name] = list(statements)
    assert asked["alice"] == asked["nobody-at-all"] == asked["mallory"]


def test_a50_letters_are_few_however_often_somebody_asks_and_the_case_is_there_all_the_same(village: Village) -> None:
    for _ in range(6):
        village.ask()
    while run_due_job(village.app, only={ANNOUNCE_JOB}):
        pass
    assert village.kinds().count("recovery-opened") == 6
    assert village.kinds().count("recovery-announced") == 3
    with village.app.database.read() as sql:
        assert len(sql.execute(sa.select(recovery_case.c.id)).all()) == 6


def test_a50_one_network_opens_ten_cases_a_day_also_after_a_restart(village: Village) -> None:
    for number in range(10):
        village.ask(f"nobody-{number}")
    with _reopened(village) as other:
        answer = other.world.stranger().post("/account/recover/", name="alice", where="shown")
        assert (answer.status_code, "retry-after" in answer.headers) == (429, True)
    village.world.clock.turn(DAY)
    village.ask("alice")


@ON_BOTH
def test_asking_twice_by_mail_is_one_case_with_a_letter_each_time(both: Village) -> None:
    first, again = both.ask(where="sent"), both.ask(where="sent")
    assert first.id == again.id
    while run_due_job(both.app, only={ANNOUNCE_JOB}):
        pass
    assert both.app.do(announce, first.id) is False, "told once"
    with both.app.database.read() as sql:
        waiting = [row.arguments for row in sql.execute(sa.select(job.c.arguments).where(job.c.name == "mail"))]
    assert sum(one["template"] == "recovery-link" for one in waiting) == 2
    assert "alice@" not in str([one for one in waiting if one["template"] == "recovery-link"])


def test_no_row_job_event_or_page_of_others_holds_a_link(village: Village) -> None:
    case = village.ask(where="sent")
    secrets = [village.link(case, one).split("/")[2].partition(".")[2] for one in ("case", "mail")]
    with village.app.database.engine.connect() as sql:
        tables = [row[0] for row in sql.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'")]
        held = [str(sql.exec_driver_sql(f'SELECT * FROM "{table}"').all()) for table in tables]  # noqa: S608 - ours
    assert not [secret for secret in secrets if any(secret in rows for rows in held)]


def test_a_dead_or_forged_link_opens_nothing(village: Village) -> None:
    case = village.ask(where="sent")
    good = village.link(case, "mail").split("/")[2]
    person = village.world.stranger()
    for bad in (good[:-1], good[:-1] + ("A" if good[-1] != "A" else "B"), "c" + good[1:], "x" * 70, "a" + good[1:]):
        assert person.get(f"/recovery/{bad}/").status_code == 404, bad
    assert person.post(village.link(case, "case") + "mail/").status_code == 403, "the kept link is no letter"
    village.verify("alice", "other@alice.example")
    assert person.post(village.link(case, "mail") + "mail/").status_code == 409
    assert village.proofs(case) == []


# --- proofs -----------------------------------------------------------------------------------------------------------


def test_a_token_in_the_repository_that_an_old_release_names(village: Village) -> None:
    with receiver() as forge:
        url = f"http://127.0.0.1:{forge.port}/alice/lantern"
        _own_url(village, url, "lantern")
        with _reopened(village, private_networks_allowed=("127.0.0.0/8",)) as other:
            case = other.ask()
            page = other.world.stranger().get(other.link(case)).text
            assert url in page
            assert "not found" in _repository(other, case, url)
            forge.answer = lambda _request: Reply(200, b"more than " + other.token(case).encode())
            assert "not found" in _repository(other, case, url)

            def right(request: Request) -> Reply:
                there = request.path == "/alice/lantern/raw/HEAD/customhouse-recovery.txt"
                return Reply(200, other.token(case).encode() + b"\n") if there else Reply(404)

            forge.answer = right
            assert "not found" in _repository(other, case, f"http://127.0.0.1:{forge.port}/mallory/evil")
            assert "accepted" in _repository(other, case, url)
            assert "accepted" in _repository(other, case, url), "the same again changes nothing"
            assert other.proofs(case) == ["repository"]
            assert other.now(case).held_at is not None, "lantern is hers alone"


def test_a34_a_repository_that_only_a_new_release_names_does_not_count(village: Village) -> None:
    """Whoever has stolen a token uploads a release with a repository of his own, then asks for the account."""
    with receiver() as forge:
        url = f"http://127.0.0.1:{forge.port}/mallory/lantern"
        _own_url(village, url, "lantern", version="6.6", aged=False)
        with _reopened(village, private_networks_allowed=("127.0.0.0/8",)) as other:
            case = other.ask()
            forge.answer = lambda _request: Reply(200, other.token(case).encode())
            assert url not in other.world.stranger().get(other.link(case)).text
            assert "not found" in _repository(other, case, url)
            assert forge.requests == []


def test_a_record_in_the_domain_of_the_mail_or_of_a_project(village: Village) -> None:
    with dns_simulator() as names, _reopened(village, **names.settings) as other:
        case = other.ask()
        assert "not found" in _record(other, case, "alice.example")
        names.zone("_customhouse-recovery.alice.example", TXT=[f'"{other.token(case)}"'])
        assert "accepted" in _record(other, case, "alice.example")
        assert other.now(case).held_at is not None, "the domain of her own mail"
        names.zone("_customhouse-recovery.mallory.example", TXT=[f'"{other.token(case)}"'])
        assert "not found" in _record(other, case, "mallory.example")
        names.zone("_customhouse-recovery.demo.example", TXT=[f'"{other.token(case)}"'])
        assert "accepted" in _record(other, case, "demo.example")
        other.verify("alice")
        assert other.proofs(case) == ["dns", "dns"]
        names.behaviour = "servfail"
        answer = other.world.stranger()
        answer.get(other.link(case))
        assert answer.post(other.link(case) + "dns/", domain="alice.example").status_code == 503


def test_a34_the_letter_and_the_zone_of_one_domain_are_one_proof(village: Village) -> None:
    """May 2022: whoever buys the expired domain reads the mail and writes the zone."""
    with dns_simulator() as names, _reopened(village, **names.settings) as other:
        case = other.ask(where="sent")
        other.prove_mail(case)
        names.zone("_customhouse-recovery.alice.example", TXT=[f'"{other.token(case)}"'])
        assert "accepted" in _record(other, case, "alice.example")
        assert other.decide(case, "olga") == 409
        page = other.world.stranger().get(other.link(case)).text
        assert "does not rest on the same domain" in page


def test_a_recovery_code_is_used_up_and_an_old_one_counts_for_less(village: Village) -> None:
    village.code("alice", "current-code")
    village.code("alice", "old-code", replaced=True)
    case = village.ask(where="sent")
    village.prove_mail(case)
    person = village.world.stranger()
    person.get(village.link(case))
    assert "none of" in person.said(person.post(village.link(case) + "code/", code="wrong"))
    assert "taken" in person.said(person.post(village.link(case) + "code/", code="OLD CODE"))
    assert village.now(case).held_at is None
    assert village.decide(case, "olga") == 409, "the letter and an old code are not enough"
    assert "none of" in person.said(person.post(village.link(case) + "code/", code="old-code"))
    assert "taken" in person.said(person.post(village.link(case) + "code/", code="current-code"))
    assert village.proofs(case) == ["mail", "old-code", "code"]
    assert village.decide(case, "olga") == 303


def test_a_linked_identity_counts_if_it_is_older_than_the_case_and_this_browser_set_out_for_it(
    village: Village,
) -> None:
    _link(village, "alice", "old")
    village.world.clock.turn(DAY)
    case = village.ask()
    village.world.clock.turn(29 * DAY + HOUR)
    early = village.ask()
    _link(village, "alice", "new")
    for found, subject, right in (
        (case, "old", False),
        (early, "new", False),
        (early, "nobody", False),
        (early, "old", True),
    ):
        claimed = Claimed("https://login.example", subject, "ada", "state")
        assert village.app.do(prove_identity, ProveIdentity(found, claimed, 30 * DAY)) is right, subject
    assert village.proofs(early) == ["identity"]
    assert village.now(early).held_at is not None
    key = village.app.key
    sent = errand(key, early, "this browser")
    assert case_of_errand(key, sent, "this browser") == early.public_id
    assert case_of_errand(key, sent, "the owner's browser") is None, "a stranger has sent her there with his case"
    assert village.link(early).split("/")[2] not in sent, "the other login learns no link"


def test_a_new_address_is_proved_by_its_own_letter_and_becomes_the_accounts(village: Village) -> None:
    village.code("alice", "the-code")
    case = village.ask()
    person = village.world.stranger()
    person.get(village.link(case))
    person.post(village.link(case) + "code/", code="the-code")
    assert village.vouch(case) == 303
    assert village.decide(case, "olga") == 409, "nobody knows where the link should go"
    person.post(village.link(case) + "address/", email="alice@new.example")
    letter = village.link(case, "address")
    assert "alice@new.example" in person.get(letter).text
    assert "evidence" not in person.get(letter).text.lower(), "the address may be anybody's"
    assert person.post(letter + "code/", code="x").status_code == 403
    person.post(village.link(case) + "address/", email="newer@new.example")
    assert person.get(letter).status_code == 404, "the latest one named wins"
    assert person.post(village.link(case, "address") + "mail/").status_code == 303
    assert village.decide(case, "olga") == 303
    assert village.decide(case, "oscar") == 303
    assert person.post(village.link(case) + "address/", email="late@new.example").status_code == 409
    village.world.clock.turn(timedelta(hours=73))
    village.work()
    with village.app.database.read() as sql:
        row = sql.execute(sa.select(account).where(account.c.normalized == "alice")).one()
    assert (row.email, row.email_verified_at is not None) == ("newer@new.example", True)


def test_a34_another_address_is_not_what_the_first_operator_agreed_with_and_is_told_to_all(village: Village) -> None:
    case = village.ready()
    person = village.world.stranger()
    person.get(village.link(case))
    assert village.decide(case, "olga") == 303
    person.post(village.link(case) + "address/", email="thief@new.example")
    letter = village.link(case, "address")
    assert village.decide(case, "oscar") == 303, "with the old address, as long as nobody reads the other"
    assert village.now(case).approved_at is None, "olga has to look again"
    person.get(letter)
    assert person.post(letter + "mail/").status_code == 303
    assert village.kinds().count("recovery-address-told") == 1
    assert village.decide(case, "oscar") == 303
    assert village.now(case).approved_at is None, "he too"
    assert village.decide(case, "otto") == 303
    assert village.now(case).approved_at is not None


def test_a34_no_address_is_proved_after_two_operators_have_agreed(village: Village) -> None:
    case = village.ready()
    person = village.world.stranger()
    person.get(village.link(case))
    person.post(village.link(case) + "address/", email="thief@new.example")
    for name in ("olga", "oscar"):
        assert village.decide(case, name) == 303
    letter = village.link(case, "address")
    person.get(letter)
    assert person.post(letter + "mail/").status_code == 409
    village.world.clock.turn(timedelta(hours=73))
    village.work()
    with village.app.database.read() as sql:
        email = sql.execute(sa.select(account.c.email).where(account.c.normalized == "alice")).scalar_one()
    assert (village.now(case).outcome, email) == ("completed", "alice@alice.example")


def test_what_does_not_count_any_more_at_the_end_puts_the_case_before_an_operator(village: Village) -> None:
    case = village.approved()
    village.app.do(freeze, Freeze("bob", "stolen"))
    village.world.clock.turn(timedelta(hours=73))
    village.work()
    found = village.now(case)
    assert (found.open, found.contested_at is not None) == (True, True)
    assert "password-link-made" not in village.kinds()


def test_a55_an_operator_who_is_none_any_more_or_frozen_counts_no_longer(village: Village) -> None:
    case = village.ready()
    assert village.decide(case, "olga") == 303
    village.app.do(freeze, Freeze("olga", "stolen"))
    assert village.decide(case, "oscar") == 303
    assert village.now(case).approved_at is None
    assert village.decide(case, "otto") == 303
    assert village.now(case).approved_at is not None
    village.app.do(set_site_role, SetSiteRole("oscar", ""))
    village.world.clock.turn(timedelta(hours=73))
    village.work()
    assert village.now(case).contested_at is not None
    village.app.do(freeze, Freeze("olga", "given back", thaw=True))
    assert village.decide(case, "olga", "resume", "It is she.") == 303
    village.world.clock.turn(timedelta(days=7, hours=1))
    village.work()
    assert village.now(case).outcome == "completed"


def test_an_address_that_became_somebody_elses_puts_the_case_before_an_operator(village: Village) -> None:
    case = village.approved()
    with village.app.database.write() as sql:
        sql.execute(account.update().where(account.c.normalized == "alice").values(email="", email_verified_at=None))
    village.verify("mallory", "alice@alice.example")
    village.world.clock.turn(timedelta(hours=73))
    village.work()
    found = village.now(case)
    assert (found.open, found.contested_at is not None) == (True, True)


def test_a33_a_letter_counts_no_longer_when_its_domain_is_given_up(village: Village) -> None:
    case = village.ready()
    with village.app.database.read() as sql:
        number = find_user(sql, "alice").id
    village.app.do(lose_address, LoseAddress(number, "alice.example", "redemption", SYSTEM))
    assert village.decide(case, "olga") == 409
    assert "more than mail" not in village.world.stranger().get(village.link(case)).text
    assert village.proofs(case) == ["mail", "vouch"], "the ledger of evidence forgets nothing"


def test_a33_a_domain_given_up_in_the_delay_puts_the_case_before_an_operator(village: Village) -> None:
    case = village.approved()
    with village.app.database.read() as sql:
        number = find_user(sql, "alice").id
    village.app.do(lose_address, LoseAddress(number, "alice.example", "gone", SYSTEM))
    village.world.clock.turn(timedelta(hours=73))
    village.work()
    assert village.now(case).contested_at is not None
    assert "password-link-made" not in village.kinds()


def test_an_account_that_was_frozen_in_the_delay_waits_for_an_operator_and_what_a_thief_asked_for_lapses(
    village: Village,
) -> None:
    case = village.approved()
    now = village.world.clock.now()
    with village.app.database.write() as sql:
        lantern = sql.execute(sa.select(project.c.id).where(project.c.normalized == "lantern")).scalar_one()
        alice = find_user(sql, "alice").id
        values = {
            "kind": "deletion", "subject": "lantern", "project_id": lantern, "requested_by": alice, "requested_at": now,
            "effective_at": now + 30 * DAY, "arguments": {}, "sentence": "Delete lantern.",
        }  # fmt: skip
        sql.execute(pending_change.insert().values(**values))
    village.app.do(freeze, Freeze("alice", "stolen"))
    village.world.clock.turn(timedelta(hours=73))
    village.work()
    assert village.now(case).contested_at is not None
    village.app.do(freeze, Freeze("alice", "given back", thaw=True))
    assert village.decide(case, "otto", "resume", "It is thawed.") == 303
    village.world.clock.turn(timedelta(days=7, hours=1))
    village.work()
    assert village.now(case).outcome == "completed"
    with village.app.database.read() as sql:
        assert sql.execute(sa.select(pending_change.c.state)).scalar_one() == "lapsed"
    assert "change-lapsed" in village.kinds()


def test_a_voucher_who_is_a_co_owner_no_longer_counts_no_longer(village: Village) -> None:
    case = village.ready()
    village.app.do(freeze, Freeze("bob", "stolen"))
    assert village.decide(case, "olga") == 409


# --- A34, A55: operators ----------------------------------------------------------------------------------------------


@ON_BOTH
def test_a55_one_operator_is_never_two(both: Village) -> None:
    case = both.ready()
    assert both.decide(case, "olga") == 303
    assert both.decide(case, "olga") == 409
    assert both.now(case).approved_at is None
    assert both.decide(case, "oscar") == 303
    assert both.now(case).approved_at is not None


def test_a55_an_operator_who_was_made_for_it_has_no_voice(village: Village) -> None:
    case = village.ready()
    village.world.clock.turn(HOUR)
    village.world.user("zoe")
    with village.app.database.read() as sql:
        olga = find_user(sql, "olga").actor
    village.app.do(set_site_role, SetSiteRole("zoe", "operator", by=olga))
    assert village.decide(case, "olga") == 303
    assert village.decide(case, "zoe") == 403
    assert village.now(case).approved_at is None


def test_a34_neither_the_person_nor_a_co_owner_nor_a_voucher_nor_the_command_line_decides(village: Village) -> None:
    case = village.ready()
    keys: dict[str, ProvedBy] = {"alice": "totp", "bob": "webauthn"}
    for name, key in keys.items():
        village.app.do(set_site_role, SetSiteRole(name, "operator"))
        assert village.decide(case, name, by=key) == 403
        assert village.decide(case, name, "refuse", by=key) == 403
    with pytest.raises(Refused, match="person with an account"):
        village.app.do(decide.approve, decide.Decide(case.id, "x", COMMAND_LINE, delays_of(village.app.settings)))
    assert village.kinds().count("recovery-refusal") == 5


def test_a34_support_reads_and_changes_nothing(village: Village) -> None:
    case = village.ready()
    sue = _support(village)
    assert "bob, who owns demo too" in sue.get(f"/admin/recovery/{case.id}/").text
    assert sue.get("/admin/recovery/").status_code == 200
    assert "Agree" not in sue.get(f"/admin/recovery/{case.id}/").text
    for what in ("approve", "refuse", "resume"):
        assert sue.post(f"/admin/recovery/{case.id}/{what}/", reason="She cried.").status_code == 403
    assert village.signed_in("bob").get("/admin/recovery/").status_code == 403


def test_every_step_is_told_to_the_person_and_to_all_co_owners(village: Village) -> None:
    village.approved()
    village.world.clock.turn(timedelta(hours=73))
    while run_due_job(village.app, only={ANNOUNCE_JOB}) or run_followers(village.app):
        pass
    with village.app.database.read() as sql:
        letters = [row.arguments for row in sql.execute(sa.select(job.c.arguments).where(job.c.name == "mail"))]
        people = {name: find_user(sql, name).id for name in ("alice", "bob", "mallory")}
    heard = {
        name: {one["template"] for one in letters if one.get("account_id") == number} for name, number in people.items()
    }
    steps = {"recovery-announced", "recovery-held", "recovery-approved"}
    assert steps <= heard["alice"]
    assert steps <= heard["bob"]
    assert not {one for one in heard["mallory"] if one.startswith("recovery")}
    village.work()
    assert village.kinds().count("recovery-completed") == 1


# --- races and single use, on both databases ------------------------------------------------------------------------


@ON_BOTH
def test_race_two_operators_at_once_are_two_and_one_twice_is_one(both: Village) -> None:
    case = both.ready()
    both.decide(case, "olga", "approve")
    with _second_process(both) as other:
        done = _at_once(
            lambda: both.app.do(decide.approve, both.command(case, "oscar")),
            lambda: other.do(decide.approve, both.command(case, "otto")),
        )
    assert sorted(type(one).__name__ for one in done) == ["Refused", "bool"]
    assert both.kinds().count("recovery-approved") == 1


@ON_BOTH
def test_race_two_cases_about_one_account_one_of_them_is_agreed_on(both: Village) -> None:
    first = both.ready()
    both.code("alice", "the-code")
    second = both.ask()
    person = both.world.stranger()
    person.get(both.link(second))
    person.post(both.link(second) + "code/", code="the-code")
    assert both.vouch(second) == 303
    person.post(both.link(second) + "address/", email="alice@new.example")
    assert person.post(both.link(second, "address") + "mail/").status_code == 303
    for case in (first, second):
        assert both.decide(case, "olga") == 303
    with _second_process(both) as other:
        done = _at_once(
            lambda: both.app.do(decide.approve, both.command(first, "oscar")),
            lambda: other.do(decide.approve, both.command(second, "oscar")),
        )
    assert sorted(type(one).__name__ for one in done) == ["Refused", "bool"]
    outcomes = sorted(both.now(one).outcome for one in (first, second))
    assert outcomes == ["", "superseded"]


@ON_BOTH
def test_race_an_objection_and_the_completion_one_of_them_wins(both: Village) -> None:
    case = both.approved()
    both.world.clock.turn(timedelta(hours=73))
    with both.app.database.read() as sql:
        bob = find_user(sql, "bob")
    delays = delays_of(both.app.settings)
    with _second_process(both) as other:
        done = _at_once(
            lambda: both.app.do(contest, Contest(case.id, "No.", bob, delays)),
            lambda: other.do(complete, Complete(case.id, delays, HOUR)),
        )
    found = both.now(case)
    if found.open:
        assert (found.contested_at is not None, done[1]) == (True, False)
    else:
        assert (found.outcome, done[1], type(done[0])) == ("completed", True, Refused)


@ON_BOTH
def test_race_completion_twice_happens_once(both: Village) -> None:
    case = both.approved()
    both.world.clock.turn(timedelta(hours=73))
    wish = Complete(case.id, delays_of(both.app.settings), HOUR)
    with _second_process(both) as other:
        done = _at_once(lambda: both.app.do(complete, wish), lambda: other.do(complete, wish))
    assert sorted(map(str, done)) == ["False", "True"]
    assert both.kinds().count("recovery-completed") == 1
    assert both.app.do(complete, wish) is False


@ON_BOTH
def test_race_one_code_proves_one_case(both: Village) -> None:
    both.code("alice", "the-code")
    first, second = both.ask(), both.ask()
    assert first.account_id is not None
    hashed = hash_of_code(both.app.key, first.account_id, "the-code")
    with _second_process(both) as other:
        done = _at_once(
            lambda: both.app.do(prove_code, GiveCode(first, hashed)),
            lambda: other.do(prove_code, GiveCode(second, hashed)),
        )
    assert sorted(map(str, done)) == ["False", "True"]


@ON_BOTH
def test_race_the_same_case_opened_twice_by_mail_is_one(both: Village) -> None:
    with _second_process(both) as other:
        wish = OpenCase("alice", sent=True, delays=delays_of(both.app.settings))
        done = _at_once(lambda: both.app.do(open_case, wish), lambda: other.do(open_case, wish))
    assert not [one for one in done if isinstance(one, Exception)], done
    with both.app.database.read() as sql:
        assert len(sql.execute(sa.select(recovery_case.c.id)).all()) == 1
    assert both.kinds().count("recovery-opened") == 1


# --- helpers ----------------------------------------------------------------------------------------------------------


@contextmanager
def _reopened(village: Village, **settings: object) -> Iterator[Village]:
    """The same index after a restart, with other settings."""
    with (
        open_app(
            village.app.settings.model_copy(update=settings), clock=village.world.clock, walkers=village.app.walkers
        ) as app,
        TestClient(build(app), base_url="http://index.test") as client,
    ):
        yield Village(World(app, village.world.clock, client, tokens=village.world.tokens))


@contextmanager
def _second_process(village: Village) -> Iterator[App]:
    """Another process on the same database."""
    with open_app(village.app.settings, clock=village.world.clock, walkers=village.app.walkers) as app:
        yield app


def _own_url(village: Village, url: str, name: str, *, version: str = "1.5", aged: bool = True) -> None:
    """Release a version that names this repository; long ago, unless it is not ``aged``."""
    dist = wheel(name, version, headers={"Project-URL": f"Repository, {url}"})
    answer = village.world.upload(dist, name=name, version=version)
    assert answer.status == 200, answer.text
    if aged:
        village.world.clock.turn(AGES)


def _become_owner(village: Village, name: str, user: str) -> None:
    """Somebody becomes an owner now, and the ledger says so."""
    village.co_own(name, user)

    def told(_command: None, tx: Tx) -> None:
        who = find_user(tx.sql, user)
        tx.record(
            RoleChanged(SYSTEM, name, user_id=str(who.id), name=user, role="owner", before="")
        )  # fmt: skip

    village.app.do(told, None)


def _leave(village: Village, name: str, user: str) -> None:
    """Somebody has no role any more, without an event."""
    with village.app.database.write() as sql:
        number = sql.execute(sa.select(project.c.id).where(project.c.normalized == name)).scalar_one()
        mine = (project_role.c.project_id == number, project_role.c.account_id == find_user(sql, user).id)
        sql.execute(project_role.delete().where(*mine))


def _link(village: Village, name: str, subject: str) -> None:
    now = village.world.clock.now()
    with village.app.database.write() as sql:
        values = {"account_id": find_user(sql, name).id, "issuer": "https://login.example", "subject": subject}
        sql.execute(linked_identity.insert().values(**values, name="ada", linked_at=now, proved_at=now))


def _support(village: Village) -> Person:
    village.world.user("sue")
    village.app.do(set_site_role, SetSiteRole("sue", "support"))
    return village.signed_in("sue")


def _repository(village: Village, case: Case, url: str) -> str:
    person = village.world.stranger()
    person.get(village.link(case))
    return person.said(person.post(village.link(case) + "repository/", url=url))


def _record(village: Village, case: Case, domain: str) -> str:
    person = village.world.stranger()
    person.get(village.link(case))
    return person.said(person.post(village.link(case) + "dns/", domain=domain))


def _anonymous(text: str) -> str:
    """A page without what is random in it."""
    text = re.sub(r'name="csrf" value="[^"]+"', "", text)
    text = re.sub(r"/recovery/[^/]+/", "/recovery/LINK/", text)
    text = re.sub(r"customhouse-recovery-[a-z2-7]{24}", "TOKEN", text)
    text = re.sub(r"new-\d+@", "new@", text)
    text = re.sub(r'datetime="[^"]+"', "", text)
    return re.sub(r"\b[a-z2-7]{4}-[a-z2-7]{4}\b", "WORD", text)


def _at_once(*deeds: Callable[[], object]) -> list[object]:
    """What came of each when they began together."""
    done: list[object] = [None] * len(deeds)
    gate = threading.Barrier(len(deeds))

    def one(number: int, deed: Callable[[], object]) -> None:
        gate.wait()
        try:
            done[number] = deed()
        except CustomhouseError as error:
            done[number] = error

    threads = [threading.Thread(target=one, args=pair) for pair in enumerate(deeds)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return done
