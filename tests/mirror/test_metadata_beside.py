"""PEP 658 for every wheel of an upstream, whatever the upstream has: its own, by ranges, or out of the whole."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest
import sqlalchemy as sa

from clock import TurnableClock
from conftest import ON_FILES, prepared, settings_for
from customhouse.app import App, open_app
from customhouse.infra.settings import Settings
from customhouse.infra.walkers import Walkers
from customhouse.ledger.tables import ledger_event
from customhouse.mirror.object_rows import find_kept
from customhouse.mirror.object_tables import mirrored_object
from customhouse.terms.digest import Digest
from customhouse.terms.errors import Refused
from packages import sdist, wheel
from upstream_files import big_wheel, listed, path_of, quick, sha256
from upstream_world import UpstreamWorld, says, upstream_world
from world import blank_folder


@pytest.fixture
def upstream() -> Iterator[UpstreamWorld]:
    with upstream_world(metadata_beside=False) as running:
        yield running


@pytest.fixture(params=ON_FILES, ids=str)
def app(
    request: pytest.FixtureRequest, tmp_path: Path, clock: TurnableClock, walkers: Walkers, upstream: UpstreamWorld
) -> Iterator[App]:
    plain = prepared(settings_for(request.param, tmp_path / "data", request), request)
    with open_app(
        Settings.model_validate(plain.model_dump() | upstream.settings()), clock=clock, walkers=walkers
    ) as opened:
        yield opened
        findings = [finding for checked in opened.check() for finding in checked.findings]
        assert not findings, findings


def text_of(app: App, digest: str) -> str:
    place = app.blobs.locate(Digest(digest))
    assert isinstance(place, Path)
    return place.read_text()


def test_upstreams_own_metadata_is_served_if_it_has_it(app: App, upstream: UpstreamWorld) -> None:
    dist = big_wheel()
    upstream.metadata_beside = True
    file, project = listed(upstream, dist, has_metadata=True, metadata_sha256=sha256(dist.metadata.encode()))
    digest, size_bytes = app.objects.metadata(file, project)
    assert (text_of(app, digest), size_bytes) == (dist.metadata, len(dist.metadata))
    assert [one.path for one in upstream.asked] == [f"{path_of(upstream, file)}.metadata"]
    assert app.objects.metadata(file, project) == (digest, size_bytes)
    assert len(upstream.asked) == 1


@pytest.mark.parametrize("sized", [True, False])
def test_without_it_two_small_ranges_do(app: App, upstream: UpstreamWorld, *, sized: bool) -> None:
    dist = big_wheel(size_bytes=3_000_000)
    file, project = listed(upstream, dist, **({} if sized else {"size_bytes": None}))
    digest, _ = app.objects.metadata(file, project)
    assert text_of(app, digest) == dist.metadata
    parts = [one.headers["range"].removeprefix("bytes=").split("-") for one in upstream.asked]
    assert len(parts) <= 3
    assert sum(int(last) - int(first) + 1 for first, last in parts) < 100_000


@pytest.mark.parametrize(
    "broken", ["no ranges", "metadata is missing", "metadata is another", "announced, with another digest"]
)
def test_whatever_upstream_lacks_there_is_metadata(app: App, upstream: UpstreamWorld, broken: str) -> None:
    dist = big_wheel()
    more: dict[str, object] = {}
    if broken == "no ranges":
        upstream.ranges = False
    elif broken == "metadata is missing":
        more = {"has_metadata": True}
    else:
        more = {"has_metadata": True, "metadata_sha256": sha256(dist.metadata.encode())}
    file, project = listed(upstream, dist, **more)
    if broken == "metadata is another":
        upstream.instead[f"{path_of(upstream, file)}.metadata"] = says("Metadata-Version: 2.1\n", "text/plain")
    digest, _ = app.objects.metadata(file, project)
    assert text_of(app, digest) == dist.metadata


def test_metadata_that_is_not_what_is_announced_is_never_served(app: App, upstream: UpstreamWorld) -> None:
    file, project = listed(upstream, big_wheel(), has_metadata=True, metadata_sha256=sha256(b"other"))
    with pytest.raises(Refused, match="not what it announces"):
        app.objects.metadata(file, project)


def test_a_wheel_whose_metadata_is_not_what_was_served_is_refused_as_lying(app: App, upstream: UpstreamWorld) -> None:
    """The trick: resolvers are shown harmless requirements, and the wheel has others."""
    dist = wheel("demo", "1.0", headers={"Requires-Dist": "evil"})
    shown = wheel("demo", "1.0").metadata
    file, project = listed(upstream, dist, has_metadata=True)
    upstream.instead[f"{path_of(upstream, file)}.metadata"] = says(shown, "text/plain")
    digest, _ = app.objects.metadata(file, project)
    assert text_of(app, digest) == shown
    found = app.objects.ensure(file, project)
    assert "is not what was served beside it" in found.refusal
    # What was promised once stays what it is: nobody is served another text under the same name.
    assert app.objects.metadata(file, project)[0] == digest
    with app.database.read() as sql:
        kinds = list(sql.execute(sa.select(ledger_event.c.kind)).scalars())
        kept = find_kept(sql, "pypi", file.filename)
    assert kinds.count("upstream-file-lied") == 1
    assert kept is not None
    assert kept.refusal_code == "metadata-differs"


def test_what_the_strict_reader_refuses_has_metadata_by_ranges_and_the_same_later(
    app: App, upstream: UpstreamWorld
) -> None:
    dist = wheel()
    second = replace(dist, body=dist.body.replace(b"demo/__init__.py", b"demo/__in\0t__.py", 1))
    file, project = listed(upstream, second)
    digest, _ = app.objects.metadata(file, project)
    assert text_of(app, digest) == dist.metadata
    assert app.objects.ensure(file, project).refusal
    assert app.objects.metadata(file, project)[0] == digest


def test_a_source_archive_offers_metadata_only_if_it_is_final(app: App, upstream: UpstreamWorld) -> None:
    final, project = listed(upstream, sdist())
    assert text_of(app, app.objects.metadata(final, project)[0]) == sdist().metadata
    dynamic, project = listed(upstream, sdist("other", headers={"Dynamic": "Requires-Dist"}))
    with pytest.raises(Refused, match="no metadata that can be served"):
        app.objects.metadata(dynamic, project)


def test_who_asks_at_once_waits_for_one_answer(app: App, upstream: UpstreamWorld) -> None:
    file, project = listed(upstream, big_wheel())
    found: list[tuple[str, int]] = []
    threads = [Thread(target=lambda: found.append(app.objects.metadata(file, project))) for _ in range(20)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(set(found)) == 1
    assert upstream.count(path_of(upstream, file)) <= 2


def test_a_page_of_digests_may_change_but_what_was_found_stays(
    tmp_path: Path, clock: TurnableClock, walkers: Walkers, upstream: UpstreamWorld
) -> None:
    """Ranges of a file that changes between two requests are no metadata."""
    shutil.copytree(blank_folder(), tmp_path / "data")
    one, other = big_wheel(size_bytes=2_000_000), big_wheel(size_bytes=2_000_000)
    settings = Settings.model_validate({"data": tmp_path / "data", **upstream.settings()})
    with open_app(settings, clock=clock, walkers=walkers) as app:
        file, project = listed(upstream, one, size_bytes=None)
        kept = upstream.project("demo").files[0]
        upstream.before = lambda asked: setattr(
            kept, "body", other.body if asked.headers.get("range") != "bytes=0-0" else one.body
        )
        with pytest.raises(Refused):
            quick(app).metadata(file, project)
        with app.database.read() as sql:
            assert not sql.execute(sa.select(mirrored_object)).all()
