"""The doors of the private Sigstore: who gets a certificate, what the log takes, how people are asked, what is refused."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2 as httpx
import pytest
import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from starlette.testclient import TestClient

from build_service import ec_key, signed
from clock import TurnableClock
from customhouse.app import open_app
from customhouse.infra.db import METADATA
from customhouse.infra.settings import Settings
from customhouse.infra.walkers import Walkers
from customhouse.ledger.tables import ledger_event
from customhouse.trust.certificate import signer_of
from customhouse.trust.private_sigstore.people import OUT_OF_BAND, Redeemed
from customhouse.trust.private_sigstore.service import Sigstore, make_ready
from customhouse.web.asgi import build
from person import Person
from private_sigstore import Holder, b64, certificate_in, csr_of, new_key
from world import World

pytestmark = pytest.mark.slow
SUBJECT = "https://index.test/user/alice"
LOG_TABLES = ("sigstore_log", "sigstore_leaf", "sigstore_tile")
LOOPBACK = "http://localhost:41234/auth/callback"
VERIFIER = "v" * 64
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")


class Doors(World):
    """A world with a private Sigstore, spoken to as programs do."""

    @property
    def sigstore(self) -> Sigstore:
        assert self.app.sigstore is not None
        return self.app.sigstore

    def token(self, subject: str = SUBJECT) -> str:
        redeemed = Redeemed(1, "", "password")
        return self.sigstore.own.token(self.sigstore.keys.now(), subject, redeemed, self.clock.now())

    def post(self, path: str, body: object, **headers: str) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = {"content-type": "application/json"}
        return self.client.post(f"/sigstore{path}", content=content, headers={**kind, **headers})

    def certificate(self, token: str, key: ec.EllipticCurvePrivateKey | None = None) -> httpx.Response:
        body = {"certificateSigningRequest": b64(csr_of(key or new_key()))}
        return self.post("/api/v2/signingCert", body, authorization=f"Bearer {token}")

    def holder(self) -> Holder:
        key = new_key()
        return Holder(key, certificate_in(self.certificate(self.token(), key)))

    def events(self, kind: str) -> int:
        with self.app.database.read() as sql:
            chosen = sa.select(sa.func.count()).where(ledger_event.c.kind == kind)
            return int(sql.execute(chosen).scalar_one())


@pytest.fixture
def doors(blank: Path, tmp_path: Path, clock: TurnableClock, walkers: Walkers) -> Iterator[Doors]:
    import shutil  # noqa: PLC0415 - here alone

    shutil.copytree(blank, tmp_path / "data")
    said = Settings.model_validate({"data": tmp_path / "data", "sigstore": True, "url": "https://index.test"})
    with open_app(said.model_copy(update={"sigstore": False}), clock=clock, walkers=walkers) as plain:
        make_ready(said, plain.deeds)
    with (
        open_app(said, clock=clock, walkers=walkers) as app,
        TestClient(build(app), base_url="https://index.test", raise_server_exceptions=False) as client,
    ):
        made = Doors(app, clock, client)
        yield made
        made.check()


def test_switched_off_there_is_nothing_at_its_addresses(small_world: World) -> None:
    for path in (
        "/sigstore/trusted_root.json",
        "/sigstore/api/v2/checkpoint",
        "/trust/sigstore/",
        "/sigstore/oidc/keys",
    ):
        assert small_world.client.get(path).status_code == 404
    for path in ("/api/v2/signingCert", "/sigstore/api/v1/timestamp", "/sigstore/oidc/token"):
        assert small_world.client.post(path, content=b"{}").status_code == 404


def test_a_token_gets_a_certificate_for_whom_it_names(doors: Doors) -> None:
    answer = doors.certificate(doors.token())
    assert answer.status_code == 200
    signer = signer_of(certificate_in(answer))
    assert (set(signer.names), signer.issuer) == ({SUBJECT}, "https://index.test/sigstore/oidc")
    assert doors.events("signing-certificate-issued") == 1
    assert doors.sigstore.logbook.size("certificates") == 1


def test_a_public_key_with_a_proof_of_possession_does_as_well(doors: Doors) -> None:
    key, token = new_key(), doors.token()
    pem = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    def asked(proof: bytes) -> httpx.Response:
        wanted = {"publicKey": {"algorithm": "ECDSA", "content": pem.decode()}, "proofOfPossession": b64(proof)}
        return doors.post(
            "/api/v2/signingCert", {"credentials": {"oidcIdentityToken": token}, "publicKeyRequest": wanted}
        )

    good = asked(key.sign(SUBJECT.encode(), ec.ECDSA(hashes.SHA256())))
    assert good.status_code == 200
    assert certificate_in(good).public_key() == key.public_key()
    for wrong in (b"", b"no signature", new_key().sign(SUBJECT.encode(), ec.ECDSA(hashes.SHA256()))):
        assert asked(wrong).status_code == 400


def test_who_has_not_the_key_gets_no_certificate(doors: Doors) -> None:
    body = {"certificateSigningRequest": b64(csr_of(new_key(), signs=new_key()))}
    answer = doors.post("/api/v2/signingCert", body, authorization=f"Bearer {doors.token()}")
    assert answer.status_code == 400
    assert "not signed with the key" in answer.json()["message"]


def test_a_token_is_worth_one_key(doors: Doors) -> None:
    key, token = new_key(), doors.token()
    assert doors.certificate(token, key).status_code == 200
    assert doors.certificate(token, key).status_code == 200, "whose answer got lost may ask again"
    stolen = doors.certificate(token)
    assert (stolen.status_code, stolen.json()["message"].partition(":")[0]) == (422, "token-used")
    assert doors.events("signing-token-refused") == 1


def test_a_token_that_is_not_good_gets_nothing(doors: Doors) -> None:
    good = doors.token()
    head, payload, signature = good.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    other = signed(claims, ec_key(), kid=json.loads(base64.urlsafe_b64decode(head + "=="))["kid"])
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT","kid":"x"}').decode().rstrip("=")
    wrong = {
        "none at all": "", "no token": "x.y.z", "another's signature": other, "unsigned": f"{none}.{payload}.{signature}",
        "another issuer": signed({**claims, "iss": "https://evil.test"}),
    }  # fmt: skip
    for what, token in wrong.items():
        answer = doors.certificate(token)
        assert answer.status_code in (401, 422), what
        assert answer.json()["message"], what
    doors.clock.turn(timedelta(minutes=11))
    assert "expired" in doors.certificate(good).json()["message"]
    assert doors.events("signing-certificate-issued") == 0


def test_what_no_certificate_should_say_gets_none(doors: Doors) -> None:
    for subject in (
        "https://index.test/user/" + "a" * 1000,
        "https://index.test/user/" + '"' * 400,
        "a\x1bb@index.test",
    ):
        answer = doors.certificate(doors.token(subject))
        assert answer.status_code == 422, answer.text
    assert doors.sigstore.logbook.size("certificates") == 0


def test_the_log_takes_what_a_good_certificate_has_signed(doors: Doors) -> None:
    holder = doors.holder()
    for request in (holder.request_v2(b"body"), holder.dsse_v2(b"{}")):
        answer = doors.post("/api/v2/log/entries", request)
        assert answer.status_code == 201, answer.text
        assert doors.post("/api/v2/log/entries", request).json()["logIndex"] == answer.json()["logIndex"]
    kinds = [doors.client.get(f"/sigstore/api/v1/log/entries?logIndex={place}").json() for place in (0, 1)]
    bodies = [json.loads(base64.b64decode(next(iter(one.values()))["body"])) for one in kinds]
    assert [(one["kind"], one["apiVersion"]) for one in bodies] == [("hashedrekord", "0.0.2"), ("dsse", "0.0.2")]
    uuid = next(iter(kinds[0]))
    assert doors.client.get(f"/sigstore/api/v1/log/entries/{uuid}").json().keys() == {uuid}
    assert doors.events("signature-logged") == 2


def test_the_log_takes_nothing_else(doors: Doors) -> None:
    holder, stranger = doors.holder(), new_key()
    good = holder.request_v2(b"body")
    inner = good["hashedRekordRequestV002"]
    own = (
        x509.CertificateBuilder().subject_name(x509.Name([])).issuer_name(holder.certificate.issuer)
        .public_key(stranger.public_key()).serial_number(1).not_valid_before(doors.clock.now())
        .not_valid_after(doors.clock.now() + timedelta(minutes=9)).sign(stranger, hashes.SHA256())
    )  # fmt: skip
    wrong = {
        "foreign certificate": Holder(stranger, own).request_v2(b"body"),
        "foreign signature": Holder(stranger, holder.certificate).request_v2(b"body"),
        "another digest": {"hashedRekordRequestV002": {**inner, "digest": b64(b"0" * 32)}},
        "half a digest": {"hashedRekordRequestV002": {**inner, "digest": b64(b"0" * 16)}},
        "no signature": {"hashedRekordRequestV002": {"digest": inner["digest"]}},
        "two requests": {**good, **holder.dsse_v2(b"{}")},
        "nothing": {},
        "a list": [],
    }
    for what, request in wrong.items():
        answer = doors.post("/api/v2/log/entries", request)
        assert answer.status_code == 400, what
    doors.clock.turn(timedelta(minutes=11))
    assert "not good now" in doors.post("/api/v2/log/entries", good).json()["message"]
    assert doors.sigstore.logbook.size("entries") == 0


PLACES = (
    "/api/v2/signingCert",
    "/api/v1/log/entries",
    "/api/v2/log/entries",
    "/api/v1/timestamp",
    "/witness/add-checkpoint",
    "/oidc/token",
)
JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.text(max_size=20),
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(
        some.sampled_from([
            "certificateSigningRequest", "credentials", "publicKeyRequest", "publicKey", "content", "kind", "apiVersion",
            "spec", "proposedContent", "envelope", "verifiers", "hashedRekordRequestV002", "dsseRequestV002", "digest",
            "signature", "verifier", "x509Certificate", "rawBytes", "keyDetails", "payload", "payloadType", "signatures",
        ]), inner, max_size=4,
    ), max_leaves=12,
)  # fmt: skip


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(some.sampled_from(PLACES), some.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_whatever_is_sent_is_answered_as_a_fault_of_the_sender(doors: Doors, path: str, body: bytes) -> None:
    answer = doors.post(path, body, authorization="Bearer x.y.z")
    assert answer.status_code in (201, 400, 401, 404, 422, 429), answer.text
    if answer.headers["content-type"] == "application/json":
        assert answer.json()["message"]


def test_bodies_have_an_end(doors: Doors) -> None:
    for path in PLACES:
        assert doors.post(path, b"x" * (5 * 2**20)).status_code == 413
    for path in ("/api/v2/tile/0/000", "/api/v2/tile/0/x", "/api/v2/tile/99/000", "/api/v2/tile/entries/000.p/1",
                 "/api/v2/tile/0/x001/000", "/api/v2/tile/0/000.p/256", "/api/v1/log/entries?logIndex=0", "/tuf/evil.json",
                 "/api/v1/log/entries/xyz", "/tuf/9.root.json", "/tuf/targets/x", "/api/v2/tile/0/" + "9" * 400):  # fmt: skip
        assert doors.client.get(f"/sigstore{path}").status_code == 404, path
    for path in (
        "/api/v1/log/entries",
        "/api/v1/log/entries?logIndex=-1",
        "/api/v1/log/proof?lastSize=1",
        "/api/v1/log/proof",
    ):
        assert doors.client.get(f"/sigstore{path}").status_code == 400, path


def ask(**changes: str) -> str:
    asked = {
        "response_type": "code", "client_id": "sigstore", "client_secret": "", "scope": "openid email",
        "redirect_uri": LOOPBACK, "code_challenge": CHALLENGE, "code_challenge_method": "S256", "state": "s" * 36,
        "nonce": "n" * 36, **changes,
    }  # fmt: skip
    return "/sigstore/oidc/auth?" + urlencode(asked)


def given_code(person: Person, **changes: str) -> dict[str, str]:
    """Say yes in the browser; what the program at the other end of the redirect is handed."""
    asked = person.get(ask(**changes))
    assert asked.status_code == 303, asked.text
    page = person.get(asked.headers["location"])
    assert "Sign as alice?" in page.text
    answer = person.post(asked.headers["location"])
    if changes.get("redirect_uri") == OUT_OF_BAND:
        match = re.search(r'<code class="secret">([^<]+)</code>', answer.text)
        assert match is not None
        return {"code": match[1]}
    onward = answer.headers["refresh"].removeprefix("0; url=")
    assert onward.startswith(LOOPBACK + "?")
    return dict(parse_qsl(urlsplit(onward).query))


def exchanged(doors: Doors, code: str, /, **changes: str) -> httpx.Response:
    form = {
        "grant_type": "authorization_code", "redirect_uri": LOOPBACK, "code": code, "code_verifier": VERIFIER, **changes,
    }  # fmt: skip
    return doors.client.post("/sigstore/oidc/token", data=form, auth=("sigstore", ""))


def test_a_person_signs_as_himself(doors: Doors) -> None:
    alice = doors.person("alice")
    given = given_code(alice)
    assert (given["state"], given["iss"]) == ("s" * 36, "https://index.test/sigstore/oidc")
    answer = exchanged(doors, given["code"])
    assert answer.status_code == 200, answer.text
    claims = json.loads(base64.urlsafe_b64decode(answer.json()["id_token"].split(".")[1] + "=="))
    assert (claims["sub"], claims["aud"], claims["nonce"], claims["amr"]) == (
        SUBJECT,
        "sigstore",
        "n" * 36,
        ["password"],
    )
    assert signer_of(certificate_in(doors.certificate(answer.json()["access_token"]))).names == {SUBJECT}
    assert exchanged(doors, given["code"]).json()["error"] == "invalid_grant", "a code works once"
    code = given_code(alice, redirect_uri=OUT_OF_BAND)["code"]
    assert exchanged(doors, code, redirect_uri=OUT_OF_BAND).status_code == 200


@pytest.mark.parametrize("changes", [
    {"code_verifier": "w" * 64}, {"code_verifier": ""}, {"redirect_uri": "http://localhost:9/x"}, {"code": "another"},
    {"grant_type": "password"},
])  # fmt: skip
def test_a_code_is_worth_nothing_to_others(doors: Doors, changes: dict[str, str]) -> None:
    code = given_code(doors.person("alice"))["code"]
    answer = exchanged(doors, code, **changes)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


def test_a_code_dies_after_two_minutes(doors: Doors) -> None:
    code = given_code(doors.person("alice"))["code"]
    doors.clock.turn(timedelta(minutes=3))
    assert exchanged(doors, code).status_code == 400


@pytest.mark.parametrize("changes", [
    {"redirect_uri": "https://evil.test/"}, {"redirect_uri": "http://localhost.evil.test:80/"},
    {"redirect_uri": "http://localhost@evil.test:80/"}, {"redirect_uri": "http://localhost/"},
    {"redirect_uri": "http://localhost:1/?x=1"}, {"redirect_uri": "javascript:alert(1)"},
    {"redirect_uri": "http://localhost:1\\@evil.test/"}, {"client_id": "other"}, {"response_type": "token"},
    {"code_challenge": ""}, {"code_challenge_method": "plain"}, {"scope": "email"}, {"state": "x" * 500},
])  # fmt: skip
def test_nobody_is_sent_anywhere_but_to_his_own_machine(doors: Doors, changes: dict[str, str]) -> None:
    assert doors.client.get(ask(**changes), follow_redirects=False).status_code == 400


def test_whoever_is_not_signed_in_comes_back_to_the_question(doors: Doors) -> None:
    doors.person("alice")
    stranger = doors.stranger()
    asked = stranger.get(ask()).headers["location"]
    first = stranger.get(asked)
    assert first.headers["location"].startswith("/account/sign-in/?next=")
    stranger.get(first.headers["location"])
    way_back = dict(parse_qsl(urlsplit(first.headers["location"]).query))["next"]
    answer = stranger.post("/account/sign-in/", name="alice", password="correct horse battery staple", next=way_back)
    assert answer.headers["location"] == asked
    # A session that was proved long ago must be proved again.
    assert stranger.get(asked).status_code == 200
    doors.clock.turn(timedelta(hours=1))
    assert stranger.get(asked).headers["location"].startswith("/account/again/?next=")


def test_a_question_that_somebody_else_has_written_is_looked_at_again(doors: Doors) -> None:
    evil = base64.urlsafe_b64encode(json.dumps(["https://evil.test/", CHALLENGE, "", ""]).encode()).decode().rstrip("=")
    alice = doors.person("alice")
    deep = base64.urlsafe_b64encode(b"[" * 3000).decode().rstrip("=")
    for text in (evil, "x", "e30", "W10", deep):
        assert alice.get(f"/sigstore/oidc/asked/{text}/").status_code == 400


def test_a_frozen_account_gets_no_token(doors: Doors) -> None:
    code = given_code(doors.person("alice"))["code"]
    with doors.app.database.write() as sql:
        sql.execute(sa.text("UPDATE account SET frozen_at = 1 WHERE name = 'alice'"))
    assert exchanged(doors, code).status_code == 400


def test_the_issuer_says_what_it_is(doors: Doors) -> None:
    told = doors.client.get("/sigstore/oidc/.well-known/openid-configuration").json()
    assert told["issuer"] == "https://index.test/sigstore/oidc"
    (key,) = doors.client.get("/sigstore/oidc/keys").json()["keys"]
    assert (key["kty"], key["crv"]) == ("EC", "P-256")
    assert "d" not in key


def test_the_page_shows_log_keys_and_who_has_signed(doors: Doors) -> None:
    holder = doors.holder()
    doors.post("/api/v2/log/entries", holder.request_v2(b"body"))
    page = doors.client.get("/trust/sigstore/").text
    assert "This log has no witness yet" in page
    assert page.count(SUBJECT) >= 1
    assert doors.sigstore.logbook.checkpoint("entries").note().split("\n")[2] in page
    found = doors.client.get("/trust/sigstore/", params={"name": SUBJECT}).text
    assert "1 certificate was issued in this name" in found
    assert "Nothing by this name" in doors.client.get("/trust/sigstore/", params={"name": "nobody"}).text


def test_an_entry_costs_little(doors: Doors) -> None:
    """Signing below 20 ms: what of it is ours, in CPU, on whatever machine."""
    holder = doors.holder()
    requests = [holder.request_v2(b"%d" % number) for number in range(30)]
    doors.post("/api/v2/log/entries", holder.request_v2(b"first"))
    began = time.process_time()
    with doors.statements() as heard:
        for request in requests:
            assert doors.post("/api/v2/log/entries", request).status_code == 201
    assert (time.process_time() - began) / len(requests) < 0.02
    assert len(heard) / len(requests) < 30


def rows_of(sql: sa.Connection, name: str) -> list[dict[str, object]]:
    return [dict(row._mapping) for row in sql.execute(sa.select(METADATA.tables[name]))]


def test_a_database_that_was_put_back_stops_the_log_and_not_the_page(doors: Doors) -> None:
    holder = doors.holder()
    doors.post("/api/v2/log/entries", holder.request_v2(b"kept"))
    with doors.app.database.read() as sql:
        kept = {name: rows_of(sql, name) for name in LOG_TABLES}
    doors.post("/api/v2/log/entries", holder.request_v2(b"lost"))
    with doors.app.database.write() as sql:
        for name, rows in kept.items():
            sql.execute(METADATA.tables[name].delete())
            sql.execute(METADATA.tables[name].insert(), rows)
    for answer in (
        doors.post("/api/v2/log/entries", holder.request_v2(b"other")),
        doors.client.get("/sigstore/api/v2/checkpoint"),
        doors.client.get("/sigstore/api/v1/log/entries?logIndex=0"),
    ):
        assert answer.status_code == 503
        assert answer.json()["message"].startswith(
            "log-rolled-back: The log of signatures is not available: the database"
        )
        assert int(answer.headers["retry-after"]) >= 60
    # Certificates stand in a log of their own, which has lost nothing.
    assert doors.certificate(doors.token()).status_code == 200
    page = doors.client.get("/trust/sigstore/")
    assert page.status_code == 200
    assert "Nothing is signed at the moment" in page.text
    assert "it has 1 entries, and its checkpoint of 2 was given out" in page.text
    found = [one for one in doors.app.check() if one.findings]
    assert [one.promise for one in found] == ["the logs of the private Sigstore have all that they have shown"]
    # Whoever takes its memory away takes the fault away: the rest of this world is whole.
    doors.sigstore.logbook.heads.path.unlink()
