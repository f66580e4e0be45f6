"""A disclosure case from the report to its end: who may do what in it, and who hears of it."""

from __future__ import annotations

from customhouse.index.visibility import ChangeVisibility, change_visibility
from disclosing import DRAFT, desk
from packages import wheel
from world import World


def test_a_report_by_form_becomes_a_case_that_its_reporter_and_the_desk_can_read(small_world: World) -> None:
    case = desk(small_world)
    for who, base in ((case.reporter, case.link), (case.operator, case.here)):
        page = who.get(base)
        assert page.status_code == 200
        assert "Unpack x.tar and see." in page.text
    assert [one.role for one in case.members] == ["reporter", "team"]


def test_strangers_other_owners_and_support_hear_that_there_is_no_case(small_world: World) -> None:
    case = desk(small_world)
    support = small_world.person("sue", site_role="support")
    unknown = f"/security/cases/{'a' * 26}/"
    for who in (case.owner, support, small_world.person("bob")):
        assert who.get(case.here).status_code == 404
        assert who.get(case.here).text.replace(case.here, unknown) == who.get(unknown).text.replace(case.here, unknown)
        assert who.post(f"{case.here}say/", text="Let me in.").status_code == 404
    assert small_world.stranger().get(f"{case.link[:-3]}xx/").status_code == 404


def test_the_states_follow_each_other_and_the_reporter_hears_why(world: World) -> None:
    case = desk(world)
    case.operator.get(case.here)
    skipped = case.operator.post(f"{case.here}move/", state="accepted", reason="At once.")
    assert skipped.status_code == 409
    assert "cannot become accepted" in skipped.text
    assert case.does(case.operator, "move", state="acknowledged")
    assert [one.role for one in case.members] == ["reporter", "coordinator"]
    case.does(case.operator, "move", state="triage")
    missing = case.operator.post(f"{case.here}move/", state="invalid")
    assert missing.status_code == 400
    case.does(case.operator, "move", state="invalid", reason="The path is refused already.")
    assert "The path is refused already." in case.reporter.get(case.link).text
    case.does(case.operator, "move", state="triage", reason="You were right.")
    case.does(case.operator, "move", state="accepted")
    assert case.case.decided_at is not None


def test_owners_see_it_once_they_are_put_in(small_world: World) -> None:
    case = desk(small_world)
    case.accept()
    assert case.owner.get(case.here).status_code == 200
    assert [one.role for one in case.members] == ["reporter", "coordinator", "owner"]
    case.does(case.owner, "draft", **DRAFT)
    assert case.case.title == DRAFT["title"]
    page = case.reporter.get(case.link)
    assert "medium, 6.5" in page.text


def test_an_owner_who_was_put_in_says_neither_what_a_case_is_about_nor_who_belongs_to_it(small_world: World) -> None:
    case = desk(small_world)
    case.accept()
    small_world.person("bob")
    assert small_world.upload(wheel("other", "1.0"), user="bob", name="other", version="1.0").status == 200
    coordinator = next(one for one in case.members if one.role == "coordinator")
    case.owner.get(case.here)
    for step, fields in (
        ("project", {"project": "other"}), ("invite", {"user": "bob"}), ("take", {}),
        ("remove", {"member": str(coordinator.id)}),
    ):  # fmt: skip
        answer = case.owner.post(f"{case.here}{step}/", **fields)
        assert (answer.status_code, "Only the desk" in answer.text) == (409, True), step
    assert [one.role for one in case.members] == ["reporter", "coordinator", "owner"]
    case.does(case.operator, "project", project="other")


def test_the_desk_learns_of_no_private_project_by_naming_it(small_world: World) -> None:
    case = desk(small_world)
    case.accept()
    bob = small_world.person("bob")
    case.does(case.operator, "invite", user="bob")
    assert small_world.upload(wheel("hidden", "1.0"), name="hidden", version="1.0").status == 200
    small_world.app.do(change_visibility, ChangeVisibility("hidden", "private", "hidden"))
    bob.get(case.here)
    for name in ("hidden", "nowhere"):
        answer = bob.post(f"{case.here}project/", project=name)
        assert (answer.status_code, "there is no project" in answer.text) == (400, True), name
