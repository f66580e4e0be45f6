"""A hostile upstream's pages (P18, A37): bounded memory and time, nothing kept, and nobody else kept waiting."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from clock import TurnableClock
from conftest import prepared
from customhouse.app import App, open_app
from customhouse.catalog.tables import name
from customhouse.infra.fetch import Outbound
from customhouse.infra.reach import Reach
from customhouse.infra.settings import Settings
from customhouse.infra.stream import Pace
from customhouse.infra.targets import Target
from customhouse.mirror.ask import Asking
from customhouse.mirror.look_once import FREE_SECONDS, MOST_PATIENT
from customhouse.mirror.pull import Upstreams
from customhouse.mirror.tables import mirror_project
from customhouse.mirror.upstream import UpstreamIndex, indexes_of
from customhouse.terms.errors import CustomhouseError, Unavailable
from customhouse.views.names.known import KnownNames
from packages import wheel
from receiver import receiver
from upstream_world import JSON_TYPE, Asked, Said, UpstreamWorld, gzip_bomb, redirects, says, upstream_world
from world import IDLE

HOUR = timedelta(hours=1)
QUICK = Pace(connect_seconds=2, answer_seconds=2, silence_seconds=1, least_bytes_per_second=2**20, in_all_seconds=4)
WHEEL = "demo-1.0-py3-none-any.whl"
DIGEST = "0" * 64

pytestmark = pytest.mark.slow


def page(*files: dict[str, object], project: str = "demo") -> str:
    return json.dumps({"meta": {"api-version": "1.4"}, "name": project, "files": list(files)})


HOSTILE: dict[str, Callable[[UpstreamWorld], Callable[[Asked], Said]]] = {
    "a body that never ends": lambda world: world.endless(),
    "a hundred megabytes of JSON": lambda _world: says("[" + " " * 100 * 10**6 + "]"),
    "a gzip bomb": lambda _world: says(gzip_bomb(1024), content_encoding="gzip"),
    "a bomb of empty lists": lambda _world: says("[" + "[]," * 10_000_000 + "[]]"),
    "a bomb of anchors": lambda _world: says("<a href='demo-1.0.tar.gz'>" * 1_000_000, "text/html"),
    "a drip": lambda world: world.drip(),
    "silence": lambda world: world.hang(),
    "the metadata service": lambda _world: redirects("http://169.254.169.254/latest/meta-data/"),
    "the metadata service, mapped": lambda _world: redirects("http://[::ffff:169.254.169.254]/"),
    "an odd spelling of loopback": lambda _world: redirects("http://2130706433/"),
    "a private host": lambda _world: redirects("http://10.0.0.1/simple/demo/"),
    "a file": lambda _world: redirects("file:///etc/passwd"),
    "gopher": lambda _world: redirects("gopher://127.0.0.1:6379/_FLUSHALL"),
    "a user name": lambda world: redirects(f"http://a:b@127.0.0.1:{world.port}/simple/demo/"),
    "itself for ever": lambda _world: redirects("/simple/demo/"),
    "a header of a megabyte": lambda _world: says(page(), x_long="x" * 2**20),
    "another encoding": lambda _world: says(page(), content_encoding="br"),
    "another project's page": lambda _world: says(page(project="evil")),
    "another project's files": lambda _world: says(
        page({"filename": "evil-1.0-py3-none-any.whl", "url": "https://x.example/a", "hashes": {}})
    ),
    "script": lambda _world: says(f"<base href='javascript:alert(1)//'><a href='{WHEEL}'>", "text/html"),
    "a version that nobody knows": lambda _world: says(page().replace("1.4", "2.0")),
    "an image": lambda _world: says(b"\x89PNG", "image/png"),
    "NUL": lambda _world: says(b"\x00" * 1000),
    "half a page": lambda _world: says(page()[:-5]),
    "an error": lambda _world: says("no", status=500),
    "nobody may come in": lambda _world: says("no", status=403),
}  # fmt: skip


@pytest.fixture
def upstream() -> Iterator[UpstreamWorld]:
    with upstream_world() as running:
        running.add(wheel("demo", "1.0"))
        running.add(wheel("other", "1.0"))
        yield running


@contextmanager
def opened(
    upstream: UpstreamWorld, request: pytest.FixtureRequest, folder: Path, clock: TurnableClock
) -> Iterator[tuple[App, Upstreams]]:
    """An app, and its upstreams with less patience than they usually have."""
    settings = prepared(Settings.model_validate({"data": folder / "data"} | upstream.settings()), request)
    outbound = Outbound(Reach.parse(settings.private_networks_allowed))
    with open_app(settings, clock=clock, walkers=IDLE) as app:
        made = Upstreams(
            app.deeds, clock, outbound, indexes_of(settings.upstreams), KnownNames(), settings.data,
            asking=Asking(outbound, pace=QUICK),
        )  # fmt: skip
        try:
            yield app, made
        finally:
            upstream.over.set()
            made.close()


@pytest.mark.parametrize("what", HOSTILE)
def test_p18_a_hostile_page_leaves_no_trace_of_an_unknown_name(
    what: str, upstream: UpstreamWorld, request: pytest.FixtureRequest, tmp_path: Path, clock: TurnableClock
) -> None:
    upstream.instead["/simple/demo/"] = HOSTILE[what](upstream)
    with opened(upstream, request, tmp_path, clock) as (app, upstreams):
        begun = time.monotonic()
        with pytest.raises(Unavailable) as caught:
            upstreams.project("demo", ("pypi",), within=HOUR)
        assert time.monotonic() - begun < 30
        assert "169.254" not in str(caught.value)
        with app.database.read() as sql:
            assert sql.execute(sa.select(name.c.normalized)).all() == []
            assert sql.execute(sa.select(mirror_project.c.name)).all() == []
        assert upstreams.project("other", ("pypi",), within=HOUR) is not None


@pytest.mark.parametrize("what", HOSTILE)
def test_p18_a_page_that_turns_hostile_changes_nothing_that_is_here(
    what: str, upstream: UpstreamWorld, request: pytest.FixtureRequest, tmp_path: Path, clock: TurnableClock
) -> None:
    with opened(upstream, request, tmp_path, clock) as (_app, upstreams):
        before = upstreams.project("demo", ("pypi",), within=HOUR)
        upstream.instead["/simple/demo/"] = HOSTILE[what](upstream)
        clock.turn(HOUR * 2)
        after = upstreams.project("demo", ("pypi",), within=HOUR)
        assert before is not None
        assert after is not None
        assert after.stale
        assert after.files == before.files


def test_a37_a_redirect_reaches_no_other_service_in_a_network_that_is_open_for_the_upstream(
    upstream: UpstreamWorld, request: pytest.FixtureRequest, tmp_path: Path, clock: TurnableClock
) -> None:
    with receiver() as internal, opened(upstream, request, tmp_path, clock) as (_app, upstreams):
        upstream.instead["/simple/demo/"] = redirects(f"http://127.0.0.1:{internal.port}/secret")
        with pytest.raises(Unavailable):
            upstreams.project("demo", ("pypi",), within=HOUR)
        assert internal.requests == []


def test_a52_credentials_are_for_the_upstream_s_own_origin_alone() -> None:
    index = UpstreamIndex.of(
        Settings.model_validate(
            {"upstreams": [{"name": "corp", "url": "https://corp.example/simple", "user": "u", "password": "secret"}]}
        ).upstreams[0]
    )
    assert index.headers_for(Target.parse("https://corp.example/files/x.whl"))["Authorization"].startswith("Basic ")
    for elsewhere in (
        "http://corp.example/x", "https://corp.example:8443/x", "https://files.corp.example/x", "https://evil.example/",
    ):  # fmt: skip
        assert index.headers_for(Target.parse(elsewhere)) == {}
    assert "secret" not in repr(index)
    assert index.authorization not in repr(index)


def test_p18_names_that_hang_keep_nobody_else_waiting(
    upstream: UpstreamWorld, request: pytest.FixtureRequest, tmp_path: Path, clock: TurnableClock
) -> None:
    """Six names hang, each waited for by many; another name of the same upstream is answered meanwhile."""
    hanging = [f"hangs-{number}" for number in range(6)]
    for one in hanging:
        upstream.instead[f"/simple/{one}/"] = upstream.hang()
    with opened(upstream, request, tmp_path, clock) as (_app, upstreams):
        took: list[float] = []

        def wait(wanted: str) -> None:
            begun = time.monotonic()
            try:
                upstreams.project(wanted, ("pypi",), within=HOUR)
            except CustomhouseError:
                took.append(time.monotonic() - begun)

        threads = [threading.Thread(target=wait, args=(one,)) for one in hanging for _ in range(8)]
        for thread in threads:
            thread.start()
        for one in hanging:
            upstream.asked_until(f"/simple/{one}/", 1)
        begun = time.monotonic()
        assert upstreams.project("other", ("pypi",), within=HOUR) is not None
        assert time.monotonic() - begun < 2
        for thread in threads:
            thread.join(60)
        assert len(took) == len(threads)
        impatient = sorted(took)[: len(threads) - MOST_PATIENT]
        assert max(impatient) < FREE_SECONDS + 2
        assert all(upstream.count(f"/simple/{one}/") == 1 for one in hanging)


MEASURE = """
import json, resource, sys
from customhouse.formats.upstream.read import read_page, unpacked
from customhouse.terms.errors import Rejected
sys.path.insert(0, sys.argv[1])
from upstream_world import gzip_bomb

digest = "0123456789abcdef" * 4
def listed(number, more):
    return {"filename": f"demo-{number}-py3-none-any.whl", "url": "https://x.example/" + more, "hashes": {"sha256": digest}}
whole = {"meta": {"api-version": "1.4"}, "name": "demo", "files": [listed(number, "x" * 300) for number in range(49_000)]}
bodies = {
    "bomb": ("application/json", gzip_bomb(2048), "gzip"),
    "lists": ("application/json", b"[" + b"[]," * 9_000_000 + b"[]]", ""),
    "numbers": ("application/json", b"[" + b"257," * 7_000_000 + b"1]", ""),
    "keys": ("application/json", b"{" + b",".join(b'"%d":1' % number for number in range(2_000_000)) + b"}", ""),
    "text": ("application/json", b'{"a":"' + "\\U0001f600".encode() * 7_000_000 + b'"}', ""),
    "anchors": ("text/html", b"<a href='demo-1.0.tar.gz'>" * 1_200_000, ""),
    "attributes": ("text/html", b"<a " + b"b=c " * 8_000_000 + b">", ""),
    "largest": ("application/json", json.dumps(whole).encode(), ""),
}
kind, body, encoding = bodies.pop(sys.argv[2])
del whole
bodies.clear()
before = resource.getrusage(resource.RUSAGE_SELF)
resource.setrlimit(resource.RLIMIT_AS, (4 * 2**30, 4 * 2**30))
import tracemalloc
tracemalloc.start()
try:
    said = len(read_page(unpacked(body, encoding), kind, wanted="demo", base="https://up.example/simple/demo/").files)
except Rejected:
    said = "refused"
peak = tracemalloc.get_traced_memory()[1]
print(json.dumps({"said": said, "peak": peak}))
"""


@pytest.mark.prove
@pytest.mark.parametrize("what", ["bomb", "lists", "numbers", "keys", "text", "anchors", "attributes", "largest"])
def test_p18_no_page_takes_more_memory_than_a_bound(what: str) -> None:
    """In a child: at most 400 MB above the page itself, whatever is in it."""
    ran = subprocess.run(
        [sys.executable, "-c", MEASURE, str(Path(__file__).parents[1]), what],
        check=True, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    found = json.loads(ran.stdout)
    assert found["said"] == (49_000 if what == "largest" else "refused")
    assert found["peak"] < 400 * 2**20, found


def test_a_page_of_a_real_kind_is_the_counter_test(
    upstream: UpstreamWorld, request: pytest.FixtureRequest, tmp_path: Path, clock: TurnableClock
) -> None:
    upstream.instead["/simple/demo/"] = says(
        page({"filename": WHEEL, "url": "https://x.example/a", "hashes": {"sha256": DIGEST}}), JSON_TYPE
    )
    with opened(upstream, request, tmp_path, clock) as (_app, upstreams):
        found = upstreams.project("demo", ("pypi",), within=HOUR)
        assert found is not None
        assert found.files[0].sha256 == DIGEST
