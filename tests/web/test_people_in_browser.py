"""The pages of people, organizations and names in a real browser: axe finds nothing, nothing is too wide on a phone."""

from __future__ import annotations

from importlib.resources import files

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from browser import chromium

from customhouse.index.namespaces import GrantNamespace, grant_namespace
from customhouse.index.prohibited import Prohibit, prohibit
from customhouse.index.quotas import GrantQuota, grant_quota
from customhouse.index.teams import (
    AboutTeam,
    AboutTeamMember,
    AboutTeamRole,
    add_team_member,
    create_team,
    set_team_role,
)
from neighbours import actor, enlist, found_organization, found_project, invite, invite_member, join
from packages import wheel
from world import World

pytestmark = pytest.mark.slow
LONG = "a-very-long-name-that-somebody-might-well-give-to-a-project-of-his-some-day"


def furnished(world: World) -> dict[str, str]:
    """Every page of ours with something on it, by its address."""
    alice, olga, dave = world.person("alice"), world.operator(), world.person("dave")
    by = actor(world, "alice")
    for name in ("demo", LONG):
        found_project(world, name)
    assert world.upload(wheel()).status == 200
    join(world, "bob", "maintainer")
    found_organization(world, "acme")
    found_organization(world, "other")
    found_project(world, "held", organization="acme")
    enlist(world, "mark")
    enlist(world, "max", "manager")
    invite_member(world, "carol", "owner")
    for project in ("demo", LONG, "held"):
        invite(world, "dave", "owner", project=project)
    world.app.do(create_team, AboutTeam("acme", "builders", by))
    world.app.do(add_team_member, AboutTeamMember("acme", "builders", "mark", by))
    world.app.do(set_team_role, AboutTeamRole("acme", "builders", "held", "maintainer", by))
    world.app.do(grant_namespace, GrantNamespace("acme", "acme"))
    world.app.do(prohibit, Prohibit(f"{LONG}-er", "Nobody should type so much. " * 20))
    world.app.do(grant_quota, GrantQuota("demo", file_bytes=2**30, project_bytes=2**36, reason="Models."))
    home = "/manage/organization/acme/"
    pages = (
        (alice, (
            "/manage/project/demo/people/", "/manage/project/held/people/", f"/manage/project/{LONG}/people/",
            "/manage/project/demo/transfer/", "/manage/project/demo/transfer/?organization=acme",
            "/manage/project/demo/transfer/?person=dave", "/manage/project/demo/visibility/",
            "/manage/project/demo/", "/manage/new/", "/manage/new-organization/", "/account/invitations/", home,
            f"{home}people/", f"{home}teams/", f"{home}teams/builders/", f"{home}settings/",
        )),
        (dave, ("/account/invitations/",)),
        (olga, ("/admin/names/", "/admin/quotas/", f"{home}people/")),
    )  # fmt: skip
    found = {}
    for person, addresses in pages:
        for address in addresses:
            answer = person.get(address)
            assert answer.status_code == 200, address
            found[f"{person.name} at {address}"] = answer.text
    return found


def test_axe_finds_nothing_and_nothing_is_too_wide(small_world: World) -> None:
    pages = furnished(small_world)
    style = (files("customhouse.web") / "static" / "house.css").read_text()
    with chromium() as browser:
        for width, scheme in ((1200, "light"), (1200, "dark"), (360, "light")):
            context = browser.new_context(
                viewport={"width": width, "height": 800}, color_scheme="dark" if scheme == "dark" else "light"
            )
            page = context.new_page()
            for title, html in pages.items():
                page.set_content(html)
                page.add_style_tag(content=style)
                wide = page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
                assert not wide, f"{title} is too wide at {width}"
                found = Axe().run(page)
                assert found.violations_count == 0, f"{title}, {width}, {scheme}: {found.generate_report()}"
            context.close()
