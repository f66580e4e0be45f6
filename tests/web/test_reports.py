"""Reporting on the web and by the API; the queue and the page of a case."""

from __future__ import annotations

import httpx2 as httpx
import pytest

from customhouse.accounts.tokens import CreateToken
from customhouse.catalog.tables import project
from packages import wheel
from person import Person
from reporting import village
from world import World

FIRST = wheel()
SECOND = wheel(version="2.0", files={"demo/__init__.py": b"x = 2\n", "evil.pth": b"import os\n"})
REPORT = "/project/demo/report/"
CLAIM = {"kind": "malware", "text": "It reads ~/.pypirc and posts it."}


def post(world: World, name: str, body: object, address: str = "/api/projects/demo/reports") -> httpx.Response:
    return world.client.post(address, json=body, auth=("__token__", world.user(name)))


def test_somebody_signed_in_reports_and_sees_what_became_of_it(world: World) -> None:
    made = village(world)
    olga = world.person("olga")
    page = olga.get(f"{REPORT}?version=1.0&file={FIRST.filename}")
    assert page.status_code == 200
    assert "<option selected>1.0</option>" in page.text
    assert FIRST.filename in page.text
    answer = olga.post(REPORT, **CLAIM, version="1.0", evidence_url="https://example.org/a")
    assert (answer.status_code, "case 1" in olga.said(answer)) == (303, True)
    assert "waits for an operator" in olga.get(REPORT).text
    made.decide("no-action", note="Seen.")
    assert "closed: Seen." in olga.get(REPORT).text


def test_a_stranger_is_sent_to_sign_in_and_a_form_from_elsewhere_is_refused(small_world: World) -> None:
    made = village(small_world)
    stranger = small_world.stranger()
    assert stranger.get(REPORT).headers["location"].startswith("/account/sign-in/")
    assert stranger.post(REPORT, **CLAIM).status_code in (303, 403)
    olga = small_world.person("olga")
    forged = olga.client.post(REPORT, data=CLAIM, follow_redirects=False)
    assert forged.status_code == 403
    assert "report-filed" not in made.kinds()


def test_what_was_typed_stays_when_something_is_wrong(small_world: World) -> None:
    village(small_world)
    olga = small_world.person("olga")
    answer = olga.post(REPORT, kind="typosquat", text="Looks like <requests>.", evidence_line="x")
    assert answer.status_code == 400
    assert "imitates: is empty" in answer.text or "evidence_line" in answer.text
    assert "Looks like &lt;requests&gt;." in answer.text
    assert 'value="typosquat" required aria-describedby="kind-typosquat-help" checked' in answer.text
    olga.post(REPORT, **CLAIM)
    again = olga.post(REPORT, **CLAIM)
    assert (again.status_code, "already" in again.text) == (409, True)


@pytest.mark.parametrize("name", ["no-such", "%00", "a%00b", "-", "x" * 200, "%F0%9F%90%8D"])
def test_a_project_that_is_not_there_is_said_so(small_world: World, name: str) -> None:
    village(small_world)
    olga = small_world.person("olga")
    expected = 400 if "%00" in name else 404
    for address in (f"/project/{name}/report/", f"/project/{name}/report"):
        assert olga.get(address).status_code == expected
    assert olga.post(f"/project/{name}/report/", **CLAIM).status_code == expected
    assert post(small_world, "olga", CLAIM, f"/api/projects/{name}/reports").status_code == expected


def test_a_private_project_cannot_be_told_from_none(small_world: World) -> None:
    village(small_world)
    with small_world.app.database.write() as sql:
        sql.execute(project.update().values(visibility="private"))
    olga = small_world.person("olga")
    private, unknown = olga.get(REPORT), olga.get("/project/nope/report/")
    assert (private.status_code, private.text.replace("demo", "nope")) == (404, unknown.text)
    closed, none = post(small_world, "olga", CLAIM), post(small_world, "olga", CLAIM, "/api/projects/nope/reports")
    assert (closed.status_code, closed.text.replace("demo", "nope")) == (404, none.text)
    with small_world.app.database.write() as sql:
        sql.execute(project.update().values(visibility="public"))


def test_programs_report_with_a_token(world: World) -> None:
    made = village(world)
    first = post(world, "olga", CLAIM | {"version": "1.0", "evidence_path": "demo/__init__.py", "evidence_line": 3})
    assert first.status_code == 201
    assert first.json() == {"report": 1, "case": 1, "project": "demo", "opened": True, "quarantined": None}
    second = post(world, "trusty", CLAIM)
    assert second.json() == {"report": 2, "case": 1, "project": "demo", "opened": False, "quarantined": "project"}
    # Without waiting: the door has rendered what its deed changed.
    assert made.fetch(FIRST) == 403


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({}, 400, "kind"),
        ([], 400, "body"),
        (CLAIM | {"severity": "high"}, 400, "severity"),
        (CLAIM | {"evidence": {"url": "x"}}, 400, "evidence"),
        (CLAIM | {"text": "a\0b"}, 400, "text"),
        (CLAIM | {"version": True}, 400, "version"),
        (CLAIM | {"text": "x" * 10_001}, 400, "text"),
        (CLAIM | {"text": "x" * 200_000}, 413, "131072"),
    ],
)
def test_bad_json_is_named(small_world: World, body: object, status: int, said: str) -> None:
    made = village(small_world)
    answer = post(small_world, "olga", body)
    assert (answer.status_code, said in answer.text) == (status, True), answer.text
    assert "report-filed" not in made.kinds()


def test_who_may_not_report_by_the_api(small_world: World) -> None:
    made = village(small_world)
    address = "/api/projects/demo/reports"
    assert small_world.client.post(address, json=CLAIM).status_code == 401
    assert small_world.client.post(address, json=CLAIM, auth=("__token__", "ch1.x.y")).status_code == 401
    scoped = small_world.app.create_token(CreateToken("olga", project="demo")).text
    answer = small_world.client.post(address, json=CLAIM, auth=("__token__", scoped))
    assert (answer.status_code, "your whole account" in answer.text) == (403, True)
    # A cookie counts for nothing here, so no page can send reports in somebody's name.
    olga = small_world.person("olga")
    assert olga.client.post(address, json=CLAIM).status_code == 401
    assert "report-filed" not in made.kinds()


def test_too_many_reports_say_when_to_come_again(small_world: World) -> None:
    village(small_world)
    for number in range(20):
        small_world.upload(wheel(f"other{number}q"), name=f"other{number}q")
        assert post(small_world, "olga", CLAIM, f"/api/projects/other{number}q/reports").status_code == 201
    small_world.upload(wheel("last"), name="last")
    answer = post(small_world, "olga", CLAIM, "/api/projects/last/reports")
    assert (answer.status_code, "Send the next one after" in answer.text) == (429, True)


def seen_by(person: Person, address: str = "/admin/cases/1/") -> str:
    answer = person.get(address)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "private, no-store"
    return answer.text


def test_the_queue_shows_the_gravest_case_first(world: World) -> None:
    made = village(world)
    made.publish(wheel("spammy"), name="spammy")
    made.report("olga", project="spammy", kind="spam")
    made.report("olga")
    made.report("otto")
    operator = world.operator("root")
    text = seen_by(operator, "/admin/cases/")
    assert text.index(">demo") < text.index(">spammy")
    assert "2 waiting" in text


def test_a_case_shows_the_uploads_signals_beside_the_report(world: World) -> None:
    made = village(world)
    made.publish(SECOND, version="2.0")
    made.report("olga", version="2.0", evidence_excerpt="# first\nimport os\u202e", evidence_path="evil.pth", evidence_line="1",
                evidence_url="https://example.org/?a=<b>")  # fmt: skip
    text = seen_by(world.operator("root"))
    for expected in (
        "It reads ~/.pypirc.", "Runs code each time Python starts.", "by alice", SECOND.filename, "/project/demo/ledger/",
        "/admin/cases/1/diff/1.0/2.0/", "/project/demo/diff/1.0/2.0/", "line 1", 'class="odd"', "a=&lt;b&gt;",
        f"sha256:{SECOND.sha256}",
    ):  # fmt: skip
        assert expected in text, expected
    assert "# first\nimport os<span" in text
    assert "\u202e" not in text


def test_the_difference_stays_readable_while_the_release_is_quarantined(world: World) -> None:
    made = village(world)
    made.publish(SECOND, version="2.0")
    made.report("olga", version="2.0")
    made.report("trusty", version="2.0")
    assert made.status()[0] == "quarantined"
    text = seen_by(world.operator("root"), "/admin/cases/1/diff/1.0/2.0/")
    assert "evil.pth" in text
    assert "evil.pth" not in world.client.get("/project/demo/diff/1.0/2.0/").text


def test_support_reads_cases_and_changes_nothing(small_world: World) -> None:
    made = village(small_world)
    made.report("olga")
    made.report("trusty")
    helper = small_world.person("helper", site_role="support")
    text = seen_by(helper)
    assert '<h2 id="decide">' not in text
    assert "waiting" in seen_by(helper, "/admin/cases/")
    before = made.kinds()
    for address, fields in (
        ("/admin/cases/1/verdict/", {"verdict": "not-malware", "note": "x"}),
        ("/admin/cases/1/undo/", {"note": "x"}),
        ("/admin/reporters/olga/trust/", {"trusted": "yes", "reason": "x"}),
    ):
        assert helper.post(address, **fields).status_code == 403
    assert made.kinds() == before
    for address in ("/admin/cases/", "/admin/cases/1/", "/admin/cases/1/diff/1.0/1.0/"):
        assert small_world.person("otto").get(address).status_code == 403
        assert small_world.stranger().get(address).status_code == 303


def test_an_operator_lifts_by_one_click_decides_and_undoes(world: World) -> None:
    made = village(world)
    made.report("olga")
    made.report("trusty")
    operator = world.operator("root")
    assert "Not malware: lift it now" in seen_by(operator)
    answer = operator.post(
        "/admin/cases/1/verdict/", verdict="not-malware", note="Looked at by an operator: not malware.", seen="1"
    )
    assert operator.said(answer) == "Decided: not malware."
    assert made.can_download(FIRST)
    assert operator.said(operator.post("/admin/cases/1/undo/", note="Look again.")).startswith("The verdict is undone")
    assert made.fetch(FIRST) == 403
    answer = operator.post("/admin/cases/1/verdict/", verdict="malware", note="It is.", freeze="alice", seen="1")
    assert operator.said(answer) == "Decided: malware."
    text = seen_by(operator)
    assert "by root: It is. The account alice was frozen." in text
    assert "Undo the verdict" in text


def test_an_operator_names_releases_by_their_boxes(small_world: World) -> None:
    made = village(small_world)
    made.publish(SECOND, version="2.0")
    made.report("olga", version="2.0")
    operator = small_world.operator("root")
    text = seen_by(operator)
    assert 'name="version:2.0" value="yes" checked' in text
    fields = {"verdict": "malware", "note": "Only this one.", "version:2.0": "yes"}
    assert operator.post("/admin/cases/1/verdict/", **fields).status_code == 303
    assert (made.can_download(FIRST), made.fetch(SECOND)) == (True, 403)


def test_an_operator_is_told_that_a_file_has_come_meanwhile(small_world: World) -> None:
    made = village(small_world)
    made.report("olga")
    operator = small_world.operator("root")
    made.publish(SECOND, version="2.0")
    answer = operator.post("/admin/cases/1/verdict/", verdict="not-malware", note="Fine.", seen="1")
    assert (answer.status_code, "has come since you opened" in answer.text) == (409, True)


def test_an_operator_marks_a_reporter_from_the_case(small_world: World) -> None:
    made = village(small_world)
    made.report("olga")
    operator = small_world.operator("root")
    answer = operator.post("/admin/reporters/olga/trust/", trusted="yes", reason="Known for good work.", case="1")
    assert operator.said(answer) == "olga is now a trusted reporter."
    assert '<span class="mark good">trusted</span>' in seen_by(operator)
    answer = operator.post("/admin/reporters/olga/trust/", trusted="no", reason="Left the team.", case="1")
    assert operator.said(answer) == "olga is no longer a trusted reporter."
    assert made.kinds()[-2:] == ["reporter-trusted", "reporter-distrusted"]
    assert operator.post("/admin/reporters/nobody/trust/", trusted="yes", reason="x").status_code == 404


@pytest.mark.parametrize("number", ["2", "0", "x", "1e3", "9" * 30, "%00", "-1"])
def test_a_case_that_is_not_there_is_said_so(small_world: World, number: str) -> None:
    village(small_world)
    operator = small_world.operator("root")
    expected = 400 if "%00" in number else 404
    assert operator.get(f"/admin/cases/{number}/").status_code == expected
    assert operator.post(f"/admin/cases/{number}/verdict/", verdict="malware", note="x").status_code == expected
    assert operator.post(f"/admin/cases/{number}/undo/", note="x").status_code == expected


def test_old_reports_and_their_cases_stay_readable_after_the_project_is_deleted(small_world: World) -> None:
    made = village(small_world)
    made.report("olga")
    with small_world.app.database.write() as sql:
        sql.execute(project.update().values(deleted_at=small_world.clock.now()))
    operator = small_world.operator("root")
    assert "deleted" in seen_by(operator)
    assert operator.post("/admin/cases/1/verdict/", verdict="malware", note="Gone, and bad.").status_code == 303
    assert made.fetch(FIRST) == 403
