"""What this process knows of an issuer: asked seldom, kept for a while, and nothing believed after that (A24)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from threading import Event
from typing import Any

import pytest

from build_service import BuildService, build_service, ec_key
from clock import TurnableClock
from customhouse.infra.fetch import Outbound
from customhouse.infra.issuer import LIMIT_BYTES, Issuers, Source
from customhouse.infra.reach import Reach
from customhouse.terms.errors import Unavailable
from receiver import BREAK_OFF, HANG_UP, Behaviour, Reply, Request, redirect

LOOPBACK = Outbound(Reach.parse(["127.0.0.0/8"]))
INSIDE = "http://169.254.169.254/latest/meta-data"


@pytest.fixture
def service(clock: TurnableClock) -> Iterator[BuildService]:
    with build_service(clock) as made:
        yield made


@pytest.fixture
def issuers(clock: TurnableClock) -> Issuers:
    return Issuers(LOOPBACK, clock)


def source(service: BuildService, *hosts: str) -> Source:
    return Source(service.url, "Forge", frozenset(hosts))


def names(issuers: Issuers, service: BuildService, lacking: str | None = None) -> list[str]:
    return [one["kid"] for one in issuers.keys(source(service), lacking=lacking)]


def test_keys_are_asked_for_once_in_ten_minutes(service: BuildService, issuers: Issuers, clock: TurnableClock) -> None:
    for _ in range(3):
        assert names(issuers, service) == ["one"]
    assert (service.asked("/keys"), service.asked("/.well-known/openid-configuration")) == (1, 1)
    clock.turn(timedelta(minutes=10, seconds=1))
    names(issuers, service)
    assert (service.asked("/keys"), service.asked("/.well-known/openid-configuration")) == (2, 1)


def test_a24_a_flood_of_unknown_key_ids_asks_once_a_minute(
    service: BuildService, issuers: Issuers, clock: TurnableClock
) -> None:
    names(issuers, service)
    for number in range(50):
        names(issuers, service, lacking=f"made-up-{number}")
    assert service.asked("/keys") == 1
    clock.turn(timedelta(minutes=1))
    for number in range(50):
        names(issuers, service, lacking=f"made-up-{number}")
    assert service.asked("/keys") == 2


def test_a24_a_rotated_key_is_found_within_a_minute_and_the_old_one_is_gone(
    service: BuildService, issuers: Issuers, clock: TurnableClock
) -> None:
    assert names(issuers, service) == ["one"]
    service.published = [ec_key("two")]
    clock.turn(timedelta(minutes=1))
    assert names(issuers, service, lacking="one") == ["one"]
    assert names(issuers, service, lacking="two") == ["two"]


def too_many() -> Behaviour:
    return Reply(200, b'{"keys": [' + b" " * LIMIT_BYTES + b"]}")


def private() -> Behaviour:
    return Reply(200, json.dumps({"keys": [ec_key().as_dict(private=True)]}).encode())


AWAY: dict[str, Callable[[], Behaviour]] = {
    "500": lambda: Reply(500),
    "404": lambda: Reply(404),
    "hangs up": lambda: HANG_UP,
    "breaks off": lambda: BREAK_OFF,
    "no JSON": lambda: Reply(200, b"<html>"),
    "a list": lambda: Reply(200, b"[]"),
    "no keys": lambda: Reply(200, b'{"keys": []}'),
    "keys that are no list": lambda: Reply(200, b'{"keys": {"kid": "one"}}'),
    "keys that are no keys": lambda: Reply(200, b'{"keys": [1, null, "x"]}'),
    "shared secrets": lambda: Reply(200, b'{"keys": [{"kty": "oct", "k": "AAAA", "kid": "one"}]}'),
    "keys for encryption": lambda: Reply(200, b'{"keys": [{"kty": "RSA", "use": "enc", "kid": "one"}]}'),
    "private keys": private,
    "huge": too_many,
    "very deep": lambda: Reply(200, b"[" * 10_000),
    "a redirect inside": lambda: redirect(INSIDE),
    "a redirect outside": lambda: redirect("https://evil.example/keys"),
}


@pytest.mark.parametrize("case", AWAY)
def test_a24_keys_that_cannot_be_had_are_kept_for_an_hour_and_no_longer(
    service: BuildService, issuers: Issuers, clock: TurnableClock, case: str
) -> None:
    service.keys = lambda _request: AWAY[case]()
    with pytest.raises(Unavailable):
        names(issuers, service)
    service.keys = None
    clock.turn(timedelta(seconds=31))
    assert names(issuers, service) == ["one"]
    service.keys = lambda _request: AWAY[case]()
    clock.turn(timedelta(minutes=59))
    assert names(issuers, service) == ["one"]
    assert names(issuers, service, lacking="made-up") == ["one"]
    clock.turn(timedelta(minutes=2))
    with pytest.raises(Unavailable):
        names(issuers, service)
    # Nobody asks again for half a minute; then one does, and all is well.
    asked = len(service.receiver.requests)
    service.keys = None
    with pytest.raises(Unavailable):
        names(issuers, service)
    assert len(service.receiver.requests) == asked
    clock.turn(timedelta(seconds=31))
    assert names(issuers, service) == ["one"]


def changed(**values: object) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda honest: {name: value for name, value in {**honest, **values}.items() if value is not None}


@pytest.mark.parametrize(
    "document",
    [
        changed(issuer="https://evil.example"),
        changed(issuer=None),
        changed(jwks_uri=None),
        changed(jwks_uri="file:///etc/passwd"),
        changed(jwks_uri="http://169.254.169.254/keys"),
        changed(jwks_uri="http://evil.example/keys"),
        changed(jwks_uri=["http://127.0.0.1/keys"]),
    ],
)
def test_a24_an_issuer_that_misdescribes_itself_has_no_keys(
    service: BuildService, issuers: Issuers, document: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    service.document = document
    with pytest.raises(Unavailable):
        names(issuers, service)
    assert service.asked("/keys") == 0


def test_an_issuer_with_a_slash_at_its_end_is_another(service: BuildService, issuers: Issuers) -> None:
    with pytest.raises(Unavailable, match="another name"):
        issuers.keys(Source(f"{service.url}/", "Forge"))


def test_keys_of_another_host_are_taken_only_where_they_are_expected(
    service: BuildService, issuers: Issuers, clock: TurnableClock
) -> None:
    service.document = lambda honest: {**honest, "jwks_uri": f"http://localhost:{service.receiver.port}/keys"}
    with pytest.raises(Unavailable, match="where we do not expect them"):
        issuers.keys(source(service))
    assert Issuers(LOOPBACK, clock).keys(source(service, "localhost"))


def test_an_issuer_inside_our_network_is_asked_only_if_an_operator_allows_it(
    service: BuildService, clock: TurnableClock
) -> None:
    with pytest.raises(Unavailable):
        Issuers(Outbound(Reach()), clock).keys(source(service))
    assert service.receiver.requests == []


@contextmanager
def slow(service: BuildService) -> Iterator[Event]:
    """Its keys come when this is over; the event says that somebody is waiting for them."""
    began, over, honest = Event(), Event(), service.keys

    def late(_request: Request) -> Behaviour:
        began.set()
        assert over.wait(60)
        return Reply(200, json.dumps({"keys": [key.as_dict(private=False) for key in service.published]}).encode())

    service.keys = late
    try:
        yield began
    finally:
        over.set()
        service.keys = honest


def test_nobody_waits_long_for_an_issuer_that_another_thread_is_asking(
    service: BuildService, clock: TurnableClock
) -> None:
    """Eight exchanges at once would all wait for one that is slow, and those of every other issuer behind them."""
    short = Issuers(LOOPBACK, clock, patience_seconds=0.01)
    with ThreadPoolExecutor(2) as threads:
        with slow(service) as began:
            first = threads.submit(names, short, service)
            assert began.wait(60)
            with pytest.raises(Unavailable, match="Try again in 8 s") as refused:
                names(short, service)
            assert refused.value.who == "Forge"
            # Once somebody has lost patience nobody else begins to wait.
            patient = replace(short, patience_seconds=600)
            with pytest.raises(Unavailable):
                threads.submit(names, patient, service).result(timeout=60)
        assert first.result(timeout=60) == ["one"]
    assert names(short, service) == names(patient, service) == ["one"]


def test_keys_that_are_fresh_are_given_while_another_thread_asks_for_one_that_is_lacking(
    service: BuildService, clock: TurnableClock
) -> None:
    patient = Issuers(LOOPBACK, clock, patience_seconds=600)
    assert names(patient, service) == ["one"]
    clock.turn(timedelta(minutes=1))
    with ThreadPoolExecutor(2) as threads, slow(service) as began:
        threads.submit(names, patient, service, "made-up")
        assert began.wait(60)
        assert threads.submit(names, patient, service, "one").result(timeout=60) == ["one"]


def test_of_two_builds_with_a_key_that_is_new_the_second_waits_for_the_first(
    service: BuildService, clock: TurnableClock
) -> None:
    patient = Issuers(LOOPBACK, clock, patience_seconds=600)
    names(patient, service)
    clock.turn(timedelta(minutes=1))
    service.published = [ec_key("two")]
    with ThreadPoolExecutor(2) as threads:
        with slow(service) as began:
            first = threads.submit(names, patient, service, "two")
            assert began.wait(60)
            second = threads.submit(names, patient, service, "two")
            assert not wait([second], timeout=0.2).done
        assert first.result(timeout=60) == second.result(timeout=60) == ["two"]


def test_an_issuer_that_was_slow_once_is_waited_for_again(service: BuildService, clock: TurnableClock) -> None:
    short = Issuers(LOOPBACK, clock, patience_seconds=0.01)
    with ThreadPoolExecutor(2) as threads:
        with slow(service) as began:
            first = threads.submit(names, short, service)
            assert began.wait(60)
            with pytest.raises(Unavailable):
                names(short, service)
        assert first.result(timeout=60) == ["one"]
        clock.turn(timedelta(hours=2))
        patient = replace(short, patience_seconds=600)
        with slow(service) as began:
            first = threads.submit(names, patient, service)
            assert began.wait(60)
            second = threads.submit(names, patient, service)
        assert first.result(timeout=60) == second.result(timeout=60) == ["one"]


def test_of_many_who_need_keys_at_once_one_asks(service: BuildService, clock: TurnableClock) -> None:
    issuers = Issuers(LOOPBACK, clock, patience_seconds=600)
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: names(issuers, service), range(32)))
    assert found == [["one"]] * 32
    assert service.asked("/keys") == 1


def test_a_clock_that_is_turned_back_makes_everything_old(
    service: BuildService, issuers: Issuers, clock: TurnableClock
) -> None:
    names(issuers, service)
    clock.turn(timedelta(hours=-2))
    assert names(issuers, service) == ["one"]
    assert service.asked("/keys") == 2
