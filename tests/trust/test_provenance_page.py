"""Provenance on the pages that people read: where a release comes from, and an alarm when it is from elsewhere."""

from __future__ import annotations

import json

import pytest

from attesting import COMMIT, RELEASE, House, Workflow, attest
from clock import TurnableClock
from customhouse.catalog import queries
from customhouse.index.provenance import continuity_of
from customhouse.trust.attestations import attested
from customhouse.trust.private_sigstore.ca import OidcIdentity
from customhouse.trust.signer_identity import custom
from customhouse.trust.verify import verify_attestations
from packages import Dist, sdist, wheel
from world import World

FILE = (wheel().filename, wheel().sha256)


@pytest.fixture
def house(clock: TurnableClock) -> House:
    return House(clock)


def publish(world: World, house: House, dist: Dist, version: str, by: Workflow | None = RELEASE) -> None:
    assert world.upload(dist, version=version).status == 200
    if by is not None:
        attest(world.app, dist, house.verified(dist, by))


def page(world: World, version: str = "") -> str:
    answer = world.client.get(f"/project/demo/{version + '/' if version else ''}", headers={"accept": "text/html"})
    assert answer.status_code == 200
    return answer.text


def test_a_release_says_where_it_comes_from(small_world: World, house: House) -> None:
    publish(small_world, house, wheel(), "1.0")
    publish(small_world, house, sdist(), "1.0", None)
    text = page(small_world)
    for shown in (
        '<a href="https://github.com/octo/demo" rel="nofollow noreferrer">octo/demo</a>',
        "release.yml, environment pypi, on release",
        f'<a href="https://github.com/octo/demo/commit/{COMMIT}"',
        RELEASE.uri,
        "the trust root house",
        '<a href="/integrity/demo/1.0/demo-1.0-py3-none-any.whl/provenance"',
        "Without provenance: demo-1.0.tar.gz",
        "Some files of this release say where they come from",
    ):
        assert shown in text, shown
    assert 'role="note"' not in text


def test_files_from_the_same_place_are_shown_together(small_world: World, house: House) -> None:
    publish(small_world, house, wheel(), "1.0")
    publish(small_world, house, sdist(), "1.0")
    assert page(small_world).count("Published by") == 1


def test_a_project_that_never_had_provenance_is_told_nothing_of_it(small_world: World, house: House) -> None:
    publish(small_world, house, wheel(), "1.0", None)
    assert "rovenance" not in page(small_world)


def test_lost_provenance_is_an_alarm_on_the_page(small_world: World, house: House) -> None:
    publish(small_world, house, wheel(), "1.0")
    publish(small_world, house, wheel(version="1.1"), "1.1", None)
    text = page(small_world)
    assert "1.1 has no provenance; 1.0, before it, had provenance." in text
    assert "This release says less about where it comes from than the one before it." in text
    assert 'role="note"' in text
    assert 'role="note"' not in page(small_world, "1.0")


def test_provenance_from_elsewhere_is_an_alarm_on_the_page(small_world: World, house: House) -> None:
    publish(small_world, house, wheel(), "1.0")
    publish(small_world, house, wheel(version="1.1"), "1.1", Workflow(repository="evil/demo"))
    text = page(small_world)
    assert "The repository is https://github.com/evil/demo; for 1.0 it was https://github.com/octo/demo." in text
    assert 'role="note"' in text


def test_a_publisher_without_a_repository_is_named_as_its_issuer_does(small_world: World, house: House) -> None:
    assert small_world.upload(wheel()).status == 200
    issuer = "https://ci.example.org"
    text = json.dumps([house.attestation(*FILE, identity=OidcIdentity(issuer, "build of <demo>"))])
    found = verify_attestations(text, *FILE, custom(issuer, "build of <demo>"), [house.root], house.clock.now())
    attest(small_world.app, wheel(), found)
    shown = page(small_world)
    assert "OIDC, https://ci.example.org#build%20of%20%3Cdemo%3E <small>(https://ci.example.org)</small>" in shown
    assert "Commit" not in shown


def test_nothing_of_a_certificate_is_more_than_text(small_world: World, house: House) -> None:
    odd = Workflow(environment='"><script>alert(1)</script>', trigger="<b>push</b>")
    publish(small_world, house, wheel(), "1.0", odd)
    text = page(small_world)
    assert "<script>alert" not in text
    assert "<b>push" not in text
    assert "&lt;b&gt;push" in text


def test_what_waits_is_compared_with_what_is_published(small_world: World, house: House) -> None:
    publish(small_world, house, wheel(), "1.0")
    staged = wheel(version="1.1")
    with small_world.app.database.read() as sql:
        found = queries.find_project(sql, "demo")
        same = continuity_of(sql, found, "1.1", {staged.filename: attested(house.verified(staged))})
        lost = continuity_of(sql, found, "1.1", {staged.filename: ()})
        first = continuity_of(sql, None, "1.1", {staged.filename: ()})
    assert (same.state, same.alarms) == ("full", ())
    assert "lost" in {alarm.code for alarm in lost.alarms}
    assert (first.state, first.alarms) == ("none", ())
