"""Fetches one file of an upstream for ten clients in this process, and says by how much its memory has grown."""

from __future__ import annotations

import asyncio
import hashlib
import json
import resource
import sys

from customhouse.app import open_app
from customhouse.infra.settings import Settings
from customhouse.infra.walkers import Walkers
from customhouse.mirror.model import MirroredFile, MirroredProject

CLIENTS = 10


def peak_bytes() -> int:
    """The most that this process has ever had in memory."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main(settings: str, values: str) -> None:
    """Say what came."""
    file = MirroredFile(**json.loads(values))
    project = MirroredProject("huge", "pypi", (file,))
    walkers = Walkers(count=1, seconds=120, memory_bytes=2**30)
    with open_app(Settings.model_validate(json.loads(settings)), walkers=walkers) as app:

        async def client() -> bool:
            fetching = app.objects.open(file, project)
            await fetching.ready()
            whole = hashlib.sha256()
            async for piece in fetching.pieces():
                whole.update(piece)
            fetching.close()
            return whole.hexdigest() == file.sha256

        async def clients() -> int:
            return sum(await asyncio.gather(*(client() for _ in range(CLIENTS))))

        before = peak_bytes()
        wholes = asyncio.run(clients())
        app.objects.ensure(file, project)
        sys.stdout.write(json.dumps({"wholes": wholes, "grown_bytes": peak_bytes() - before}))
    walkers.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
