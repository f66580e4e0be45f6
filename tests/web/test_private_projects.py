"""A private project at every door: to strangers there is no such thing, in no word, no header and no list.

The doors come from the router: a new one is knocked at without anybody thinking of it, and one whose address asks for
something unknown fails here until it is said what to put there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx2 as httpx
import pytest
from starlette.testclient import TestClient

from clock import TurnableClock
from conftest import Where, prepared, settings_for
from customhouse.accounts.links import MakePasswordLink, link_text, make_password_link
from customhouse.accounts.users import find_user
from customhouse.app import open_app, prepare
from customhouse.catalog.lifecycle import DeletionPolicy
from customhouse.catalog.search.write import index_all
from customhouse.index.new_project import CreateProject, new_project
from customhouse.index.teams import AboutTeam, AboutTeamRole, create_team, set_team_role
from customhouse.index.visibility import ChangeVisibility, change_visibility
from customhouse.infra.settings import Settings
from customhouse.views.define import AddView, add_view
from customhouse.web.asgi import build
from customhouse.web.doors import Door
from customhouse.web.render import static_address
from customhouse.work import run_due_job, run_followers, seed_periodic_jobs
from neighbours import actor, found_organization, found_project, invite, user
from packages import Dist, sdist, wheel
from person import Person
from world import Server, World, upload

pytestmark = pytest.mark.slow
NAME, DISPLAY, NOBODYS = "secret-plans", "Secret.Plans", "secret-plaqs"
PRIVATELY, HIDDEN_LATER = "private from the beginning", "public before"
OF_ANY_NAME = ("/name/{name}/",)
"""Doors that answer 200 about any name, one that nobody has, too; what they say is compared as everywhere."""
KNOCKS = (("GET", "text/html"), ("GET", "application/vnd.pypi.simple.v1+json"), ("HEAD", "*/*"))
FRESH = re.compile(r'(csrf" value=")[^"]+|(links?/|case/)[a-z2-7]{26}\.[\w-]{43}')


@dataclass
class Vault:
    """A world with a private project of alice in it, and what must not be told."""

    world: World
    dists: list[Dist]
    facts: Mapping[str, str]

    @property
    def unspeakable(self) -> list[str]:
        """Words that no answer to others may hold."""
        digests = [dist.sha256 for dist in self.dists]
        return [DISPLAY, "secret_plans", "Plans that nobody", *digests, *(digest[:32] for digest in digests)]

    @property
    def doors(self) -> list[Door]:
        """Every door that is only read through."""
        serve = self.world.client.app
        routes = serve._inner.inner.app._inner.router.routes  # type: ignore[attr-defined] # what `build` wraps
        return [route for route in routes if route.verb == "GET"]

    def address(self, door: Door, name: str) -> str:
        """The door's address for a project of that name."""
        known = {**self.facts, "name": name, "project": name}
        known["filename"] = self.dists[0].filename.replace("secret_plans", name.replace("-", "_"))

        def place(match: re.Match[str]) -> str:
            assert match[1] in known, f"say in this test what stands for {{{match[1]}}} in {door.path}"
            return known[match[1]]

        return re.sub(r"\{(\w+)(?::path)?\}", place, door.path)


@pytest.fixture(
    params=[
        pytest.param(("sqlite", PRIVATELY), id=f"sqlite {PRIVATELY}"),
        pytest.param(("postgresql", HIDDEN_LATER), id=f"postgresql {HIDDEN_LATER}"),
        # What a door says does not hang on the database: the other two pairs are proved at leisure.
        pytest.param(("postgresql", PRIVATELY), id=f"postgresql {PRIVATELY}", marks=pytest.mark.prove),
        pytest.param(("sqlite", HIDDEN_LATER), id=f"sqlite {HIDDEN_LATER}", marks=pytest.mark.prove),
    ]
)
def vault(request: pytest.FixtureRequest, tmp_path: Path, clock: TurnableClock) -> Iterator[Vault]:
    database, how = request.param
    settings = prepared(settings_for(Where(database), tmp_path / "data", request), request)
    with (
        open_app(settings, clock=clock, walkers=request.getfixturevalue("walkers")) as app,
        TestClient(build(app), base_url="http://index.test") as client,
    ):
        world = World(app, clock, client)
        yield _furnished(world, how)
        world.check()


def _furnished(world: World, how: str) -> Vault:
    seed_periodic_jobs(world.app)
    world.app.do(add_view, AddView("main", (), 'level = "balanced"\n', ()))
    while run_followers(world.app):
        pass
    found_organization(world, "guild", "alice")
    found_project(
        world, DISPLAY, visibility="private" if how == PRIVATELY else "public",
        organization="guild",
    )  # fmt: skip
    note = {"description": "Plans that nobody may know.", "headers": {"Requires-Dist": "demo"}}
    dists = [wheel(NAME, "1.0", **note), wheel(NAME, "2.0", **note), sdist(NAME, "2.0", **note)]  # type: ignore[arg-type]
    for dist, version in zip(dists, ("1.0", "2.0", "2.0"), strict=True):
        assert world.upload(dist, name=NAME, version=version).status == 200
    assert world.upload(wheel(), user="carol").status == 200
    by = actor(world, "alice")
    world.app.do(create_team, AboutTeam("guild", "builders", by))
    world.app.do(set_team_role, AboutTeamRole("guild", "builders", NAME, "maintainer", by))
    if how == HIDDEN_LATER:
        _read_everything(world)
        world.app.do(
            change_visibility,
            ChangeVisibility(NAME, "private", NAME, DeletionPolicy(world.app.lifetimes.life, 10**6), by),
        )
    number = invite(world, "dave", project=NAME)
    while run_followers(world.app) or run_due_job(world.app):
        pass
    index_all(world.app.database)
    with world.app.database.read() as sql:
        dave = find_user(sql, "dave")
    link_id = world.app.do(make_password_link, MakePasswordLink(dave, world.app.lifetimes.idle, mail=False))
    facts = {
        "view": "main", "run": "x" * 26, "digest": "0" * 64, "candidate": "x" * 32, "version": "1.0", "old": "1.0", "new": "2.0", "organization": "guild", "team": "builders", "user": "alice",
        "account": "alice", "invitation": number, "token": world.tokens["alice"].split(".")[1], "case": "1",
        "reporter": "carol", "link": link_text(world.app.key, link_id), "namespace": "secret", "hook": "x" * 26,
        "disclosure": "x" * 26, "member_link": "x" * 26, "attachment": "1",
        "advisory": "PYSEC-2026-1", "statement": "x" * 26, "amendment": "x" * 26, "standing": "x" * 26, "login": "guild", "campaign": "keys", "change": "1", "mandate": "1", "factor": "1", "exemption": "1", "table": "accounts",
        "linked": "1", "publisher": "1", "day": "2026-01-01", "session": "x" * 26, "stage": "x" * 64, "staged_file": "x" * 26,
        "address": static_address("house.css").rpartition("/")[2],
        "uuid": "0" * 64, "level": "0", "tile": "000", "metadata": "1.root.json", "target": "trusted_root.json", "outing": "x" * 40,
    }  # fmt: skip
    return Vault(world, dists, facts)


def _read_everything(world: World) -> None:
    """Everybody has seen it: what is ready must vanish."""
    for address in (f"/simple/{NAME}/", "/simple/", f"/pypi/{NAME}/json", f"/project/{NAME}/", "/",
                    f"/files/{NAME}/{wheel(NAME).filename}"):  # fmt: skip
        assert world.client.get(address).status_code == 200


def knock(client: httpx.Client, verb: str, address: str, **headers: str) -> tuple[int, str, dict[str, str]]:
    """Status, text and headers of an answer, without what is new each time."""
    answer = client.request(verb, address, headers=headers, follow_redirects=False)
    kept = {key: text for key, text in answer.headers.items() if key not in ("date", "set-cookie", "content-length")}
    return answer.status_code, FRESH.sub("", answer.text), kept


def others(vault: Vault) -> dict[str, tuple[Person, dict[str, str]]]:
    """Who has no right: nobody, somebody signed in, somebody with a token."""
    bob = vault.world.person("bob")
    bob.get("/account/")
    stranger = vault.world.stranger()
    stranger.get("/account/sign-in/")
    token = {"authorization": f"Bearer {vault.world.tokens['bob']}"}
    return {"stranger": (stranger, {}), "bob": (bob, {}), "bob's token": (vault.world.stranger(), token)}


def masked(text: str) -> str:
    for own, foreign in ((NAME, NOBODYS), (NAME.replace("-", "_"), NOBODYS.replace("-", "_"))):
        text = text.replace(own, foreign)
    return text


def test_at_every_door_a_private_name_is_answered_like_one_that_nobody_has(vault: Vault) -> None:
    tried = 0
    for who, (person, headers) in others(vault).items():
        for door in vault.doors:
            if not {"{name}", "{project}"} & set(re.findall(r"\{\w+\}", door.path)):
                continue
            for verb, accept in KNOCKS:
                there = knock(person.client, verb, vault.address(door, NAME), accept=accept, **headers)
                nowhere = knock(person.client, verb, vault.address(door, NOBODYS), accept=accept, **headers)
                where = f"{who} at {verb} {door.path} for {accept}"
                assert there[0] == nowhere[0], where
                assert there[0] in (301, 303, 401, 403, 404) or door.path in OF_ANY_NAME, where
                assert masked(there[1]) == nowhere[1], where
                assert {key: masked(text) for key, text in there[2].items()} == nowhere[2], where
                told = there[1] + str(there[2])
                digests = [dist.sha256 for dist in vault.dists]
                assert not [word for word in (DISPLAY, *digests) if word in told], where
                tried += 1
    assert tried > 100


def test_no_other_page_list_or_feed_tells_of_it(vault: Vault) -> None:
    # Each door reads its own parameters and leaves the others.
    searches = ("", "?q=secret&serial=0&after=0&organization=guild", "?q=plans")
    for who, (person, headers) in others(vault).items():
        for door in vault.doors:
            if {"{name}", "{project}"} & set(re.findall(r"\{\w+\}", door.path)):
                continue
            for query in searches:
                address = vault.address(door, NAME) + query
                status, text, kept = knock(person.client, "GET", address, accept="text/html", **headers)
                told = (text + str(kept)).lower()
                found = [word for word in (*vault.unspeakable, NAME) if word.lower() in told]
                assert not found, f"{who} at {address}: {status} {found}"


def test_a_search_for_its_very_name_finds_what_any_other_finds(vault: Vault) -> None:
    for person, headers in others(vault).values():
        for address in ("/search/", "/api/search"):
            there = knock(person.client, "GET", f"{address}?q={DISPLAY}", **headers)
            nowhere = knock(person.client, "GET", f"{address}?q={DISPLAY[:-2]}qs", **headers)
            assert there[1].replace(DISPLAY, f"{DISPLAY[:-2]}qs") == nowhere[1]


@pytest.mark.parametrize(
    "call",
    ["list_packages", "list_packages_with_serial", "changelog_since_serial", "changelog_last_serial"],
)
def test_mirrors_do_not_hear_of_it(vault: Vault, call: str) -> None:
    argument = "<params><param><value><int>0</int></value></param></params>" if call == "changelog_since_serial" else ""
    body = f"<?xml version='1.0'?><methodCall><methodName>{call}</methodName>{argument}</methodCall>"
    answer = vault.world.client.post("/pypi", content=body, headers={"content-type": "text/xml"})
    assert answer.status_code == 200
    assert not [word for word in (*vault.unspeakable, NAME) if word in answer.text]


def test_a_file_is_not_even_answered_by_its_exact_address_or_a_part_of_it(vault: Vault) -> None:
    for person, headers in others(vault).values():
        for dist in vault.dists:
            for folder in ("files", "packages"):
                for ending in ("", ".metadata"):
                    address = f"/{folder}/{NAME}/{dist.filename}{ending}"
                    for extra in ({}, {"range": "bytes=0-1"}, {"if-none-match": "*"}):
                        assert knock(person.client, "GET", address, **headers, **extra)[0] == 404
                    assert knock(person.client, "GET", f"/{folder}/demo/{dist.filename}{ending}", **headers)[0] == 404


def test_its_own_people_find_it_at_every_door_and_nobody_keeps_a_copy(vault: Vault) -> None:
    world = vault.world
    alice = world.person("alice")
    token = {"authorization": f"Bearer {world.tokens['alice']}"}
    for address in (
        f"/simple/{NAME}/",
        f"/pypi/{NAME}/json",
        f"/project/{NAME}/",
        f"/files/{NAME}/{vault.dists[0].filename}",
    ):
        headers = {} if address.startswith(("/project", "/pypi")) else token
        status, _, kept = knock(alice.client, "GET", address, accept="text/html", **headers)
        assert (status, "no-store" in kept["cache-control"]) == (200, True), address
    page = alice.client.get(
        f"/simple/{NAME}/", headers={"accept": "application/vnd.pypi.simple.v1+json"} | token
    ).json()
    assert [file["hashes"]["sha256"] for file in page["files"]] == [dist.sha256 for dist in vault.dists]
    user(world, "mallory")


@pytest.mark.parametrize("installer", ["pip-newest", "uv"])
@pytest.mark.parametrize("where", ["running_index", "postgres_index"])
def test_an_installer_installs_a_private_project_with_a_token_in_the_address(
    request: pytest.FixtureRequest, where: str, installer: str, tmp_path: Path
) -> None:
    from installers import install  # noqa: PLC0415 - needs the real clients

    index: Server = request.getfixturevalue(where)
    token, foreign = index.new_token("alice"), index.new_token("mallory")
    name = f"vault-{installer.replace('.', '-')}"
    environment = {key.removeprefix("CUSTOMHOUSE_").lower(): text for key, text in index.environment.items()
                   if key.startswith("CUSTOMHOUSE_")}  # fmt: skip
    settings = Settings.model_validate(environment)
    prepare(settings)
    with open_app(settings) as app:
        with app.database.read() as sql:
            alice = find_user(sql, "alice").actor
        new_project(app.deeds, CreateProject(name, alice, "private"))
    with httpx.Client(base_url=index.url, timeout=30) as client:
        assert upload(client, token, wheel(name), name=name, version="1.0").status == 200
        assert client.get(f"/simple/{name}/").status_code == 404
        assert client.get(f"/simple/{name}/", auth=("__token__", foreign)).status_code == 404
    host = index.url.removeprefix("http://")
    assert install(installer, [name], f"http://__token__:{token}@{host}", tmp_path / "hers") == {name: "1.0"}
    with pytest.raises(AssertionError):
        install(installer, [name], f"http://__token__:{foreign}@{host}", tmp_path / "his")
