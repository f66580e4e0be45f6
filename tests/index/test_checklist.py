"""The checklist is rules over facts: a table of rows, and SLSA's level with why it is no higher."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from customhouse.formats.attestations import PUBLISH, SLSA
from customhouse.index.checklist.items import checklist
from customhouse.index.checklist.model import Facts, Item
from customhouse.index.checklist.slsa import is_hosted, level_of, level_of_file
from customhouse.trust.attestations import Attested

NOW = datetime(2026, 11, 28, tzinfo=UTC)
GOOD = Facts(
    "sealed", NOW, version="3.1.0", released_at=NOW - timedelta(days=3), owners=2, owners_have_factors=True,
    publishers_only=True, files=2, from_publisher=2, attested=2, with_provenance=2, hosted=2, isolated=2,
    has_wheel=True, has_sdist=True, rebuilds=2, advisories=(), versions=4, yanked=1, licence_expression="MIT",
    description=900, requires_python=">=3.10", links=("Source code", "Changes"), security_policy=True,
)  # fmt: skip


def item(facts: Facts, key: str) -> Item:
    return next(one for one in checklist(facts).items if one.key == key)


def test_a_project_can_meet_all_of_it() -> None:
    found = checklist(GOOD)
    assert [one.key for one in found.items if one.state != "met"] == []
    assert found.count("met") == len(found.items) == 17
    assert (found.level.number, found.level.why_not_higher) == (3, "")


@pytest.mark.parametrize(
    ("key", "change", "state"),
    [
        ("two-owners", {"owners": 1}, "unmet"),
        ("two-owners", {"owners": None}, "unknown"),
        ("security-policy", {"security_policy": False}, "unmet"),
        ("security-policy", {"security_policy": False, "links": ("Security policy",)}, "met"),
        ("publishers-only", {"publishers_only": False}, "unmet"),
        ("trusted-publisher", {"from_publisher": 1}, "unmet"),
        ("attested", {"attested": 1}, "unmet"),
        ("slsa", {"hosted": 1}, "unmet"),
        ("slsa", {"isolated": 0}, "met"),
        ("rebuilt", {"rebuilds": 1}, "unmet"),
        ("rebuilt", {"rebuilds": None}, "unknown"),
        ("last-release", {"released_at": NOW - timedelta(days=366)}, "unmet"),
        ("last-release", {"released_at": NOW - timedelta(days=3660), "status": "archived"}, "met"),
        ("no-advisories", {"advisories": ("PYSEC-2026-1",)}, "unmet"),
        ("no-advisories", {"advisories": None}, "unknown"),
        ("yanks", {"yanked_without_reason": 1}, "unmet"),
        ("wheel-and-sdist", {"has_wheel": False}, "unmet"),
        ("wheel-and-sdist", {"has_sdist": False}, "unmet"),
        ("licence", {"licence_expression": ""}, "unmet"),
        ("licence", {"licence_expression": "", "licence_other": "MIT License"}, "unmet"),
        ("description", {"description": 20}, "unmet"),
        ("requires-python", {"requires_python": ""}, "unmet"),
        ("source-link", {"links": ("Changes",)}, "unmet"),
        ("changelog-link", {"links": ("Source code",)}, "unmet"),
        ("changelog-link", {"links": ("Release notes",)}, "met"),
    ],
)
def test_each_item_says_why_and_what_to_do(key: str, change: dict[str, Any], state: str) -> None:
    found = item(replace(GOOD, **change), key)
    assert found.state == state
    assert found.why.endswith((".", "!"))
    assert bool(found.next_step) == (state == "unmet" or key == "rebuilt")


def test_who_lacks_a_second_factor_is_told_to_nobody() -> None:
    found = item(replace(GOOD, owners_have_factors=False), "second-factor")
    assert found.state == "unknown"
    assert "not told" in found.why


def test_without_a_release_only_the_project_is_asked() -> None:
    found = checklist(Facts("empty", NOW))
    assert {one.group for one in found.items} == {"People", "Publishing"}
    assert found.level.number == 0


@pytest.mark.parametrize(
    ("change", "level", "word"),
    [
        ({"with_provenance": 1, "attested": 1}, 0, "no provenance"),
        ({"with_provenance": 0}, 0, "who has uploaded"),
        ({"hosted": 1}, 1, "provenance"),
        ({"isolated": 1}, 2, "build service"),
        ({}, 3, "isolated"),
    ],
)
def test_a_release_has_the_level_of_its_weakest_file(change: dict[str, Any], level: int, word: str) -> None:
    found = level_of(replace(GOOD, **change))
    assert found.number == level
    assert word in found.why
    assert bool(found.why_not_higher) == (level < 3)


def test_a_machine_of_ones_own_is_no_build_service() -> None:
    assert is_hosted({"kind": "GitHub", "claims": {"runner_environment": "github-hosted"}})
    assert not is_hosted({"kind": "GitHub", "claims": {"runner_environment": "self-hosted"}})
    assert not is_hosted({"kind": "custom", "issuer": "https://ci.example"})
    assert is_hosted({"kind": "OIDC", "issuer": "https://ci.example"}, {"https://ci.example"})


GENERATOR = "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/generator.yml@refs/tags/v2"
OWN = "https://github.com/octo/demo/.github/workflows/release.yml@refs/tags/v1"


@pytest.mark.parametrize(
    ("kind", "publisher", "builder", "level"),
    [
        (SLSA, {"kind": "GitHub"}, GENERATOR, 3),
        (SLSA, {"kind": "GitHub"}, OWN, 2),
        (SLSA, {"kind": "OIDC", "issuer": "https://ci.example"}, GENERATOR, 1),
        (SLSA, {"kind": "OIDC", "issuer": "https://known.example"}, OWN, 2),
        (PUBLISH, {"kind": "GitHub"}, "", 0),
    ],
)
def test_a_file_has_the_level_that_who_has_signed_is_known_for(
    kind: str, publisher: dict[str, Any], builder: str, level: int
) -> None:
    one = Attested(publisher, kind, {"builder": builder}, "house")
    assert level_of_file([one], {"https://known.example"}) == level
