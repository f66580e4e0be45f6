"""Upstreams that lie about files (P18, A52): nothing wrong is stored, nobody holds a whole wrong file, nobody waits."""

from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from clock import TurnableClock
from customhouse.app import App, open_app
from customhouse.infra.fetch import Outbound
from customhouse.infra.settings import Settings
from customhouse.infra.walkers import Walkers
from customhouse.mirror.flight import HELD_BYTES
from customhouse.mirror.leading import Leading
from customhouse.mirror.object_tables import mirrored_object
from customhouse.terms.errors import CustomhouseError
from packages import Dist
from receiver import certificate_for, receiver
from receiver import redirect as redirected
from upstream_files import BIG, big_wheel, fetch, fetch_at_once, landed, listed, path_of, quick
from upstream_world import Asked, Said, UpstreamWorld, redirects, says, upstream_world
from world import blank_folder

GIGABYTES_10 = 10 * 2**30
PATIENCE_SECONDS = 10.0
MEMORY_BYTES = 40 * 2**20


@pytest.fixture
def upstream() -> Iterator[UpstreamWorld]:
    with upstream_world() as running:
        yield running


@pytest.fixture
def app(tmp_path: Path, clock: TurnableClock, walkers: Walkers, upstream: UpstreamWorld) -> Iterator[App]:
    """On SQLite: what is stored and what is not was tested on both."""
    import shutil  # noqa: PLC0415

    data = tmp_path / "data"
    shutil.copytree(blank_folder(), data)
    with open_app(Settings.model_validate({"data": data, **upstream.settings()}), clock=clock, walkers=walkers) as one:
        yield one
        findings = [finding for checked in one.check() for finding in checked.findings]
        assert not findings, findings


def announces(size_bytes: int, body: bytes) -> Said:
    """A length, and another body; the connection ends with it."""
    return Said(200, lambda: iter([body]), {"content-length": str(size_bytes)})


def endless(_dist: Dist) -> Said:
    def pieces() -> Iterator[bytes]:
        while True:
            yield b"\0" * 65536

    return Said(200, pieces)


HOSTILE: dict[str, Callable[[Dist], Said]] = {
    "other bytes of the same length": lambda dist: Said(200, dist.body[:-1] + bytes([dist.body[-1] ^ 1])),
    "other bytes at the beginning": lambda dist: Said(200, b"X" + dist.body[1:]),
    "a byte too many": lambda dist: Said(200, dist.body + b"\0"),
    "a byte too few": lambda dist: Said(200, dist.body[:-1]),
    "nothing": lambda _dist: Said(200, b""),
    "ten gigabytes announced": lambda dist: announces(GIGABYTES_10, dist.body),
    "a length that is a lie": lambda dist: announces(len(dist.body), dist.body[: len(dist.body) // 2]),
    "a body that goes on": endless,
    "a longer one without a length": lambda dist: Said(200, lambda: iter([dist.body, b"\0"])),
    "packed for the way": lambda dist: Said(200, gzip.compress(dist.body), {"content-encoding": "gzip"}),
    "said to be packed": lambda dist: Said(200, dist.body, {"content-encoding": "gzip"}),
    "a part that nobody asked for": lambda dist: Said(
        206, dist.body[10:], {"content-range": f"bytes 10-{len(dist.body) - 1}/{len(dist.body)}"}
    ),
    "a page instead": lambda _dist: Said(200, b"<html>Please sign in</html>"),
    "not found": lambda _dist: Said(404),
    "an error": lambda _dist: Said(500),
    "not allowed": lambda _dist: Said(403),
    "a redirect in a circle": lambda _dist: Said(302, b"", {"location": "/packages/demo/demo-1.0-py3-none-any.whl"}),
    "a redirect to inside": lambda _dist: Said(302, b"", {"location": "http://169.254.169.254/latest/meta-data"}),
    "a redirect to a file": lambda _dist: Said(302, b"", {"location": "file:///etc/passwd"}),
    "a redirect with a user name": lambda _dist: Said(302, b"", {"location": "http://a:b@127.0.0.1/"}),
}


@pytest.mark.parametrize("hashed", [True, False], ids=["with a digest", "with a size alone"])
@pytest.mark.parametrize("how", HOSTILE)
def test_no_wrong_byte_is_kept_and_nobody_has_a_whole_wrong_file(
    app: App, upstream: UpstreamWorld, how: str, hashed: bool
) -> None:
    dist = big_wheel()
    more = {} if hashed else {"sha256": "", "other_digests": {"md5": hashlib.md5(dist.body).hexdigest()}}  # noqa: S324
    file, project = listed(upstream, dist, **more)
    upstream.instead[path_of(upstream, file)] = lambda _asked: HOSTILE[how](dist)
    begun = time.monotonic()
    got = fetch(quick(app), file, project)
    assert time.monotonic() - begun < PATIENCE_SECONDS
    assert got.cut or got.error, how
    assert len(got.body) <= len(dist.body) - HELD_BYTES
    assert hashed or not got.body
    with app.database.read() as sql:
        assert not sql.execute(sa.select(mirrored_object)).all()
    assert not list(app.blobs.list())
    assert not list((app.settings.data / "mirror").glob("*.part"))
    # It was the upstream's fault, and is over when that is.
    del upstream.instead[path_of(upstream, file)]
    assert fetch(quick(app), file, project).body == dist.body
    landed(app.objects, file, project)


def test_a_drip_and_a_silence_end(app: App, upstream: UpstreamWorld) -> None:
    dist = big_wheel()
    file, project = listed(upstream, dist)
    for trick in (upstream.drip(), upstream.hang(), lambda _asked: announces(len(dist.body), dist.body[:10])):
        upstream.instead[path_of(upstream, file)] = trick
        begun = time.monotonic()
        got = fetch(quick(app), file, project)
        assert got.cut or got.error == "unavailable"
        assert time.monotonic() - begun < PATIENCE_SECONDS


def test_a_slow_upstream_holds_up_nobody_else(app: App, upstream: UpstreamWorld) -> None:
    with upstream_world() as other:
        files = []
        for number in range(12):
            dist = big_wheel("slow", f"{number}.0")
            file, project = listed(upstream, dist)
            upstream.instead[path_of(upstream, file)] = upstream.drip()
            files.append((file, replace(project, upstream="slow")))
        stored, here = listed(upstream, big_wheel("stored"))
        app.objects.ensure(stored, here)
        objects = quick(app)
        waiting = [objects.open(file, project) for file, project in files]
        flights = [one._join() for one in waiting]
        begun = time.monotonic()
        dist = big_wheel("quick")
        file, project = listed(other, dist)
        assert fetch(app.objects, file, project).body == dist.body
        assert fetch(app.objects, stored, here).stored
        assert time.monotonic() - begun < 1
        for one in waiting:
            one.close()
        for flight in flights:
            flight.wait(lambda: False, 30)


def test_who_comes_just_after_a_failure_is_told_it_without_asking_again(app: App, upstream: UpstreamWorld) -> None:
    dist = big_wheel()
    file, project = listed(upstream, dist)
    upstream.instead[path_of(upstream, file)] = says(b"X" * len(dist.body), "application/zip")
    patient = replace(app.objects, refused_seconds=60.0)
    assert fetch(patient, file, project).cut
    assert {fetch(patient, file, project).error for _ in range(5)} == {"upstream-wrong-bytes"}
    assert upstream.count(path_of(upstream, file)) == 1


def test_fifty_clients_of_a_wrong_file_all_have_nothing_whole(app: App, upstream: UpstreamWorld) -> None:
    dist = big_wheel()
    file, project = listed(upstream, dist)
    upstream.instead[path_of(upstream, file)] = says(b"X" * len(dist.body), "application/zip")
    got = fetch_at_once(replace(app.objects, refused_seconds=60.0), file, project, 50)
    assert all(one.cut or one.error for one in got)
    assert max(len(one.body) for one in got) <= len(dist.body) - HELD_BYTES
    assert upstream.count(path_of(upstream, file)) == 1


def test_a_file_that_changes_between_two_parts_is_no_mixture(app: App, upstream: UpstreamWorld) -> None:
    """Without a digest, too: what comes again is compared with what is here."""
    dist, other = big_wheel(), big_wheel()
    file, project = listed(upstream, dist, sha256="", size_bytes=None)
    times = iter(range(10))

    def changing(_asked: Asked) -> Said:
        if next(times) == 0:
            return announces(len(dist.body), dist.body[:200_000])
        return Said(200, other.body)

    upstream.instead[path_of(upstream, file)] = changing
    assert fetch(quick(app), file, project).error == "upstream-wrong-bytes"


def test_never_from_https_to_http(app: App, upstream: UpstreamWorld, tmp_path: Path) -> None:
    dist = big_wheel()
    file, project = listed(upstream, dist)
    certificate = certificate_for(tmp_path, "IP:127.0.0.1")
    with receiver(tls=certificate.server) as secure:
        secure.answer = lambda _request: redirected(file.url)
        trusting = Leading(Outbound(app.outbound.reach, trust=certificate.client), app.objects.indexes)
        objects = replace(quick(app), streams=trusting)
        got = fetch(objects, replace(file, url=secure.url), project)
        assert got.error == "bad-redirect"
        assert upstream.count(path_of(upstream, file)) == 0
        secure.answer = lambda _request: redirected(secure.url)
        assert fetch(objects, replace(file, url=secure.url), project).error == "unavailable"
        trusting.close()


def test_credentials_go_to_the_upstreams_own_host_alone(
    tmp_path: Path, clock: TurnableClock, walkers: Walkers, upstream: UpstreamWorld
) -> None:
    import shutil  # noqa: PLC0415

    shutil.copytree(blank_folder(), tmp_path / "data")
    dist = big_wheel()
    with upstream_world() as elsewhere:
        file, project = listed(upstream, dist)
        listed(elsewhere, dist)
        settings = Settings.model_validate(
            {"data": tmp_path / "data", **upstream.settings(user="alice", password="geheim")}
        )
        with open_app(settings, clock=clock, walkers=walkers) as app:
            app.objects.ensure(file, project)
            assert upstream.asked[-1].headers["authorization"].startswith("Basic ")
            other, project = listed(upstream, big_wheel("other"))
            elsewhere.project("other").files.append(upstream.project("other").files[0])
            upstream.instead[path_of(upstream, other)] = redirects(elsewhere.url + path_of(upstream, other))
            app.objects.ensure(other, project)
            assert "authorization" in upstream.asked[-1].headers
            assert "authorization" not in elsewhere.asked[-1].headers
            third, project = listed(upstream, big_wheel("third"), url=elsewhere.url + "/packages/third/x")
            elsewhere.instead["/packages/third/x"] = says(upstream.project("third").files[0].body, "application/zip")
            app.objects.ensure(third, project)
            assert "authorization" not in elsewhere.asked[-1].headers


def test_a_file_larger_than_the_setting_is_refused_before_it_comes(app: App, upstream: UpstreamWorld) -> None:
    dist = big_wheel()
    file, project = listed(upstream, dist)
    small = quick(app, most_bytes=BIG // 2)
    assert fetch(small, file, project).error == "file-too-large"
    unknown = replace(file, sha256="", size_bytes=None)
    upstream.instead[path_of(upstream, file)] = lambda _asked: endless(dist)
    with pytest.raises(CustomhouseError):
        small.ensure(unknown, project)


def test_a_large_file_needs_little_memory(tmp_path: Path, upstream: UpstreamWorld) -> None:
    """In a process of its own that may not grow: ten clients of a file of 300 MB."""
    size_bytes = 300_000_000
    block = b"0123456789abcdef" * 65536
    whole = hashlib.sha256()
    for _ in range(size_bytes // len(block)):
        whole.update(block)
    said = size_bytes // len(block) * len(block)

    def pieces() -> Iterator[bytes]:
        for _ in range(said // len(block)):
            yield block

    upstream.project("huge").files.clear()
    upstream.instead["/packages/huge/huge-1.0.tar.gz"] = lambda _asked: Said(200, pieces, {"content-length": str(said)})
    import shutil  # noqa: PLC0415

    shutil.copytree(blank_folder(), tmp_path / "data")
    settings = {"data": str(tmp_path / "data"), **upstream.settings()}
    values = {
        "filename": "huge-1.0.tar.gz", "version": "1.0", "url": f"{upstream.url}/packages/huge/huge-1.0.tar.gz",
        "sha256": whole.hexdigest(), "size_bytes": said,
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, str(Path(__file__).parent.parent / "fetch_in_a_box.py"), json.dumps(settings),
         json.dumps(values)],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout)
    assert told["wholes"] == 10
    assert told["grown_bytes"] < MEMORY_BYTES, told
