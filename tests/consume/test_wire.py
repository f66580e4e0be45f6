"""Asking while packages are consumed: where a redirect may lead, and where not."""

from __future__ import annotations

from pathlib import Path

import pytest

from customhouse.consume.wire import Wire
from customhouse.terms.errors import Unavailable
from receiver import Reply, certificate_for, receiver, redirect


@pytest.mark.parametrize("scheme", ["http", "HTTP", " http"])
def test_a52_no_redirect_leads_from_tls_to_where_anybody_may_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    certificate = certificate_for(tmp_path, "IP:127.0.0.1")
    monkeypatch.setattr("customhouse.consume.wire.PAUSE_SECONDS", 0.0)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
    with receiver(tls=certificate.server) as index, receiver(tls=certificate.server) as other, receiver() as plain:
        plain.answer = other.answer = lambda _request: Reply(body=b"somebody's")
        wire = Wire()
        index.answer = lambda _request: redirect(f"https://127.0.0.1:{other.port}/")
        assert wire.get(f"https://127.0.0.1:{index.port}/").body == b"somebody's"
        index.answer = lambda _request: redirect(f"{scheme}://127.0.0.1:{plain.port}/")
        for ask in (wire.get, wire.look):
            with pytest.raises(Unavailable):
                ask(f"https://127.0.0.1:{index.port}/")
        assert not plain.requests
        wire.close()
