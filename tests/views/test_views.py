"""What a view offers, when it looks again, and what it says of what it does not let in. On both databases."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from advising import advise, record
from clock import TurnableClock
from conftest import Where, prepared, settings_for
from customhouse.advisories.tables import advisory_source
from customhouse.index.erase import Erase, erase
from customhouse.index.quarantine_by_hand import QuarantineProject, order_project_quarantine
from customhouse.infra.walkers import Walkers
from customhouse.mirror.cut import Cut
from customhouse.serve.view import _tell_once
from customhouse.terms.errors import Refused, Rejected
from customhouse.views.define import (
    AddView,
    RemoveView,
    SetView,
    VoidViews,
    add_view,
    remove_view,
    set_view,
    void_views,
)
from customhouse.work import run_due_job, run_followers
from letting_in import BALANCED, LONG, MOMENT, OPEN, LettingIn, letting_in
from neighbours import found_organization, found_project
from packages import sdist, wheel
from upstream_world import JSON_TYPE, UpstreamWorld, says

pytestmark = pytest.mark.slow
ONE, TWO, SOURCE = "demo-1.0-py3-none-any.whl", "demo-2.0-py3-none-any.whl", "demo-1.0.tar.gz"
THREE = wheel("demo", "3.0")


def young(views: LettingIn, days: int = 1) -> None:
    """Upstream has a third release of a few days ago."""
    views.upstream.add(THREE, uploaded_at=views.world.clock.now() - timedelta(days=days))


def work(views: LettingIn) -> None:
    while run_followers(views.world.app) or run_due_job(views.world.app):
        pass


def test_a_view_offers_what_upstream_has_at_its_own_addresses(views: LettingIn) -> None:
    document = views.document("demo")
    assert [one["filename"] for one in document["files"]] == [ONE, SOURCE, TWO]
    assert {one["url"] for one in document["files"]} == {f"../../files/demo/{name}" for name in (ONE, TWO, SOURCE)}
    assert document["_customhouse"]["origin"] == "pypi"
    answer = views.file(ONE)
    assert answer.status_code == 200
    assert answer.content == wheel("demo", "1.0").body
    assert answer.headers["cache-control"] == "private, no-cache"
    metadata = views.file(f"{ONE}.metadata")
    assert metadata.text == wheel("demo", "1.0").metadata
    # The second time it comes from here, with the same digest as its ETag.
    views.settle()
    asked = len(views.upstream.asked)
    again = views.file(ONE, if_none_match=f'"{wheel("demo", "1.0").sha256}"')
    assert again.status_code == 304
    assert len(views.upstream.asked) == asked


def test_a_project_that_is_hosted_here_never_comes_from_upstream(views: LettingIn) -> None:
    ours = wheel("demo", "9.0")
    assert views.world.upload(ours, version="9.0").status == 200
    assert views.listed("demo") == {ours.filename}
    assert views.file(ours.filename).content == ours.body
    assert views.file(ONE).status_code == 404
    assert views.upstream.asked_about("demo") == []
    more = wheel("demo", "9.1")
    assert views.world.upload(more, version="9.1").status == 200
    assert more.filename in views.listed("demo"), "one's own upload is there at once, whatever the cooldown says"


def test_a_new_release_is_hidden_everywhere_until_its_cooldown_ends(views: LettingIn) -> None:
    young(views)
    assert views.listed("demo") == {ONE, TWO, SOURCE}
    document = views.document("demo")
    assert document["versions"] == ["1.0", "2.0"]
    assert document["_customhouse"]["hidden"] == {"files": 1, "rules": {"cooldown": 1}}
    for path in (THREE.filename, f"{THREE.filename}.metadata"):
        for verb in ("GET", "HEAD"):
            answer = views.get(f"/files/demo/{path}", verb=verb)
            assert answer.status_code == 403, path
            assert answer.headers["x-customhouse-policy"] == "hide; rule=cooldown"
            assert answer.headers["cache-control"] == "no-store"
    told = views.file(THREE.filename).json()
    assert (told["code"], told["rule"], told["action"]) == ("not-let-in", "cooldown", "hide")
    assert told["nearest"] == "2.0"
    assert told["explain"] == "/view/main/project/demo/"
    assert "uploaded" in told["detail"]
    assert views.upstream.count(views.upstream.file_path("demo", THREE.filename)) == 0
    views.turn(timedelta(days=7))
    assert THREE.filename in views.listed("demo")
    assert views.file(THREE.filename).status_code == 200


def test_a_browser_is_told_in_words(views: LettingIn) -> None:
    young(views)
    answer = views.file(THREE.filename, accept="text/html")
    assert answer.status_code == 403
    assert answer.headers["content-type"].startswith("text/plain")
    assert "the nearest version that is let in is 2.0" in answer.text


def test_a_page_is_served_while_it_is_renewed(views: LettingIn) -> None:
    views.listed("demo")
    views.upstream.add(wheel("demo", "2.1"))
    asked = views.upstream.count("/simple/demo/")
    views.turn(timedelta(seconds=29))
    assert len(views.listed("demo")) == 3
    assert views.upstream.count("/simple/demo/") == asked
    views.turn(timedelta(seconds=3))
    assert len(views.document("demo")["files"]) == 3, "it is served at once"
    views.settle()
    assert len(views.document("demo")["files"]) == 4, "and renewed behind the reader's back"
    assert views.upstream.count("/simple/demo/") == asked + 1


def test_a_page_of_hours_ago_is_not_served_before_upstream_was_asked(views: LettingIn) -> None:
    views.listed("demo")
    views.upstream.add(wheel("demo", "2.1"))
    views.turn(timedelta(hours=2))
    assert len(views.document("demo")["files"]) == 4


def test_no_file_goes_out_that_upstream_has_taken_away_a_minute_ago(views: LettingIn) -> None:
    assert views.file(TWO).status_code == 200
    views.settle()
    project = views.upstream.projects["demo"]
    project.files.remove(project.file(TWO))
    views.turn(MOMENT)
    answer = views.file(TWO)
    assert answer.status_code == 403
    assert answer.json()["rule"] == "removed upstream"
    assert views.file(f"{TWO}.metadata").status_code == 403
    assert views.listed("demo") == {ONE, SOURCE}


def test_a_project_that_upstream_has_removed_or_quarantined_goes_out_no_more(views: LettingIn) -> None:
    assert views.file(ONE).status_code == 200
    views.settle()
    kept = views.upstream.projects["demo"]
    kept.status, kept.reason = "quarantined", "malware"
    views.turn(MOMENT)
    assert views.file(ONE).status_code == 403
    kept.status = "active"
    views.turn(MOMENT)
    assert views.file(ONE).status_code == 200
    views.upstream.remove("demo")
    views.turn(MOMENT)
    assert views.file(ONE).status_code == 403


def test_what_is_here_goes_on_being_served_while_upstream_is_away(
    views: LettingIn, caplog: pytest.LogCaptureFixture
) -> None:
    assert views.file(ONE).status_code == 200
    views.settle()
    views.upstream.instead["/simple/demo/"] = says("away", status=503)
    views.turn(timedelta(hours=3))
    page, file = views.page("demo"), views.file(ONE)
    assert (page.status_code, file.status_code) == (200, 200)
    assert "cannot be asked" in page.headers["warning"]
    assert "cannot be asked" in file.headers["warning"]
    assert "cannot be asked" in caplog.text


def test_a_record_of_malware_stops_downloads_within_a_minute(views: LettingIn) -> None:
    advise(views.world.app, record("PYSEC-2026-9", "other"))
    work(views)
    assert views.file(TWO).status_code == 200
    views.settle()
    advise(views.world.app, record("MAL-2026-1", "demo", versions=["2.0"]))
    views.turn(MOMENT)
    answer = views.file(TWO)
    assert (answer.status_code, answer.json()["rule"]) == (403, "known malware")
    work(views)
    assert views.listed("demo") == {ONE, SOURCE}
    assert views.file(ONE).status_code == 200


def test_a_hosted_project_that_is_quarantined_goes_out_no_more(views: LettingIn) -> None:
    ours = wheel("ours", "1.0")
    assert views.world.upload(ours, name="ours").status == 200
    assert views.file(ours.filename, "ours").status_code == 200
    views.world.app.do(order_project_quarantine, QuarantineProject("ours", "malware"))
    assert views.file(ours.filename, "ours").status_code == 403
    assert views.listed("ours") == set()


def test_a_warning_is_a_header_and_a_line_in_the_log(views: LettingIn, caplog: pytest.LogCaptureFixture) -> None:
    views.set('level = "open"\n[[rule]]\nname = "sources"\nwarn-if.kind = "sdist"\nreason = "it runs code"\n')
    answer = views.file(SOURCE)
    assert answer.status_code == 200
    assert "it runs code" in answer.headers["warning"]
    assert answer.headers["x-customhouse-policy"] == "warn; rule=sources"
    assert "it runs code" in caplog.text
    views.settle()
    assert "it runs code" in views.file(SOURCE).headers["warning"]
    assert "sources" not in views.file(ONE).headers.get("x-customhouse-policy", "")


def test_another_policy_counts_at_once(views: LettingIn) -> None:
    assert views.file(SOURCE).status_code == 200
    views.settle()
    views.set('level = "open"\n[[rule]]\nname = "no sources"\ndeny-if.kind = "sdist"\n')
    assert views.file(SOURCE).status_code == 403
    assert views.listed("demo") == {ONE, TWO}
    views.set(OPEN)
    assert views.file(SOURCE).status_code == 200


def test_a_rule_that_asks_what_is_in_a_file_holds_before_the_first_one_has_it(views: LettingIn) -> None:
    evil = wheel("evil", "1.0", files={"evil.pth": b"import os\n", "evil/__init__.py": b"x = 1\n"})
    views.upstream.add(evil)
    views.set('level = "open"\n[[rule]]\nname = "start"\ndeny-if.archive = ["pth-file"]\nunknown = "allow"\n')
    assert views.listed("evil") == {evil.filename}, "nobody knows yet"
    answer = views.file(evil.filename, "evil")
    assert (answer.status_code, answer.json()["rule"]) == (403, "start")
    views.settle()
    assert views.listed("evil") == set()
    assert views.file(evil.filename, "evil").status_code == 403


def test_a_file_let_in_by_one_view_is_not_let_in_by_another(views: LettingIn) -> None:
    young(views)
    views.add("fast", OPEN)
    assert views.file(THREE.filename, view="fast").status_code == 200
    views.settle()
    assert views.file(THREE.filename).status_code == 403
    assert views.file(THREE.filename, view="fast").status_code == 200
    for address in ("/files/demo/", "/packages/demo/"):
        assert views.world.client.get(f"{address}{THREE.filename}").status_code == 404


def test_views_are_defined_by_operators_and_refused_with_the_line(views: LettingIn) -> None:
    app = views.world.app
    with pytest.raises(Refused, match="already"):
        app.do(add_view, AddView("main", (), OPEN, ()))
    for name in ("Main", "a--b", "-a", "", "x" * 41, "a/b", "a b"):
        with pytest.raises(Rejected, match="no name of a view"):
            app.do(add_view, AddView(name, (), OPEN, ()))
    with pytest.raises(Rejected, match="nobody has described"):
        app.do(add_view, AddView("other", ("conda",), OPEN, app.upstream_names))
    with pytest.raises(Rejected, match="line 3"):
        app.do(set_view, SetView("main", app.upstream_names, policy='level = "open"\n\ncolour = "red"\n'))
    assert app.views.get("main").policy == BALANCED
    app.do(remove_view, RemoveView("main"))
    assert views.page("demo").status_code == 404
    assert views.file(ONE).status_code == 404


def test_a_policy_that_the_database_holds_broken_closes_the_view_and_says_so(views: LettingIn) -> None:
    assert views.file(ONE).status_code == 200
    views.settle()
    with views.world.app.database.write() as sql:
        sql.exec_driver_sql('UPDATE "view" SET policy = \'level = "none"\'')
    views.world.app.do(void_views, VoidViews("a test"))
    for answer in (views.page("demo"), views.file(ONE), views.file(f"{ONE}.metadata")):
        assert answer.status_code == 503
        assert "policy cannot be read" in answer.text
        assert answer.headers["cache-control"] == "no-store"
    assert [one for one in views.world.app.check() if "closed" in "".join(one.findings)]
    assert "is closed" in views.get("/", accept="text/html").text
    assert "closed" in views.world.client.get("/views/").text
    views.set(OPEN)
    assert views.file(ONE).status_code == 200


def test_what_data_that_are_too_old_rest_on_is_not_let_in(views: LettingIn) -> None:
    now = views.world.clock.now()
    source = {"name": "test", "kind": "file", "place": "x", "trust": 0, "origin": "operator", "added_at": now}
    with views.world.app.database.write() as sql:
        sql.execute(advisory_source.insert().values(**source, succeeded_at=now))
    assert views.file(ONE).status_code == 200
    views.turn(LONG * 2)
    answer = views.file(ONE)
    assert (answer.status_code, answer.json()["rule"]) == (403, "data")
    assert views.listed("demo") == set()
    assert [one for one in views.world.app.check() if "too old" in "".join(one.findings)]
    assert "too old" in views.get("/", accept="text/html").text
    with views.world.app.database.write() as sql:
        sql.execute(advisory_source.update().values(succeeded_at=views.world.clock.now()))
    views.turn(MOMENT)
    assert views.file(ONE).status_code == 200


def test_a_view_without_upstreams_shows_what_is_hosted_and_asks_nobody(views: LettingIn) -> None:
    views.add("own", OPEN, ())
    ours = sdist("ours", "1.0")
    assert views.world.upload(ours, name="ours").status == 200
    assert views.listed("ours", "own") == {ours.filename}
    assert views.page("demo", "own").status_code == 404
    assert views.upstream.asked == []


def test_a_view_says_how_it_stands(views: LettingIn) -> None:
    views.listed("demo")
    page = views.get("/", accept="text/html")
    assert page.status_code == 200
    for words in ("cooldown", "known malware", "pypi", "/view/main/simple/"):
        assert words in page.text
    assert 'href="/view/main/"' in views.world.client.get("/views/").text
    assert views.get("/", "nowhere", accept="text/html").status_code == 404


def test_an_unknown_name_is_answered_404_and_leaves_nothing(views: LettingIn) -> None:
    assert views.page("no-such-thing").status_code == 404
    assert views.file("no_such_thing-1.0.tar.gz", "no-such-thing").status_code == 404
    assert views.get("/simple/demo", accept="*/*").headers["location"] == "demo/"
    assert views.get("/simple/De.Mo/", accept="*/*").headers["location"] == "../de-mo/"
    assert views.page("demo", "nowhere").status_code == 404
    assert views.get("/simple/", accept=JSON_TYPE).json()["projects"] == []
    views.document("demo")
    assert views.get("/simple/", accept=JSON_TYPE).json()["projects"] == [{"name": "demo"}]


def test_a_private_project_is_there_for_whoever_may_read_it_and_for_nobody_else(views: LettingIn) -> None:
    world = views.world
    world.user("alice")
    found_organization(world, "guild", "alice")
    found_project(world, "secret", visibility="private", organization="guild")
    ours = wheel("secret", "1.0")
    assert world.upload(ours, name="secret").status == 200
    views.upstream.add(wheel("secret", "9.0"))
    token = ("__token__", world.tokens["alice"])
    for path in ("/simple/secret/", f"/files/secret/{ours.filename}"):
        assert views.get(path, accept="*/*").status_code == 404
        assert world.client.get(f"/view/main{path}", auth=token).status_code == 200
        assert "no-store" in world.client.get(f"/view/main{path}", auth=token).headers["cache-control"]
        assert views.get(path, accept="*/*").status_code == 404, "what he was told nobody else is"
    assert views.upstream.asked_about("secret") == []
    views.set('level = "open"\n[[rule]]\nname = "none"\nhosted = true\ndeny-if.name = "secret"\n')
    assert world.client.get(f"/view/main/files/secret/{ours.filename}", auth=token).status_code == 403


def test_an_erased_file_is_gone_at_once(views: LettingIn) -> None:
    ours = wheel("ours", "1.0")
    assert views.world.upload(ours, name="ours").status == 200
    assert views.file(ours.filename, "ours").status_code == 200
    views.world.app.do(erase, Erase("ours", ours.filename, "a court said so", "K 1/26", ours.filename))
    assert views.file(ours.filename, "ours").status_code == 410
    assert views.listed("ours") == set()


def test_with_a_reader_of_archives_that_never_ends_nothing_goes_out_that_a_rule_wants_looked_into(
    tmp_path: Path, request: pytest.FixtureRequest, clock: TurnableClock, upstream: UpstreamWorld
) -> None:
    dead = Walkers(count=1, seconds=0.0001, memory_bytes=2**30)
    settings = prepared(settings_for(Where(), tmp_path / "data", request), request)
    with letting_in(settings, upstream, clock, dead, policy=BALANCED) as views:
        try:
            answer = views.file(ONE)
            assert answer.status_code in (403, 503), answer.text
        except Cut:
            pass  # its beginning was sent, and the connection is cut before the end
        views.set(OPEN)
        assert views.file(ONE).status_code == 200, "no rule of this policy asks what is in a file"
    dead.close()


def test_that_nothing_is_loaded_is_one_line_in_the_log_and_not_one_for_each_file(
    views: LettingIn, caplog: pytest.LogCaptureFixture
) -> None:
    _tell_once.cache_clear()
    for filename in (SOURCE, ONE, TWO) * 2:
        answer = views.file(filename)
        assert "not known" in answer.headers["warning"]
        views.settle()
    assert len([one for one in caplog.records if "not known" in one.getMessage()]) == 1
