"""The page with the four levels, and the log that operators see: who is asked for what, and who is not."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta

import pytest

from customhouse.cli.policy_simulate_log import report_of
from customhouse.formats.decision_line import Asked
from customhouse.formats.policy.level_texts import level_text
from customhouse.infra.client_hash import ClientHashes
from customhouse.infra.decision_spool import DecisionSpool, decisions_folder
from customhouse.views.define import RemoveView, remove_view
from customhouse.views.log.fold import fold_decisions
from letting_in import LettingIn
from packages import wheel
from person import Person

UV_LOCK = (
    'version = 1\n[[package]]\nname = "demo"\nversion = "2.0"\nsource = { registry = "https://pypi.org/simple" }\n'
)
POETRY = (
    '[[package]]\nname = "demo"\nversion = "2.0"\nfiles = []\n[metadata]\ncontent-hash = "x"\nlock-version = "2.1"\n'
)
PYLOCK = 'lock-version = "1.0"\ncreated-by = "uv"\n[[packages]]\nname = "demo"\nversion = "2.0"\n'
PIPFILE = '{"_meta": {"hash": {}}, "default": {"demo": {"version": "==2.0"}}, "develop": {}}'
BOM = '{"bomFormat": "CycloneDX", "specVersion": "1.5", "components": [{"type": "library", "name": "demo", "version": "2.0", "purl": "pkg:pypi/demo@2.0"}]}'
LOCKS = {"uv": UV_LOCK, "poetry": POETRY, "pylock": PYLOCK, "pipfile": PIPFILE, "bom": BOM, "pins": "demo==2.0\n"}


def fetched(views: LettingIn, *names: str) -> None:
    """The view has been asked for these."""
    for name in names:
        assert views.page(name).status_code == 200


def young(views: LettingIn, name: str = "demo", version: str = "3.0") -> str:
    at = views.world.clock.now() - timedelta(days=1)
    return views.upstream.add(wheel(name, version), uploaded_at=at).filename


def paste(views: LettingIn, person: Person, lock: str, **more: str) -> str:
    answer = person.post("/policy/", lock=lock, **more)
    views.settle()
    assert answer.status_code == 200, answer.text
    return answer.text


@pytest.mark.parametrize("kind", LOCKS)
def test_every_kind_of_lock_can_be_pasted(small_views: LettingIn, kind: str) -> None:
    fetched(small_views, "demo")
    shown = paste(small_views, small_views.world.stranger(), LOCKS[kind])
    assert "1 packages of your" in shown
    assert shown.count('class="level-panel"') == 4


def test_the_levels_show_what_breaks_why_and_the_exceptions(views: LettingIn) -> None:
    young(views)
    fetched(views, "demo")
    shown = paste(views, views.world.stranger(), "demo==3.0\n")
    assert "<b>cooldown</b>" in shown
    assert "version = &#34;==3.0&#34;" in shown
    assert "balanced: 1 of 1 kept back" in shown
    assert "open: 0 of 1 kept back" in shown


def test_a_requirement_without_a_pin_stands_for_its_newest_version(small_views: LettingIn) -> None:
    young(small_views)
    fetched(small_views, "demo")
    assert "demo 3.0" in paste(small_views, small_views.world.stranger(), "demo\n")
    assert "demo 3.0" not in paste(small_views, small_views.world.stranger(), "demo<3\n")


def test_for_strangers_no_upstream_is_asked(views: LettingIn) -> None:
    views.upstream.add(wheel("other", "1.0"))
    shown = paste(views, views.world.stranger(), "demo==1.0\nother==1.0\n")
    assert views.upstream.asked == []
    assert "2 are not in this view, or not known here yet" in shown
    shown = paste(views, views.world.person("alice"), "other==1.0\n")
    assert views.upstream.asked_about("other")
    assert "1 packages of your" in shown


def test_nothing_of_what_is_pasted_is_kept_by_anybody(small_views: LettingIn) -> None:
    answer = small_views.world.stranger().post("/policy/", lock="demo==1.0\n")
    assert "no-store" in answer.headers["cache-control"]
    assert "'unsafe-inline'" not in answer.headers["content-security-policy"]
    assert "connect-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    "lock", ["", "   ", "{", "{}", "<x>", "\x07\x1b[2J", "[[package]]\nname = 3", "-r other.txt", "@ @ @"]
)
def test_what_is_no_lock_is_answered_with_a_sentence(small_views: LettingIn, lock: str) -> None:
    answer = small_views.world.stranger().post("/policy/", lock=lock)
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert "\x1b" not in answer.text.partition('role="alert">')[2].partition("</p>")[0]


def test_no_page_of_somebody_else_has_us_work(small_views: LettingIn) -> None:
    answer = small_views.world.stranger().client.post("/policy/", data={"lock": "demo==1.0"})
    assert answer.status_code == 403


def test_a_stranger_has_a_bound_of_packages_and_of_tries(small_views: LettingIn) -> None:
    stranger = small_views.world.stranger()
    shown = paste(small_views, stranger, "".join(f"p{number}==1\n" for number in range(500)))
    assert "Only the first 400 packages were looked at." in shown
    answers = [stranger.post("/policy/", lock="demo==1.0").status_code for _ in range(30)]
    assert (answers[0], answers[-1]) == (200, 429)


def test_the_log_is_for_operators_alone(views: LettingIn) -> None:
    path = "/view/main/log/"
    assert views.world.stranger().client.get(path, follow_redirects=False).status_code == 401
    assert views.world.person("alice").client.get(path).status_code == 403
    operator = views.world.operator()
    assert operator.client.get("/view/main/log/").status_code == 200
    assert views.world.person("alice").post("/policy/", source="log").status_code == 403


def test_what_a_view_was_asked_for_is_shown_and_tried(views: LettingIn) -> None:
    hidden = young(views)
    views.set('level = "open"\n')
    builds_of(views, hidden)
    operator = views.world.operator()
    shown = operator.client.get("/view/main/log/").text
    assert hidden in shown
    assert "pip, a build" in shown
    assert "203.0.113" not in shown
    tried = operator.post("/policy/", source="log", view="main")
    assert "30 days of the view" in tried.text
    assert "<b>cooldown</b>" in tried.text


def test_builds_of_the_log_fail_fall_back_or_go_on(views: LettingIn) -> None:
    """One with a lock fails; one that resolves takes the version before; one with an old pin does not notice."""
    hidden = young(views)
    views.set('level = "open"\n')
    builds_of(views, hidden)
    report = report_of(views.world.app, "main", level_text("balanced"), "balanced", 30)
    log = report.log
    assert log is not None
    assert (log.builds, log.passed, log.builds_fell_back, log.builds_failed) == (3, 1, 1, 1)
    assert log.failed == log.fell_back == (("demo", "3.0", "cooldown", 1),)
    assert report.breaks
    assert [(one.name, one.version, one.rules) for one in report.outcomes[0].exceptions] == [
        ("demo", "3.0", ("cooldown",))
    ]
    assert not report_of(views.world.app, "main", level_text("open"), "open", 30).breaks


def builds_of(views: LettingIn, hidden: str) -> None:
    """Three builds of a day: with a lock, with a resolver, with an old pin."""
    fetched(views, "demo")
    old = Asked("main", "file", "demo", wheel("demo", "1.0").filename, "1.0")
    new = Asked("main", "file", "demo", hidden, "3.0")
    page = Asked("main", "page", "demo", version="3.0")
    app = views.world.app
    with closing(DecisionSpool(app.settings.data, app.clock, ClientHashes(b"k" * 32), ())) as spool:
        for peer, asked in (("203.0.113.1", (new,)), ("198.51.100.1", (page, new)), ("192.0.2.1", (page, old))):
            for one in asked:
                spool.note(one, {"client": (peer, 1), "headers": [(b"user-agent", b'pip/26.3 {"ci":true}')]})
    fold_decisions(app.database, decisions_folder(app.settings.data), app.clock.now(), 30)


def test_with_the_view_its_log_goes(views: LettingIn) -> None:
    builds_of(views, young(views))
    app = views.world.app
    app.do(remove_view, RemoveView("main"))
    views.add("main", level_text("open"))
    assert "Nothing in this time" in views.world.operator().client.get("/view/main/log/").text


def test_a_view_that_serves_notes_what_it_was_asked_for(views: LettingIn) -> None:
    """From the door to the table: what `serve` hands to `note`."""
    hidden = young(views)
    fetched(views, "demo")
    assert views.file(hidden).status_code == 403
    app = views.world.app
    views.world.client.app.note.__self__.flush()  # type: ignore[attr-defined] # what `build` returns
    assert fold_decisions(app.database, decisions_folder(app.settings.data), app.clock.now(), 30) == 2
    shown = views.world.operator().client.get("/view/main/log/?refused=1").text
    assert hidden in shown
    assert "cooldown" in shown
