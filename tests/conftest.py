"""Fixtures that every test may use. Servers start when the first test asks for them, once per run."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from starlette.testclient import TestClient

from clock import TurnableClock
from compiled_once import share_doors, share_statements
from customhouse.app import open_app
from customhouse.infra.settings import Settings
from customhouse.infra.walkers import Walkers
from customhouse.web.asgi import build
from mail_sink import MailSink, mail_sink
from one_hop import answer_in_one_hop, leave_shared_loop
from servers import ObjectStore, Postgres, running_object_store, running_postgres
from world import Server, World, blank_folder, running

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from shipping import Harbour

# How long a machine takes says nothing of what is tested.
hypothesis.settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any machine")
share_statements()
share_doors()
answer_in_one_hop()

LONG = (
    "test_durability.py", "test_private_projects.py", "test_face.py", "test_letters.py", "test_markup.py", "test_caches.py",
    "test_route_matrix.py", "test_reference_model.py", "test_report_to_effect.py",
)  # fmt: skip
"""The files that take longest, and beside them all proofs, clients and journeys. They begin first, so that no process is
left alone with one of them at the end."""
STORING = (
    "test_upload.py", "test_lifecycle.py", "test_lifecycle_races.py", "test_races.py", "test_diff.py", "test_counting.py",
    "test_jobs_and_check.py", "test_staging.py",
)  # fmt: skip
"""The files whose worlds stand on an object store, too: what they test puts, reads or removes bytes."""
STANDING = {
    "world", "small_world", "broken_world", "database_settings", "postgres", "object_store", "walkers", "browser", "sink",
    "running_index", "postgres_index", "harbour",
}  # fmt: skip
"""Fixtures that need an installation, a server or a browser: no unit test does."""
DATABASES = ("sqlite", "postgresql")
STORES = ("local", "s3")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def object_store() -> Iterator[ObjectStore]:
    with running_object_store() as server:
        yield server


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for a file. Not for a whole run: its loop would stand in the way of tests that have their own."""
    from browser import chromium  # noqa: PLC0415 - most tests do without

    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def sink() -> Iterator[MailSink]:
    """A mail server that keeps what it is sent."""
    with mail_sink() as started:
        yield started


@pytest.fixture
def clock() -> TurnableClock:
    return TurnableClock()


def pytest_unconfigure() -> None:
    leave_shared_loop()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first, in their own order; what stands on an installation is slow, whether it says so or not."""
    items.sort(key=lambda item: not _is_long(item.path))
    for item in items:
        if STANDING & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)


def _is_long(path: Path) -> bool:
    return path.name in LONG or path.parent.name in ("proofs", "clients") or "journey" in path.name


@dataclass(frozen=True)
class Where:
    """What a world stands on."""

    database: str = "sqlite"
    blobs: str = "local"


@pytest.fixture(scope="session")
def blank() -> Path:
    """A prepared data folder with an empty SQLite database, to be copied."""
    return blank_folder()


@pytest.fixture(scope="session")
def walkers() -> Iterator[Walkers]:
    """The readers of archives, one pool for all tests: each is a process that takes a while to start."""
    pool = Walkers(count=2, seconds=120, memory_bytes=2**30)
    yield pool
    pool.close()


def prepared(settings: Settings, request: pytest.FixtureRequest) -> Settings:
    """The same settings, with everything there that `prepare` would make."""
    blank: Path = request.getfixturevalue("blank")
    shutil.copytree(blank, settings.data)
    return settings


def settings_for(where: Where, data: Path, request: pytest.FixtureRequest) -> Settings:
    """Settings on the named database and store, made for one test."""
    values: dict[str, object] = {"data": data}
    if where.database == "postgresql":
        postgres: Postgres = request.getfixturevalue("postgres")
        url = postgres.new_database()
        request.addfinalizer(lambda: postgres.drop(url))
        values["database"] = url
    if where.blobs == "s3":
        store: ObjectStore = request.getfixturevalue("object_store")
        values |= {
            "blobs": f"s3://{store.new_bucket()}",
            "s3_endpoint": store.endpoint,
            "s3_access_key": store.access_key,
            "s3_secret_key": store.secret_key,
        }
    return Settings.model_validate(values)


@pytest.fixture(params=DATABASES)
def database_settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings of a prepared installation, on SQLite and on PostgreSQL."""
    return prepared(settings_for(Where(database=request.param), tmp_path / "data", request), request)


ON_FILES = [Where("sqlite", "local"), Where("postgresql", "local")]
ON_EVERYTHING = [*ON_FILES, Where("sqlite", "s3")]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What the `world` below stands on; not where a file makes its own, or a test says where."""
    makers = metafunc.definition._fixtureinfo.name2fixturedefs.get("world", ())
    said = any("world" in mark.args[0] for mark in metafunc.definition.iter_markers("parametrize"))
    if len(makers) == 1 and not said:
        where = ON_EVERYTHING if metafunc.definition.path.name in STORING else ON_FILES
        metafunc.parametrize("world", where, indirect=True, ids=str)


@pytest.fixture
def world(request: pytest.FixtureRequest, tmp_path: Path, clock: TurnableClock) -> Iterator[World]:
    """A whole Customhouse in this process; every invariant is tested when the test is over."""
    yield from _world(prepared(settings_for(request.param, tmp_path / "data", request), request), clock, request)


@pytest.fixture
def small_world(request: pytest.FixtureRequest, tmp_path: Path, clock: TurnableClock) -> Iterator[World]:
    """The same on SQLite and local files alone, for what does not depend on the stores."""
    yield from _world(prepared(Settings.model_validate({"data": tmp_path / "data"}), request), clock, request)


@pytest.fixture
def broken_world(request: pytest.FixtureRequest, tmp_path: Path, clock: TurnableClock) -> Iterator[World]:
    """A world that a test breaks on purpose: nobody checks it at the end."""
    yield from _world(
        prepared(Settings.model_validate({"data": tmp_path / "data"}), request), clock, request, whole=False
    )


def _world(
    settings: Settings, clock: TurnableClock, request: pytest.FixtureRequest, *, whole: bool = True
) -> Iterator[World]:
    walkers: Walkers = request.getfixturevalue("walkers")
    with (
        open_app(settings, clock=clock, walkers=walkers) as app,
        TestClient(build(app), base_url="http://index.test") as client,
    ):
        made = World(app, clock, client)
        yield made
        if whole:
            made.check()


@pytest.fixture(scope="session")
def running_index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One real server for all tests that only need one to talk to; checked at the end."""
    with running(tmp_path_factory.mktemp("index") / "data", prepared=False) as server:
        yield server
        server.command("check")


@pytest.fixture(scope="session")
def harbour(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harbour]:
    """One real server with a private Sigstore, for all tests that ship releases; checked at the end."""
    from shipping import harbour as running_harbour  # noqa: PLC0415 - loads the release engine

    with running_harbour(tmp_path_factory.mktemp("harbour")) as made:
        yield made
        made.server.check()


@pytest.fixture(scope="session")
def postgres_index(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The same on PostgreSQL."""
    environment = {"CUSTOMHOUSE_DATABASE": postgres.empty_database()}
    with running(tmp_path_factory.mktemp("pgindex") / "data", environment=environment, prepared=False) as server:
        yield server
        server.command("check")
