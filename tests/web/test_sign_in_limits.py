"""How often somebody may fail, on two processes, after a restart, and at the same moment: attacks A1, A3, A8, A9, A11."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from pathlib import Path

import httpx2 as httpx
import pytest
import sqlalchemy as sa
from argon2 import Parameters, PasswordHasher, Type, extract_parameters
from starlette.testclient import TestClient

from clock import TurnableClock
from customhouse.accounts import recovery_codes, totp, webauthn_challenges
from customhouse.accounts.limits import Counted
from customhouse.accounts.passwords import LANES, MEMORY_KIB, PASSES
from customhouse.accounts.recovery_codes import MakeCodes, UseCode
from customhouse.accounts.sign_in_limits import FIVE_MINUTES, OF_ALL, key_limits, password_limits
from customhouse.accounts.tables import limit_hit, second_factor
from customhouse.accounts.totp import EnrolTotp, GiveCode
from customhouse.accounts.users import User, find_user
from customhouse.accounts.webauthn_challenges import ClaimChallenge, Holder
from customhouse.app import App, open_app
from customhouse.infra.db import insert_new
from customhouse.terms.errors import Refused
from customhouse.web.asgi import build
from person import PASSWORD, Person
from second_step import URL, Guarded, code_at, guarded, named_world
from world import World

pytestmark = pytest.mark.slow
RIVALS = 64


@pytest.fixture(params=["sqlite", "postgresql"])
def both(request: pytest.FixtureRequest, tmp_path: Path, clock: TurnableClock) -> Iterator[World]:
    with named_world(request, tmp_path, clock, database=request.param) as world:
        yield world


@pytest.fixture
def index(request: pytest.FixtureRequest, tmp_path: Path, clock: TurnableClock) -> Iterator[World]:
    with named_world(request, tmp_path, clock) as world:
        yield world


@pytest.fixture
def proxied(request: pytest.FixtureRequest, tmp_path: Path, clock: TurnableClock) -> Iterator[World]:
    with named_world(request, tmp_path, clock, trusted_proxies=("10.0.0.0/8",)) as world:
        yield world


@pytest.fixture
def second_process(both: World) -> Iterator[World]:
    """Another process on the same database, as far as this one can be one: it shares nothing in memory."""
    with ExitStack() as stack:
        yield _opened(both, stack)


def _opened(world: World, stack: ExitStack) -> World:
    app = stack.enter_context(open_app(world.app.settings, clock=world.clock, walkers=world.app.walkers))
    return World(app, world.clock, stack.enter_context(TestClient(build(app), base_url=URL)))


def from_(world: World, address: str, **headers: str) -> Person:
    client = TestClient(world.client.app, base_url=URL, client=(address, 50000), headers=headers)
    return Person(client)


def test_a1_ten_wrong_passwords_and_the_right_one_is_not_heard_here_there_and_after_a_restart(
    both: World, second_process: World
) -> None:
    both.person("alice")
    statuses = []
    for number in range(12):
        world = both if number % 2 else second_process
        statuses.append(from_(world, f"203.0.113.{number}").sign_in("alice", "wrong").status_code)
    assert statuses == [403] * 10 + [429] * 2
    for world in (both, second_process):
        answer = from_(world, "198.51.100.1").sign_in("alice")
        assert answer.status_code == 429
        assert 0 < int(answer.headers["retry-after"]) <= 300
    with ExitStack() as stack:
        restarted = _opened(both, stack)
        assert from_(restarted, "198.51.100.1").sign_in("alice").status_code == 429
        both.clock.turn(timedelta(minutes=5))
        assert from_(restarted, "198.51.100.1").sign_in("alice").status_code == 303


def test_a1_one_network_gets_ten_tries_over_all_accounts_and_a_slash_64_is_one_network(index: World) -> None:
    for name in ("alice", "bob"):
        index.person(name)
    statuses = [from_(index, "203.0.113.5").sign_in(f"nobody-{number}", "wrong").status_code for number in range(11)]
    assert statuses == [403] * 10 + [429]
    assert from_(index, "203.0.113.5").sign_in("bob").status_code == 429
    assert from_(index, "203.0.113.6").sign_in("bob").status_code == 303
    statuses = [
        from_(index, f"2001:db8:0:7::{number:x}").sign_in(f"none-{number}", "wrong").status_code for number in range(11)
    ]
    assert statuses == [403] * 10 + [429]
    assert from_(index, "2001:db8:0:7:ffff::1").sign_in("bob").status_code == 429
    assert from_(index, "2001:db8:0:8::1").sign_in("bob").status_code == 303


def test_a1_a_spray_from_everywhere_stops_at_a_thousand(index: World) -> None:
    index.person("alice")
    bucket = index.app.limiter._bucket(Counted(OF_ALL))
    with index.app.database.write() as sql:
        now = index.clock.now()
        sql.execute(limit_hit.insert(), [{"bucket": bucket, "at": now, "attempt": number} for number in range(999)])
    assert from_(index, "203.0.113.1").sign_in("alice", "wrong").status_code == 403
    assert from_(index, "203.0.113.2").sign_in("alice").status_code == 429
    index.clock.turn(FIVE_MINUTES)
    assert from_(index, "203.0.113.2").sign_in("alice").status_code == 303


def test_a1_right_answers_count_nothing(index: World) -> None:
    index.person("alice")
    for _ in range(12):
        assert from_(index, "203.0.113.1").sign_in("alice").status_code == 303
    with index.app.database.read() as sql:
        assert sql.execute(sa.select(sa.func.count()).select_from(limit_hit)).scalar_one() == 0


def test_a1_forwarded_addresses_are_believed_from_our_front_ends_alone(proxied: World) -> None:
    proxied.person("alice")
    for number in range(10):
        spoofing = from_(proxied, "203.0.113.5", **{"x-forwarded-for": f"192.0.2.{number}"})
        assert spoofing.sign_in("nobody", "wrong").status_code == (403 if number < 10 else 429)
    assert from_(proxied, "203.0.113.5", **{"x-forwarded-for": "192.0.2.99"}).sign_in("alice").status_code == 429
    behind = from_(proxied, "10.0.0.1", **{"x-forwarded-for": "203.0.113.5, 198.51.100.9"})
    assert behind.sign_in("alice").status_code == 303
    assert (
        from_(proxied, "10.0.0.1", **{"x-forwarded-for": "198.51.100.9, 203.0.113.5"}).sign_in("alice").status_code
        == 429
    )


def test_a1_the_password_again_is_limited_like_the_first_time(index: World) -> None:
    alice = index.person("alice")
    alice.get("/account/again/")
    statuses = [alice.post("/account/again/", password="wrong").status_code for _ in range(11)]
    assert statuses == [403] * 10 + [429]
    assert alice.post("/account/again/", password=PASSWORD).status_code == 429
    # What is counted is this session's; whoever has stolen it keeps nobody else out.
    assert from_(index, "203.0.113.1").sign_in("alice").status_code == 303


def test_a8_strangers_keep_nobody_out_who_is_signed_in_and_no_key_and_no_other_login(index: World) -> None:
    alice = index.person("alice")
    user = _user(index)
    for address in ("testclient", "203.0.113.7"):
        filled = password_limits(str(user.id), address)
        with index.app.database.write() as sql:
            for one in filled:
                for number in range(one.limit.most):
                    bucket = index.app.limiter._bucket(one)
                    insert_new(sql, limit_hit, bucket=bucket, at=index.clock.now(), attempt=number)
    assert from_(index, "203.0.113.8").sign_in("alice").status_code == 429
    alice.get("/account/again/")
    assert alice.post("/account/again/", password=PASSWORD).status_code == 303
    assert OF_ALL not in [one.limit for one in key_limits("203.0.113.8")]


def test_a3_signing_in_tells_nobody_which_accounts_there_are(index: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Same status, body and headers; and one hash of the same cost, which is what takes the time."""
    index.person("alice")
    index.user("tokenless")  # without a password
    names = ["alice", "nobody", "tokenless"]
    hashed: list[Parameters] = []
    verify = PasswordHasher.verify

    def counting(hasher: PasswordHasher, stored: str, text: str) -> object:
        hashed.append(extract_parameters(stored))
        return verify(hasher, stored, text)

    monkeypatch.setattr(PasswordHasher, "verify", counting)
    told: dict[str, set[object]] = {name: set() for name in names}
    for number in range(2 * len(names)):
        index.clock.turn(FIVE_MINUTES)
        for name in names[number % 3 :] + names[: number % 3]:
            stranger = from_(index, f"203.0.113.{number}")
            stranger.get("/account/sign-in/")
            hashed.clear()
            answer = stranger.post("/account/sign-in/", name=name, password="wrong password")
            assert hashed == [Parameters(Type.ID, 19, 16, 32, PASSES, MEMORY_KIB, LANES)], name
            told[name].add(_told(answer, stranger, name))
    assert told["alice"] == told["nobody"] == told["tokenless"]
    for name in names:  # and the limit is the same for those who are not there
        index.clock.turn(FIVE_MINUTES)
        statuses = [from_(index, f"198.51.100.{number}").sign_in(name, "wrong").status_code for number in range(11)]
        assert statuses == [403] * 10 + [429], name


def test_a8_codes_are_counted_across_processes_and_a_restart(both: World, second_process: World) -> None:
    alice = guarded(both, app=True)
    both.clock.turn(timedelta(seconds=30))
    wrong = f"{(int(alice.code()) + 1) % 10**6:06d}"
    here, there = (Guarded(world.stranger(), world, seed=alice.seed) for world in (both, second_process))
    for one in (here, there):
        one.password("alice")
    statuses = [(here if number % 2 else there).second(wrong).status_code for number in range(6)]
    assert statuses == [403] * 5 + [429]
    with ExitStack() as stack:
        world = _opened(both, stack)
        restarted = Guarded(world.stranger(), world, seed=alice.seed)
        restarted.password("alice")
        assert restarted.second(alice.code()).status_code == 429


def test_a9_sixty_four_at_once_with_the_same_code_on_two_processes_and_one_comes_in(
    both: World, second_process: World
) -> None:
    user, seed = _with_app(both)
    both.clock.turn(timedelta(minutes=1))
    code = code_at(seed, both.clock.now())
    assert (
        _rivals(both, second_process, lambda app: app.do(partial(totp.give_code, app.key), GiveCode(user.id, code)))
        == 1
    )
    with both.app.database.read() as sql:
        assert sql.execute(sa.select(second_factor.c.last_step)).scalar_one() == totp.step_of(both.clock.now())


def test_a11_sixty_four_at_once_with_the_same_recovery_code_and_one_comes_in(
    both: World, second_process: World
) -> None:
    both.user("alice")
    user = _user(both)
    code = both.app.do(partial(recovery_codes.make_codes, both.app.key), MakeCodes(user))[0]
    wish = UseCode(user, code, "sign-in")
    assert _rivals(both, second_process, lambda app: app.do(partial(recovery_codes.use_code, app.key), wish)) == 1


def test_a13_sixty_four_at_once_with_the_same_challenge_and_one_claims_it(both: World, second_process: World) -> None:
    holder = Holder("passkey", "0" * 64)
    challenge = webauthn_challenges.new_challenge(both.app.key, holder, both.clock.now())

    def claim(app: App) -> bool:
        try:
            app.do(partial(webauthn_challenges.claim_challenge, app.key), ClaimChallenge(challenge, holder))
        except Refused:
            return False
        return True

    assert _rivals(both, second_process, claim) == 1


def test_a10_the_same_seed_twice_would_take_each_code_twice(index: World) -> None:
    user, seed = _with_app(index)
    index.clock.turn(timedelta(minutes=1))
    code = code_at(seed, index.clock.now())
    twin = EnrolTotp(user, seed, code, "twin")
    with pytest.raises(Exception, match="not the code of this moment"):
        index.app.do(partial(totp.enrol, index.app.key), twin)


def _rivals(one: World, other: World, deed: Callable[[App], bool]) -> int:
    """How many of many who do the same at once, in two processes, have succeeded."""
    with ThreadPoolExecutor(16) as pool:
        apps = [one.app if number % 2 else other.app for number in range(RIVALS)]
        return sum(pool.map(deed, apps))


def _with_app(world: World) -> tuple[User, bytes]:
    world.user("alice")
    user, seed = _user(world), totp.new_seed()
    codes = world.app.do(partial(recovery_codes.make_codes, world.app.key), MakeCodes(user))
    assert world.app.do(partial(recovery_codes.use_code, world.app.key), UseCode(user, codes[0], "custody"))
    wish = EnrolTotp(user, seed, code_at(seed, world.clock.now()), "my phone")
    world.app.do(partial(totp.enrol, world.app.key), wish)
    return user, seed


def _user(world: World) -> User:
    with world.app.database.read() as sql:
        return find_user(sql, "alice")


def _told(answer: httpx.Response, stranger: Person, name: str) -> object:
    text = answer.text.replace(stranger.csrf, "").replace(f'value="{name}"', "")
    headers = {
        key: value for key, value in answer.headers.items() if key not in ("set-cookie", "date", "content-length")
    }
    return answer.status_code, text, tuple(headers.items())
