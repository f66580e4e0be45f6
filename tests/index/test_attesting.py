"""Attestations on their way into the index: by the legacy upload, by a session, refused before anything is stored."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from attesting import House
from clock import TurnableClock
from conftest import prepared
from customhouse.formats.attestations import SLSA, statement_bytes
from customhouse.index.publishing.add import RemovePublisher, remove_publisher
from customhouse.index.publishing.only import SetPublishersOnly, set_publishers_only
from customhouse.index.publishing.pending import AddPending, add_pending
from customhouse.infra.settings import Settings
from customhouse.terms.errors import Refused
from customhouse.trust.private_sigstore.claims import identity_of
from packages import Dist, form_fields, wheel
from publishing import PublishingWorld, publishing_world, reasons
from staging import Stager
from trust.claims import GITHUB
from world import Answered, upload

pytestmark = pytest.mark.slow


@dataclass
class AttestingWorld:
    """Builds publish here, and sign what they send with an authority that this index trusts."""

    forge: PublishingWorld
    house: House

    def attestations(self, dist: Dist, **claims: str) -> str:
        """What the build of acme/demo attests of a file; ``claims`` make it another build."""
        who = identity_of({**GITHUB, **claims, "iss": self.forge.service.url})
        return json.dumps([self.house.attestation(dist.filename, dist.sha256, identity=who)])

    def send(self, dist: Dist, attestations: str, version: str = "1.0") -> Answered:
        """As the GitHub action sends it."""
        fields = [*form_fields(dist, "demo", version), ("attestations", attestations)]
        return upload(self.forge.world.client, self.forge.minted(), dist, name="demo", version=version, fields=fields)

    def listed(self, name: str = "demo") -> dict[str, str | None]:
        """Where the provenance of each listed file is."""
        page = self.forge.world.client.get(
            f"/simple/{name}/", headers={"accept": "application/vnd.pypi.simple.v1+json"}
        ).json()
        return {one["filename"]: one.get("provenance") for one in page["files"]}


@pytest.fixture
def world(request: pytest.FixtureRequest, clock: TurnableClock, tmp_path: Path) -> Iterator[AttestingWorld]:
    house = House(clock)
    root = tmp_path / "trusted_root.json"
    root.write_text(house.trusted_root)
    roots = [{"name": "house", "path": str(root)}]
    settings = prepared(Settings.model_validate({"data": tmp_path / "data"}), request)
    with publishing_world(settings, clock, trust_roots=roots) as forge:
        forge.project()
        forge.trust()
        yield AttestingWorld(forge, house)


def test_a_build_attests_what_it_sends_and_everybody_can_read_it(world: AttestingWorld) -> None:
    dist = wheel()
    answer = world.send(dist, world.attestations(dist))
    assert answer.status == 200, answer.text
    address = world.listed()[dist.filename]
    assert address == f"https://index.test/integrity/demo/1.0/{dist.filename}/provenance"
    read = world.forge.world.client.get(address, headers={"accept": "application/vnd.pypi.integrity.v1+json"}).json()
    assert read["attestation_bundles"][0]["publisher"]["repository"] == "acme/demo"
    assert [entry.kind for entry in world.forge.events("file-attested")] == ["file-attested"]


def test_an_attestation_that_does_not_hold_keeps_the_file_out(world: AttestingWorld) -> None:
    dist, other = wheel(), wheel("other")
    for said, attestations in {
        "is about": world.attestations(other),
        "attestations": world.attestations(dist, repository="evil/demo", job_workflow_ref="evil/demo/.github/workflows/release.yml@refs/tags/v1.0"),
        "JSON": "[",
    }.items():  # fmt: skip
        answer = world.send(dist, attestations)
        assert (answer.status, said in answer.text) == (400, True), answer.text
    assert world.listed() == {}
    assert world.send(dist, world.attestations(dist)).status == 200


def test_an_api_token_attests_nothing(world: AttestingWorld) -> None:
    dist = wheel()
    fields = [*form_fields(dist, "demo", "1.0"), ("attestations", world.attestations(dist))]
    answer = world.forge.world.upload(dist, fields=fields)
    assert (answer.status, "only trusted publishers can attest" in answer.text) == (400, True)


def test_a_session_verifies_before_a_file_is_completed_and_publishes_the_provenance(world: AttestingWorld) -> None:
    dist, second = wheel(), wheel(tag="py3-none-linux_x86_64")
    stager = Stager(world.forge.world.client, world.forge.minted())
    session = stager.session()
    for one, attestations, status in (
        (dist, world.attestations(second), 400), (dist, world.attestations(dist), 201), (second, "", 201),
    ):  # fmt: skip
        file = stager.announce(session, one).json()
        assert stager.post_bytes(file, one.body).status_code == 200
        if attestations:
            place = file["mechanism"]["attestations_url"]
            taken = stager.send("POST", place, attestations.encode(), "application/json")
            assert taken.is_success, taken.text
        done = stager.complete(file)
        assert done.status_code == status, done.text
        if status != 201:
            assert stager.send("DELETE", file["links"]["file-upload-session"], None, "").status_code == 204
        else:
            assert done.json()["attested"] is bool(attestations)
    assert stager.publish(session).status_code == 201
    listed = world.listed()
    assert (listed[dist.filename] is not None, listed[second.filename]) == (True, None)


BUILDER = {"repository": "acme/builder", "job_workflow_ref": "acme/builder/.github/workflows/build.yml@refs/tags/v1.0"}
DECLARED = {"owner": "acme", "repository": "builder", "workflow": "build.yml", "environment": ""}


def with_provenance(world: AttestingWorld, dist: Dist) -> str:
    """What the publisher says of a file, and what a build elsewhere says of how it was made."""
    who = identity_of(
        {**GITHUB, **BUILDER, "workflow_ref": BUILDER["job_workflow_ref"], "iss": world.forge.service.url}
    )
    statement = statement_bytes(dist.filename, dist.sha256, SLSA, {"runDetails": {"builder": {"id": "acme"}}})
    return json.dumps([*json.loads(world.attestations(dist)), world.house.sigstore.sign(statement, who)])


def test_a_builder_is_declared_attests_and_publishes_nothing(world: AttestingWorld) -> None:
    forge, dist = world.forge, wheel()
    refused = world.send(dist, with_provenance(world, dist))
    assert (refused.status, "acme/builder" in refused.text) == (400, True), refused.text
    builder = forge.trust(settings=DECLARED, rules={"attests_only": "true"})
    answer = world.send(dist, with_provenance(world, dist))
    assert answer.status == 200, answer.text
    address = world.listed()[dist.filename]
    assert address is not None
    bundles = forge.world.client.get(address).json()["attestation_bundles"]
    assert [one["publisher"]["repository"] for one in bundles] == ["acme/demo", "acme/builder"]
    assert [len(one["attestations"]) for one in bundles] == [1, 1]
    token = forge.token(**BUILDER, workflow_ref=BUILDER["job_workflow_ref"], sub="repo:acme/builder:ref:refs/tags/v1.0")
    assert reasons(forge.exchange(token)) == ["invalid-publisher"]
    assert forge.publisher(builder.id).used_at is None


def test_a_project_does_not_shut_itself_out_with_builders_alone(world: AttestingWorld) -> None:
    forge = world.forge
    forge.project("other")
    forge.trust("other", settings=DECLARED, rules={"attests_only": "true"})
    with pytest.raises(Refused, match="no trusted publisher"):
        forge.app.do(set_publishers_only, SetPublishersOnly("other", on=True))
    with pytest.raises(Refused, match="begins no project"):
        forge.app.do(
            add_pending, AddPending("new", forge.described(DECLARED, {"attests_only": "true"}), forge.person().actor)
        )


def test_a_builder_who_is_taken_back_vouches_for_nothing_that_was_staged(world: AttestingWorld) -> None:
    forge, dist = world.forge, wheel()
    builder = forge.trust(settings=DECLARED, rules={"attests_only": "true"})
    stager = Stager(forge.world.client, forge.minted())
    session = stager.session()
    file = stager.announce(session, dist).json()
    assert stager.post_bytes(file, dist.body).status_code == 200
    place = file["mechanism"]["attestations_url"]
    assert stager.send("POST", place, with_provenance(world, dist).encode(), "application/json").is_success
    done = stager.complete(file)
    assert done.status_code == 201, done.text
    forge.app.do(remove_publisher, RemovePublisher("demo", builder.id, forge.person().actor))
    answer = stager.publish(session)
    assert (answer.status_code, "no builder" in answer.text) == (409, True), answer.text
    assert world.listed() == {}
