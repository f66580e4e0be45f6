"""The narrowest door to files of upstreams: `Objects` behind the real web server, without pages, views or policies.

``/files/N`` is the Nth file that a test has written down, ``/metadata/N`` its metadata. Several real processes can serve
one folder. Started by `files_door`, or by scripts/bench_mirror.py.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import anyio.to_thread
from starlette.types import ASGIApp, Receive, Scope, Send

from customhouse.app import App, open_app, prepare
from customhouse.formats.problems import extra_headers, problem, sentence_of, status_of
from customhouse.infra.lifeline import die_with_parent
from customhouse.infra.settings import Settings
from customhouse.mirror.model import MirroredFile, MirroredProject
from customhouse.serve.fetching import send_fetching
from customhouse.serve.files import send_whole
from customhouse.terms.errors import CustomhouseError
from servers import MORTAL, free_port, until_listening

FILES = "FILE_DOOR_FILES"


class Door:
    """One application over an open `App`."""

    def __init__(self, context: AbstractContextManager[App], files: Sequence[tuple[str, MirroredFile]]) -> None:
        self._context = context
        self.app = context.__enter__()
        self.files = files

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            self._context.__exit__(None, None, None)
            await send({"type": "lifespan.shutdown.complete"})
            return
        what, _, number = scope["path"].strip("/").partition("/")
        name, file = self.files[int(number)]
        project = MirroredProject(name, "pypi", (file,))
        try:
            if what == "metadata":
                digest, size_bytes = await anyio.to_thread.run_sync(self.app.objects.metadata, file, project)
                await send_whole(send, 200, [(b"x-size", str(size_bytes).encode())], digest.encode(), is_head=False)
                return
            fetching = await anyio.to_thread.run_sync(self.app.objects.open, file, project)
            await send_fetching(scope, receive, send, fetching, [])
        except CustomhouseError as error:
            headers, body = problem(status_of(error), error.code, sentence_of(error), None)
            await send_whole(send, status_of(error), headers + extra_headers(error), body, is_head=False)


def create() -> ASGIApp:
    """For the web server: one worker."""
    die_with_parent(os.getppid())
    written = json.loads(Path(os.environ[FILES]).read_text())
    files = [(name, MirroredFile(**values)) for name, values in written]
    return Door(open_app(Settings()), files)


@contextmanager
def files_door(
    data: Path, files: Sequence[tuple[str, Mapping[str, object]]], settings: Mapping[str, object], *, workers: int = 1
) -> Iterator[str]:
    """A running door; gives its address. ``files`` are a project's name and the values of a `MirroredFile` each."""
    prepare(Settings.model_validate({"data": data, **settings}))
    written = data.parent / f"{data.name}-files.json"
    written.write_text(json.dumps(files))
    port = free_port()
    said = {
        f"CUSTOMHOUSE_{key.upper()}": value if isinstance(value, str) else json.dumps(value)
        for key, value in settings.items()
    }
    environment = {key: text for key, text in os.environ.items() if not key.startswith("CUSTOMHOUSE_")}
    environment |= said | {
        "CUSTOMHOUSE_DATA": str(data), FILES: str(written), "PYTHONPATH": str(Path(__file__).parent),
    }  # fmt: skip
    with (data.parent / f"{data.name}-door.log").open("ab") as log:
        server = subprocess.Popen(
            [*MORTAL, sys.executable, "-m", "granian", "--interface", "asgi", "--host", "127.0.0.1", "--port",
             str(port), "--workers", str(workers), "--factory", "file_door:create", "--log-level", "warning", "--workers-kill-timeout", "5", "--respawn-failed-workers"],
            env=environment, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        until_listening(port, server)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(30)
