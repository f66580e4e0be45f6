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
from customhouse.infra.settings import Settings
from customhouse.trust.private_sigstore.claims import identity_of
from packages import Dist, form_fields, wheel
from publishing import PublishingWorld, publishing_world
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
