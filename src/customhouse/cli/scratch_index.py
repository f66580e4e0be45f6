"""A scratch index for a rehearsal: a whole Customhouse in a folder of its own, with a private Sigstore, on loopback."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from customhouse.app import open_app
from customhouse.formats.pipeline.model import Pipeline
from customhouse.infra.settings import Settings
from customhouse.release.actions import Problem
from customhouse.release.children import Children
from customhouse.release.engine.rehearsal import Scratch
from customhouse.trust.private_sigstore.people import Redeemed
from customhouse.trust.private_sigstore.service import PATH
from customhouse.trust.private_sigstore.trust_config import OIDC_PATH

USER = "rehearsal"
_SECONDS = 60.0
_LOOK_SECONDS = 0.1
_LONGEST_SECONDS = 24 * 3600.0


@contextmanager
def stand_in(pipeline: Pipeline, folder: Path) -> Iterator[Scratch]:
    """Run it as long as the context, if the pipeline has a store; raises `Problem` if it does not start."""
    stores = [one.id for one in pipeline.environments if one.kind == "store"]
    signers = {step.actor for step in pipeline.steps if step.uses == "sign.all"}
    if not stores and not signers:
        yield Scratch()
        return
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    env = {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "HOME": str(folder),
        "CUSTOMHOUSE_DATA": str(folder / "index"),
        "CUSTOMHOUSE_URL": url,
        "CUSTOMHOUSE_PORT": str(port),
        "CUSTOMHOUSE_SIGSTORE": "true",
        "CUSTOMHOUSE_LOG_LEVEL": "warning",
    }
    children = Children()
    _run(children, env, "user", "add", USER, "--email", f"{USER}@index.invalid")
    token = _run(children, env, "token", "create", USER).strip()
    server = threading.Thread(
        target=children.run, args=([sys.executable, "-m", "customhouse", "serve"],),
        kwargs={"env": env, "timeout": _LONGEST_SECONDS}, daemon=True,
    )  # fmt: skip
    server.start()
    try:
        _until_listening(port, server)
        subject = f"{url}/user/{USER}"
        places: dict[str, dict[str, str]] = {one: {"url": url, "allow_http": "yes"} for one in stores}
        places["sigstore"] = {"trust_config": f"{url}{PATH}/trust_config.json"}
        logins = dict.fromkeys(signers, f"oidc:{url}{PATH}{OIDC_PATH}#{subject}")
        settings = Settings(data=folder / "index", url=url, sigstore=True)
        secrets = {"index-token": lambda: token, "sigstore-token": lambda: _identity_token(settings, subject)}
        yield Scratch(places, secrets, logins)
    finally:
        children.stop.set()
        server.join()


def _run(children: Children, env: dict[str, str], *words: str) -> str:
    ran = children.run([sys.executable, "-m", "customhouse", *words], env=env)
    if not ran.ok:
        raise Problem("no-scratch-index", ran.tail, "an index for the rehearsal", place=" ".join(words[:2]))
    return ran.out


def _identity_token(settings: Settings, subject: str) -> str:
    """What its own issuer says of the one account there, fresh."""
    with open_app(settings) as parts:
        if parts.sigstore is None:
            raise Problem("no-sigstore", "the scratch index has none", place="sigstore")
        told = Redeemed(account_id=1, nonce="", proved_by="rehearsal")
        return parts.sigstore.own.token(parts.sigstore.keys.now(), subject, told, parts.clock.now())


def _until_listening(port: int, server: threading.Thread) -> None:
    until = time.monotonic() + _SECONDS
    while time.monotonic() < until and server.is_alive():
        with socket.socket() as probe:
            probe.settimeout(_LOOK_SECONDS)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(_LOOK_SECONDS)
    raise Problem("no-scratch-index", f"nothing listens on port {port}", "an index for the rehearsal")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
