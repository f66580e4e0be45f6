"""Files of upstreams: handed out while they come, checked, stored once, and never wrong. On both databases."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from clock import TurnableClock
from conftest import ON_EVERYTHING, ON_FILES, prepared, settings_for
from customhouse.app import App, open_app
from customhouse.index.sweep import sweep_digests
from customhouse.infra.settings import Settings, Upstream
from customhouse.infra.walkers import Walkers
from customhouse.ledger.tables import ledger_event
from customhouse.mirror.cut import Cut
from customhouse.mirror.flight import HELD_BYTES
from customhouse.mirror.leading import Leading
from customhouse.mirror.let_go import KeepRules, let_go
from customhouse.mirror.object_rows import find_kept
from customhouse.mirror.object_tables import mirrored_library, mirrored_object
from customhouse.mirror.upstream import UpstreamIndex
from customhouse.terms.digest import Digest
from customhouse.terms.errors import Refused, Unavailable
from customhouse.views.log.tables import view_decision
from native_files import elf
from packages import sdist, wheel
from upstream_files import BIG, big_wheel, fetch, fetch_at_once, get, landed, listed, path_of, quick, sha256
from upstream_world import Asked, Said, UpstreamWorld, upstream_world

CLIENTS = 50


@pytest.fixture
def upstream() -> Iterator[UpstreamWorld]:
    with upstream_world() as running:
        yield running


@pytest.fixture(params=ON_FILES, ids=str)
def app(
    request: pytest.FixtureRequest, tmp_path: Path, clock: TurnableClock, walkers: Walkers, upstream: UpstreamWorld
) -> Iterator[App]:
    """A Customhouse with one upstream, whose invariants hold at the end, and that leaves nothing half-done behind."""
    plain = prepared(settings_for(request.param, tmp_path / "data", request), request)
    settings = Settings.model_validate(plain.model_dump() | upstream.settings())
    with open_app(settings, clock=clock, walkers=walkers) as opened:
        yield opened
        findings = [finding for checked in opened.check() for finding in checked.findings]
        assert not findings, findings
        left = [path.name for path in (settings.data / "mirror").iterdir() if path.suffix != ".json"]
        assert not left, left
        assert not list((settings.data / "spool").iterdir())


def everywhere(test: object) -> object:
    return pytest.mark.parametrize("app", ON_EVERYTHING, ids=str, indirect=True)(test)


def test_a_file_is_handed_out_while_it_comes(app: App, upstream: UpstreamWorld) -> None:
    dist = big_wheel()
    file, project = listed(upstream, dist)
    rest = threading.Event()

    def pieces() -> Iterator[bytes]:
        yield dist.body[: BIG // 2]
        assert rest.wait(30), "nobody had the first half before the second came"
        yield dist.body[BIG // 2 :]

    upstream.instead[path_of(upstream, file)] = lambda _asked: Said(200, pieces)

    async def client() -> bytes:
        fetching = app.objects.open(file, project)
        await fetching.ready()
        body = b""
        async for piece in fetching.pieces():
            body += piece
            rest.set()
        fetching.close()
        return body

    assert asyncio.run(client()) == dist.body
    landed(app.objects, file, project)


@everywhere
def test_fifty_clients_at_once_cost_one_fetch(app: App, upstream: UpstreamWorld) -> None:
    dist = big_wheel()
    file, project = listed(upstream, dist)
    got = fetch_at_once(app.objects, file, project, CLIENTS)
    assert {one.body == dist.body for one in got} == {True}
    assert upstream.count(path_of(upstream, file)) == 1
    landed(app.objects, file, project)
    again = app.objects.open(file, project)
    assert again.place is not None
    assert again.digest == dist.sha256
    assert upstream.count(path_of(upstream, file)) == 1


def test_what_is_here_is_examined_and_written_down(app: App, upstream: UpstreamWorld) -> None:
    dist = wheel(
        "demo", "1.0", headers={"License-Expression": "MIT", "Requires-Dist": "other>=2"},
        files={"demo/__init__.py": b"", "start.pth": b"import demo\n"},
    )  # fmt: skip
    file, project = listed(upstream, dist)
    found = app.objects.ensure(file, project)
    assert (found.digest, found.size_bytes, found.refusal) == (dist.sha256, len(dist.body), "")
    assert found.licence == "MIT"
    assert found.requires == ("other>=2",)
    assert [one["code"] for one in found.signals["signals"]] == ["pth-file"]  # type: ignore[attr-defined]
    assert found.metadata_digest == sha256(dist.metadata.encode())
    place = app.blobs.locate(Digest(found.metadata_digest))
    assert isinstance(place, Path)
    assert place.read_text() == dist.metadata


def test_a_malformed_archive_is_kept_with_the_reason(app: App, upstream: UpstreamWorld) -> None:
    dist = replace(wheel(), body=wheel().body + b"behind the end")
    file, project = listed(upstream, dist)
    found = app.objects.ensure(file, project)
    assert "data after the end record" in found.refusal
    assert fetch(app.objects, file, project).body == dist.body


def test_bundled_libraries_are_written_down(app: App, upstream: UpstreamWorld) -> None:
    dist = wheel("pictures", "1.0", files={"pictures.libs/libwebp-8b6d8948.so.7.1.7": elf([b"pictures"])})
    file, project = listed(upstream, dist)
    app.objects.ensure(file, project)
    with app.database.read() as sql:
        found = sql.execute(sa.select(mirrored_library.c.filename, mirrored_library.c.library)).all()
    assert (file.filename, "libwebp") in found


def test_a_file_without_a_digest_is_fetched_whole_first_and_trusted_once(app: App, upstream: UpstreamWorld) -> None:
    dist = big_wheel()
    file, project = listed(upstream, dist, sha256="", size_bytes=None)
    assert fetch(app.objects, file, project).body == dist.body
    landed(app.objects, file, project)
    for digests in let_go(app.deeds, KeepRules(most_bytes=1)):
        sweep_digests(app.deeds, app.blobs, digests)
    assert app.blobs.locate(Digest(dist.sha256)) is None
    upstream.project("demo").files[0].body = big_wheel().body
    other = fetch(quick(app), file, project)
    assert other.cut or other.error == "upstream-wrong-bytes"
    upstream.project("demo").files[0].body = dist.body
    assert fetch(quick(app), file, project).body == dist.body
    landed(app.objects, file, project)


@pytest.mark.parametrize(("name", "right"), [("md5", True), ("md5", False), ("sha1", True), ("sha512", False)])
def test_an_older_digest_is_compared_if_there_is_no_better(
    app: App, upstream: UpstreamWorld, name: str, right: bool
) -> None:
    import hashlib  # noqa: PLC0415

    dist = wheel()
    said = hashlib.new(name, dist.body if right else b"", usedforsecurity=False).hexdigest()
    file, project = listed(upstream, dist, sha256="", other_digests={name: said})
    got = fetch(app.objects, file, project)
    assert (got.body, got.error) == ((dist.body, "") if right else (b"", "upstream-wrong-bytes"))
    if right:
        landed(app.objects, file, project)
        with app.database.read() as sql:
            assert sql.execute(sa.select(mirrored_object.c.pinned_by)).scalar_one() == "other-digest"


def test_a_name_that_gets_another_digest_upstream_is_refused(app: App, upstream: UpstreamWorld) -> None:
    dist = wheel()
    file, project = listed(upstream, dist)
    app.objects.ensure(file, project)
    swapped = replace(file, sha256=sha256(b"another"))
    with pytest.raises(Refused, match="one digest for ever"):
        app.objects.open(swapped, project)


def test_a_client_that_leaves_early_ends_the_fetch_and_leaves_nothing(app: App, upstream: UpstreamWorld) -> None:
    dist = big_wheel(size_bytes=4_000_000)
    file, project = listed(upstream, dist)
    left = threading.Event()

    def pieces() -> Iterator[bytes]:
        yield dist.body[:200_000]
        left.wait(30)
        for at in range(200_000, len(dist.body), 10_000):
            yield dist.body[at : at + 10_000]

    upstream.instead[path_of(upstream, file)] = lambda _asked: Said(200, pieces)

    async def client() -> None:
        fetching = app.objects.open(file, project)
        await fetching.ready()
        async for _piece in fetching.pieces():
            break
        flight = fetching._flight
        assert flight is not None
        fetching.close()
        left.set()
        flight.wait(lambda: False, 30)

    asyncio.run(client())
    with app.database.read() as sql:
        assert find_kept(sql, "pypi", file.filename) is None


def test_a_fetch_that_is_more_than_half_there_goes_on_alone(app: App, upstream: UpstreamWorld) -> None:
    dist = big_wheel()
    file, project = listed(upstream, dist)
    rest = threading.Event()

    def pieces() -> Iterator[bytes]:
        yield dist.body[:300_000]
        rest.wait(30)
        yield dist.body[300_000:]

    upstream.instead[path_of(upstream, file)] = lambda _asked: Said(200, pieces)

    async def client() -> None:
        fetching = app.objects.open(file, project)
        await fetching.ready()
        have = 0
        async for piece in fetching.pieces():
            have += len(piece)
            if have > BIG // 2:
                break
        fetching.close()
        rest.set()

    asyncio.run(client())
    assert app.objects.ensure(file, project).digest == dist.sha256
    assert upstream.count(path_of(upstream, file)) == 1


@pytest.mark.parametrize(("first", "last"), [(0, 0), (0, 99), (100_000, 250_000), (BIG, None), (1, None)])
def test_a_part_is_handed_out_of_a_file_that_is_not_here_yet(
    app: App, upstream: UpstreamWorld, first: int, last: int | None
) -> None:
    dist = big_wheel()
    file, project = listed(upstream, dist)
    got = asyncio.run(get(app.objects, file, project, first=first, last=last))
    assert got.body == dist.body[first : None if last is None else last + 1]
    landed(app.objects, file, project)


def test_a_body_that_breaks_off_is_gone_on_with(app: App, upstream: UpstreamWorld) -> None:
    dist = big_wheel()
    file, project = listed(upstream, dist)
    told: list[tuple[str, str]] = []

    def broken(asked: Asked) -> Said | None:
        told.append((asked.headers.get("range", ""), asked.headers.get("if-range", "")))
        if len(told) > 3:
            return None
        start = int(told[-1][0].removeprefix("bytes=").removesuffix("-") or 0)
        stop = start + 100_000
        headers = {"content-length": str(len(dist.body) - start), "etag": '"one"'}
        if start:
            headers["content-range"] = f"bytes {start}-{len(dist.body) - 1}/{len(dist.body)}"
        return Said(206 if start else 200, lambda: iter([dist.body[start:stop]]), headers)

    upstream.instead[path_of(upstream, file)] = broken
    assert fetch(app.objects, file, project).body == dist.body
    assert told == [("", ""), *((f"bytes={at}-", '"one"') for at in (100_000, 200_000, 300_000))]
    landed(app.objects, file, project)


def test_a_body_that_breaks_off_again_and_again_is_given_up(app: App, upstream: UpstreamWorld) -> None:
    dist = big_wheel()
    file, project = listed(upstream, dist)
    headers = {"content-length": str(len(dist.body))}
    upstream.instead[path_of(upstream, file)] = lambda _asked: Said(200, lambda: iter([dist.body[:1000]]), headers)
    got = fetch(quick(app), file, project)
    assert (got.cut, len(got.body)) == (True, 1000)
    assert upstream.count(path_of(upstream, file)) == 2


def test_offline_what_is_here_is_served_and_nothing_is_asked(app: App, upstream: UpstreamWorld) -> None:
    here, missing = wheel("demo", "1.0"), wheel("demo", "2.0")
    file, project = listed(upstream, here)
    app.objects.ensure(file, project)
    before = len(upstream.asked)
    offline = replace(app.objects, offline=True)
    assert fetch(offline, file, project).body == here.body
    other, project = listed(upstream, missing)
    with pytest.raises(Unavailable, match="offline"):
        offline.ensure(other, project)
    with pytest.raises(Unavailable, match="offline"):
        offline.metadata(other, project)
    assert len(upstream.asked) == before


def test_the_least_recently_fetched_go_first_and_their_rows_stay(
    app: App, upstream: UpstreamWorld, clock: TurnableClock
) -> None:
    sizes = []
    for version in ("1.0", "2.0", "3.0"):
        file, project = listed(upstream, big_wheel(version=version))
        sizes.append(app.objects.ensure(file, project).size_bytes)
        clock.turn(timedelta(days=2))
    oldest, _ = listed(upstream, big_wheel())
    oldest = replace(oldest, sha256="")
    fetch(app.objects, oldest, project)
    for digests in let_go(app.deeds, KeepRules(most_bytes=sizes[0] + sizes[2])):
        sweep_digests(app.deeds, app.blobs, digests)
    with app.database.read() as sql:
        rows = sql.execute(sa.select(mirrored_object.c.version, mirrored_object.c.stored)).all()
        kinds = list(sql.execute(sa.select(ledger_event.c.kind)).scalars())
    assert {row.version: row.stored for row in rows} == {"1.0": True, "2.0": False, "3.0": True}
    assert kinds.count("upstream-files-let-go") == 1
    assert not list(let_go(app.deeds, KeepRules(most_bytes=sizes[0] + sizes[2], days=30)))


def test_files_that_nobody_fetches_for_days_go(app: App, upstream: UpstreamWorld, clock: TurnableClock) -> None:
    file, project = listed(upstream, wheel())
    app.objects.ensure(file, project)
    clock.turn(timedelta(days=29))
    assert not list(let_go(app.deeds, KeepRules(days=30)))
    fetch(app.objects, file, project)
    clock.turn(timedelta(days=29))
    assert not list(let_go(app.deeds, KeepRules(days=30)))
    clock.turn(timedelta(days=2))
    for digests in let_go(app.deeds, KeepRules(days=30)):
        assert sweep_digests(app.deeds, app.blobs, digests) == 1
    assert fetch(app.objects, file, project).body == wheel().body
    assert upstream.count(path_of(upstream, file)) == 2
    landed(app.objects, file, project)


def test_a_sweep_leaves_what_upstreams_gave(app: App, upstream: UpstreamWorld, clock: TurnableClock) -> None:
    file, project = listed(upstream, wheel())
    app.objects.metadata(file, project)
    app.objects.ensure(file, project)
    clock.turn(timedelta(days=365 * 30))
    assert app.sweep() == 0


def test_a_file_whose_fetcher_died_before_it_was_read_is_read_later(app: App, upstream: UpstreamWorld) -> None:
    from customhouse.work import JOBS  # noqa: PLC0415 - loads all of the worker

    file, project = listed(upstream, wheel())
    app.objects.ensure(file, project)
    with app.database.write() as sql:
        sql.execute(mirrored_object.update().values(examined_at=None, metadata_digest=""))
    JOBS["examine-mirrored"](app, {})
    with app.database.read() as sql:
        kept = find_kept(sql, "pypi", file.filename)
    assert kept is not None
    assert kept.inspected is not None
    assert kept.metadata_digest == sha256(wheel().metadata.encode())


def test_the_end_is_held_back_until_the_judge_agrees(app: App, upstream: UpstreamWorld) -> None:
    dist, rest = big_wheel(), threading.Event()
    file, project = listed(upstream, dist)

    def slowly() -> Iterator[bytes]:
        yield dist.body[:HELD_BYTES]
        rest.wait(30)
        yield dist.body[HELD_BYTES:]

    # The end comes when somebody has some of it: who has nothing yet hears the refusal as it is.
    said = Said(200, slowly, {"content-length": str(len(dist.body))})
    upstream.instead[upstream.file_path("demo", dist.filename)] = lambda _asked: said

    async def client() -> int:
        fetching = app.objects.open(file, project, lambda _seen: Refused("no", "No."))
        await fetching.ready()
        count = 0
        with suppress(Cut):
            async for piece in fetching.pieces():
                count += len(piece)
                rest.set()
        fetching.close()
        return count

    assert asyncio.run(client()) == len(dist.body) - HELD_BYTES
    with pytest.raises(Refused, match="No"):
        app.objects.open(file, project, lambda _seen: Refused("no", "No."))


def test_a_small_file_that_the_judge_refuses_is_refused_as_it_is(app: App, upstream: UpstreamWorld) -> None:
    file, project = listed(upstream, sdist())

    async def client() -> None:
        fetching = app.objects.open(file, project, lambda _seen: Refused("no", "No."))
        try:
            await fetching.ready()
        finally:
            fetching.close()

    with pytest.raises(Refused, match="No"):
        asyncio.run(client())
    landed(app.objects, file, project)


def test_a_full_disk_is_said_and_leaves_nothing(
    app: App, upstream: UpstreamWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    import customhouse.mirror.download as room  # noqa: PLC0415

    file, project = listed(upstream, big_wheel())
    monkeypatch.setattr(room, "SPARE_BYTES", 2**62)
    with pytest.raises(Unavailable, match="no room"):
        quick(app).ensure(file, project)
    monkeypatch.undo()
    quick(app).ensure(file, project)


def test_what_ready_pages_hand_out_counts_as_fetched(app: App, upstream: UpstreamWorld, clock: TurnableClock) -> None:
    """The read path never asks the mirror; the log of views tells what it gave."""
    from customhouse.work import JOBS  # noqa: PLC0415 - loads all of the worker

    keeping = replace(app, settings=app.settings.model_copy(update={"mirror_days": 30}))
    kept, forgotten = (listed(upstream, wheel("demo", version)) for version in ("1.0", "2.0"))
    for file, project in (kept, forgotten):
        app.objects.ensure(file, project)
    clock.turn(timedelta(days=31))
    with app.database.write() as sql:
        sql.execute(
            view_decision.insert().values(
                view="v", day=clock.now().date(), client=b"x" * 16, project="demo", kind="file",
                filename=kept[0].filename, version="1.0", verdict="allow", rule="", agent="pip", ci=False, times=1,
            )
        )  # fmt: skip
    JOBS["let-go-of-files"](keeping, {})
    with app.database.read() as sql:
        rows = sql.execute(sa.select(mirrored_object.c.version, mirrored_object.c.stored)).all()
    assert {row.version: row.stored for row in rows} == {"1.0": True, "2.0": False}


def test_a_stranger_who_asks_for_everything_takes_no_thread_for_each(app: App, upstream: UpstreamWorld) -> None:
    objects = replace(app.objects, most_flights=3)
    some = [listed(upstream, wheel("demo", f"1.{number}")) for number in range(5)]
    going = threading.Event()
    upstream.before = lambda _asked: going.wait(30)

    async def clients() -> list[str]:
        waiting = [asyncio.ensure_future(get(objects, *one)) for one in some]
        over = asyncio.as_completed(waiting)
        for _refused in range(2):
            await next(over)
        going.set()
        return [one.error for one in await asyncio.gather(*waiting)]

    assert sorted(asyncio.run(clients())) == ["", "", "", "unavailable", "unavailable"]
    for one in some:
        for _moment in range(3000):  # a place is free when the thread of the fetch before has ended
            with suppress(Unavailable):
                landed(objects, *one)
                break
            threading.Event().wait(0.01)
        else:
            pytest.fail("no place became free")


def test_whoever_waits_too_long_for_metadata_that_another_one_fetches_is_told(
    app: App, upstream: UpstreamWorld
) -> None:
    file, project = listed(upstream, wheel(), has_metadata=True)
    objects = replace(app.objects, metadata_seconds=0.1)
    going = threading.Event()
    upstream.before = lambda _asked: going.wait(30)
    first = threading.Thread(target=objects.metadata, args=(file, project))
    first.start()
    try:
        while not upstream.asked:
            going.wait(0.01)
        with pytest.raises(Unavailable, match="takes long"):
            objects.metadata(file, project)
    finally:
        going.set()
        first.join()


def test_a_public_upstream_leads_into_no_network_that_is_open_for_others(app: App, upstream: UpstreamWorld) -> None:
    file, project = listed(upstream, wheel(), sha256="", size_bytes=None, has_metadata=True)
    public = UpstreamIndex.of(Upstream(name="public", url="https://8.8.8.8/simple/"))
    leading = Leading(app.outbound, {"public": public, **app.objects.indexes})
    objects = replace(quick(app), streams=leading)
    abroad = replace(project, upstream="public")
    assert fetch(objects, file, abroad).error == "address-refused"
    with pytest.raises(Refused, match="public internet"):
        objects.metadata(file, abroad)
    assert upstream.asked == []
    assert fetch(objects, file, project).body == wheel().body
    leading.close()
