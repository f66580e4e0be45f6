"""``POST /-/leaked-tokens/``: tokens that secret scanners have found in public.

In the form of GitHub's secret scanning partner programme, from those whom the setting ``leak_reporters`` names. The
signature is over the bytes of the body, so they are read whole, within bounds, before anything looks at them.
"""

from __future__ import annotations

import asyncio
import logging

import anyio
import anyio.to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from customhouse.accounts import index_flags
from customhouse.accounts.leaked_tokens import LeakReporters, take_report
from customhouse.app import App
from customhouse.formats.leak_report import BODY_BYTES, KEY_HEADER, SIGNATURE_HEADER, read_report
from customhouse.terms.errors import Refused
from customhouse.web.body import read_body
from customhouse.web.credentials import client_of

BODY_SECONDS = 10.0
BODIES_AT_ONCE = 32
THREADS = 4
"""A reporter's key server that hangs holds up these and no page."""
log = logging.getLogger("customhouse.web.leaked_tokens")


class LeakedTokens:
    """The door, with the keys of the reporters that this process knows."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._reporters = LeakReporters(app.settings.leak_reporters, app.outbound, app.clock)
        self._bodies = anyio.CapacityLimiter(BODIES_AT_ONCE)
        self._threads = anyio.CapacityLimiter(THREADS)

    async def __call__(self, request: Request) -> Response:
        """Take a report in. What is not signed is refused, and nothing happens."""
        key_id, signature = request.headers.get(KEY_HEADER, ""), request.headers.get(SIGNATURE_HEADER, "")
        address = client_of(self._app.settings, request)
        async with self._bodies:
            try:
                async with asyncio.timeout(BODY_SECONDS):
                    body = await read_body(request, BODY_BYTES, too_large="Send fewer at once.")
            except TimeoutError as error:
                raise Refused("too-slow", "The body did not come in time.", "Send it again.", status=408) from error
            return await anyio.to_thread.run_sync(self._take, body, key_id, signature, address, limiter=self._threads)

    def _take(self, body: bytes, key_id: str, signature: str, address: str) -> Response:
        with self._app.database.read() as sql:
            index_flags.refuse_banned(sql, address)
        reporter = self._reporters.reporter(key_id, signature, body)
        answer = take_report(self._app.deeds, self._app.key, reporter, read_report(body))
        ours = sum(one["label"] == "true_positive" for one in answer)
        log.warning("%s reported %d texts as leaked tokens; %d are ours", reporter, len(answer), ours)
        return JSONResponse(answer, headers={"cache-control": "no-store"})
