"""Leaked tokens, reported as GitHub's secret scanning does: revoked at once, the owner told; a forger moves nothing."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import httpx2 as httpx
import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric import ec

from clock import TurnableClock
from conftest import prepared
from customhouse.accounts.leaked_tokens import LeakReporters
from customhouse.accounts.server_key import ServerKey
from customhouse.accounts.tables import account
from customhouse.accounts.tokens import CreateToken, signature_of
from customhouse.app import open_app
from customhouse.formats.api_token import attenuate
from customhouse.formats.leak_report import read_keys, read_report, signed_by
from customhouse.infra.settings import Settings
from customhouse.ledger import queries as ledger
from customhouse.ledger.tables import ledger_event
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.scope import scope_for
from leak_reporter import PLACE, Scanner, find, hash_of, new_key, scanner
from mail_sink import MailSink, mail_sink, text_of
from packages import wheel
from receiver import HANG_UP, Reply
from telling import settle, telling_world
from world import World, upload

pytestmark = pytest.mark.slow

DOOR = "/-/leaked-tokens/"


@pytest.fixture
def sink() -> Iterator[MailSink]:
    with mail_sink() as running:
        yield running


@pytest.fixture
def github() -> Iterator[Scanner]:
    with scanner() as running:
        yield running


@pytest.fixture
def world(database_settings: Settings, clock: TurnableClock, sink: MailSink, github: Scanner) -> Iterator[World]:
    yield from _world(database_settings, clock, sink, github)


@pytest.fixture
def small(
    request: pytest.FixtureRequest, tmp_path: Path, clock: TurnableClock, sink: MailSink, github: Scanner
) -> Iterator[World]:
    yield from _world(prepared(Settings.model_validate({"data": tmp_path / "data"}), request), clock, sink, github)


def _world(settings: Settings, clock: TurnableClock, sink: MailSink, github: Scanner) -> Iterator[World]:
    with telling_world(settings, clock, leak_reporters=github.reporters, **sink.settings) as made:
        made.user("alice")
        with made.app.database.write() as sql:
            sql.execute(account.update().values(email="alice@example.org"))
        settle(made)
        sink.clear()
        yield made


def label(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [one["label"] for one in answer.json()]


def works(world: World, token: str) -> bool:
    try:
        return bool(world.app.authenticate(token).token_id)
    except Refused:
        return False


def leaks(world: World) -> int:
    with world.app.database.read() as sql:
        return sql.execute(sa.select(sa.func.count()).where(ledger_event.c.kind == "token-leaked")).scalar_one()


def test_a_leaked_token_is_revoked_at_once_and_its_owner_told_where(
    world: World, github: Scanner, sink: MailSink
) -> None:
    token, other = world.user("alice"), world.app.create_token(CreateToken("alice", "demo")).text
    forged = f"ch1.{'a' * 26}.{signature_of(ServerKey(b'x' * 32), 'a' * 26)}"
    never = f"ch1.{'a' * 26}.{signature_of(world.app.key, 'a' * 26)}"
    answer = github.report(world.client, find(token), find("ch1.nonsense"), find(forged), find(never))
    assert answer.json() == [
        {"token_hash": hash_of(text), "token_type": "customhouse_api_token", "label": label}
        for text, label in ((token, "true_positive"), ("ch1.nonsense", "false_positive"), (forged, "false_positive"),
                            (never, "false_positive"))
    ]  # fmt: skip
    assert token not in answer.text
    assert upload(world.client, token, wheel(), name="demo", version="1.0").status == 401
    assert works(world, other)
    settle(world)
    subjects = [str(letter["subject"]) for letter in sink.letters_to("alice@example.org")]
    assert sum("found in public" in subject for subject in subjects) == 1
    letter = next(
        text_of(one) for one in sink.letters_to("alice@example.org") if "found in public" in str(one["subject"])
    )
    assert f"> {PLACE}" in letter
    assert "scanner told this index" in letter
    assert token.split(".")[1][:8] in letter
    assert token.split(".")[2] not in letter
    assert leaks(world) == 1


def test_a_narrowed_token_leaks_the_one_that_it_was_made_from(small: World, github: Scanner) -> None:
    token = small.user("alice")
    narrow = attenuate(token, scope_for(projects=["demo"], expires=small.clock.now() - timedelta(days=1)))
    odd = attenuate(token, scope_for(actions=["read"]))
    assert label(github.report(small.client, find(narrow), find(odd), find(narrow))) == ["true_positive"] * 3
    assert not works(small, token)
    assert label(github.report(small.client, find(token))) == ["true_positive"]  # revoked, and was ours
    assert leaks(small) == 1


def test_the_same_report_many_times_at_once_revokes_and_tells_once(world: World, github: Scanner) -> None:
    token = world.user("alice")
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: github.report(world.client, find(token), find(token)), range(8)))
    assert [label(answer) for answer in answers] == [["true_positive"] * 2] * 8
    assert leaks(world) == 1


def test_what_is_not_signed_or_badly_signed_is_403_and_nothing_happens(small: World, github: Scanner) -> None:
    token = small.user("alice")
    body = json.dumps([find(token)]).encode()
    right = github.signed(body)
    before = _serial(small)
    stranger = new_key()
    p384 = new_key(ec.SECP384R1())
    github.keys["key-384"] = p384
    cases: list[tuple[bytes, dict[str, str]]] = [
        (body, {}),
        (body, {"Github-Public-Key-Identifier": "key-1"}),
        (body, {"Github-Public-Key-Signature": right["Github-Public-Key-Signature"]}),
        (body, github.signed(body, key=stranger)),
        (body, github.signed(body, key_id="key-2", key=stranger)),
        (body, github.signed(body, key_id="key-384")),
        (body, github.signed(body + b" ")),
        (body.replace(b"content", b"Content"), right),
        (b"\n" + body, right),
        (body, {**right, "Github-Public-Key-Signature": "!!!"}),
        (body, {**right, "Github-Public-Key-Signature": base64.b64encode(b"0" * 70).decode()}),
        (body, {**right, "Github-Public-Key-Identifier": "key-1" * 1000}),
    ]  # fmt: skip
    for sent, headers in cases:
        answer = small.client.post(DOOR, content=sent, headers=headers)
        assert (answer.status_code, token in answer.text) == (403, False), headers
    assert works(small, token)
    assert _serial(small) == before
    assert label(small.client.post(DOOR, content=body, headers=right)) == ["true_positive"]


BODIES = [
    b"", b"{}", b"null", b'"text"', b"[1]", b'[{"type":"x"}]', b'[{"token":1}]', b'[{"token":"x","url":[]}]',
    b"[" * 9999, b'[{"token":"\\ud800"}]', b"\xff", json.dumps([{"token": "x"}] * 5001).encode(),
]  # fmt: skip


def test_a_signed_body_that_is_no_report_is_400(small: World, github: Scanner) -> None:
    for body in BODIES:
        answer = small.client.post(DOOR, content=body, headers=github.signed(body))
        said = "array of objects" in answer.text or "at most" in answer.text
        assert (answer.status_code, said) == (400, True), body[:40]


def test_a_body_over_the_limit_is_413(small: World, github: Scanner) -> None:
    body = b" " * (2**20 + 1)
    assert small.client.post(DOOR, content=body, headers=github.signed(body)).status_code == 413


def test_github_capitals_are_the_same_headers(small: World, github: Scanner) -> None:
    body = json.dumps([find(small.user("alice"))]).encode()
    headers = {name.upper(): value for name, value in github.signed(body).items()}
    assert label(small.client.post(DOOR, content=body, headers=headers)) == ["true_positive"]


def test_keys_are_fetched_at_most_once_a_minute_and_a_new_key_is_found(small: World, github: Scanner) -> None:
    assert label(github.report(small.client, find("x"))) == ["false_positive"]
    for number in range(5):
        github.keys[f"later-{number}"] = new_key()
        assert github.report(small.client, find("x"), key_id=f"later-{number}").status_code == 403
    assert github.asked == 1
    small.clock.turn(timedelta(minutes=1))
    assert label(github.report(small.client, find("x"), key_id="later-0")) == ["false_positive"]
    assert github.asked == 2
    small.clock.turn(timedelta(minutes=59))
    assert label(github.report(small.client, find("x"))) == ["false_positive"]
    assert github.asked == 2


def test_a_key_that_is_withdrawn_is_good_for_an_hour_at_most(small: World, github: Scanner) -> None:
    old = github.keys["key-1"]
    assert label(github.report(small.client, find("x"))) == ["false_positive"]
    github.keys = {"key-2": new_key()}
    small.clock.turn(timedelta(hours=1))
    assert github.report(small.client, find("x"), key=old).status_code == 403


def test_while_the_key_server_is_away_old_keys_count_for_a_day(small: World, github: Scanner) -> None:
    assert label(github.report(small.client, find("x"))) == ["false_positive"]
    for answer in (Reply(500), HANG_UP, Reply(200, b"{}"), Reply(200, b'{"public_keys": [1]}')):
        github.server.answer = lambda _request, answer=answer: answer  # type: ignore[misc]
        small.clock.turn(timedelta(hours=1))
        assert label(github.report(small.client, find("x"))) == ["false_positive"]
    small.clock.turn(timedelta(hours=21))
    late = github.report(small.client, find("x"))
    assert (late.status_code, "retry-after" in late.headers) == (503, True)


def test_an_index_without_reporters_believes_nobody(small_world: World, github: Scanner) -> None:
    token = small_world.user("alice")
    assert github.report(small_world.client, find(token)).status_code == 403
    assert works(small_world, token)
    assert github.asked == 0


def test_a_big_report_is_worked_off_in_small_transactions(small: World, github: Scanner) -> None:
    tokens = [small.app.create_token(CreateToken("alice")).text for _ in range(120)]
    assert label(github.report(small.client, *map(find, tokens))) == ["true_positive"] * 120
    assert leaks(small) == 120
    assert not any(works(small, token) for token in tokens[::17])


def test_githubs_own_published_example_verifies() -> None:
    """The key, body and signature that GitHub printed in its documentation until 2022."""
    key = (
        "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE9MJJHnMfn2+H4xL4YaPDA4RpJqUq\n"
        "kCmRCBnYERxZanmcpzQSXs1X/AljlKkbJ8qpVIW4clayyef9gWhFbNHWAA==\n-----END PUBLIC KEY-----\n"
    )
    keys = read_keys(json.dumps({"public_keys": [{"key_identifier": "90a4", "key": key, "is_current": True}]}).encode())
    body = b'[{"token":"some_token","type":"some_type","url":"some_url"}]'
    signature = "MEUCIQDKZokqnCjrRtw0tni+2Ltvl/uiMJ1EGumEsp1BsNr32AIgQY1YXD2nlj+XNfGK4rBfkMJ1JDOQcYXxa2sY8FNkrKc="
    assert signed_by(keys["90a4"], signature, body)
    assert not signed_by(keys["90a4"], signature, body + b"\n")
    assert not signed_by("no key", signature, body)
    assert [one.url for one in read_report(body)] == ["some_url"]


def test_a_setting_that_is_no_address_is_named_at_the_start(small_world: World) -> None:
    app = small_world.app
    with pytest.raises(Rejected, match="leak_reporters"):
        LeakReporters({"scanner": "ftp://keys.example/"}, app.outbound, app.clock)


def test_a_report_counts_on_every_process_and_after_a_restart(world: World, github: Scanner) -> None:
    token = world.user("alice")
    with open_app(world.app.settings) as other:
        assert other.authenticate(token).user.name == "alice"
        assert label(github.report(world.client, find(token))) == ["true_positive"]
        with pytest.raises(Refused):
            other.authenticate(token)
    with open_app(world.app.settings) as again, pytest.raises(Refused):
        again.authenticate(token)


def _serial(world: World) -> int:
    with world.app.database.read() as sql:
        return ledger.head(sql)[0]
