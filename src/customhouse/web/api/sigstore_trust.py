"""What clients of the private Sigstore must trust, the repository that keeps it fresh (TUF), and our witness's door."""

from __future__ import annotations

import re
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from customhouse.app import App
from customhouse.terms.errors import Refused
from customhouse.trust.private_sigstore.service import Sigstore
from customhouse.trust.private_sigstore.trust_config import signing_config_of, trust_config_of, trusted_root_of
from customhouse.trust.private_sigstore.tuf_repository import metadata, target
from customhouse.trust.private_sigstore.witness import (
    BODY_BYTES,
    SIZE_TYPE,
    Cosign,
    OtherSize,
    cosign,
    read_submission,
)
from customhouse.web.api.sigstore import BASE, FOR_EVER, MEDIA_JSON, MEDIA_TEXT, SigstoreApi, as_json, plain_answer
from customhouse.web.doors import Door, own_door
from customhouse.web.permissions import Permission

_METADATA = re.compile(r"(?:([1-9][0-9]{0,8})\.)?(root|targets|snapshot|timestamp)\.json", re.ASCII)
_TARGET = re.compile(r"([0-9a-f]{64})\.([a-z0-9._]{1,100})", re.ASCII)


class SigstoreTrust:
    """The doors."""

    def __init__(self, app: App, api: SigstoreApi) -> None:
        self._app = app
        self._api = api

    def doors(self) -> list[Door]:
        """Trust root, configs, repository, witness."""
        read, api = Permission.PUBLIC_READ, self._api
        return [
            own_door("GET", f"{BASE}/trusted_root.json", api.getting(trusted_root), read),
            own_door("GET", f"{BASE}/signing_config.json", api.getting(signing_config), read),
            own_door("GET", f"{BASE}/trust_config.json", api.getting(trust_config), read),
            own_door("GET", f"{BASE}/tuf/{{metadata}}", api.getting(self._metadata), read),
            own_door("GET", f"{BASE}/tuf/targets/{{target}}", api.getting(self._target), read),
            own_door("GET", f"{BASE}/witness/key", api.getting(witness_key_text), read),
            own_door(
                "POST", f"{BASE}/witness/add-checkpoint", api.posting(self._cosign, BODY_BYTES),
                Permission.SIGSTORE_WITNESS,
            ),
        ]  # fmt: skip

    def _metadata(self, _sigstore: Sigstore, request: Request, _body: bytes) -> Response:
        """Versions never change; the newest is asked for by roles that have no versions in their names."""
        match = _METADATA.fullmatch(request.path_params["metadata"])
        if match is None:
            raise Refused("not-found", "The trust repository has no such metadata.", status=404)
        with self._app.database.read() as sql:
            found = metadata(sql, match[2], int(match[1]) if match[1] else None)
        return plain_answer(found, MEDIA_JSON, FOR_EVER if match[1] else "no-cache")

    def _target(self, _sigstore: Sigstore, request: Request, _body: bytes) -> Response:
        match = _TARGET.fullmatch(request.path_params["target"])
        if match is None:
            raise Refused("not-found", "The trust repository has no such target.", status=404)
        with self._app.database.read() as sql:
            found = target(sql, match[2], match[1])
        return plain_answer(found, MEDIA_JSON, FOR_EVER)

    def _cosign(self, sigstore: Sigstore, _request: Request, body: bytes) -> Response:
        """``POST …/add-checkpoint`` (C2SP tlog-witness)."""
        submission = read_submission(body)
        private = sigstore.keys.now().ed25519("witness")
        try:
            line = self._app.do(cosign, Cosign(submission, sigstore.watched, sigstore.witness_key, private))
        except OtherSize as error:
            return plain_answer(f"{error.size}\n".encode(), SIZE_TYPE, "no-store", HTTPStatus.CONFLICT)
        return plain_answer(line.encode(), MEDIA_TEXT, "no-store")


def trusted_root(sigstore: Sigstore, _request: Request, _body: bytes) -> Response:
    """``GET /sigstore/trusted_root.json``."""
    return as_json(trusted_root_of(sigstore.keys.now()))


def signing_config(sigstore: Sigstore, _request: Request, _body: bytes) -> Response:
    """``GET /sigstore/signing_config.json``: version 0.2."""
    return as_json(signing_config_of(sigstore.keys.now(), sigstore.base))


def trust_config(sigstore: Sigstore, _request: Request, _body: bytes) -> Response:
    """``GET /sigstore/trust_config.json``: both, for ``sigstore --trust-config``."""
    return as_json(trust_config_of(sigstore.keys.now(), sigstore.base))


def witness_key_text(sigstore: Sigstore, _request: Request, _body: bytes) -> Response:
    """``GET /sigstore/witness/key``: with which we co-sign, as C2SP spells keys."""
    return plain_answer(f"{sigstore.witness_key.spelled}\n".encode(), MEDIA_TEXT, "no-cache")
