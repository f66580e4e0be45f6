"""The second step and the doors around it: codes of apps, recovery codes, new browsers, fresh proofs (A4, A7 to A12, A16)."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from html import unescape
from pathlib import Path

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from clock import TurnableClock
from customhouse.accounts.devices import link_text as browser_link_text
from customhouse.accounts.factors import RemoveFactor, Unlock, unlock
from customhouse.accounts.links import MakePasswordLink, link_text, make_password_link
from customhouse.accounts.sign_in_limits import second_limits
from customhouse.accounts.tables import account, limit_hit, second_factor, session
from customhouse.accounts.users import find_user
from customhouse.cli.user import unlock_user
from customhouse.index.remove_factor import remove_factor
from customhouse.infra.tables import job
from customhouse.ledger import queries as ledger
from customhouse.ledger.tables import ledger_event
from customhouse.terms.errors import Refused
from customhouse.work import run_followers
from person import PASSWORD, Person
from second_step import Guarded, a_key, guarded, named_world, seed_on, signed_in
from world import World

pytestmark = pytest.mark.slow
STEP = timedelta(seconds=30)
FIVE = timedelta(minutes=5, seconds=1)
FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")


@pytest.fixture
def index(request: pytest.FixtureRequest, tmp_path: Path, clock: TurnableClock) -> Iterator[World]:
    with named_world(request, tmp_path, clock) as world:
        yield world


@pytest.fixture(params=["sqlite", "postgresql"])
def both(request: pytest.FixtureRequest, tmp_path: Path, clock: TurnableClock) -> Iterator[World]:
    with named_world(request, tmp_path, clock, database=request.param) as world:
        yield world


@pytest.fixture
def mailing(request: pytest.FixtureRequest, tmp_path: Path, clock: TurnableClock) -> Iterator[World]:
    """An index with a mail server, where nothing is delivered: the jobs are looked at."""
    with named_world(request, tmp_path, clock, smtp_host="127.0.0.1", smtp_port=9) as world:
        yield world


def kinds(world: World) -> list[str]:
    with world.app.database.read() as sql:
        return [entry.kind for entry in ledger.entries(sql)]


def cookie(person: Person) -> str:
    return str(person.client.cookies.get("__Host-session", ""))


def wrong(right: str) -> str:
    return f"{(int(right) + 1) % 1_000_000:06d}"


# A4: ids, and what ends sessions.


def test_a4_the_id_changes_at_each_step_and_the_half_one_opens_nothing_afterwards(both: World) -> None:
    alice = guarded(both, app=True)
    both.clock.turn(STEP)
    new = alice.elsewhere()
    new.password("alice")
    half = cookie(new.person)
    new.second(new.code())
    full = cookie(new.person)
    both.clock.turn(STEP)
    answer = new.person.post("/account/again/", code=new.code())
    assert answer.status_code == 303
    proved = cookie(new.person)
    assert len({half, full, proved}) == 3
    for old in (half, full):
        thief = both.stranger()
        thief.client.cookies.set("__Host-session", old, domain="index.test")
        assert thief.get("/account/").status_code == 303
        assert thief.get("/account/second/").headers["location"] == "/account/sign-in/"
    assert signed_in(new)


def test_a4_every_other_session_ends_when_factors_or_recovery_codes_change(index: World) -> None:
    alice = Guarded(index.person("alice"), index)
    changes: list[Callable[[], object]] = [alice.make_codes, alice.keep_codes, alice.add_app]
    for change in changes:
        stranger = index.stranger()
        stranger.sign_in("alice")
        change()
        assert stranger.get("/account/").status_code == 303, change
        assert signed_in(alice)
    index.clock.turn(STEP)
    other = alice.elsewhere()
    other.password("alice")
    other.second(other.code())
    unfinished = alice.elsewhere()
    unfinished.password("alice")
    assert signed_in(other)
    assert alice.add_key(a_key()).status_code == 303
    assert not signed_in(other)
    assert unfinished.person.get("/account/second/").headers["location"] == "/account/sign-in/"
    assert signed_in(alice)


# A7: half of a proof is none.


def test_a7_who_owes_the_second_step_is_nobody_and_only_for_a_while(index: World) -> None:
    alice = guarded(index, app=True)
    index.clock.turn(STEP)
    half = alice.elsewhere()
    half.password("alice")
    for address in ("/account/", "/account/tokens/", "/account/two-factor/", "/account/again/", "/manage/new/"):
        assert half.person.get(address).headers["location"].startswith("/account/sign-in/?next="), address
    assert half.person.client.get("/account/keys/options/?purpose=add-key").status_code == 409
    half.person.get("/account/second/")
    assert half.person.post("/account/two-factor/codes/").status_code in (303, 401)
    assert half.person.post("/account/again/", code=half.code()).headers["location"].startswith("/account/sign-in/")
    with index.app.database.read() as sql:
        assert sql.execute(sa.select(sa.func.count()).where(session.c.state == "half")).scalar_one() == 1
    index.clock.turn(timedelta(minutes=15, seconds=1))
    assert half.person.get("/account/second/").headers["location"] == "/account/sign-in/"
    half.person.get("/account/sign-in/")
    assert half.person.post("/account/second/", code=half.code()).status_code == 409
    assert not signed_in(half)


# A8: guessing codes.


def test_a8_five_wrong_codes_and_the_right_one_is_not_heard_whichever_session_it_comes_from(both: World) -> None:
    alice = guarded(both, app=True)
    both.clock.turn(STEP)
    first, second = alice.elsewhere(), alice.elsewhere()
    first.password("alice")
    second.password("alice")
    for number in range(5):
        answer = (first if number % 2 else second).second(wrong(alice.code()))
        assert answer.status_code == 403
        assert "not right" in answer.text
    for code in (alice.code(), alice.codes[0]):
        for one in (first, second):
            refused = one.second(code)
            assert refused.status_code == 429
            assert 0 < int(refused.headers["retry-after"]) <= 300
    # Nor does the fresh proof of a session that is open already.
    alice.person.get("/account/again/")
    assert alice.person.post("/account/again/", code=alice.code()).status_code == 429
    both.clock.turn(FIVE)
    assert first.second(alice.code()).status_code == 303
    assert kinds(both).count("second-step-failed") == 5


def test_a8_fifty_in_a_day_lock_the_codes_a_letter_tells_and_a_key_or_a_new_password_ends_it(index: World) -> None:
    key = a_key()
    alice = guarded(index, app=True, keys=(key,))
    tries = 0
    guesser = alice.elsewhere()
    while tries < 60 and "second-step-locked" not in kinds(index)[-3:]:
        index.clock.turn(FIVE)
        guesser.password("alice")
        for _ in range(5):
            answer = guesser.second(wrong(alice.code()))
            tries += answer.status_code == 403 and "not right" in answer.text
    assert tries == 50
    index.clock.turn(timedelta(days=2))
    locked = alice.elsewhere()
    locked.password("alice")
    for code in (alice.code(), alice.codes[0]):
        answer = locked.second(code)
        assert (answer.status_code, "takes no more of them" in answer.text) == (403, True)
    assert kinds(index).count("second-step-locked") == 1
    assert locked.use_key(key, "second", "/account/second/").status_code == 303

    _add_address(index, "alice", verified=False)
    while run_followers(index.app):
        pass
    assert "second-step-locked" in _letters(index)
    index.app.do(unlock, Unlock("alice"))
    again = alice.elsewhere()
    again.password("alice")
    assert again.second(alice.code()).status_code == 303
    _lock(index, "alice")
    with index.app.database.read() as sql:
        user = find_user(sql, "alice")
    link_id = index.app.do(make_password_link, MakePasswordLink(user, timedelta(hours=6), mail=False))
    stranger = index.stranger()
    address = f"/account/link/{link_text(index.app.key, link_id)}/"
    stranger.get(address)
    assert (
        stranger.post(address, password="a new and long password", again="a new and long password").status_code == 303
    )
    index.clock.turn(STEP)
    once_more = alice.elsewhere()
    once_more.password("alice", "a new and long password")
    assert once_more.second(alice.code()).status_code == 303


@pytest.mark.parametrize("way", ["link", "operator"])
def test_a8_whoever_is_unlocked_begins_anew_and_the_right_code_works_at_once(index: World, way: str) -> None:
    alice = guarded(index, app=True)
    with index.app.database.read() as sql:
        user = find_user(sql, "alice")
    buckets = [index.app.limiter._bucket(one) for one in second_limits(user)]
    rows = [{"bucket": one, "at": index.clock.now(), "attempt": number} for one in buckets for number in range(50)]
    with index.app.database.write() as sql:
        sql.execute(limit_hit.insert(), rows)
    index.clock.turn(STEP)
    locked = alice.elsewhere()
    locked.password("alice")
    assert locked.second(alice.code()).status_code == 403
    assert "second-step-locked" in kinds(index)
    password = PASSWORD
    if way == "link":
        link_id = index.app.do(make_password_link, MakePasswordLink(user, timedelta(hours=6), mail=False))
        stranger, address = index.stranger(), f"/account/link/{link_text(index.app.key, link_id)}/"
        stranger.get(address)
        password = "a new and long password"
        assert stranger.post(address, password=password, again=password).status_code == 303
    else:
        unlock_user(index.app, "alice")
    again = alice.elsewhere()
    again.password("alice", password)
    assert again.second(alice.code()).status_code == 303


# A9: a code is good once.


def test_a9_a_code_is_accepted_once_however_it_is_written_and_never_an_earlier_one(both: World) -> None:
    alice = guarded(both, app=True)
    enrolled = alice.code()
    at_enrolment = alice.elsewhere()
    at_enrolment.password("alice")
    assert at_enrolment.second(enrolled).status_code == 403
    both.clock.turn(STEP)
    code = alice.code()
    first = alice.elsewhere()
    first.password("alice")
    assert first.second(f" {code[:3]} {code[3:]} ".translate(FULL_WIDTH)).status_code == 303
    both.clock.turn(FIVE - STEP)
    alice.person.get("/account/again/")
    used = alice.code()
    assert alice.person.post("/account/again/", code=used).status_code == 303
    spellings = [used, f"{used[:3]} {used[3:]}", used.translate(FULL_WIDTH), f"{used}\u200b", alice.code(steps=-1)]
    for spelling in spellings:
        thief = alice.elsewhere()
        thief.password("alice")
        assert thief.second(spelling).status_code == 403, spelling
    both.clock.turn(FIVE)
    late = alice.elsewhere()
    late.password("alice")
    assert late.second(alice.code(steps=1)).status_code == 303  # a phone that is ahead
    for steps in (1, 0, -1):
        thief = alice.elsewhere()
        thief.password("alice")
        assert thief.second(alice.code(steps=steps)).status_code == 403, steps


def test_a9_what_is_no_code_is_a_wrong_code(index: World) -> None:
    alice = guarded(index, app=True)
    thief = alice.elsewhere()
    for text in (
        "",
        "12345",
        "1234567",
        "0 0 0",
        "１２３",
        "12345６７",
        "1e5",
        "-12345",
        "abcdef",
        "\x00",
        "٣٣٣٣٣٣",
        "x" * 5000,
    ):
        index.clock.turn(FIVE)
        thief.password("alice")
        assert thief.second(text).status_code in (400, 403), text
        assert not signed_in(thief), text


# A10: enrolling.


def test_a10_an_app_counts_only_after_a_right_code_and_its_secret_is_shown_once(index: World) -> None:
    alice = Guarded(index.person("alice"), index)
    assert alice.person.get("/account/two-factor/app/").headers["location"] == "/account/two-factor/"
    alice.keep_codes()
    page = alice.person.get("/account/two-factor/app/")
    assert page.headers["cache-control"] == "private, no-store"
    assert "<svg" in page.text
    seed = seed_on(page.text)
    sealed = unescape(re.findall(r'name="seed" value="([^"]+)"', page.text)[0])
    assert seed_on(alice.person.get("/account/two-factor/app/").text) != seed

    other = index.stranger()
    assert other.sign_in("alice").headers["location"] == "/account/"  # nothing counts yet
    for code in ("000000", "", wrong(_code(index, seed))):
        answer = alice.person.post("/account/two-factor/app/", seed=sealed, code=code, label="my phone")
        assert answer.status_code == 400
        assert 'aria-label="The secret"' not in answer.text
        assert "<svg" not in answer.text.partition("<main")[2]
    assert (
        alice.person.post(
            "/account/two-factor/app/", seed=sealed[:-4] + "AAA=", code=_code(index, seed), label="x"
        ).status_code
        == 409
    )
    with index.app.database.read() as sql:
        assert sql.execute(sa.select(second_factor)).all() == []
    answer = alice.person.post("/account/two-factor/app/", seed=sealed, code=_code(index, seed), label="my phone")
    assert answer.status_code == 303
    alice.person.get("/account/")
    index.clock.turn(STEP)
    # The session has another id now: what the page has sealed for the old one is of no use.
    assert (
        alice.person.post("/account/two-factor/app/", seed=sealed, code=_code(index, seed), label="twin").status_code
        == 409
    )
    with index.app.database.read() as sql:
        (row,) = sql.execute(sa.select(second_factor)).all()
        told = "".join(text for (text,) in sql.execute(sa.select(ledger_event.c.body)))
    assert seed not in bytes(row.secret)
    assert row.label == "my phone"
    assert not {_base32(seed), seed.hex()} & set(re.findall(r"\w+", told))
    assert _base32(seed)[:8] not in alice.person.get("/account/two-factor/").text.replace(" ", "")


# A11: recovery codes.


def test_a11_a_recovery_code_works_once_in_any_spelling_and_dies_with_its_set(both: World) -> None:
    alice = guarded(both, app=True)
    old = list(alice.codes)
    for spelling in (
        old[0].upper(),
        old[1].replace("-", " "),
        old[2].replace("-", "").translate(str.maketrans("oi", "01")),
    ):
        one = alice.elsewhere()
        one.password("alice")
        assert one.second(spelling).status_code == 303, spelling
        thief = alice.elsewhere()
        thief.password("alice")
        assert thief.second(spelling).status_code == 403
        both.clock.turn(FIVE)
    _add_address(both, "alice", verified=False)
    while run_followers(both.app):
        pass
    assert _letters(both).count("recovery-code-used") == 4  # one of them to show that they were kept
    # Whoever signs in with one may make new ones.
    one = alice.elsewhere()
    one.password("alice")
    one.second(old[3])
    fresh = one.make_codes()
    assert not set(fresh) & set(old)
    assert len(fresh) == 8
    thief = alice.elsewhere()
    thief.password("alice")
    assert thief.second(old[4]).status_code == 403
    assert thief.second(fresh[0]).status_code == 303


def test_a11_no_factor_before_a_code_was_burnt_and_codes_are_shown_once_and_kept_as_hashes(index: World) -> None:
    alice = Guarded(index.person("alice"), index)
    refused = "First make recovery codes"
    assert refused in alice.add_key(a_key()).text
    codes = alice.make_codes()
    assert len(set(codes)) == 8
    assert all(re.fullmatch(r"(?:[a-z2-7]{4}-){3}[a-z2-7]{4}", code) for code in codes)
    assert refused in alice.add_key(a_key()).text
    page = alice.person.get("/account/two-factor/")
    assert page.headers["cache-control"] == "private, no-store"
    assert not any(code in page.text for code in codes)
    assert alice.person.post("/account/two-factor/codes/kept/", code="aaaa-aaaa-aaaa-aaaa").status_code == 400
    assert alice.person.post("/account/two-factor/codes/kept/", code=codes[0]).status_code == 303
    with index.app.database.read() as sql:
        rows = str(sql.execute(sa.text("SELECT * FROM recovery_code")).all()) + str(
            sql.execute(sa.select(ledger_event)).all()
        )
    assert not any(code in rows or code.replace("-", "") in rows for code in codes)
    assert alice.add_key(a_key()).status_code == 303


# A12: what a relaying page gets.


def test_a12_a_code_in_a_new_browser_waits_for_a_mail_and_the_link_lets_that_browser_in_alone(mailing: World) -> None:
    alice = guarded(mailing, app=True)
    _add_address(mailing, "alice", verified=True)
    mailing.clock.turn(STEP)
    thief, mine = alice.elsewhere(), alice.elsewhere()
    thief.password("alice")
    answer = thief.second(alice.code())
    assert answer.headers["location"] == "/account/browser/?next=/account/"
    assert not signed_in(thief)
    thief.person.get("/account/browser/")
    assert "Nobody has followed the link yet" in thief.person.post("/account/browser/").text
    thiefs_link = _browser_link(mailing)
    mailing.clock.turn(STEP)
    mine.password("alice")
    mine.second(alice.code())
    link = _browser_link(mailing)
    assert link != thiefs_link
    reader = mailing.stranger()
    for _ in range(3):
        assert "Let this browser in?" in reader.get(link).text  # mail programs look at links
    mine.person.get("/account/browser/")
    assert "Nobody has followed the link yet" in mine.person.post("/account/browser/").text
    assert reader.post(link).status_code == 303
    assert reader.get("/account/").status_code == 303  # the one who clicked is not let in by that
    assert reader.get(link).status_code == 404
    assert reader.post(link).status_code == 404
    half = cookie(mine.person)
    mine.person.get("/account/browser/")
    assert mine.person.post("/account/browser/").headers["location"] == "/account/"
    assert signed_in(mine)
    assert cookie(mine.person) != half
    assert "Nobody has followed the link yet" in thief.person.post("/account/browser/").text
    assert not signed_in(thief)
    assert kinds(mailing).count("browser-confirmed") == 1

    mine.person.post("/account/sign-out/")
    mine.person.csrf, mine.person.name = "", ""
    mailing.clock.turn(STEP)
    mine.password("alice")
    assert mine.second(alice.code()).headers["location"] == "/account/"  # it is known now
    mailing.clock.turn(timedelta(hours=1))
    assert mailing.stranger().get(thiefs_link).status_code == 404


def test_a12_from_another_network_the_owner_must_say_that_the_browser_is_his(mailing: World) -> None:
    alice = guarded(mailing, app=True)
    _add_address(mailing, "alice", verified=True)
    mailing.clock.turn(STEP)
    thief = Guarded(_from("203.0.113.9", mailing), mailing, alice.codes, alice.seed)
    thief.password("alice")
    thief.second(alice.code())
    reader = _from("198.51.100.4", mailing)
    link = _browser_link(mailing)
    page = reader.get(link)
    assert "203.0.113.0/24" in page.text
    assert "the one who waits is a thief" in page.text
    assert reader.post(link).status_code == 409
    thief.person.get("/account/browser/")
    assert thief.person.post("/account/browser/").status_code == 200
    assert reader.post(link, mine="yes").status_code == 303
    assert thief.person.post("/account/browser/").status_code == 303


def test_a12_a_password_alone_and_a_recovery_code_wait_too_and_a_key_does_not(mailing: World) -> None:
    key, passkey = a_key(), a_key(counts=False)
    alice = guarded(mailing, keys=(key, passkey))
    mailing.person("bob")
    for name in ("alice", "bob"):
        _add_address(mailing, name, verified=True)
    bob = Guarded(mailing.stranger(), mailing)
    assert bob.password("bob").headers["location"].startswith("/account/browser/")
    by_paper, by_key, alone = alice.elsewhere(), alice.elsewhere(), alice.elsewhere()
    by_paper.password("alice")
    assert by_paper.second(alice.codes[0]).headers["location"].startswith("/account/browser/")
    by_key.password("alice")
    assert by_key.use_key(key, "second", "/account/second/").headers["location"] == "/account/"
    assert alone.use_key(passkey, "passkey", "/account/passkey/").headers["location"] == "/account/"


def test_a12_where_nobody_can_be_asked_the_event_and_the_page_say_so(mailing: World) -> None:
    alice = mailing.person("alice")
    assert "the account has no verified address" in alice.get("/account/two-factor/").text
    with mailing.app.database.read() as sql:
        (body,) = [entry.body for entry in ledger.entries(sql) if entry.kind == "signed-in"]
    assert "not asked: the account has no verified address" in body


def test_a12_whoever_knows_a_password_makes_us_write_ten_letters_an_hour(mailing: World) -> None:
    mailing.person("bob")
    _add_address(mailing, "bob", verified=True)
    answers = [Guarded(mailing.stranger(), mailing).password("bob").status_code for _ in range(12)]
    assert answers == [303] * 10 + [429] * 2


def test_a12_the_page_warns_under_another_name_than_the_indexs(index: World) -> None:
    alice = guarded(index, app=True)
    here, there = alice.elsewhere(), Guarded(_named("https://localhost", index), index)
    for one in (here, there):
        one.password("alice")
    assert "This page stands at another address" not in here.person.get("/account/second/").text
    page = there.person.get("/account/second/").text
    assert "This page stands at another address than https://index.test" in page


def test_a12_forgotten_browsers_are_asked_about_again_and_a_made_up_cookie_is_never_taken(mailing: World) -> None:
    bob = Guarded(mailing.person("bob"), mailing)
    assert bob.person.client.cookies.get("__Host-browser")
    _add_address(mailing, "bob", verified=True)
    assert bob.person.post("/account/two-factor/browsers/forget/").status_code == 303
    bob.person.post("/account/sign-out/")
    bob.person.csrf = bob.person.name = ""
    assert bob.password("bob").headers["location"].startswith("/account/browser/")
    mallory = Guarded(mailing.stranger(), mailing)
    mailing.person("carol")
    mallory.person.client.cookies.set("__Host-browser", "made-up-by-mallory", domain="index.test")
    mallory.password("carol")
    values = [one.value for one in mallory.person.client.cookies.jar if one.name == "__Host-browser"]
    assert values[-1] != "made-up-by-mallory"


# A16: taking factors away.


def test_a16_a_proof_by_the_strongest_factor_is_wanted_before_one_goes_and_the_last_one_may_have_to_stay(
    index: World,
) -> None:
    key = a_key()
    alice = guarded(index, app=True, keys=(key,))
    with index.app.database.read() as sql:
        ids = {row.method: row.id for row in sql.execute(sa.select(second_factor.c.id, second_factor.c.method))}
    index.clock.turn(timedelta(minutes=15, seconds=1))
    removal = f"/account/two-factor/{ids['totp']}/remove/"
    alice.person.get("/account/")
    assert alice.person.post(removal).headers["location"].startswith("/account/again/")  # a stolen session
    # The weaker factor, and the password, prove nothing here.
    alice.person.get("/account/again/")
    assert alice.person.post("/account/again/", code=alice.code()).status_code == 403
    assert alice.person.post("/account/again/", password="correct horse battery staple").status_code == 403
    assert alice.use_key(key, "again", "/account/again/").status_code == 303
    assert alice.person.post(removal).status_code == 303
    with index.app.database.read() as sql:
        user = find_user(sql, "alice")
    kept = RemoveFactor(user.id, ids["webauthn"], user.identity, must_keep="A mandate holds for demo.")
    with pytest.raises(Refused, match=r"A mandate holds for demo\. Add another factor first"):
        index.app.do(remove_factor, kept)
    assert alice.person.post(f"/account/two-factor/{ids['webauthn']}/remove/").status_code == 303
    assert kinds(index)[-2:] == ["factor-removed", "factor-removed"]
    assert Guarded(index.stranger(), index).password("alice").headers["location"] == "/account/"


def test_a16_a_session_by_a_weaker_factor_opens_no_dangerous_page_and_a_recovery_code_does(index: World) -> None:
    alice = guarded(index, app=True, keys=(a_key(),))
    index.clock.turn(STEP)
    phished, paper = alice.elsewhere(), alice.elsewhere()
    phished.password("alice")
    phished.second(alice.code())
    assert signed_in(phished)
    assert phished.person.get("/account/two-factor/").headers["location"].startswith("/account/again/")
    paper.password("alice")
    paper.second(alice.codes[0])
    assert paper.person.get("/account/two-factor/").status_code == 200


def test_a16_somebody_elses_factor_is_like_none(index: World) -> None:
    guarded(index, app=True)
    mallory = index.person("mallory")
    with index.app.database.read() as sql:
        factor = sql.execute(sa.select(second_factor.c.id)).scalar_one()
    for number in (factor, factor + 1, "nonsense", "9" * 30):
        assert mallory.post(f"/account/two-factor/{number}/remove/").status_code == 404
        assert mallory.post(f"/account/two-factor/{number}/rename/", label="mine").status_code == 404
    assert mallory.post(f"/account/two-factor/{factor}/rename/", label="").status_code == 400


def _code(world: World, seed: bytes) -> str:
    return Guarded(world.stranger(), world, seed=seed).code()


def _base32(seed: bytes) -> str:
    return base64.b32encode(seed).decode()


def _add_address(world: World, name: str, *, verified: bool) -> None:
    values = {"email": f"{name}@example.org", "email_verified_at": world.clock.now() if verified else None}
    with world.app.database.write() as sql:
        sql.execute(account.update().where(account.c.normalized == name).values(values))


def _lock(world: World, name: str) -> None:
    with world.app.database.write() as sql:
        sql.execute(account.update().where(account.c.normalized == name).values(second_locked_at=world.clock.now()))


def _letters(world: World) -> list[str]:
    """The templates of all letters that wait."""
    with world.app.database.read() as sql:
        found = sql.execute(sa.select(job.c.arguments).where(job.c.name == "mail").order_by(job.c.id)).scalars()
        return re.findall(r'"template":\s*"([^"]+)"', "".join(map(_text, found)))


def _browser_link(world: World) -> str:
    """The link of the last letter about a browser, as it will be written; the job itself holds no secret."""
    with world.app.database.read() as sql:
        found = sql.execute(sa.select(job.c.arguments).where(job.c.name == "mail").order_by(job.c.id)).scalars()
        ids = re.findall(r'"question_id":\s*"([a-z2-7]+)"', "".join(map(_text, found)))
    return f"/account/browser/{browser_link_text(world.app.key, ids[-1])}/"


def _text(arguments: object) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(arguments)


def _from(address: str, world: World) -> Person:
    return Person(TestClient(world.client.app, base_url="https://index.test", client=(address, 50000)))


def _named(url: str, world: World) -> Person:
    return Person(TestClient(world.client.app, base_url=url))
