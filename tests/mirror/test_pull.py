"""Projects of upstreams: who is asked, when, and what is kept of the answer. On both databases."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from email.utils import formatdate
from pathlib import Path
from threading import Event, Thread

import pytest
import sqlalchemy as sa

from clock import TurnableClock
from conftest import DATABASES, Where, prepared, settings_for
from customhouse.accounts.users import AddUser, add_user
from customhouse.app import App, open_app
from customhouse.catalog.tables import name
from customhouse.index.namespaces import GrantNamespace, grant_namespace
from customhouse.index.organizations import CreateOrganization, create_organization
from customhouse.index.prohibited import Prohibit, prohibit
from customhouse.infra.settings import Settings
from customhouse.infra.tables import changed
from customhouse.ledger.tables import ledger_event
from customhouse.mirror.model import MirroredProject
from customhouse.mirror.queries import confirmed_at
from customhouse.terms.errors import Unavailable
from packages import sdist, wheel
from upstream_world import JSON_TYPE, Asked, Said, UpstreamWorld, says, upstream_world
from world import IDLE

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
NOW = timedelta(0)


@pytest.fixture
def upstream() -> Iterator[UpstreamWorld]:
    with upstream_world() as running:
        running.add(wheel("demo", "1.0"))
        running.add(sdist("demo", "1.1"), yanked="broken")
        yield running


@pytest.fixture(params=DATABASES)
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    return prepared(settings_for(Where(request.param), tmp_path / "data", request), request)


def opened(settings: Settings, upstream: UpstreamWorld, clock: TurnableClock, **more: object) -> Iterator[App]:
    with_upstream = Settings.model_validate(settings.model_dump() | upstream.settings() | more)
    with open_app(with_upstream, clock=clock, walkers=IDLE) as app:
        yield app


@pytest.fixture
def app(where: Settings, upstream: UpstreamWorld, clock: TurnableClock) -> Iterator[App]:
    yield from opened(where, upstream, clock)


def project(app: App, wanted: str = "demo", *, within: timedelta = HOUR) -> MirroredProject | None:
    return app.upstreams.project(wanted, ("pypi",), within=within)


def there(found: MirroredProject | None) -> MirroredProject:
    assert found is not None
    return found


def kinds(app: App) -> list[str]:
    with app.database.read() as sql:
        return list(sql.execute(sa.select(ledger_event.c.kind).order_by(ledger_event.c.serial)).scalars())


def state(app: App, wanted: str) -> tuple[str, str | None] | None:
    with app.database.read() as sql:
        row = sql.execute(sa.select(name.c.state, name.c.upstream).where(name.c.normalized == wanted)).one_or_none()
    return None if row is None else (row.state, row.upstream)


def test_a_project_is_taken_over_as_upstream_has_it(app: App, upstream: UpstreamWorld) -> None:
    found = there(project(app))
    first, second = found.files
    assert (found.upstream, found.versions, found.stale, found.removed_at) == ("pypi", ("1.0", "1.1"), False, None)
    listed = upstream.projects["demo"].file(first.filename)
    assert (first.sha256, first.size_bytes, first.uploaded_at) == (listed.sha256, len(listed.body), listed.uploaded_at)
    assert first.has_metadata
    assert len(first.metadata_sha256) == 64
    assert (second.yanked, second.yanked_reason, second.version) == (True, "broken", "1.1")
    assert state(app, "demo") == ("upstream", "pypi")
    assert kinds(app) == ["upstream-name-taken"]


def test_the_list_of_projects_is_never_fetched(app: App, upstream: UpstreamWorld) -> None:
    project(app)
    project(app, "nobody-has-it")
    assert [str(one) for one in upstream.asked] == ["GET /simple/demo/", "GET /simple/nobody-has-it/"]


def test_what_is_young_enough_is_answered_without_asking(app: App, upstream: UpstreamWorld) -> None:
    project(app)
    project(app, within=MINUTE)
    app.upstreams.settle()
    assert upstream.count("/simple/demo/") == 1


def test_what_is_older_is_answered_at_once_and_renewed_behind(
    app: App, upstream: UpstreamWorld, clock: TurnableClock
) -> None:
    project(app)
    clock.turn(timedelta(seconds=31))
    going = Event()
    upstream.before = lambda _asked: going.wait(30)
    upstream.add(wheel("demo", "2.0"))
    assert len(there(project(app)).files) == 2
    going.set()
    app.upstreams.settle()
    assert len(there(project(app)).files) == 3
    assert upstream.count("/simple/demo/") == 2


def test_what_is_too_old_is_looked_at_first(app: App, upstream: UpstreamWorld, clock: TurnableClock) -> None:
    project(app)
    clock.turn(timedelta(seconds=61))
    upstream.add(wheel("demo", "2.0"))
    assert len(there(project(app, within=MINUTE)).files) == 3


def test_an_unchanged_page_is_confirmed_by_a_conditional_request(
    app: App, upstream: UpstreamWorld, clock: TurnableClock
) -> None:
    before = there(project(app))
    clock.turn(HOUR)
    after = there(project(app, within=MINUTE))
    assert "if-none-match" in upstream.asked[-1].headers
    assert after.files == before.files
    assert after.checked_at is not None
    assert before.checked_at is not None
    assert after.checked_at - before.checked_at >= HOUR
    assert after.changed_at == before.changed_at
    assert kinds(app) == ["upstream-name-taken"]


def test_without_etags_an_unchanged_page_writes_nothing_either(
    app: App, upstream: UpstreamWorld, clock: TurnableClock
) -> None:
    upstream.conditional = False
    project(app)
    clock.turn(HOUR)
    project(app, within=MINUTE)
    assert upstream.count("/simple/demo/") == 2
    assert kinds(app) == ["upstream-name-taken"]


def test_many_who_ask_at_once_cost_one_request(app: App, upstream: UpstreamWorld) -> None:
    going = Event()
    upstream.before = lambda _asked: going.wait(30)
    found: list[MirroredProject | None] = []
    threads = [Thread(target=lambda: found.append(project(app))) for _ in range(30)]
    for thread in threads:
        thread.start()
    upstream.asked_until("/simple/demo/", 1)
    going.set()
    for thread in threads:
        thread.join(60)
    assert len(found) == 30
    assert all(one is not None and len(one.files) == 2 for one in found)
    assert upstream.count("/simple/demo/") == 1


def test_two_processes_that_ask_at_once_cost_one_request(
    app: App, upstream: UpstreamWorld, clock: TurnableClock
) -> None:
    """Two apps on one data folder know nothing of each other but the folder and the database."""
    with open_app(app.settings, clock=clock, walkers=IDLE) as other:
        going = Event()
        upstream.before = lambda _asked: going.wait(30)
        first = Thread(target=project, args=(app,))
        first.start()
        upstream.asked_until("/simple/demo/", 1)
        found: list[MirroredProject | None] = []
        second = Thread(target=lambda: found.append(project(other)))
        second.start()
        second.join(0.5)
        assert second.is_alive()
        going.set()
        first.join(30)
        second.join(30)
        assert found[0] is not None
        assert upstream.count("/simple/demo/") == 1


def test_a_name_that_nobody_has_leaves_no_trace(app: App, upstream: UpstreamWorld, clock: TurnableClock) -> None:
    assert project(app, "nobody-has-it") is None
    assert project(app, "nobody-has-it") is None
    assert upstream.count("/simple/nobody-has-it/") == 1
    assert state(app, "nobody-has-it") is None
    assert kinds(app) == []
    clock.turn(MINUTE)
    upstream.add(wheel("nobody-has-it", "1.0"))
    assert project(app, "nobody-has-it") is not None


def test_private_names_never_leak(app: App, upstream: UpstreamWorld) -> None:
    """Hosted, private, deleted, prohibited, in a namespace of ours, or internal: known here before anybody is asked."""
    app.do(prohibit, Prohibit("forbidden", "no"))
    app.do(add_user, AddUser("ann"))
    app.do(create_organization, CreateOrganization("acme", "Acme", owner="ann"))
    app.do(grant_namespace, GrantNamespace("acme", "acme"))
    with app.database.write() as sql:
        for hosted, named in (("hosted", "ours"), ("staged", "coming")):
            sql.execute(
                name.insert().values(normalized=named, ultranormalized=named, state=hosted, claimed_at=app.clock.now())
            )
    for wanted in ("forbidden", "acme", "acme-secret", "ours", "coming"):
        assert project(app, wanted) is None
    assert upstream.asked == []


def test_internal_names_of_the_settings_never_leak(
    where: Settings, upstream: UpstreamWorld, clock: TurnableClock
) -> None:
    upstream.add(wheel("acme-tool", "9.0"))
    for app in opened(where, upstream, clock, internal_names=["Acme_*"]):
        assert project(app, "acme-tool") is None
        assert upstream.asked == []


def test_a_name_that_becomes_ours_while_upstream_is_asked_stays_ours(app: App, upstream: UpstreamWorld) -> None:
    def becomes_ours(_asked: Asked) -> None:
        with app.database.write() as sql:
            sql.execute(
                name.insert().values(
                    normalized="demo", ultranormalized="dem0", state="hosted", claimed_at=app.clock.now()
                )
            )

    upstream.before = becomes_ours
    assert project(app) is None
    assert state(app, "demo") == ("hosted", None)
    assert kinds(app) == []


def test_files_that_vanish_are_marked_and_come_back(app: App, upstream: UpstreamWorld, clock: TurnableClock) -> None:
    project(app)
    gone = upstream.projects["demo"].files.pop()
    clock.turn(MINUTE * 2)
    found = there(project(app, within=MINUTE))
    marked = next(file for file in found.files if file.filename == gone.filename)
    assert marked.removed_at is not None
    assert marked.sha256 == gone.sha256
    upstream.projects["demo"].files.append(gone)
    clock.turn(MINUTE * 2)
    assert all(file.removed_at is None for file in there(project(app, within=MINUTE)).files)
    assert kinds(app) == ["upstream-name-taken", "upstream-changed", "upstream-changed"]


def test_a_project_that_is_gone_is_marked_and_comes_back(
    app: App, upstream: UpstreamWorld, clock: TurnableClock
) -> None:
    project(app)
    gone = upstream.projects.pop("demo")
    clock.turn(MINUTE * 2)
    found = there(project(app, within=MINUTE))
    assert found.removed_at is not None
    assert len(found.files) == 2
    assert state(app, "demo") == ("upstream", "pypi")
    clock.turn(MINUTE * 2)
    project(app, within=MINUTE)
    upstream.projects["demo"] = gone
    clock.turn(MINUTE * 2)
    assert there(project(app, within=MINUTE)).removed_at is None
    assert kinds(app) == [
        "upstream-name-taken",
        "upstream-project-removed",
        "upstream-project-returned",
        "upstream-changed",
    ]


def test_another_digest_for_a_file_name_is_refused_and_told(
    app: App, upstream: UpstreamWorld, clock: TurnableClock
) -> None:
    before = there(project(app)).files[0]
    upstream.projects["demo"].files[0].body += b"evil"
    clock.turn(MINUTE * 2)
    after = there(project(app, within=MINUTE)).files[0]
    assert (after.sha256, after.size_bytes, after.url) == (before.sha256, before.size_bytes, before.url)
    clock.turn(MINUTE * 2)
    project(app, within=MINUTE)
    assert kinds(app).count("upstream-digest-changed") == 1


def test_no_upstream_makes_a_file_older_than_it_first_said(
    app: App, upstream: UpstreamWorld, clock: TurnableClock
) -> None:
    before = there(project(app)).files[0]
    upstream.projects["demo"].files[0].uploaded_at -= timedelta(days=3650)
    clock.turn(MINUTE * 2)
    assert there(project(app, within=MINUTE)).files[0].uploaded_at == before.uploaded_at


def test_status_and_yanks_are_followed_and_void_what_views_show(
    app: App, upstream: UpstreamWorld, clock: TurnableClock
) -> None:
    project(app)
    upstream.projects["demo"].status = "quarantined"
    upstream.projects["demo"].reason = "malware"
    upstream.projects["demo"].files[0].yanked = "leaks"
    clock.turn(MINUTE * 2)
    with app.database.read() as sql:
        before = sql.execute(sa.select(sa.func.max(changed.c.serial))).scalar()
    found = there(project(app, within=MINUTE))
    assert (found.status, found.status_reason) == ("quarantined", "malware")
    assert (found.files[0].yanked, found.files[0].yanked_reason) == (True, "leaks")
    with app.database.read() as sql:
        assert (sql.execute(sa.select(sa.func.max(changed.c.serial))).scalar() or 0) > (before or 0)


def test_signals_of_another_customhouse_are_kept(app: App, upstream: UpstreamWorld) -> None:
    upstream.projects["demo"].signals = {"owner-2fa": "all"}
    upstream.projects["demo"].files[0].signals = {"downloads": 12}
    found = there(project(app))
    assert found.signals == {"owner-2fa": "all"}
    assert found.files[0].signals == {"downloads": 12}


def test_what_is_here_is_answered_while_upstream_is_away(
    app: App, upstream: UpstreamWorld, clock: TurnableClock
) -> None:
    project(app)
    upstream.instead["/simple/demo/"] = says("broken", status=503)
    clock.turn(HOUR * 2)
    assert there(project(app)).stale
    asked = upstream.count("/simple/demo/")
    assert there(project(app)).stale
    assert upstream.count("/simple/demo/") == asked, "an upstream that is away is not asked again at once"
    del upstream.instead["/simple/demo/"]
    clock.turn(MINUTE)
    assert not there(project(app)).stale


def test_a_name_that_was_never_here_is_unavailable_while_upstream_is_away(app: App, upstream: UpstreamWorld) -> None:
    upstream.instead["/simple/demo/"] = says("broken", status=503)
    with pytest.raises(Unavailable, match="503"):
        project(app)
    assert state(app, "demo") is None


def test_an_upstream_that_fails_three_times_is_left_alone_for_a_while(
    app: App, upstream: UpstreamWorld, clock: TurnableClock
) -> None:
    for one in "abcd":
        upstream.instead[f"/simple/{one}/"] = says("broken", status=500)
        with pytest.raises(Unavailable):
            project(app, one)
    assert len(upstream.asked) == 3
    clock.turn(timedelta(seconds=11))
    assert project(app) is not None


def test_offline_nothing_is_asked(where: Settings, upstream: UpstreamWorld, clock: TurnableClock) -> None:
    for app in opened(where, upstream, clock):
        project(app)
    asked = len(upstream.asked)
    clock.turn(HOUR * 48)
    for app in opened(where, upstream, clock, offline=True):
        assert there(project(app, within=NOW)).stale
        assert project(app, "unknown") is None
    assert len(upstream.asked) == asked


def test_the_first_upstream_that_has_a_name_keeps_it(where: Settings, clock: TurnableClock) -> None:
    """Index priority (PEP 766): a later upstream never supplies it, whatever becomes of the first."""
    with upstream_world() as first, upstream_world() as second:
        first.add(wheel("demo", "1.0"))
        second.add(wheel("demo", "99.0"))
        second.add(wheel("other", "1.0"))
        both = first.settings("first") | {
            "upstreams": [
                {"name": "first", "url": first.simple_url}, {"name": "second", "url": second.simple_url},
            ]
        }  # fmt: skip
        with open_app(Settings.model_validate(where.model_dump() | both), clock=clock, walkers=IDLE) as app:
            names = ("first", "second")

            def ask(wanted: str) -> MirroredProject | None:
                clock.turn(MINUTE * 2)
                return app.upstreams.project(wanted, names, within=MINUTE)

            assert there(ask("demo")).versions == ("1.0",)
            gone = first.projects.pop("demo")
            assert there(ask("demo")).removed_at is not None
            first.instead["/simple/demo/"] = says("", status=500)
            assert there(ask("demo")).stale
            del first.instead["/simple/demo/"]
            first.projects["demo"] = gone
            assert second.asked_about("demo") == []
            assert there(ask("other")).upstream == "second"
            assert app.upstreams.project("other", ("first",), within=HOUR) is None
            assert app.upstreams.project("demo", ("second",), within=HOUR) is None


def test_a_later_upstream_does_not_get_a_name_because_the_first_is_away(where: Settings, clock: TurnableClock) -> None:
    with upstream_world() as first, upstream_world() as second:
        first.instead["/simple/demo/"] = says("", status=502)
        second.add(wheel("demo", "99.0"))
        both = first.settings("first") | {
            "upstreams": [
                {"name": "first", "url": first.simple_url}, {"name": "second", "url": second.simple_url},
            ]
        }  # fmt: skip
        with open_app(Settings.model_validate(where.model_dump() | both), clock=clock, walkers=IDLE) as app:
            with pytest.raises(Unavailable):
                app.upstreams.project("demo", ("first", "second"), within=HOUR)
            assert second.asked == []
            assert state(app, "demo") is None


def test_an_upstream_is_asked_only_for_names_of_its_patterns(
    where: Settings, upstream: UpstreamWorld, clock: TurnableClock
) -> None:
    upstream.add(wheel("torch", "1.0"))
    settings = upstream.settings(names=["torch*"])
    with open_app(Settings.model_validate(where.model_dump() | settings), clock=clock, walkers=IDLE) as app:
        assert project(app) is None
        assert there(project(app, "torch")).versions == ("1.0",)
    assert upstream.asked_about("demo") == []


def test_sizes_and_upload_times_come_from_the_older_api_once(
    where: Settings, upstream: UpstreamWorld, clock: TurnableClock
) -> None:
    upstream.manner = "html"
    for app in opened(where, upstream, clock):
        file = there(project(app)).files[0]
        listed = upstream.projects["demo"].files[0]
        assert (file.size_bytes, file.uploaded_at) == (len(listed.body), listed.uploaded_at)
        for _ in range(3):
            clock.turn(MINUTE * 2)
            project(app, within=MINUTE)
        assert upstream.count("/simple/demo/") == 4
        assert upstream.count("/pypi/demo/json") == 1
        upstream.add(wheel("demo", "2.0"))
        clock.turn(MINUTE * 2)
        project(app, within=MINUTE)
        assert upstream.count("/pypi/demo/json") == 2


def test_an_older_api_that_is_away_is_asked_again_an_hour_later(
    where: Settings, upstream: UpstreamWorld, clock: TurnableClock
) -> None:
    upstream.manner = "html"
    upstream.instead["/pypi/demo/json"] = says("", status=500)
    for app in opened(where, upstream, clock):
        assert there(project(app)).files[0].uploaded_at is None
        del upstream.instead["/pypi/demo/json"]
        clock.turn(MINUTE * 2)
        assert there(project(app, within=MINUTE)).files[0].uploaded_at is None
        clock.turn(HOUR)
        assert there(project(app, within=MINUTE)).files[0].uploaded_at is not None


def test_a_plain_folder_of_files_is_an_index_too(
    where: Settings, upstream: UpstreamWorld, clock: TurnableClock
) -> None:
    upstream.manner = "plain"
    for app in opened(where, upstream, clock):
        file = there(project(app)).files[0]
        assert (file.sha256, file.size_bytes, file.uploaded_at) == ("", None, None)
        assert file.url == upstream.url + upstream.file_path("demo", file.filename)


def test_a_page_that_stops_being_one_marks_nothing(app: App, upstream: UpstreamWorld, clock: TurnableClock) -> None:
    """A captive portal answers 200 to everything."""
    project(app)
    upstream.instead["/simple/demo/"] = says("<html><body>Please sign in</body></html>", "text/html")
    clock.turn(MINUTE * 2)
    found = there(project(app, within=MINUTE))
    assert found.stale
    assert all(file.removed_at is None for file in found.files)
    upstream.instead["/simple/unknown/"] = upstream.instead["/simple/demo/"]
    clock.turn(MINUTE)
    assert project(app, "unknown") is None
    assert state(app, "unknown") is None


def test_credentials_go_to_the_upstream_alone(where: Settings, upstream: UpstreamWorld, clock: TurnableClock) -> None:
    upstream.manner = "html"
    settings = upstream.settings(user="reader", password="secret") | {"log_level": "debug"}
    with open_app(Settings.model_validate(where.model_dump() | settings), clock=clock, walkers=IDLE) as app:
        project(app)
        assert {one.headers.get("authorization") for one in upstream.asked} == {"Basic cmVhZGVyOnNlY3JldA=="}
        assert "cmVhZGVyOnNlY3JldA" not in repr(app.upstreams.indexes)


def test_the_time_of_the_confirmation_is_there_for_the_read_path(app: App) -> None:
    project(app)
    with app.database.read() as sql:
        checked = sql.exec_driver_sql("SELECT checked_at FROM upstream_check WHERE name = 'demo'").scalar()
        assert checked == int(there(project(app)).checked_at.timestamp())  # type: ignore[union-attr]
        assert confirmed_at(sql, "demo") is not None


def test_the_rows_of_a_project_change_in_one_transaction_with_its_event(
    app: App, upstream: UpstreamWorld, clock: TurnableClock
) -> None:
    project(app)
    page = upstream.page_json(upstream.projects["demo"])
    page["files"][0]["yanked"] = True
    upstream.instead["/simple/demo/"] = lambda _asked: Said(
        200, json.dumps(page).encode(), {"content-type": "application/vnd.pypi.simple.v1+json"}
    )
    clock.turn(MINUTE * 2)
    project(app, within=MINUTE)
    with app.database.read() as sql:
        body = sql.execute(sa.select(ledger_event.c.body).where(ledger_event.c.kind == "upstream-changed")).scalar()
    counts = {"added": 0, "removed": 0, "returned": 0, "changed": 1, "status": "", "upstream": "pypi"}
    assert json.loads(body or "") == counts


def test_a_project_is_a_value(app: App) -> None:
    found = there(project(app))
    assert replace(found, stale=True).files is found.files


@pytest.mark.parametrize(
    "answer",
    [says("{}"), says("<a href='b-1-py3-none-any.whl'>b</a>", "text/html"), lambda _: Said(403), lambda _: Said(400)],
    ids=["no page", "other files", "forbidden", "bad request"],
)
def test_broken_projects_do_not_make_the_upstream_one_that_is_away(
    app: App, upstream: UpstreamWorld, clock: TurnableClock, answer: Callable[[Asked], Said]
) -> None:
    project(app)
    clock.turn(MINUTE * 2)
    for number in range(5):
        upstream.add(wheel(f"broken{number}", "1.0"))
        upstream.instead[f"/simple/broken{number}/"] = answer
        with pytest.raises(Unavailable):
            project(app, f"broken{number}")
    upstream.projects["demo"].status = "quarantined"
    found = there(project(app, within=MINUTE))
    assert (found.status, found.stale) == ("quarantined", False)


def test_a_confirmation_of_the_future_counts_for_nothing(
    app: App, upstream: UpstreamWorld, clock: TurnableClock
) -> None:
    clock.turn(timedelta(days=300))
    project(app)
    clock.turn(timedelta(days=-300))
    upstream.projects["demo"].status = "quarantined"
    assert there(project(app, within=MINUTE)).status == "quarantined"


@pytest.mark.parametrize(("seconds", "status"), [(0, "quarantined"), (3600, "active")])
def test_a_change_within_the_second_of_the_one_before_is_not_missed(
    app: App, upstream: UpstreamWorld, clock: TurnableClock, seconds: int, status: str
) -> None:
    changed_at = formatdate(time.time() - seconds, usegmt=True)

    def by_the_second(asked: Asked) -> Said:
        if asked.headers.get("if-modified-since") == changed_at:
            return Said(304)
        page = json.dumps(upstream.page_json(upstream.projects["demo"])).encode()
        return Said(200, page, {"content-type": JSON_TYPE, "last-modified": changed_at})

    upstream.instead["/simple/demo/"] = by_the_second
    project(app)
    upstream.projects["demo"].status = "quarantined"
    clock.turn(MINUTE * 2)
    assert there(project(app, within=MINUTE)).status == status
