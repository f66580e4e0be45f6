"""``/admin/views/``: nothing is saved that was not shown first, and the deeds are those of the command line."""

from __future__ import annotations

import html
import re
from contextlib import closing
from datetime import timedelta

import pytest

from customhouse.advisories.tables import advisory_source
from customhouse.formats.decision_line import Asked
from customhouse.infra.client_hash import ClientHashes
from customhouse.infra.decision_spool import DecisionSpool, decisions_folder
from customhouse.views.log.fold import fold_decisions
from customhouse.views.queries import all_views, find_view
from letting_in import LettingIn
from packages import wheel
from person import Person

PAGE = "/admin/views/main/"
OLD, NEW = wheel("demo", "1.0"), wheel("demo", "3.0")
STRICTER = 'level = "balanced"\n[[rule]]\nname = "no sources"\ndeny-if.kind = "sdist"\n'
_SEEN = re.compile(r'name="seen" value="([0-9a-f]{64})"')


def policy_of(views: LettingIn, name: str = "main") -> str:
    with views.world.app.database.read() as sql:
        view = find_view(sql, name)
    assert view is not None
    return view.policy


def names(views: LettingIn) -> list[str]:
    with views.world.app.database.read() as sql:
        return [one.name for one in all_views(sql)]


def fetched(views: LettingIn, filename: str, version: str) -> None:
    """Somebody has fetched a file through the view, and the log says so."""
    assert views.page("demo").status_code == 200
    app = views.world.app
    asked = Asked("main", "file", "demo", filename, version)
    with closing(DecisionSpool(app.settings.data, app.clock, ClientHashes(b"k" * 32), ())) as spool:
        spool.note(asked, {"client": ("203.0.113.1", 1), "headers": [(b"user-agent", b"pip/26.3")]})
    fold_decisions(app.database, decisions_folder(app.settings.data), app.clock.now(), 30)


def proved(views: LettingIn) -> Person:
    operator = views.world.operator()
    operator.prove()
    return operator


def shown(operator: Person, **fields: str) -> str:
    answer = operator.post(PAGE, **{"do": "check", "upstream-1": "pypi"} | fields)
    assert answer.status_code == 200, answer.text
    return html.unescape(answer.text)


def seen(page: str) -> str:
    found = _SEEN.search(page)
    assert found is not None, page
    return found[1]


def test_a_view_is_added_changed_and_removed_on_pages(views: LettingIn) -> None:
    operator = proved(views)
    answer = operator.post("/admin/views/", name="other", level="strict", **{"upstream-1": "pypi"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/admin/views/other/")
    assert policy_of(views, "other") == 'level = "strict"\n'
    assert ">other</a>" in operator.get("/admin/views/").text

    page = shown(operator, policy=STRICTER.replace("\n", "\r\n"))
    assert policy_of(views) == 'level = "balanced"\n'
    assert "deny-if.kind" in page.partition("Lines of the policy")[2].partition("</table>")[0]
    answer = operator.post(PAGE, do="save", seen=seen(page), policy=STRICTER, **{"upstream-1": "pypi"})
    assert answer.status_code == 303
    assert policy_of(views) == STRICTER

    assert operator.post("/admin/views/other/remove/", typed="othr").status_code == 409
    assert "other" in names(views)
    assert operator.post("/admin/views/other/remove/", typed="other").status_code == 303
    assert names(views) == ["main"]


def test_nothing_is_saved_that_was_not_shown(small_views: LettingIn) -> None:
    operator = proved(small_views)
    page = shown(operator, policy=STRICTER)
    for fields in ({}, {"seen": "0" * 64}, {"seen": seen(page)}):
        answer = operator.post(PAGE, do="save", policy='level = "open"\n', **{"upstream-1": "pypi"} | fields)
        assert answer.status_code == 409
        assert "Not saved yet" in answer.text
    # Somebody else has changed it since: what was shown is not what would become of it.
    small_views.set('level = "curated"\n')
    assert operator.post(PAGE, do="save", seen=seen(page), policy=STRICTER, **{"upstream-1": "pypi"}).status_code == 409
    assert policy_of(small_views) == 'level = "curated"\n'


def test_a_fault_is_shown_with_its_line_and_what_was_meant(small_views: LettingIn) -> None:
    operator = proved(small_views)
    bad = 'level = "balanced"\n[[rule]]\nname = "x"\ndeny-if.agee = "< 3 days"\n'
    for do in ("check", "save"):
        answer = operator.post(PAGE, do=do, policy=bad, **{"upstream-1": "pypi"})
        page = html.unescape(answer.text)
        assert answer.status_code == 400
        assert "line 4" in page
        assert "did you mean 'age'?" in page
        assert '4  deny-if.agee = "< 3 days"' in page
        # Nobody loses what he has typed.
        assert bad in page.partition("<textarea")[2]
    assert policy_of(small_views) == 'level = "balanced"\n'


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"policy": 'level = "loose"'}, "loose"),
        ({"policy": "level = "}, "line 1"),
        ({"policy": "\x1b[2J\u202e"}, "line 1"),
        ({"upstream-1": "nowhere"}, "nobody has described an upstream 'nowhere'"),
        ({"upstream-2": "pypi"}, "an upstream is named twice"),
        ({"policy": "#" * 200_001}, "at most 200000"),
        ({"policy": 'level = "balanced"\n[[exception]]\npackage = "x"\nrules = ["cooldown"]\n'}, "line"),
    ],
)
def test_what_cannot_be_used_is_answered_with_a_sentence(
    small_views: LettingIn, fields: dict[str, str], said: str
) -> None:
    operator = proved(small_views)
    answer = operator.post(PAGE, **{"do": "check", "policy": 'level = "open"\n', "upstream-1": "pypi"} | fields)
    assert answer.status_code == 400
    assert said in html.unescape(answer.text)
    assert "\x1b" not in answer.text.partition("<textarea")[0]


@pytest.mark.parametrize("name", ["", "A", "-x", "x--y", "x" * 41, "../x", "x/y", "é", "main"])
def test_a_name_that_is_none_or_is_taken_is_refused(small_views: LettingIn, name: str) -> None:
    answer = proved(small_views).post("/admin/views/", name=name, level="open")
    assert answer.status_code in (400, 409)
    assert names(small_views) == ["main"]


def test_before_saving_it_says_what_it_would_have_cost(views: LettingIn) -> None:
    """By the view's own log, and without asking any upstream."""
    views.upstream.add(NEW, uploaded_at=views.world.clock.now() - timedelta(days=1))
    views.set('level = "open"\n')
    fetched(views, OLD.filename, "1.0")
    fetched(views, NEW.filename, "3.0")
    operator = proved(views)
    asked = len(views.upstream.asked)
    page = shown(operator, policy='level = "balanced"\n')
    assert len(views.upstream.asked) == asked
    kept = page.partition("Kept back from now on")[2].partition("</table>")[0]
    assert "demo 3.0" in kept
    assert "<b>cooldown</b>" in kept
    assert "demo 1.0" not in kept
    views.set('level = "balanced"\n')
    let = shown(operator, policy='level = "open"\n').partition("Let in from now on")[2].partition("</table>")[0]
    assert "demo 3.0" in let


def test_without_a_log_it_says_how_to_find_out(small_views: LettingIn) -> None:
    assert "customhouse policy simulate uv.lock" in shown(proved(small_views), policy='level = "strict"\n')


def test_only_operators_who_have_proved_who_they_are(small_views: LettingIn) -> None:
    for person in (small_views.world.stranger(), small_views.world.person("alice")):
        for answer in (person.get("/admin/views/"), person.get(PAGE), person.post(PAGE, do="check", policy="")):
            to_sign_in = answer.headers.get("location", "").startswith("/account/sign-in/")
            assert answer.status_code in (401, 403) or (to_sign_in and not person.name)
    operator = small_views.world.operator()
    small_views.world.clock.turn(timedelta(hours=2))
    answer = operator.get(PAGE)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/account/again/")


def test_that_no_advisories_are_loaded_is_said_with_the_command(small_views: LettingIn) -> None:
    operator = proved(small_views)
    for address in ("/admin/views/", PAGE, "/view/main/"):
        assert "customhouse advisory source add osv https://" in operator.get(address).text
    stranger = small_views.world.stranger().get("/view/main/").text
    assert "No advisories are loaded on this index" in stranger
    assert "customhouse advisory source add" not in stranger
    now = small_views.world.clock.now()
    source = {"name": "test", "kind": "file", "place": "x", "trust": 0, "origin": "operator", "added_at": now}
    with small_views.world.app.database.write() as sql:
        sql.execute(advisory_source.insert().values(**source, succeeded_at=now))
    assert "No advisories are loaded" not in operator.get("/view/main/").text
