"""A person at a browser as a program, for tests: signs in, registers a key, and answers at the gate of a release run.

``python deciding.py SERVER RUN NAME HOME``. ``HOME`` holds ``password``; the key's private half is written there. The
key is one in software, and its answer goes through the doors that a browser's goes through.
"""

from __future__ import annotations

import re
import sys
import time
from html import unescape
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from urllib.parse import urlsplit

import httpx2 as httpx
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from authenticator import Authenticator
from person import Person
from second_step import Guarded

PATIENCE_SECONDS = 120.0
PAUSE_SECONDS = 0.5


def main() -> int:
    """Do it."""
    server, run, name, home = sys.argv[1:5]
    host = urlsplit(server).hostname or ""
    key = Authenticator(server, host)
    private = key.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path = Path(home) / "key.pem"
    path.touch(mode=0o600)
    path.write_bytes(private)
    client = httpx.Client(base_url=server, timeout=60)
    # On loopback browsers treat http as they treat https, and so keep cookies that are for TLS alone.
    client.cookies.jar.set_policy(DefaultCookiePolicy(secure_protocols=("https", "http")))
    who = Guarded(Person(client), None)  # type: ignore[arg-type] # no clock is needed for keys
    signed_in = who.person.sign_in(name, (Path(home) / "password").read_text())
    assert signed_in.status_code == httpx.codes.SEE_OTHER, signed_in.text
    who.keep_codes()
    added = who.add_key(key)
    assert added.status_code == httpx.codes.SEE_OTHER, added.text
    return _answer(who, key, f"/release/run/{run}/")


def _answer(who: Guarded, key: Authenticator, page: str) -> int:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        shown = who.person.get(page).text
        if f'action="{page}around/"' in shown:
            answer = who.person.post(f"{page}around/")
            assert answer.status_code == httpx.codes.SEE_OTHER, answer.text
            who.person.csrf = ""
            continue
        found = re.search(r'data-about="([^"]+:approve:[0-9a-f]{64})"', shown)
        if found is not None:
            return _approve(who, key, page, unescape(found[1]))
        time.sleep(PAUSE_SECONDS)  # a person looks again
    raise AssertionError(f"nobody has asked {who.name}")


def _approve(who: Guarded, key: Authenticator, page: str, about: str) -> int:
    options = who.person.client.get(
        "/account/keys/options/", params={"purpose": "release", "about": about}, headers={"accept": "application/json"}
    )
    assert options.status_code == httpx.codes.OK, options.text
    _run, step, _decision, question = about.split(":")
    sent = who.person.post(f"{page}approve/", step=step, question=question, answer=key.get(options.json()))
    assert sent.status_code == httpx.codes.SEE_OTHER, sent.text
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
