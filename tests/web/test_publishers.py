"""The pages of trusted publishers, as owners and people with new projects use them."""

from __future__ import annotations

import re
from html import unescape

import pytest

from customhouse.index.mark_critical import MarkCritical, mark_critical
from packages import wheel
from person import Person
from world import World

pytestmark = pytest.mark.slow

PAGE, MINE = "/manage/project/demo/publishing/", "/account/publishing/"
GITHUB = {
    "issuer": "github", "field-owner": "acme", "field-repository": "demo", "field-workflow": "release.yml",
}  # fmt: skip


def words(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


@pytest.fixture
def alice(small_world: World) -> Person:
    """She owns demo."""
    assert small_world.upload(wheel(), name="demo", version="1.0").status == 200
    return small_world.person()


def test_an_owner_lets_a_workflow_publish_and_takes_it_back(alice: Person) -> None:
    assert "There are none yet." in words(alice.get(PAGE).text)
    answer = alice.post(PAGE, **GITHUB, stages_only="yes", **{"rule-hosted_runner": "true", "rule-ref": "refs/tags/v*"})
    assert alice.said(answer) == "GitHub acme/demo release.yml may publish from now on."
    html = alice.get(PAGE).text
    page = words(html)
    assert 'href="https://github.com/acme/demo"' in html
    assert "Only on a runner of GitHub's own" in page
    assert "the rest: refs/tags/v*" in page
    assert '<span class="mark">stage</span>' in html
    [address] = re.findall(rf'action="({PAGE}[0-9]+/remove/)"', html)
    assert alice.said(alice.post(address)) == "GitHub acme/demo release.yml publishes here no more."
    assert alice.post(address).status_code == 404
    assert "There are none yet." in words(alice.get(PAGE).text)


def test_an_owner_declares_a_builder_who_publishes_nothing(alice: Person) -> None:
    attests = {"rule-attests_only": "true"}
    refused = alice.post(PAGE, **(GITHUB | {"field-environment": "pypi"} | attests))
    assert (refused.status_code, "nothing proves environment" in words(refused.text)) == (400, True)
    answer = alice.post(PAGE, **(GITHUB | {"field-environment": ""} | attests))
    assert alice.said(answer) == "GitHub acme/demo release.yml may attest from now on."
    html = alice.get(PAGE).text
    assert '<span class="mark">attest</span>' in html
    assert "It publishes nothing" in words(html)
    assert ("names no environment" in words(html), "can say how files were built" in words(html)) == (False, True)
    assert "It only attests" not in words(alice.get("/account/publishing/").text)


def test_every_issuer_has_a_form_and_a_mistake_is_named(alice: Person) -> None:
    page = words(alice.get(PAGE).text)
    for issuer in ("GitHub", "GitLab", "Google", "ActiveState"):
        assert issuer in page
    for changed, part in (
        ({"field-owner": ""}, "owner"), ({"field-workflow": "../release.yml"}, "workflow"),
        ({"issuer": "nobody"}, "No issuer named 'nobody'"), ({"rule-hosted_runner": "perhaps"}, "hosted_runner"),
    ):  # fmt: skip
        answer = alice.post(PAGE, **(GITHUB | changed))
        assert (answer.status_code in (400, 404), part in words(answer.text)) == (True, True), changed
    assert alice.post(PAGE, **GITHUB).status_code == 303
    assert "publishes into demo already" in words(alice.post(PAGE, **GITHUB).text)


def test_an_owner_lets_no_api_token_publish_and_lets_them_again(alice: Person, small_world: World) -> None:
    only = f"{PAGE}only/"
    assert only not in alice.get(PAGE).text
    assert alice.post(only, on="yes").status_code == 409
    alice.post(PAGE, **GITHUB)
    page = alice.get(PAGE).text
    assert "whoever can push to the repository can publish" in words(page)
    assert alice.said(alice.post(only, on="yes")) == "Only trusted publishers publish from now on."
    assert small_world.upload(wheel(version="2.0"), name="demo", version="2.0").status == 403
    assert alice.said(alice.post(only)) == "API tokens may publish again."
    assert small_world.upload(wheel(version="2.0"), name="demo", version="2.0").status == 200
    alice.post(only, on="yes")
    small_world.app.do(mark_critical, MarkCritical("demo", "Much used."))
    assert "waits" in alice.said(alice.post(only))
    assert "Let API tokens publish again" in words(alice.get(PAGE).text)


def test_on_a_critical_project_a_new_publisher_waits(alice: Person, small_world: World) -> None:
    small_world.app.do(mark_critical, MarkCritical("demo", "Much used."))
    assert "waits" in alice.said(alice.post(PAGE, **GITHUB))
    assert "There are none yet." in words(alice.get(PAGE).text)
    assert "GitHub acme/demo release.yml may publish into demo" in words(
        alice.get("/manage/project/demo/pending/").text
    )


def test_a_publisher_waits_for_a_project_that_does_not_exist(alice: Person, small_world: World) -> None:
    alice.get(MINE)
    answer = alice.post(MINE, **GITHUB, project="Fresh.Name")
    assert alice.said(answer) == (
        "GitHub acme/demo release.yml may begin Fresh.Name within 30 days, if the name is free then."
    )
    html = alice.get(MINE).text
    assert "Fresh.Name" in html
    assert alice.post(MINE, **GITHUB, project="demo").status_code == 409
    [address] = re.findall(rf'action="({MINE}[0-9]+/withdraw/)"', html)
    bob = small_world.person("bob")
    bob.get(MINE)
    assert bob.post(address).status_code == 404
    assert alice.said(alice.post(address)) == "GitHub acme/demo release.yml waits for Fresh.Name no more."
    assert alice.post(f"{MINE}{'9' * 30}/withdraw/").status_code == 404
