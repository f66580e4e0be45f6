"""Builders that a project has declared: they say how files were built, and nothing else; nobody else says it for them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from attesting import RELEASE, House, Workflow, changed
from clock import TurnableClock
from customhouse.formats.attestations import PUBLISH, SLSA, statement_bytes
from customhouse.terms.errors import Rejected
from customhouse.trust.attestations import attested, from_json, to_json
from customhouse.trust.continuity import ReleaseProvenance, continuity
from customhouse.trust.described import describe
from customhouse.trust.issuers import GITHUB, PublisherIssuer
from customhouse.trust.verify import Builder, Verified, verify_attestations
from packages import wheel

DIST = wheel()
FILE = (DIST.filename, DIST.sha256)
BUILDER = Workflow("octo/builder", "build.yml")
STRANGER = Workflow("octo/stranger", "build.yml")
DECLARED = Builder(7, GITHUB, BUILDER.expected)
FORGE = PublisherIssuer("forge", "custom", "Forge", "https://forge.test", claims=("sub",), optional_claims=("branch",))


@pytest.fixture
def house(clock: TurnableClock) -> House:
    return House(clock)


def verify(house: House, *attestations: Any, builders: tuple[Builder, ...] = (DECLARED,)) -> tuple[Verified, ...]:
    text = json.dumps(attestations)
    return verify_attestations(text, *FILE, RELEASE.expected, [house.root], house.clock.now(), builders=builders)


def refused(house: House, *attestations: Any, builders: tuple[Builder, ...] = (DECLARED,)) -> tuple[str, str]:
    with pytest.raises(Rejected) as caught:
        verify(house, *attestations, builders=builders)
    return caught.value.code, caught.value.where


def test_a_declared_builder_says_how_a_file_was_built_that_another_sends(house: House) -> None:
    publish, slsa = verify(house, house.attestation(*FILE), house.attestation(*FILE, BUILDER, slsa=True))
    assert (publish.predicate_type, publish.publisher["repository"], publish.builder) == (PUBLISH, "octo/demo", 0)
    assert (slsa.predicate_type, slsa.publisher["repository"], slsa.builder) == (SLSA, "octo/builder", 7)
    assert from_json(json.loads(json.dumps(to_json((publish, slsa))))) == (publish, slsa)
    assert [one.of_builder for one in attested((publish, slsa))] == [False, True]


def test_what_was_kept_before_there_were_builders_is_read(house: House) -> None:
    (publish,) = verify(house, house.attestation(*FILE))
    (old,) = to_json((publish,))
    del old["builder"]
    assert from_json([old]) == (publish,)


@pytest.mark.parametrize("builders", [(), (DECLARED,)], ids=["none-declared", "another-declared"])
def test_provenance_of_somebody_who_is_no_builder_is_refused(house: House, builders: tuple[Builder, ...]) -> None:
    theirs = house.attestation(*FILE, STRANGER, slsa=True)
    code, where = refused(house, house.attestation(*FILE), theirs, builders=builders)
    assert code == "attestation-of-another-publisher"
    assert where.startswith("attestations[1]")


def test_a_builder_does_not_say_that_a_file_was_published(house: House) -> None:
    slsa = house.attestation(*FILE, BUILDER, slsa=True)
    code, where = refused(house, house.attestation(*FILE, BUILDER), slsa)
    assert (code, where.partition(".")[0]) == ("attestation-of-another-publisher", "attestations[0]")


def test_a_builders_word_comes_with_that_of_who_sends_the_file(house: House) -> None:
    assert refused(house, house.attestation(*FILE, BUILDER, slsa=True))[0] == "attestation-alone"


def test_a_builders_word_about_other_bytes_or_of_another_kind_is_refused(house: House) -> None:
    other = house.attestation(DIST.filename, "f" * 64, BUILDER, slsa=True)
    assert refused(house, house.attestation(*FILE), other)[0] == "attestation-of-another-file"
    link = house.sigstore.sign(statement_bytes(*FILE, "https://in-toto.io/attestation/link/v0.3", {}), BUILDER.identity)
    assert refused(house, house.attestation(*FILE), link) == (
        "bad-attestation", "attestations[1].envelope.statement.predicateType",
    )  # fmt: skip


def test_a_builders_signature_is_verified_as_every_other(house: House) -> None:
    good = house.attestation(*FILE, BUILDER, slsa=True)
    (entry,) = good["verification_material"]["transparency_entries"]
    broken = changed(good, "verification_material", "transparency_entries", to=[{**entry, "logIndex": "77"}])
    assert refused(house, house.attestation(*FILE), broken)[0] == "attestation-unverified"
    elsewhere = House(house.clock, "elsewhere").attestation(*FILE, BUILDER, slsa=True)
    assert refused(house, house.attestation(*FILE), elsewhere)[0] == "attestation-unverified"


def test_a_build_that_strangers_bring_about_is_refused_though_it_shows_no_token(house: House) -> None:
    begun = Workflow(BUILDER.repository, BUILDER.workflow, trigger="pull_request_target")
    theirs = house.attestation(*FILE, begun, slsa=True)
    assert refused(house, house.attestation(*FILE), theirs)[0] == "attestation-of-strangers"


def release(house: House, version: str, builder: Workflow | None) -> ReleaseProvenance:
    said = [house.attestation(*FILE)]
    declared = Builder(7, GITHUB, builder.expected) if builder is not None else DECLARED
    said += [house.attestation(*FILE, builder, slsa=True)] if builder is not None else []
    return ReleaseProvenance(version, {DIST.filename: attested(verify(house, *said, builders=(declared,)))})


def test_a_builder_beside_the_publisher_is_no_contradiction_and_another_one_later_is_told(house: House) -> None:
    before = release(house, "1.0", BUILDER)
    assert continuity(before, release(house, "0.9", BUILDER)).alarms == ()
    assert before.state == "full"
    (named,) = continuity(release(house, "1.1", STRANGER), before).alarms[-1:]
    assert (named.code, "octo/stranger" in named.sentence) == ("changed", True)
    own = ReleaseProvenance("1.1", {DIST.filename: attested(house.verified(DIST))})
    told = [one.sentence for one in continuity(own, before).alarms]
    assert any("speaks for the builder is none" in one for one in told), told
    assert [one.code for one in continuity(release(house, "1.1", None), before).alarms] == ["lost"]


@pytest.mark.parametrize(
    ("issuer", "settings", "rules"),
    [
        (FORGE, {"sub": "builder-a"}, {}),
        (GITHUB, {"owner": "octo", "repository": "builder", "workflow": "build.yml"}, {}),
    ],
)
def test_a_builder_is_told_by_what_certificates_prove(
    issuer: PublisherIssuer, settings: dict[str, str], rules: dict[str, str]
) -> None:
    assert describe(issuer, settings, {**rules, "attests_only": "true"}).rules == {"attests_only": "true"}


@pytest.mark.parametrize(
    ("issuer", "settings", "rules", "unproved"),
    [
        (FORGE, {"sub": "builder-a", "branch": "main"}, {}, "branch"),
        (GITHUB, {"owner": "o", "repository": "b", "workflow": "b.yml", "environment": "pypi"}, {}, "environment"),
        (GITHUB, {"owner": "o", "repository": "b", "workflow": "b.yml"}, {"ref": "refs/tags/v*"}, "ref"),
        (
            PublisherIssuer("forge", "custom", "Forge", "https://forge.test", claims=("job",)), {"job": "7"}, {}, "job",
        ),
    ],
)  # fmt: skip
def test_what_nothing_proves_of_a_builder_is_not_asked_of_him(
    issuer: PublisherIssuer, settings: dict[str, str], rules: dict[str, str], unproved: str
) -> None:
    with pytest.raises(Rejected, match=rf"nothing proves {unproved}\b"):
        describe(issuer, settings, {**rules, "attests_only": "true"})
