"""TLS to a company's own authority: a server that the system trusts is reached, any other is refused, by everybody."""

from __future__ import annotations

import json
import ssl
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from advising import record
from command_line import customhouse
from customhouse.client.address import Index
from customhouse.client.patience import Patience
from customhouse.client.wire import Wire as PublishingWire
from customhouse.consume.wire import Wire as ConsumingWire
from customhouse.infra.fetch import Order, Outbound
from customhouse.infra.reach import Reach
from customhouse.infra.system_trust import shared_system_trust, system_trust
from customhouse.infra.targets import Target
from customhouse.terms.errors import Unavailable
from receiver import Reply, Request, receiver

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Authority:
    """A private one, and a server's certificate that it has signed."""

    root: Path
    server: ssl.SSLContext


def authority(folder: Path) -> Authority:
    """Made by openssl, as a company makes its own."""
    folder.mkdir()
    _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
             "-subj", f"/CN={folder.name}", "-addext", "keyUsage=critical,keyCertSign", "-keyout", "ca.key",
             "-out", "ca.pem", folder=folder)  # fmt: skip
    _openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=index",
             "-keyout", "key.pem", "-out", "request.pem", folder=folder)  # fmt: skip
    (folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    _openssl("x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days",
             "2", "-extfile", "names", "-out", "server.pem", folder=folder)  # fmt: skip
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "server.pem", folder / "key.pem")
    return Authority(folder / "ca.pem", server)


def _openssl(*arguments: str, folder: Path) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True, timeout=60)


@pytest.fixture
def ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Authority]:
    """The only authority that this system trusts for the time of a test."""
    made = authority(tmp_path / "ours")
    monkeypatch.setenv("SSL_CERT_FILE", str(made.root))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "nowhere"))
    monkeypatch.setattr("customhouse.consume.wire.PAUSE_SECONDS", 0.0)
    shared_system_trust.cache_clear()
    yield made
    shared_system_trust.cache_clear()


def consumed(url: str) -> None:
    wire = ConsumingWire()
    try:
        wire.get(url)
    finally:
        wire.close()


def published(url: str) -> None:
    wire = PublishingWire(Index.parse(url, allow_http=False), Patience())
    try:
        wire.ask("GET", url)
    finally:
        wire.close()


def fetched(url: str) -> None:
    Outbound(Reach.parse(["127.0.0.0/8"])).fetch(Order(Target.parse(url)))


@pytest.mark.parametrize("reach", [consumed, published, fetched])
def test_a_server_of_our_own_authority_is_reached_and_a_foreign_one_refused(
    ours: Authority, tmp_path: Path, reach: Callable[[str], None]
) -> None:
    foreign = authority(tmp_path / "foreign")
    with receiver(tls=ours.server) as server:
        reach(f"https://127.0.0.1:{server.port}/simple/")
        assert len(server.requests) == 1
    with receiver(tls=foreign.server) as stranger:
        with pytest.raises(Unavailable, match=r"(?i)certificate"):
            reach(f"https://127.0.0.1:{stranger.port}/simple/")
        assert not stranger.requests


def test_an_audit_asks_an_index_of_our_own_authority(ours: Authority, tmp_path: Path) -> None:
    known = record("PYSEC-2026-1", "other", fixed="2.0")
    (tmp_path / "one.json").write_text(json.dumps(known.document, default=str))
    (tmp_path / "requirements.txt").write_text("demo==1.0\n")
    with receiver(tls=ours.server) as server:
        server.answer = no_files
        done = customhouse(
            "audit", "requirements.txt", "--snapshot", "s.sqlite", "--advisories", "one.json", "--index-url",
            f"https://127.0.0.1:{server.port}/simple/", folder=tmp_path,
        )  # fmt: skip
        assert ("/simple/demo/" in [one.path for one in server.requests], done.returncode) == (True, 0), done


def no_files(_request: Request) -> Reply:
    return Reply(body=b'{"meta": {"api-version": "1.1"}, "name": "demo", "files": []}')


def test_a_system_whose_store_openssl_does_not_know_is_asked_by_truststore(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a Python that was built for another distribution finds it: no file, no folder."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "nowhere.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "nowhere"))
    found = system_trust()
    assert type(found).__module__.startswith("truststore")
    assert found.verify_mode is ssl.CERT_REQUIRED
    assert found.check_hostname
