"""A real OpenID Connect issuer (oidc-provider, from npm) on loopback, and somebody who signs in there.

`scripts/bootstrap test` installs it. Whoever types a name is that person; see `oidc/server.mjs`.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx2 as httpx

from servers import MORTAL, free_port

FOLDER = Path(__file__).parent / "oidc"
SECRET = "a+secret/with=odd:characters"
_FORM = re.compile(r'<form[^>]* action="([^"]+)"')
_PROMPT = re.compile(r'name="prompt" value="([^"]+)"')
MOST_STEPS = 12


@dataclass(frozen=True)
class Issuer:
    """The issuer as the settings name it."""

    url: str

    def login(self, **more: str) -> dict[str, str]:
        """The entry for the settings."""
        known = {"name": "harbour", "title": "Harbour login", "issuer": self.url, "client_id": "customhouse"}
        return known | {"client_secret": SECRET} | more

    def build_token(self, claims: Mapping[str, Any], audience: str = "index.test") -> str:
        """The ID token of a build with these claims."""
        answer = httpx.post(f"{self.url}/build/token", params={"audience": audience}, json=dict(claims))
        assert answer.status_code == httpx.codes.OK, answer.text
        return str(answer.json()["value"])

    @staticmethod
    def sign_in(address: str, name: str, *, back: str) -> str:
        """Go where our index sends somebody, sign in as ``name``; returns the address that leads back."""
        with httpx.Client(follow_redirects=False) as client:
            answer = client.get(address)
            for _ in range(MOST_STEPS):
                if answer.is_redirect:
                    onward = urljoin(str(answer.request.url), answer.headers["location"])
                    if onward.startswith(back):
                        return onward
                    answer = client.get(onward)
                    continue
                form, prompt = _FORM.search(answer.text), _PROMPT.search(answer.text)
                assert form is not None, answer.text[:2000]
                assert prompt is not None, answer.text[:2000]
                sent = {"prompt": prompt[1], "login": name, "password": "anything"}
                answer = client.post(urljoin(str(answer.request.url), unescape(form[1])), data=sent)
        raise AssertionError("the issuer does not let us back")


@contextmanager
def running_issuer(back: str, *, port: int = 0, generation: str = "") -> Iterator[Issuer]:
    """The issuer; ``back`` is the one address to which it sends people back.

    Its keys are new at each start, and their names end in ``generation``.
    """
    node = shutil.which("node")
    assert node, "node is not installed; scripts/bootstrap test installs it"
    assert (FOLDER / "node_modules").is_dir(), "run scripts/bootstrap test"
    port = port or free_port()
    process = subprocess.Popen(
        [*MORTAL, node, str(FOLDER / "server.mjs"), str(port), back, generation],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "ready"
        yield Issuer(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()
