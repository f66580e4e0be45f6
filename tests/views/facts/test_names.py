"""What a name can be mistaken for, and whose it is; without telling of private projects."""

from __future__ import annotations

import pytest

from customhouse.app import App
from customhouse.index.mark_critical import MarkCritical, mark_critical
from customhouse.index.namespaces import GrantNamespace, grant_namespace
from customhouse.index.prohibited import Prohibit, prohibit
from customhouse.views.facts.subject import Surroundings
from customhouse.views.signals.load import LoadSignals, load_signals
from mirrored import NOW, fact, mirrored, wheel_of
from neighbours import found_organization, found_project
from world import World


def similar(app: App, name: str) -> tuple[object, str]:
    answer = fact(app, mirrored(name, wheel_of(name, "1.0")), "similar-to")
    assert answer is not None
    return answer.value, answer.source


def internal(app: App, name: str, *patterns: str) -> object:
    answer = fact(app, mirrored(name, wheel_of(name, "1.0")), "internal-name", internal_names=patterns)
    assert answer is not None
    return answer.value


def test_a_name_one_letter_from_a_popular_one_is_told_with_that_name(small_world: World) -> None:
    assert similar(small_world.app, "reqeusts") == ("requests", "popular names")
    assert similar(small_world.app, "requests") == (None, "this index")
    assert similar(small_world.app, "quite-another-thing") == (None, "this index")


def test_our_own_names_are_compared_too_and_those_that_come_later(world: World) -> None:
    assert similar(world.app, "acme-bi11ing") == (None, "this index")
    found_project(world, "acme-billing")
    assert similar(world.app, "acme-bi11ing") == ("acme-billing", "this index")
    assert similar(world.app, "acme-biling") == ("acme-billing", "this index")


def test_of_private_and_of_reserved_names_nobody_learns_more_than_that(world: World) -> None:
    found_project(world, "acme-payroll", visibility="private")
    world.app.do(prohibit, Prohibit("acme-secrets", "Never."))
    assert similar(world.app, "acme-pay-roll") == ("a name that is reserved here", "this index")
    assert similar(world.app, "acme-secret") == ("a name that is reserved here", "this index")


def test_critical_names_by_mark_and_by_list_are_compared(world: World) -> None:
    found_project(world, "deepcore")
    world.app.do(mark_critical, MarkCritical("deepcore", "Many build on it."))
    assert similar(world.app, "deepc0re") == ("deepcore", "critical names")
    values = {"wavelength": "yes"}
    load_signals(world.app.deeds, LoadSignals("critical", "pypi", "us", NOW.date(), values, ("pypi",)))
    assert similar(world.app, "wavelenght") == ("wavelength", "critical names")
    # What is critical itself imitates nobody.
    assert similar(world.app, "wavelength") == (None, "this index")


def test_names_are_remembered_by_a_process_and_never_stale(world: World) -> None:
    around = Surroundings(world.app.advice)
    with world.app.database.read() as sql:
        assert around.names.resembled(sql, "acme-report") is None
    found_project(world, "acme-reports")
    with world.app.database.read() as sql:
        found = around.names.resembled(sql, "acme-report")
        assert found is not None
        assert found.name == "acme-reports"
        # Our own name, seen from upstream, resembles nothing by itself.
        assert around.names.resembled(sql, "acme-reports") is None


def test_a_name_is_internal_by_pattern_by_namespace_or_because_it_is_taken(world: World) -> None:
    assert internal(world.app, "acme-tool") is False
    assert internal(world.app, "acme-tool", "corp-*", "acme-*") is True
    assert internal(world.app, "acme-tool", "Acme_*") is True
    assert internal(world.app, "acme", "acme-*") is False
    found_organization(world, "acme")
    world.app.do(grant_namespace, GrantNamespace("acme", "acme"))
    assert internal(world.app, "acme-tool") is True
    assert internal(world.app, "acmetool") is False


@pytest.mark.parametrize("visibility", ["public", "private"])
def test_a_name_that_is_hosted_is_internal_whoever_may_see_it(small_world: World, visibility: str) -> None:
    found_project(small_world, "secret-thing", visibility=visibility)
    assert internal(small_world.app, "secret-thing") is True
