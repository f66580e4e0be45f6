"""Security keys and passkeys, answered by one in software that lies: attacks A13, A14 and A15."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import cbor2
import httpx2 as httpx
import pytest
import sqlalchemy as sa

from authenticator import AT, BS, ED, UP, UV, Authenticator, Lie, text_of
from clock import TurnableClock
from customhouse.accounts.tables import second_factor, used_challenge
from customhouse.accounts.webauthn_ceremony import RelyingParty
from customhouse.ledger import queries as ledger
from customhouse.work import JOBS
from second_step import PAGES, Guarded, a_key, guarded, named_world, signed_in
from world import World

pytestmark = pytest.mark.slow
SIX_MINUTES = timedelta(minutes=6)
SECOND, PASSKEY, ADD = "/account/second/", "/account/passkey/", "/account/two-factor/key/"


@pytest.fixture
def index(request: pytest.FixtureRequest, tmp_path: Path, clock: TurnableClock) -> Iterator[World]:
    with named_world(request, tmp_path, clock) as world:
        yield world


@pytest.fixture(params=["sqlite", "postgresql"])
def both(request: pytest.FixtureRequest, tmp_path: Path, clock: TurnableClock) -> Iterator[World]:
    with named_world(request, tmp_path, clock, database=request.param) as world:
        yield world


LIES = {
    "another origin": Lie(origin="https://index.example"),
    "our origin with something before it": Lie(origin="https://evil.index.test"),
    "our origin with something behind it": Lie(origin="https://index.test.evil.example"),
    "our origin without TLS": Lie(origin="http://index.test"),
    "our origin with a port": Lie(origin="https://index.test:444"),
    "our origin with a slash": Lie(origin="https://index.test/"),
    "no origin": Lie(origin="null"),
    "an origin that is no text": Lie(client_data={"origin": ["https://index.test"]}),
    "another relying party": Lie(rp_id="index.example"),
    "a part of our name": Lie(rp_id="test"),
    "a name below ours": Lie(rp_id="evil.index.test"),
    "nobody was there": Lie(flags=UV),
    "the other ceremony": Lie(type="webauthn.none"),
    "a challenge of its own": Lie(challenge=secrets.token_bytes(56)),
    "an empty challenge": Lie(challenge=b""),
    "inside a frame": Lie(client_data={"crossOrigin": True}),
    "inside a frame of somebody": Lie(client_data={"topOrigin": "https://evil.example"}),
    "inside a frame, said in words": Lie(client_data={"crossOrigin": "no"}),
    "another type": Lie(members={"type": "password"}),
    "two names for itself": Lie(members={"id": text_of(secrets.token_bytes(32))}),
    "no response": Lie(members={"response": []}),
    "no object": Lie(members={"response": {"clientDataJSON": text_of(b"[]")}}),
    "backed up and never to be": Lie(flags=UP | UV | BS),
    "extensions that are not there": Lie(flags=UP | UV | ED),
}  # fmt: skip
"""What is refused at registration and at signing in alike."""


@pytest.mark.parametrize("way", ["second", "passkey"])
def test_a13_an_answer_that_is_not_for_this_page_and_moment_is_refused(index: World, way: str) -> None:
    key = a_key(counts=way == "second")
    alice = guarded(index, keys=(key,))
    lies = LIES | {
        "a registration": Lie(type="webauthn.create"),
        "a signature over something else": Lie(signature=secrets.token_bytes(70)),
        "too little data": Lie(auth_data=b"\0" * 20),
        "a key inside": Lie(flags=UP | UV | AT),
        "somebody else's handle": Lie(user_handle=secrets.token_bytes(32)),
        "a handle that is a name": Lie(user_handle=b"alice"),
        "an unknown key": Lie(raw_id=secrets.token_bytes(32)),
    }
    if way == "passkey":
        lies |= {"nobody was verified": Lie(flags=UP), "passkey without a name": Lie(user_handle=b"")}
    faults = []
    for name, lie in lies.items():
        index.clock.turn(SIX_MINUTES)
        other = alice.elsewhere()
        if way == "second":
            other.password("alice")
        answer = other.use_key(key, way, {"second": SECOND, "passkey": PASSKEY}[way], lie)
        if answer.status_code != 403 or signed_in(other):
            faults.append((name, answer.status_code))
    assert faults == []
    index.clock.turn(SIX_MINUTES)
    assert _come_in(alice, key, way).status_code == 303  # the truth is heard


def test_a13_a_challenge_is_good_once_for_one_browser_one_purpose_and_five_minutes(both: World) -> None:
    key = a_key()
    alice = guarded(both, keys=(key,))
    first, second = alice.elsewhere(), alice.elsewhere()
    for one in (first, second):
        one.password("alice")
    first.person.get(SECOND)
    second.person.get(SECOND)
    told = first.options("second")
    assert second.send_key("second", SECOND, key.get(told)).status_code == 403, "another session's"
    other_purpose = alice.options("again")
    assert first.send_key("second", SECOND, key.get(other_purpose)).status_code == 403, "another purpose's"
    for_adding = alice.options("add-key")
    assert first.send_key("second", SECOND, key.get(for_adding)).status_code == 403, "one of a registration"
    first.person.get(SECOND)
    answer = key.get(told)
    assert first.send_key("second", SECOND, answer).status_code == 303
    both.clock.turn(SIX_MINUTES)

    third = alice.elsewhere()
    third.password("alice")
    third.person.get(SECOND)
    spent = third.options("second")
    assert third.send_key("second", SECOND, key.get(spent, Lie(flags=UV))).status_code == 403
    third.person.get(SECOND)
    assert third.send_key("second", SECOND, key.get(spent)).status_code == 403, "spent on a lie"
    late = third.options("second")
    both.clock.turn(timedelta(minutes=5, seconds=1))
    third.person.get(SECOND)
    assert third.send_key("second", SECOND, key.get(late)).status_code == 403, "too late"
    assert not signed_in(third)

    passkey = a_key(counts=False)
    third = alice.elsewhere()
    both.clock.turn(SIX_MINUTES)
    alice.use_key(key, "again", "/account/again/")
    assert alice.add_key(passkey, passkey=True).status_code == 303
    told = third.options("passkey")
    thief = alice.elsewhere()
    thief.person.get(PAGES["passkey"])
    assert thief.send_key("passkey", PASSKEY, passkey.get(told)).status_code == 403, "another browser's"
    third.person.get(PAGES["passkey"])
    answer = passkey.get(told)
    assert third.send_key("passkey", PASSKEY, answer).status_code == 303
    replayed = alice.elsewhere()
    replayed.person.client.cookies.update(third.person.client.cookies)
    replayed.person.client.cookies.delete("__Host-session")
    replayed.person.get(PAGES["passkey"])
    assert replayed.send_key("passkey", PASSKEY, answer).status_code == 403


def test_a13_giving_out_challenges_writes_nothing_and_used_ones_are_forgotten(index: World) -> None:
    key = a_key()
    alice = guarded(index, keys=(key,))
    with index.app.database.read() as sql:
        before = sql.execute(sa.select(sa.func.count()).select_from(used_challenge)).scalar_one()
    stranger = Guarded(index.stranger(), index)
    stranger.person.get(PAGES["passkey"])
    seen = {stranger.options("passkey")["challenge"] for _ in range(20)}
    assert len(seen) == 20
    with index.app.database.read() as sql:
        assert sql.execute(sa.select(sa.func.count()).select_from(used_challenge)).scalar_one() == before == 1
    index.clock.turn(timedelta(hours=1))
    JOBS["old-sessions"](index.app, {})
    JOBS["old-sessions"](index.app, {})
    with index.app.database.read() as sql:
        assert sql.execute(sa.select(sa.func.count()).select_from(used_challenge)).scalar_one() == 0
    assert _come_in(alice, key, "second").status_code == 303


@pytest.mark.parametrize(
    ("url", "party"),
    [
        ("https://index.test", ("index.test", "https://index.test")),
        ("https://index.test:8443/", ("index.test", "https://index.test:8443")),
        ("https://INDEX.test:443", ("index.test", "https://index.test")),
        ("http://localhost:8417", ("localhost", "http://localhost:8417")),
        ("http://index.test", None),
        ("https://127.0.0.1", None),
        ("https://[::1]:8417", None),
        ("http://evil.localhost.example", None),
        ("", None),
    ],
)
def test_a13_we_are_one_name_and_one_origin_or_offer_no_keys(url: str, party: tuple[str, str] | None) -> None:
    found = RelyingParty.of(url, "The index")
    assert (found and (found.id, found.origin)) == party


def test_a14_a_counter_that_goes_back_is_refused_and_told_and_one_that_stays_at_nothing_is_allowed(both: World) -> None:
    key, passkey = a_key(), a_key(counts=False)
    alice = guarded(both, keys=(key, passkey))
    copy = key.copied()
    for _ in range(3):
        assert _come_in(alice, key, "second").status_code == 303
    for count in (None, 3, 0):  # the copy's own, the last one again, and none
        answer = _come_in(alice, copy, "second", Lie(count=count))
        assert (answer.status_code, "there may be a copy" in answer.text) == (403, True)
    assert _kinds(both).count("key-counter-went-back") == 3
    assert _come_in(alice, key, "second").status_code == 303  # the real one counts on
    for _ in range(3):
        assert _come_in(alice, passkey, "passkey").status_code == 303
        assert _come_in(alice, passkey, "second").status_code == 303
    assert _come_in(alice, key, "second", Lie(count=2**32 - 1)).status_code == 303


BOMBS: dict[str, Lie] = {
    "nothing": Lie(attestation_object=b""),
    "nested arrays": Lie(attestation_object=b"\x81" * 9000 + b"\x00"),
    "nested maps": Lie(attestation_object=b"\xa1\x00" * 4000 + b"\x00"),
    "nested tags": Lie(attestation_object=b"\xc2" * 9000 + b"\x41\x00"),
    "a huge array": Lie(attestation_object=b"\x9b" + b"\x7f" + b"\xff" * 7),
    "a huge text": Lie(attestation_object=b"\x7b" + b"\x7f" + b"\xff" * 7),
    "a set of itself": Lie(attestation_object=b"\xd8\x1c\x81\xd8\x1d\x00"),
    "no map": Lie(attestation_object=cbor2.dumps([1, 2, 3])),
    "a map without anything": Lie(attestation_object=cbor2.dumps({})),
    "a statement that is a number": Lie(statement=7),
    "a statement in an empty one": Lie(statement={"sig": b"x"}),
    "certificates": Lie(fmt="packed", statement={"alg": -7, "sig": b"x", "x5c": [b"\x30\x82" * 500]}),
    "the form of a TPM": Lie(fmt="tpm", statement={"ver": "2.0", "certInfo": b"\xff" * 400, "pubArea": b"\0"}),
    "the form of SafetyNet": Lie(fmt="android-safetynet", statement={"ver": "1", "response": b"a.b.c"}),
    "the form of U2F": Lie(fmt="fido-u2f", statement={"sig": b"x", "x5c": [b"x"]}),
    "the form of Apple": Lie(fmt="apple", statement={"x5c": [b"x", b"y"]}),
    "a form of nobody": Lie(fmt="x" * 4000),
    "a form that is a list": Lie(
        attestation_object=cbor2.dumps({"fmt": ["none"], "attStmt": {}, "authData": b"x" * 60})
    ),
    "a signature of somebody else": Lie(fmt="packed", statement={"alg": -7, "sig": secrets.token_bytes(70)}),
    "no identifier": Lie(credential_id=b"", raw_id=b""),
    "a short identifier": Lie(credential_id=b"x", raw_id=b"x"),
    "a long identifier": Lie(credential_id=b"x" * 1024, raw_id=b"x" * 1024),
    "another identifier inside": Lie(credential_id=b"x" * 32, raw_id=b"y" * 32),
    "no algorithm": Lie(cose={1: 2, -1: 1, -2: b"\1" * 32, -3: b"\1" * 32}),
    "the algorithm none": Lie(cose={1: 2, 3: 0, -1: 1, -2: b"\1" * 32, -3: b"\1" * 32}),
    "a point that is on no curve": Lie(cose={1: 2, 3: -7, -1: 1, -2: b"\1" * 32, -3: b"\2" * 32}),
    "another curve": Lie(cose={1: 2, 3: -7, -1: 2, -2: b"\1" * 48, -3: b"\2" * 48}),
    "an RSA key that calls itself elliptic": Lie(cose={1: 3, 3: -7, -1: b"\xff" * 256, -2: b"\1\0\1"}),
    "an elliptic key that calls itself RSA": Lie(cose={1: 2, 3: -257, -1: 1, -2: b"\1" * 32, -3: b"\1" * 32}),
    "a small RSA key": Lie(cose={1: 3, 3: -257, -1: b"\xff" * 64, -2: b"\1\0\1"}),
    "RSA with SHA-1": Lie(cose={1: 3, 3: -65535, -1: b"\xff" * 256, -2: b"\1\0\1"}),
    "a key that is a list": Lie(cose=[1, 2, 3]),  # type: ignore[arg-type]
    "texts for numbers": Lie(cose={1: 2, 3: -7, -1: 1, -2: "x" * 32, -3: "y" * 32}),
    "12 KB": Lie(attestation_object=b"x" * 12_000),
    "64 KB": Lie(credential_id=b"x" * 65535, raw_id=b"x" * 65535),
}


def test_a15_a_registration_that_is_not_whole_and_true_adds_nothing_and_breaks_nothing(index: World) -> None:
    alice = guarded(index)
    faults = []
    lies = LIES | BOMBS | {"a signing in": Lie(type="webauthn.get")}
    for name, lie in lies.items():
        index.clock.turn(timedelta(minutes=1))
        alice.person.post("/account/again/", password="correct horse battery staple")
        alice.person.csrf = ""
        answer = alice.add_key(a_key(), lie=lie)
        if answer.status_code not in (400, 413):
            faults.append((name, answer.status_code))
    assert faults == []
    with index.app.database.read() as sql:
        assert sql.execute(sa.select(second_factor)).all() == []
    unverified = alice.add_key(a_key(counts=False, verifies=False), passkey=True)
    assert unverified.status_code == 400


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "null",
        "x",
        '{"response":{}}',
        "[" * 5000,
        '{"rawId":"é","response":1}',
        '"' + "x" * 20_000 + '"',
    ],
)
@pytest.mark.parametrize("way", ["passkey", "add-key"])
def test_a15_an_answer_that_is_none_is_refused(index: World, way: str, text: str) -> None:
    alice = guarded(index)
    alice.person.get(PAGES.get(way, "/account/two-factor/"))
    if way == "passkey":
        alice.person.post("/account/sign-out/")
        alice.person.csrf = alice.person.name = ""
    answer = alice.send_key(way, PASSKEY if way == "passkey" else ADD, text)
    assert answer.status_code in (400, 403), answer.text


@pytest.mark.parametrize("algorithm", [-7, -8, -257])
@pytest.mark.parametrize("fmt", ["none", "packed"])
def test_a15_the_algorithms_of_real_keys_are_taken(index: World, algorithm: int, fmt: str) -> None:
    key = a_key(algorithm=algorithm)
    alice = guarded(index)
    assert alice.add_key(key, lie=Lie(fmt=fmt)).status_code == 303
    assert _come_in(alice, key, "second").status_code == 303


def test_a15_a_key_belongs_to_one_account_once(both: World) -> None:
    key, passkey = a_key(), a_key(counts=False)
    alice = guarded(both, keys=(key, passkey))
    handle = passkey.user_handle
    mallory = guarded(both, "mallory")
    for someone in (alice, mallory):
        for one, alone in ((key, False), (passkey, True), (passkey, False)):
            both.clock.turn(SIX_MINUTES)
            someone.person.post("/account/again/", password="correct horse battery staple")
            if someone is alice:
                someone.use_key(key, "again", "/account/again/")
            someone.person.csrf = ""
            answer = someone.add_key(one, passkey=alone)
            assert (answer.status_code, "registered here already" in answer.text) == (400, True)
    # Mallory's own key opens nothing of alice's, whatever it says of whose it is.
    theirs = a_key(counts=False)
    both.clock.turn(SIX_MINUTES)
    mallory.person.post("/account/again/", password="correct horse battery staple")
    mallory.person.csrf = ""
    assert mallory.add_key(theirs, passkey=True).status_code == 303
    assert handle is not None
    assert b"alice" not in handle
    thief = alice.elsewhere()
    assert thief.use_key(theirs, "passkey", PASSKEY, Lie(user_handle=handle)).status_code == 403
    thief.password("alice")
    assert thief.use_key(theirs, "second", SECOND).status_code == 403
    # A security key signs in after a password, not alone; a frozen account not at all.
    assert thief.use_key(key, "passkey", PASSKEY, Lie(user_handle=key.user_handle)).status_code == 403


def test_the_pages_of_keys_run_one_script_and_no_other_page_runs_any(index: World) -> None:
    alice = guarded(index, keys=(a_key(),))
    half = alice.elsewhere()
    half.password("alice")
    stranger = index.stranger()
    pages = [
        stranger.get("/account/sign-in/"), half.person.get(SECOND), alice.person.get("/account/again/"),
        alice.person.get("/account/two-factor/"),
    ]  # fmt: skip
    for page in pages:
        policy = _policy(page)
        (source,) = policy["script-src"]
        assert source.startswith("https://index.test/static/keys.")
        assert policy["connect-src"] == ["https://index.test/account/keys/options/"]
        assert policy["require-trusted-types-for"] == ["'script'"]
        assert policy["default-src"] == ["'none'"]
        assert "unsafe" not in page.headers["content-security-policy"]
        assert page.text.count("<script") == 1
        assert f'<script src="{source}" defer></script>' in page.text
        assert "<noscript>" in page.text
        body = stranger.client.get(source.removeprefix("https://index.test"))
        assert body.headers["content-type"].startswith("text/javascript")
        assert "innerHTML" not in body.text
    for address in ("/", "/account/", "/account/tokens/", "/account/reset/", "/account/sessions/", "/simple/"):
        page = alice.person.get(address)
        assert "<script" not in page.text, address
        assert "script-src" not in page.headers["content-security-policy"], address


def _come_in(someone: Guarded, key: Authenticator, way: str, lie: Lie | None = None) -> httpx.Response:
    """Sign in anew with a key."""
    other = someone.elsewhere()
    if way == "second":
        other.password(someone.name)
    return other.use_key(key, way, SECOND if way == "second" else PASSKEY, lie or Lie())


def _kinds(world: World) -> list[str]:
    with world.app.database.read() as sql:
        return [entry.kind for entry in ledger.entries(sql)]


def _policy(page: httpx.Response) -> dict[str, list[str]]:
    parts = [part.split() for part in page.headers["content-security-policy"].split(";")]
    return {name: sources for name, *sources in parts}
