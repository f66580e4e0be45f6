"""Sealing by a real private Sigstore, with the unmodified library; verifying offline, for a declared identity."""

from __future__ import annotations

import base64
import hashlib
import json
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.x509 import load_der_x509_certificate

from clock import TurnableClock
from customhouse.release.actions import Problem, Tampered
from customhouse.release.signing.sealer import SigstoreSealer
from customhouse.release.signing.trust_config import Trust, parse_trust, read_trust
from customhouse.release.signing.verify import verify_bundle
from customhouse.terms.clock import SystemClock
from customhouse.trust.certificate import signer_of
from receiver import Reply, receiver
from shipping import SUBJECT, Harbour

pytestmark = pytest.mark.slow
LONGEST_SECONDS = 0.02


def statement(name: str = "sealed-1.0.tar.gz") -> bytes:
    subject = {"name": name, "digest": {"sha256": hashlib.sha256(name.encode()).hexdigest()}}
    said = {"_type": "https://in-toto.io/Statement/v1", "subject": [subject], "predicateType": "x", "predicate": {}}
    return json.dumps(said).encode()


@dataclass
class Signed:
    """A file and a statement, signed once for all tests here."""

    trust: Trust
    issuer: str
    sealer: SigstoreSealer
    file: Path
    of_file: str
    of_statement: str

    def verify(self, bundle: str, *, file: Path | None = None, identity: str = SUBJECT, issuer: str = "") -> bytes:
        """The payload."""
        return verify_bundle(
            bundle, trust_root=self.trust.trusted_root, identity=identity, issuer=issuer or self.issuer, file=file
        ).payload


@pytest.fixture(scope="module")
def signed(harbour: Harbour, tmp_path_factory: pytest.TempPathFactory) -> Signed:
    trust = read_trust({"trust_config": str(harbour.trust_config)})
    sealer = SigstoreSealer(trust.config, harbour.sigstore_token())
    file = tmp_path_factory.mktemp("signed") / "sealed-1.0.tar.gz"
    file.write_bytes(b"bytes that are signed")
    return Signed(trust, harbour.issuer.url, sealer, file, sealer.file(file), sealer.statement(statement()))


def test_a_file_and_a_statement_verify_for_the_declared_identity(signed: Signed) -> None:
    assert signed.verify(signed.of_file, file=signed.file) == b""
    assert signed.verify(signed.of_statement) == statement()
    assert (signed.sealer.identity, signed.sealer.issuer) == (f"{signed.issuer}#{SUBJECT}", signed.issuer)
    signer = signer_of(load_der_x509_certificate(base64.b64decode(_certificate(signed.of_file))))
    assert (signer.names, signer.issuer) == (frozenset({signed.sealer.identity}), signed.issuer)
    assert signed.verify(signed.of_file, file=signed.file, identity=f"{signed.issuer}#{SUBJECT}") == b""


def test_whose_signature_it_is_is_said_first(signed: Signed) -> None:
    with pytest.raises(Problem, match="signed with an identity of") as caught:
        signed.verify(signed.of_file, file=signed.file, issuer="https://accounts.example")
    assert caught.value.code == "wrong-issuer"
    with pytest.raises(Problem, match=r"signed by .*#release-of-sealed") as caught:
        signed.verify(signed.of_statement, identity="somebody")
    assert caught.value.code == "wrong-identity"
    with pytest.raises(Problem, match="nobody is declared"):
        signed.verify(signed.of_statement, identity="")


def test_another_file_another_kind_and_another_trust_root_do_not_verify(signed: Signed, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"bytes that are SIGNED")
    with pytest.raises(Problem, match="it signs the digest"):
        signed.verify(signed.of_file, file=other)
    with pytest.raises(Problem, match="it holds a statement"):
        signed.verify(signed.of_statement, file=signed.file)
    with pytest.raises(Problem, match="does not verify"):
        signed.verify(signed.of_file)
    root = json.loads(signed.trust.trusted_root)
    root["tlogs"] = root["tlogs"][:1]
    root["certificateAuthorities"][0]["certChain"]["certificates"] = root["timestampAuthorities"][0]["certChain"][
        "certificates"
    ][-1:]
    with pytest.raises(Problem, match="does not verify"):
        verify_bundle(
            signed.of_file, trust_root=json.dumps(root).encode(), identity=SUBJECT, issuer=signed.issuer,
            file=signed.file,
        )  # fmt: skip
    with pytest.raises(Problem, match=r"trusted_root\.json"):
        verify_bundle(signed.of_file, trust_root=b"{}", identity=SUBJECT, issuer=signed.issuer, file=signed.file)


@pytest.mark.parametrize("which", ["of_file", "of_statement"])
def test_no_text_of_a_bundle_may_be_another(signed: Signed, which: str) -> None:
    """Every value that is spoiled is either refused, or was not part of what is proved (its spelling, an index)."""
    bundle = json.loads(getattr(signed, which))
    file = signed.file if which == "of_file" else None
    for path, value in list(_texts(bundle)):
        spoiled = json.loads(json.dumps(bundle))
        middle = len(value) // 3
        _put(spoiled, path, f"{value[:middle]}{'A' if value[middle] != 'A' else 'B'}{value[middle + 1 :]}")
        try:
            payload = signed.verify(json.dumps(spoiled), file=file)
        except Problem:
            continue
        assert payload == (statement() if file is None else b""), path
        assert path[-1] in ("keyId", "mediaType", "keyid"), path


def test_what_is_no_bundle_is_none(signed: Signed) -> None:
    for text in ("", "{}", "[]", "null", '{"mediaType": "x"}', "\0"):
        with pytest.raises(Problem, match="cannot be read"):
            signed.verify(text)


def test_one_certificate_serves_until_shortly_before_its_end(harbour: Harbour) -> None:
    clock = TurnableClock(SystemClock().now())
    tokens: list[str] = []

    def token() -> str:
        tokens.append(harbour.sigstore_token())
        return tokens[-1]

    sealer = SigstoreSealer(harbour.trust_config.read_text(), token, clock=clock)
    assert [sealer.statement(statement()) for _ in range(3)]
    assert len(tokens) == 1
    clock.turn(timedelta(minutes=9, seconds=10))
    assert sealer.statement(statement())
    assert len(tokens) == 2


def test_sealers_that_show_one_token_share_what_they_got_for_it(harbour: Harbour) -> None:
    """An authority takes another key for the same token for a theft."""
    config, token = harbour.trust_config.read_text(), harbour.sigstore_token()
    first, second = SigstoreSealer(config, token), SigstoreSealer(config, token, rekor=1)
    new, old = first.statement(statement()), second.statement(statement())
    assert _certificate(new) == _certificate(old)
    kinds = [json.loads(one)["verificationMaterial"]["tlogEntries"][0]["kindVersion"] for one in (new, old)]
    assert kinds == [{"kind": "hashedrekord", "version": "0.0.2"}, {"kind": "dsse", "version": "0.0.1"}]


def test_what_cannot_be_signed_is_said_with_the_next_step(harbour: Harbour) -> None:
    config = harbour.trust_config.read_text()
    with pytest.raises(Problem, match="the secret sigstore-token"):
        SigstoreSealer(config, "not.a.token").statement(statement())
    stranger = harbour.issuer.token({"sub": "x", "aud": "sigstore", "iss": "https://stranger.example"})
    with pytest.raises(Problem, match="none of those whose tokens are taken here"):
        SigstoreSealer(config, stranger).statement(statement())
    with pytest.raises(Problem, match="client trust config"):
        SigstoreSealer("{}", "x")
    with pytest.raises(Problem, match="malformed"):
        SigstoreSealer(config, harbour.sigstore_token()).statement(b"{}")


def test_a_trust_config_comes_from_a_file_or_a_safe_address_and_can_be_pinned(harbour: Harbour) -> None:
    place = {"trust_config": f"{harbour.server.url}/sigstore/trust_config.json"}
    by_address, by_file = read_trust(place), read_trust({"trust_config": str(harbour.trust_config)})
    assert by_address == by_file == read_trust({**place, "root_sha256": by_file.sha256})
    with pytest.raises(Tampered, match="before anything is signed"):
        read_trust({**place, "root_sha256": "0" * 64})
    with pytest.raises(Problem, match="anybody on the way"):
        read_trust({"trust_config": "http://sigstore.example/trust.json"})
    with pytest.raises(Problem, match="names no Sigstore"):
        read_trust({})
    with pytest.raises(Problem, match="cannot be read"):
        read_trust({"trust_config": "/nowhere/at/all"})
    with pytest.raises(Problem, match="no client trust config"):
        parse_trust("{}")


@pytest.mark.prove
def test_a_sigstore_that_restarts_is_asked_again(harbour: Harbour) -> None:
    """A machine that joined in that moment would have signed nothing of what it says, for the whole release."""
    config = harbour.trust_config.read_bytes()
    answers = [Reply(503, b"soon", {}), Reply(502, b"", {}), Reply(200, config, {"content-type": "application/json"})]
    with receiver() as running:
        running.answer = lambda _request: answers.pop(0)
        place = {"trust_config": f"http://127.0.0.1:{running.port}/trust_config.json"}
        assert read_trust(place) == parse_trust(config.decode())
        assert answers == []
        running.answer = lambda _request: Reply(404, b"", {})
        with pytest.raises(Problem, match="it answers 404"):
            read_trust(place)


def test_a_signature_takes_less_than_20_ms(harbour: Harbour) -> None:
    """With one certificate, the real server in other processes of the same machine."""
    sealer = SigstoreSealer(harbour.trust_config.read_text(), harbour.sigstore_token())
    sealer.statement(statement())
    took = []
    for number in range(100):
        began = time.perf_counter()
        sealer.statement(statement(f"file-{number}"))
        took.append(time.perf_counter() - began)
    # Other work on the machine makes some of them slower, and none of them quicker.
    assert statistics.quantiles(took, n=4)[0] < LONGEST_SECONDS, took


def _certificate(bundle: str) -> str:
    return str(json.loads(bundle)["verificationMaterial"]["certificate"]["rawBytes"])


def _texts(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if isinstance(value, dict):
        for name, one in value.items():
            yield from _texts(one, (*path, name))
    elif isinstance(value, list):
        for place, one in enumerate(value):
            yield from _texts(one, (*path, place))
    elif isinstance(value, str):
        yield path, value


def _put(value: object, path: tuple[str | int, ...], text: str) -> None:
    for step in path[:-1]:
        value = value[step]  # type: ignore[index]
    value[path[-1]] = text  # type: ignore[index]
