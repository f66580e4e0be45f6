"""Other logins: linked, used, unlinked; what an issuer, a browser or a page of somebody else may try."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, unquote, urlsplit

import httpx2 as httpx
import pytest
import sqlalchemy as sa
from joserfc.jwk import ECKey
from pydantic import ValidationError

from clock import TurnableClock
from customhouse.accounts.linked import Claimed, LinkIdentity, link_identity, linked_of
from customhouse.accounts.tables import linked_identity, oidc_return
from customhouse.accounts.users import Freeze, find_user, freeze
from customhouse.infra.settings import Settings
from customhouse.ledger import queries as ledger
from customhouse.terms.errors import Refused
from false_issuer import Claims, FalseIssuer, by_shared_secret, false_issuer, rsa_key, unsigned
from issuer import Issuer, running_issuer
from person import PASSWORD, Person
from telling import telling_world
from world import World

BACK = "https://index.test/account/linked/harbour/back/"
HIDDEN = re.compile(r'name="(code|state|iss)" value="([^"]*)"')


@pytest.fixture
def issuer(clock: TurnableClock) -> Iterator[FalseIssuer]:
    with false_issuer(clock) as made:
        yield made


@pytest.fixture
def world(database_settings: Settings, clock: TurnableClock, issuer: FalseIssuer) -> Iterator[World]:
    with telling_world(database_settings, clock, oidc_logins=[issuer.login()]) as made:
        yield made


@pytest.fixture
def small(small_world: World, issuer: FalseIssuer) -> Iterator[World]:
    with telling_world(small_world.app.settings, small_world.clock, oidc_logins=[issuer.login()]) as made:
        yield made


def set_out(person: Person, purpose: str = "sign-in") -> str:
    """The address at the issuer."""
    answer = person.get(f"/account/linked/harbour/?for={purpose}")
    assert answer.status_code == 303
    return str(answer.headers["location"])


def come_back(person: Person, address: str) -> httpx.Response:
    """Open the address that leads back, and press the button."""
    page = person.get(address)
    assert page.status_code == 200, page.headers
    return person.post("/account/linked/harbour/back/", **dict(HIDDEN.findall(page.text)))


def round_trip(person: Person, issuer: FalseIssuer, purpose: str = "sign-in") -> httpx.Response:
    return come_back(person, issuer.send_back(set_out(person, purpose)))


def said(answer: httpx.Response) -> str:
    """The sentence for the next page, from its cookie."""
    for cookie in answer.headers.get_list("set-cookie"):
        if cookie.startswith("__Host-said="):
            packed = cookie.partition("=")[2].partition(".")[0]
            return base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)).decode()
    return ""


def signed_in(answer: httpx.Response) -> bool:
    return any(re.match(r"__Host-session=[^;]", cookie) for cookie in answer.headers.get_list("set-cookie"))


def link(world: World, name: str = "alice", subject: str = "subject-1") -> None:
    """Link an identity without going there."""
    with world.app.database.read() as sql:
        user = find_user(sql, name)
    (login,) = world.app.logins.all
    claimed = Claimed(login.issuer, subject, f"{name}-there", f"state of {name} {subject}")
    world.app.do(link_identity, LinkIdentity(user, claimed, login.title))


def kinds(world: World) -> list[str]:
    with world.app.database.read() as sql:
        return [entry.kind for entry in ledger.entries(sql)]


def test_link_sign_in_unlink(world: World, issuer: FalseIssuer) -> None:
    alice = world.person("alice")
    assert "Link Harbour login" in alice.get("/account/linked/").text
    assert said(round_trip(alice, issuer, "link")) == "alice-there at Harbour login is linked to your account."
    assert issuer.asked["prompt"] == ["login"]
    stranger = world.stranger()
    assert "Sign in with Harbour login" in stranger.get("/account/sign-in/").text
    answer = round_trip(stranger, issuer)
    assert (answer.status_code, signed_in(answer)) == (303, True)
    stranger.csrf = ""
    assert "<h1>alice</h1>" in stranger.get("/account/").text
    page = alice.get("/account/linked/")
    unlink = re.search(r'action="(/account/linked/\d+/unlink/)"', page.text)
    assert unlink is not None
    bob = world.person("bob")
    assert bob.post(unlink[1]).status_code == 404
    assert alice.post(f"/account/linked/{'9' * 30}/unlink/").status_code == 404
    assert alice.post(unlink[1]).status_code == 303
    refused = round_trip(world.stranger(), issuer)
    assert (signed_in(refused), "stands for no account here" in said(refused)) == (False, True)
    wanted = {"identity-linked", "identity-proved", "identity-unlinked", "identity-refused"}
    assert wanted <= set(kinds(world))


def test_no_token_and_no_secret_is_kept(world: World, issuer: FalseIssuer) -> None:
    link(world, world.person("alice").name)
    round_trip(world.stranger(), issuer)
    (request,) = issuer.token_requests
    verifier = parse_qs(request.body.decode())["code_verifier"][0]
    with world.app.database.read() as sql:
        rows = [sql.execute(sa.select(table)).all() for table in (linked_identity, oidc_return)]
        events = list(ledger.entries(sql))
    for secret in (verifier, issuer.asked["nonce"][0], issuer.asked["state"][0], "never used", "a-code"):
        assert secret not in str(rows)
        assert secret not in str(events)


def test_the_secret_goes_in_the_header_and_is_encoded(small: World, issuer: FalseIssuer) -> None:
    link(small, small.person("alice").name)
    round_trip(small.stranger(), issuer)
    (request,) = issuer.token_requests
    pair = base64.b64decode(request.headers["authorization"].removeprefix("Basic ")).decode()
    assert [unquote(part) for part in pair.split(":")] == ["customhouse", "a secret"]
    assert "secret" not in request.body.decode()


def later(**changes: object) -> Callable[[Claims], Claims]:
    return lambda honest: {name: value for name, value in (honest | changes).items() if value is not None}


def at(**shifts: int) -> Callable[[Claims], Claims]:
    return lambda honest: honest | {name: honest[name] + shift for name, shift in shifts.items()}


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        (later(iss="https://evil.example"), "another issuer"),
        (later(aud="somebody-else"), "somebody else"),
        (later(aud=["customhouse", "somebody-else"]), "somebody else"),
        (later(azp="somebody-else"), "somebody else"),
        (later(nonce="of another time"), "another question"),
        (later(nonce=None), "another question"),
        (later(exp=None), "not of this moment"),
        (later(iat=None), "not of this moment"),
        (later(iat="now"), "not of this moment"),
        (at(iat=-601), "not of this moment"),
        (at(iat=120), "not of this moment"),
        (at(exp=-301), "not of this moment"),
        (later(sub=None), "names nobody"),
        (later(sub=""), "names nobody"),
        (later(sub="x" * 256), "names nobody"),
        (later(sub="a\nb"), "names nobody"),
        (later(sub=7), "names nobody"),
    ],
)
def test_a_token_that_is_not_for_this_question_is_refused(
    small: World, issuer: FalseIssuer, claims: Callable[[Claims], Claims], why: str
) -> None:
    link(small, small.person("alice").name)
    issuer.claims = claims
    answer = round_trip(small.stranger(), issuer)
    assert (signed_in(answer), why in said(answer)) == (False, True), said(answer)


def test_a_token_under_another_signature_is_refused(small: World, issuer: FalseIssuer) -> None:
    link(small, small.person("alice").name)
    public = issuer.key.as_pem(private=False)
    issuer.signed_by = ECKey.generate_key("P-256", {"kid": "one"})
    assert "not signed by the issuer" in said(round_trip(small.stranger(), issuer))
    issuer.signed_by = None
    for forged in (
        unsigned, lambda token: by_shared_secret(token, public), lambda token: token[:-4] + "AAAA",
        lambda _token: "x.y.z", lambda _token: "",
    ):  # fmt: skip
        issuer.forged = forged
        assert not signed_in(round_trip(small.stranger(), issuer))
    issuer.forged = lambda token: token
    assert signed_in(round_trip(small.stranger(), issuer))


def test_a_new_key_of_the_issuer_is_found(small: World, issuer: FalseIssuer, clock: TurnableClock) -> None:
    link(small, small.person("alice").name)
    assert signed_in(round_trip(small.stranger(), issuer))
    new = rsa_key()
    issuer.key, issuer.header = new, {"alg": "RS256", "kid": "two"}
    issuer.published = [new.as_dict(private=False)]
    # It is asked again at most once a minute, so that forged tokens make us ask nobody.
    assert not signed_in(round_trip(small.stranger(), issuer))
    clock.turn(timedelta(minutes=1))
    assert signed_in(round_trip(small.stranger(), issuer))


def test_a_state_is_of_one_browser_one_login_ten_minutes_and_one_use(
    world: World, issuer: FalseIssuer, clock: TurnableClock
) -> None:
    link(world, world.person("alice").name)
    mine, other = world.stranger(), world.stranger()
    back = issuer.send_back(set_out(mine))
    assert "not one of this browser" in said(come_back(other, back))
    assert "not one of this browser" in said(come_back(mine, back.replace("state=", "state=x")))
    assert signed_in(come_back(mine, back))
    late = world.stranger()
    back = issuer.send_back(set_out(late))
    clock.turn(timedelta(minutes=10, seconds=1))
    assert "took too long" in said(come_back(late, back))
    twice = world.stranger()
    twice.get("/account/sign-in/")
    back = issuer.send_back(set_out(twice))
    cookies = dict(twice.client.cookies)
    assert signed_in(come_back(twice, back))
    again = world.stranger()
    again.client.cookies.update(cookies)
    again.client.cookies.delete("__Host-session")
    assert "used already" in said(come_back(again, back))


def test_a6_nobody_is_signed_in_or_linked_by_opening_an_address(small: World, issuer: FalseIssuer) -> None:
    """Login CSRF: mallory's return, opened in alice's browser, changes nothing and is refused when it is sent."""
    alice, mallory = small.person("alice"), small.person("mallory")
    back = issuer.send_back(set_out(mallory, "link"))
    before = kinds(small)
    assert alice.get(back).status_code == 200
    assert kinds(small) == before
    assert "not one of this browser" in said(come_back(alice, back))
    foreign = alice.client.post("/account/linked/harbour/back/", data={"code": "c", "state": "s"})
    assert foreign.status_code == 403
    with small.app.database.read() as sql:
        assert linked_of(sql, find_user(sql, "alice").id) == []


def test_an_identity_stands_for_one_account(small: World, issuer: FalseIssuer) -> None:
    alice, bob = small.person("alice"), small.person("bob")
    assert "is linked" in said(round_trip(alice, issuer, "link"))
    assert "is linked" in said(round_trip(alice, issuer, "link"))
    assert "stands for another account" in said(round_trip(bob, issuer, "link"))
    with small.app.database.read() as sql:
        assert len(linked_of(sql, find_user(sql, "alice").id)) == 1


def test_what_the_issuer_calls_somebody_finds_no_account(small: World, issuer: FalseIssuer) -> None:
    small.person("alice-there")
    issuer.claims = later(email="alice@example.org", name="alice")
    assert "stands for no account" in said(round_trip(small.stranger(), issuer))


def test_a_frozen_account_stays_out(small: World, issuer: FalseIssuer) -> None:
    link(small, small.person("alice").name)
    small.app.do(freeze, Freeze("alice", "a test"))
    assert not signed_in(round_trip(small.stranger(), issuer))


def test_linking_wants_a_proof_of_this_moment_on_both_sides(
    small: World, issuer: FalseIssuer, clock: TurnableClock
) -> None:
    alice = small.person("alice")
    issuer.claims = at(auth_time=-3600)
    assert "nobody has proved himself there just now" in said(round_trip(alice, issuer, "link"))
    clock.turn(timedelta(minutes=16))
    assert alice.get("/account/linked/").headers["location"].startswith("/account/again/")
    assert small.stranger().get("/account/linked/harbour/?for=link").headers["location"] == "/account/sign-in/"


def test_a4_an_old_session_neither_sets_out_to_link_nor_links_what_it_brings(
    small: World, issuer: FalseIssuer, clock: TurnableClock
) -> None:
    alice = small.person("alice")
    clock.turn(timedelta(minutes=14))
    back = issuer.send_back(set_out(alice, "link"))
    clock.turn(timedelta(minutes=2))
    again = "/account/again/?next=/account/linked/"
    assert alice.get("/account/linked/harbour/?for=link").headers["location"] == again
    assert come_back(alice, back).headers["location"] == again
    assert issuer.token_requests == []
    with small.app.database.read() as sql:
        assert linked_of(sql, find_user(sql, "alice").id) == []
    assert alice.post("/account/again/", password=PASSWORD).status_code == 303
    assert "is linked" in said(round_trip(alice, issuer, "link"))


def test_a_return_for_a_case_signs_nobody_in(small: World, issuer: FalseIssuer) -> None:
    link(small, small.person("alice").name)
    stranger, (login,) = small.stranger(), small.app.logins.all
    stranger.get("/account/sign-in/")
    address = small.app.logins.set_out(login, "case", "no-such-case.x", stranger.csrf)
    assert parse_qs(urlsplit(address).query)["prompt"] == ["login"]
    answer = come_back(stranger, issuer.send_back(address))
    assert (signed_in(answer), "opened no such case" in said(answer)) == (False, True)


def test_a_return_from_another_issuer_is_refused(small: World, issuer: FalseIssuer) -> None:
    """Mix-up (RFC 9207)."""
    link(small, small.person("alice").name)
    stranger = small.stranger()
    back = issuer.send_back(set_out(stranger), iss="https://evil.example")
    assert "another issuer" in said(come_back(stranger, back))
    assert issuer.token_requests == []


@pytest.mark.parametrize(
    "discovery",
    [later(issuer="https://evil.example"), later(token_endpoint="file:///etc/passwd"), later(jwks_uri=None)],
)
def test_an_issuer_that_misdescribes_itself_is_not_used(
    small: World, issuer: FalseIssuer, discovery: Callable[[Claims], Claims]
) -> None:
    issuer.discovery = discovery
    answer = small.stranger().get("/account/linked/harbour/")
    assert answer.headers["location"] == "/account/sign-in/"
    assert "cannot be reached" in said(answer)


def test_an_issuer_that_cannot_be_reached_is_asked_again_after_half_a_minute(
    small: World, issuer: FalseIssuer, clock: TurnableClock
) -> None:
    right, issuer.discovery = issuer.discovery, later(issuer="https://evil.example")
    stranger = small.stranger()
    assert "cannot be reached" in said(stranger.get("/account/linked/harbour/"))
    issuer.discovery = right
    assert "cannot be reached" in said(stranger.get("/account/linked/harbour/"))
    clock.turn(timedelta(seconds=31))
    assert stranger.get("/account/linked/harbour/").headers["location"].startswith(small.app.logins.all[0].issuer)


def test_a40_what_the_return_names_leads_only_to_pages_of_ours(small: World, issuer: FalseIssuer) -> None:
    link(small, small.person("alice").name)
    for wanted in ("//evil.example", "https:evil", "/\\evil.example", "/%2fevil"):
        stranger = small.stranger()
        answer = stranger.get(f"/account/linked/harbour/?next={wanted}")
        back = issuer.send_back(answer.headers["location"])
        assert come_back(stranger, back).headers["location"] == "/account/"


def test_a19_the_page_of_the_return_tells_its_address_to_nobody(small: World, issuer: FalseIssuer) -> None:
    stranger = small.stranger()
    page = stranger.get(issuer.send_back(set_out(stranger)))
    assert page.headers["referrer-policy"] == "strict-origin"
    assert page.headers["cache-control"] == "private, no-store"


def test_an_unknown_login_is_404_and_an_issuer_without_tls_is_no_setting(small: World) -> None:
    assert small.stranger().get("/account/linked/nowhere/").status_code == 404
    with pytest.raises(ValidationError, match="https"):
        Settings.model_validate(
            {"oidc_logins": [{"name": "x", "title": "X", "issuer": "http://login.example", "client_id": "c"}]}
        )


def test_at_most_ten_identities(small: World) -> None:
    small.user("alice")
    for number in range(10):
        link(small, "alice", f"s{number}")
    with pytest.raises(Refused, match="At most 10"):
        link(small, "alice", "s10")


@pytest.mark.slow
def test_a_real_issuer_lets_alice_link_and_sign_in(database_settings: Settings) -> None:
    with running_issuer(BACK) as real:
        _with_real_issuer(database_settings, real)


def _with_real_issuer(settings: Settings, real: Issuer) -> None:
    clock = TurnableClock(datetime.now(UTC))
    with telling_world(settings, clock, oidc_logins=[real.login()]) as world:
        alice = world.person("alice")
        for person, purpose in ((alice, "link"), (world.stranger(), "sign-in")):
            clock.turn(datetime.now(UTC) - clock.now())
            back = real.sign_in(set_out(person, purpose), "alice", back=BACK)
            answer = come_back(person, back.removeprefix("https://index.test"))
            assert signed_in(answer) == (purpose == "sign-in"), said(answer)
        clock.turn(datetime.now(UTC) - clock.now())
        stranger = world.stranger()
        back = real.sign_in(set_out(stranger), "mallory", back=BACK)
        assert not signed_in(come_back(stranger, back.removeprefix("https://index.test")))
        with world.app.database.read() as sql:
            (row,) = linked_of(sql, find_user(sql, "alice").id)
        assert (row.issuer, row.name) == (real.url, "alice-at-issuer")
