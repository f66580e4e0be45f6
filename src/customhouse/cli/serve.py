"""``customhouse serve``, and its parts ``web`` and ``work`` for more than one machine."""

from __future__ import annotations

import fcntl
import logging
import os
import resource
import signal
import sys
import threading
from pathlib import Path
from typing import IO, Annotated

from cyclopts import Parameter

from customhouse.cli.options import read_settings
from customhouse.cli.supervisor import Child, Supervisor
from customhouse.infra.lifeline import die_with_parent
from customhouse.infra.logs import configure_logs
from customhouse.infra.prepared import has_newest_schema, is_at, was_at
from customhouse.infra.settings import Settings
from customhouse.infra.sigstore_keys import sigstore_keys_path
from customhouse.infra.spool import empty_spool
from customhouse.mirror.partial import empty_partials
from customhouse.terms.errors import Unavailable
from customhouse.trust.roots import roots_of

log = logging.getLogger("customhouse.serve")

# Slowloris: a client has this long for its request's head (attack A45). Bodies have a limit of their own.
HEADER_MILLISECONDS = 10_000
HEAD_BYTES = 64 * 1024
BACKLOG = 1024
# Connections at once in each worker. Silent ones cost little; as many as the backlog, the server's default, would let a
# thousand of them lock everybody else out until their time is over.
CONNECTIONS = 65_536
Supervised = Annotated[int, Parameter(show=False, help="The process that this one dies with.")]


def serve(
    *, host: str | None = None, port: int | None = None, data: Path | None = None, workers: int | None = None
) -> None:
    """Run the index until Ctrl-C.

    Args:
        host: The address to listen on (default 127.0.0.1).
        port: The port to listen on (default 8417).
        data: The data folder (default ./customhouse-data).
        workers: How many web processes (default 1).
    """
    settings = read_settings(host=host, port=port, data=data, web_workers=workers)
    configure_logs(settings.log_level)
    # Said here and once: the workers would be started again and again.
    roots_of(settings)
    with _lock(settings):
        left = empty_spool(settings.data)
        if left:
            log.info("removed %d unfinished uploads of a server that was killed", left)
        if unfetched := empty_partials(settings.data):
            log.info("removed %d unfinished files of upstreams", unfetched)
        print(f"Customhouse is at {settings.public_url}/  (data in {settings.data}; Ctrl-C stops it)", file=sys.stderr)
        supervised = ["--supervised-by", str(os.getpid())]
        Supervisor(
            [
                Child("web", [sys.executable, "-m", "customhouse", "web", *supervised]),
                Child("work", [sys.executable, "-m", "customhouse", "work", *supervised]),
            ]
        ).run()


def web(*, data: Path | None = None, supervised_by: Supervised = 0) -> None:
    """Run the web workers alone, beside others on the same database and object store."""
    if supervised_by:
        die_with_parent(supervised_by)
    settings = read_settings(data=data)
    configure_logs(settings.log_level)
    roots_of(settings)
    # Every silent client costs a descriptor; most systems allow 1,024 at first and far more on demand.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    from granian import Granian  # noqa: PLC0415 - the other commands do without
    from granian.constants import HTTPModes, Interfaces  # noqa: PLC0415 - as above
    from granian.http import HTTP1Settings  # noqa: PLC0415 - as above
    from granian.log import LogLevels  # noqa: PLC0415 - as above

    _prepare(settings)
    Granian(
        "customhouse.web.worker:create",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        workers=settings.web_workers,
        factory=True,
        http=HTTPModes.http1,
        websockets=False,
        backlog=BACKLOG,
        backpressure=CONNECTIONS,
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_MILLISECONDS, max_buffer_size=HEAD_BYTES),
        log_access=False,
        log_level=LogLevels.warning,
        respawn_failed_workers=True,
        workers_kill_timeout=5,
    ).serve()


def _prepare(settings: Settings) -> None:
    """Bring the installation to this version, and drop pages that name another address, if there is need."""
    moved = was_at(settings) != settings.public_url
    lacks_keys = settings.sigstore and not sigstore_keys_path(settings).exists()
    if not moved and not lacks_keys and has_newest_schema(settings):
        return
    from customhouse.app import forget_addresses, prepare  # noqa: PLC0415 - most starts need none of it

    prepare(settings)
    forget_addresses(settings)
    is_at(settings)


def work(*, data: Path | None = None, supervised_by: Supervised = 0) -> None:
    """Run the jobs alone."""
    if supervised_by:
        die_with_parent(supervised_by)
    settings = read_settings(data=data)
    configure_logs(settings.log_level)
    from customhouse.app import prepare  # noqa: PLC0415 - loads the database, which `serve` leaves to its children
    from customhouse.work import work as run_jobs  # noqa: PLC0415 - as above

    prepare(settings)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    run_jobs(settings, stop)


def _lock(settings: Settings) -> IO[str]:
    """Hold the data folder for as long as the file stays open; the kernel lets go when we die."""
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = settings.data / "lock"
    file = path.open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.seek(0)
        holder = file.read().strip() or "unknown"
        file.close()
        raise Unavailable(
            f"The data folder {settings.data}", f"a server with the process id {holder} is using it"
        ) from error
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file
