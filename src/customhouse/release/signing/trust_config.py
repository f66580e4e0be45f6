"""Which Sigstore signs, and whom we trust for it: the client trust config of the place ``sigstore``.

Sigstore's own format (``application/vnd.dev.sigstore.clienttrustconfig.v0.1+json``): a trusted root, and where to ask
for certificates, log entries and timestamps. A private Sigstore gives it out; of the public one the library knows it.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from customhouse.release.actions import Problem, Tampered

PUBLIC = "public"
"""What the place says for the public Sigstore."""
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_LONGEST = 4 * 2**20
_SECONDS = 30.0
PATIENCE_SECONDS, _FIRST_PAUSE_SECONDS = 30.0, 0.2
_AWAY = frozenset({429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Trust:
    """A client trust config, read."""

    config: str
    """The JSON text."""
    trusted_root: bytes
    """Its ``trusted_root.json``: what verification needs, and all that it needs."""

    @property
    def sha256(self) -> str:
        """Of the trusted root, to compare by other ways."""
        return hashlib.sha256(self.trusted_root).hexdigest()


def read_trust(place: Mapping[str, str]) -> Trust:
    """The trust config that the place names: ``trust_config`` is a path, an address, or ``public``.

    Where the place also says ``root_sha256``, the trusted root must have that digest: an address that gives another
    one tomorrow would make everything verify that its owner likes. Raises `Problem`, `Tampered`.
    """
    where = place.get("trust_config", "")
    if not where:
        raise Problem(
            "no-trust-config", "the place names no Sigstore", place="sigstore",
            next_step="Say --place sigstore.trust_config=PATH or address, or public.",
        )  # fmt: skip
    found = parse_trust(_public() if where == PUBLIC else _read(where), where)
    expected = place.get("root_sha256", "")
    if expected and expected != found.sha256:
        raise Tampered(
            "other-trust-root", f"its trusted root has the digest {found.sha256}", expected, place=where,
            next_step="Ask who runs that Sigstore whether it has new keys, before anything is signed.",
        )  # fmt: skip
    return found


def parse_trust(text: str, where: str = "sigstore") -> Trust:
    """A client trust config from its text; raises `Problem`."""
    try:
        root = json.loads(text)["trustedRoot"]
    except (ValueError, KeyError, TypeError) as error:
        raise Problem(
            "bad-trust-config", "it is no client trust config", "JSON with a trustedRoot", place=where,
            next_step="A private Sigstore prints its own: customhouse sigstore trust.",
        ) from error  # fmt: skip
    return Trust(text, json.dumps(root, sort_keys=True, separators=(",", ":")).encode())


def _read(where: str) -> str:
    if "://" not in where:
        try:
            return Path(where).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise Problem("bad-trust-config", f"it cannot be read: {error}", place=where) from error
    import httpx2  # noqa: PLC0415 - seldom wanted: most name a file

    from customhouse.infra.system_trust import system_trust  # noqa: PLC0415 - as above

    parts = urlsplit(where)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise Problem("bad-trust-config", "anybody on the way could change it", "https://…", place=where)
    # A server that restarts is asked again for a while: a release would go on with less evidence, or stand still.
    ends, pause = time.monotonic() + PATIENCE_SECONDS, _FIRST_PAUSE_SECONDS
    while True:
        try:
            answer = httpx2.get(where, verify=system_trust(), timeout=_SECONDS, follow_redirects=False)
        except httpx2.HTTPError as error:
            if time.monotonic() + pause > ends:
                raise Problem("no-sigstore", f"no answer: {error}", "the client trust config", place=where) from error
        else:
            if answer.is_success and len(answer.content) <= _LONGEST:
                return answer.text
            if answer.status_code not in _AWAY or time.monotonic() + pause > ends:
                raise Problem("no-sigstore", f"it answers {answer.status_code}", "the client trust config", place=where)
        time.sleep(pause)
        pause *= 2


def _public() -> str:
    """What the library brings or fetches by TUF, of the public Sigstore."""
    from sigstore.errors import Error  # noqa: PLC0415 - slow to import
    from sigstore.models import ClientTrustConfig  # noqa: PLC0415 - as above

    try:
        return ClientTrustConfig.production()._inner.to_json()  # noqa: SLF001 - there is no other way to its text
    except (Error, OSError) as error:
        raise Problem("no-sigstore", f"its trust root cannot be had: {error}", place="the public Sigstore") from error
