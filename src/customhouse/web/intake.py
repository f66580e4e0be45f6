"""Bodies that are files: taken in piece by piece, put on disk in batches, so many at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

import anyio
import anyio.to_thread
from starlette.requests import ClientDisconnect, Request

from customhouse.infra.settings import Settings
from customhouse.infra.spool import Spooled, SpoolWriter, open_spool
from customhouse.terms.errors import Refused, Rejected

BATCH_BYTES = 2**20
SILENCE_SECONDS = 30.0
T = TypeVar("T")


class Intake:
    """Where the doors of one protocol put such bodies, with the limits of the settings."""

    def __init__(self, settings: Settings) -> None:
        self.spool: Path = open_spool(settings.data)
        self.bodies = anyio.CapacityLimiter(settings.bodies_at_once)
        """Hold it while a body comes."""
        self._disk = anyio.CapacityLimiter(settings.bodies_at_once * 2)

    async def on_disk(self, work: Callable[..., T], *arguments: object) -> T:
        """Do it in a thread of those that write and read large files."""
        return await anyio.to_thread.run_sync(work, *arguments, limiter=self._disk)

    async def take(self, request: Request, limit_bytes: int, then: Callable[[Spooled], T], *, accepted: str) -> T:
        """Spool the body, then go on in a thread. A client that leaves, leaves nothing.

        Raises `Refused` (413, with what would be accepted) for more than the limit, and what `pieces_of` raises.
        """
        writer = await self.on_disk(SpoolWriter, self.spool)
        try:
            batch, size_bytes = bytearray(), 0
            async for piece in pieces_of(request):
                size_bytes += len(piece)
                if size_bytes > limit_bytes:
                    raise beyond(limit_bytes, accepted)
                batch += piece
                if len(batch) >= BATCH_BYTES:
                    await self.on_disk(writer.write, batch)
                    batch = bytearray()
            await self.on_disk(writer.write, batch)
            # A thread is not stopped half-way: a client that leaves now has a deed that is done or not.
            return await self.on_disk(lambda: then(writer.finish("")))
        finally:
            writer.discard()


def beyond(limit_bytes: int, accepted: str) -> Refused:
    """More bytes came, or are announced, than are taken."""
    return Refused("too-large", f"More than {limit_bytes} bytes.", accepted, status=413)


async def pieces_of(request: Request) -> AsyncIterator[bytes]:
    """The body as it comes; raises `Refused` (408) for a sender who is silent for too long, `Rejected` if he leaves."""
    stream = request.stream()
    while True:
        try:
            async with asyncio.timeout(SILENCE_SECONDS):
                piece = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            raise Refused("too-slow", "The body stopped coming.", "Send it again.", status=408) from error
        except ClientDisconnect as error:
            raise Rejected("client-gone", "body", "the client went away", "a whole body") from error
        if piece:
            yield piece
