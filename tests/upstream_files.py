"""Files of an upstream as tests of bodies want them: what its page would say, and clients that read at once."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

from customhouse.app import App
from customhouse.infra.stream import Pace
from customhouse.mirror.cut import Cut
from customhouse.mirror.model import MirroredFile, MirroredProject
from customhouse.mirror.objects import Objects
from customhouse.terms.errors import CustomhouseError
from packages import Dist, wheel
from upstream_world import UpstreamWorld

BIG = 400_000
"""More than what is held back, and than one read."""
QUICK = Pace(connect_seconds=2, answer_seconds=2, silence_seconds=1, least_bytes_per_second=64 * 1024)


@dataclass(frozen=True)
class Got:
    """What a client has in the end."""

    body: bytes = b""
    cut: bool = False
    error: str = ""
    """The code of what it was told instead."""
    stored: bool = False


def big_wheel(name: str = "demo", version: str = "1.0", size_bytes: int = BIG) -> Dist:
    """A wheel of about so many bytes that cannot be packed."""
    return wheel(name, version, files={f"{name}/noise.bin": os.urandom(size_bytes)})


def listed(upstream: UpstreamWorld, dist: Dist, **more: object) -> tuple[MirroredFile, MirroredProject]:
    """A file as a page of the upstream lists it, unless told otherwise."""
    project, version = dist.filename.split("-")[:2]
    version = version.removesuffix(".tar.gz")
    known = {one.filename for one in upstream.project(project).files}
    if dist.filename not in known:
        upstream.add(dist)
    said = {"sha256": dist.sha256, "size_bytes": len(dist.body)} | more
    url = upstream.url + upstream.file_path(project, dist.filename)
    file = MirroredFile(filename=dist.filename, version=version, **({"url": url} | said))  # type: ignore[arg-type]
    return file, MirroredProject(project, "pypi", (file,))


def path_of(upstream: UpstreamWorld, file: MirroredFile) -> str:
    """What the simulator counts requests for the file under."""
    return file.url.removeprefix(upstream.url)


def quick(app: App, **more: object) -> Objects:
    """The same objects with less patience, and no memory of failures."""
    return replace(app.objects, **({"pace": QUICK, "refused_seconds": 0.0} | more))  # type: ignore[arg-type]


async def get(
    objects: Objects, file: MirroredFile, project: MirroredProject, *, first: int = 0, last: int | None = None
) -> Got:
    """One client."""
    try:
        fetching = await asyncio.to_thread(objects.open, file, project)
    except CustomhouseError as error:
        return Got(error=error.code)
    body = bytearray()
    try:
        await fetching.ready()
        if fetching.place is not None:
            assert not isinstance(fetching.place, str)
            return Got(fetching.place.read_bytes(), stored=True)
        async for piece in fetching.pieces(first, last):
            body += piece
    except Cut:
        return Got(bytes(body), cut=True)
    except CustomhouseError as error:
        return Got(error=error.code)
    finally:
        fetching.close()
    return Got(bytes(body))


def fetch(objects: Objects, file: MirroredFile, project: MirroredProject, **more: int) -> Got:
    """One client, from a test that is not async."""
    return asyncio.run(get(objects, file, project, **more))


def fetch_at_once(objects: Objects, file: MirroredFile, project: MirroredProject, clients: int) -> Sequence[Got]:
    """So many clients at once."""

    async def all_of_them() -> Sequence[Got]:
        return await asyncio.gather(*(get(objects, file, project) for _ in range(clients)))

    return asyncio.run(all_of_them())


def landed(objects: Objects, file: MirroredFile, project: MirroredProject) -> None:
    """Wait until a fetch that goes on after the answer has ended."""
    objects.ensure(file, project)


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
