"""What was attested, as it is served: addresses in the simple API, provenance objects, and what others make of them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pypi_attestations import Attestation, Distribution, Provenance, VerificationError
from sigstore.verify import policy

from attesting import RELEASE, House, Workflow, attest
from clock import TurnableClock
from customhouse.app import forget_addresses, open_app
from customhouse.catalog import queries
from customhouse.catalog.lifecycle import DeletionPolicy
from customhouse.formats.provenance import INTEGRITY
from customhouse.index.delete import Delete, delete
from customhouse.index.provenance import attestations_of
from customhouse.index.quarantine_by_hand import (
    QuarantineProject,
    QuarantineRelease,
    order_project_quarantine,
    order_release_quarantine,
)
from customhouse.index.visibility import ChangeVisibility, change_visibility
from customhouse.infra.settings import Settings
from customhouse.trust.attestations import from_json, to_json
from customhouse.trust.private_sigstore.ca import OidcIdentity
from customhouse.trust.signer_identity import GITHUB_ISSUER, custom
from customhouse.trust.verify import verify_attestations
from library_trust import cache_that_trusts, verify_by_command
from neighbours import actor
from packages import sdist, wheel
from world import World

WHEEL, SDIST = wheel(), sdist()
PROVENANCE = f"/integrity/demo/1.0/{WHEEL.filename}/provenance"
PLAIN = f"/integrity/demo/1.0/{SDIST.filename}/provenance"
NOTHING = {"message": "There is no provenance here of such a file."}


@pytest.fixture
def house(clock: TurnableClock) -> House:
    return House(clock)


@pytest.fixture
def town(small_world: World, house: House) -> World:
    """A release of which the wheel is attested and the sdist is not."""
    for dist in (WHEEL, SDIST):
        assert small_world.upload(dist).status == 200
    attest(small_world.app, WHEEL, house.verified(WHEEL))
    return small_world


def test_attestations_are_kept_and_read_on_every_database(world: World, house: House) -> None:
    assert world.upload(WHEEL).status == 200
    verified = house.verified(WHEEL)
    attest(world.app, WHEEL, verified)
    with world.app.database.read() as sql:
        found = queries.find_project(sql, "demo")
        assert found is not None
        (rows,) = attestations_of(sql, queries.files_of(sql, found.id)).values()
    assert [row.predicate_type for row in rows] == [one.predicate_type for one in verified]
    assert rows[1].summary["builder"] == RELEASE.uri
    assert rows[0].trust_root == "house"
    assert world.client.get(PROVENANCE).status_code == 200


def test_what_waits_beside_a_staged_file_is_read_back_as_it_was_verified(house: House) -> None:
    verified = house.verified(WHEEL)
    assert from_json(json.loads(json.dumps(to_json(verified)))) == verified


def test_the_simple_api_names_the_provenance_of_attested_files_alone(town: World) -> None:
    site = town.app.settings.public_url
    page = town.client.get("/simple/demo/", headers={"accept": "application/vnd.pypi.simple.v1+json"}).json()
    by_name = {entry["filename"]: entry for entry in page["files"]}
    assert by_name[WHEEL.filename]["provenance"] == f"{site}{PROVENANCE}"
    assert "provenance" not in by_name[SDIST.filename]
    html = town.client.get("/simple/demo/", headers={"accept": "text/html"}).text
    assert re.findall(r'data-provenance="([^"]+)"', html) == [f"{site}{PROVENANCE}"]


PLACES = [
    ("https://index.example.org", "https://index.example.org"),
    ("https://example.org/index/", "https://example.org/index"),
    ("http://localhost:8417", "http://localhost:8417"),
    ("http://[::1]:8417", "http://[::1]:8417"),
    ("http://index.example.org", None),
    ("http://localhost.example.org", None),
]


def test_the_address_is_that_of_the_settings_and_secure_or_not_told(town: World) -> None:
    """An index that has moved says so from its next start on."""
    town.client.get("/simple/demo/")
    for url, told in PLACES:
        moved = Settings.model_validate({**town.app.settings.model_dump(), "url": url})
        forget_addresses(moved)
        with open_app(moved, clock=town.clock, walkers=town.app.walkers) as app:
            rendered = app.renderer.render("demo")
            assert rendered is not None
            assert rendered.json is not None
            files = {one["filename"]: one for one in json.loads(rendered.json.body)["files"]}
            assert files[WHEEL.filename].get("provenance") == (f"{told}{PROVENANCE}" if told else None), url
            assert not [finding for checked in app.check() for finding in checked.findings]
    forget_addresses(town.app.settings)


@pytest.mark.slow
def test_the_index_starts_without_the_libraries_that_verify() -> None:
    """They take half a second and 45 MB, and most uploads have no attestation."""
    said = subprocess.run(
        [sys.executable, "-c", "import sys, customhouse.web.asgi, customhouse.work; print(*sorted(sys.modules))"],
        check=True, capture_output=True, text=True, timeout=60,
    ).stdout.split()  # fmt: skip
    assert not {"sigstore.verify", "sigstore.models", "pypi_attestations", "tuf", "requests"} & set(said)


def test_the_provenance_of_a_file_is_served_to_who_accepts_it(town: World) -> None:
    answer = town.client.get(PROVENANCE, headers={"accept": INTEGRITY})
    assert answer.headers["content-type"] == INTEGRITY
    found = answer.json()
    assert found["version"] == 1
    (bundle,) = found["attestation_bundles"]
    publisher = bundle["publisher"]
    assert publisher["claims"]["commit"] == RELEASE.commit
    assert {name: publisher[name] for name in ("kind", "repository", "workflow", "environment")} == {
        "kind": "GitHub", "repository": "octo/demo", "workflow": "release.yml", "environment": "pypi",
    }  # fmt: skip
    assert len(bundle["attestations"]) == 2
    again = town.client.get(PROVENANCE, headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert "accept" in answer.headers["vary"].lower()
    assert town.client.head(PROVENANCE).status_code == 200


ACCEPTS = [
    (None, 200, INTEGRITY),
    ("*/*", 200, INTEGRITY),
    (INTEGRITY, 200, INTEGRITY),
    ("application/json", 200, "application/json"),
    ("application/*", 200, INTEGRITY),
    (f"application/json, {INTEGRITY};q=0.5", 200, "application/json"),
    ("text/html, */*;q=0.1", 200, INTEGRITY),
    ("text/html", 406, "application/json"),
    ("application/vnd.pypi.integrity.v2+json", 406, "application/json"),
    (f"{INTEGRITY};q=0", 406, "application/json"),
    ("x" * 10_000, 406, "application/json"),
]


def test_what_a_client_accepts_decides(town: World) -> None:
    town.client.headers.pop("accept", None)
    for accept, status, kind in ACCEPTS:
        answer = town.client.get(PROVENANCE, headers={"accept": accept} if accept is not None else {})
        assert (answer.status_code, answer.headers["content-type"]) == (status, kind), accept
        assert ("message" in answer.json()) == (status == 406)


def test_what_has_no_provenance_is_answered_alike(town: World) -> None:
    for address in (
        PLAIN,
        f"/integrity/nobody/1.0/{WHEEL.filename}/provenance",
        f"/integrity/demo/2.0/{WHEEL.filename}/provenance",
        f"/integrity/demo/none/{WHEEL.filename}/provenance",
        "/integrity/demo/1.0/demo-9.0-py3-none-any.whl/provenance",
        "/integrity/demo/1.0/..%5c..%5cserver.key/provenance",
        "/integrity/demo/1.0/a%00b/provenance",
        "/integrity/de%00mo/1.0/x/provenance",
        "/integrity/demo/1.0/%F0%9F%90%8D/provenance",
    ):
        answer = town.client.get(address)
        assert (answer.status_code, answer.json()) == (404, NOTHING), address


def test_names_and_versions_may_be_spelt_otherwise(town: World) -> None:
    assert town.client.get(f"/integrity/Demo/v1.0/{WHEEL.filename}/provenance").status_code == 200
    assert town.client.get(f"/integrity/DEMO/1.0/{WHEEL.filename}/provenance").status_code == 200


def test_a_deleted_file_serves_none(town: World) -> None:
    policy = DeletionPolicy(town.app.lifetimes.life, 10**6)
    town.app.do(delete, Delete("demo", "1.0", "", "A mistake.", "demo 1.0", policy=policy, by=actor(town, "alice")))
    assert town.client.get(PROVENANCE).json() == NOTHING


def test_a_quarantined_project_serves_none(town: World) -> None:
    town.app.do(order_project_quarantine, QuarantineProject("demo", "Malware."))
    assert town.client.get(PROVENANCE).json() == NOTHING


def test_a_quarantined_release_serves_none(town: World) -> None:
    town.app.do(order_release_quarantine, QuarantineRelease("demo", "1.0", "Malware."))
    assert town.client.get(PROVENANCE).json() == NOTHING


def test_a_private_project_answers_like_an_unknown_one_and_its_readers_get_it(town: World) -> None:
    change = ChangeVisibility(
        "demo", "private", "demo", DeletionPolicy(town.app.lifetimes.life, 10**6), actor(town, "alice")
    )
    town.app.do(change_visibility, change)
    stranger = town.client.get(PROVENANCE)
    unknown = town.client.get(f"/integrity/nobody/1.0/{WHEEL.filename}/provenance")
    assert (stranger.status_code, stranger.content) == (unknown.status_code, unknown.content)
    assert dict(stranger.headers) == dict(unknown.headers)
    mine = town.client.get(PROVENANCE, auth=("__token__", town.user("alice")))
    assert (mine.status_code, mine.headers["cache-control"]) == (200, "private, no-store")
    other = town.client.get(PROVENANCE, auth=("__token__", town.user("carol")))
    assert (other.status_code, other.content) == (unknown.status_code, unknown.content)
    assert town.client.get(PROVENANCE, auth=("__token__", "nonsense")).status_code in (401, 403)


def test_the_unmodified_library_verifies_what_we_serve(
    town: World, house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = cache_that_trusts(house.trusted_root, tmp_path / "cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    found = Provenance.model_validate_json(town.client.get(PROVENANCE).content)
    dist = Distribution(name=WHEEL.filename, digest=WHEEL.sha256)
    (bundle,) = found.attestation_bundles
    kinds = [one.verify(bundle.publisher, dist, offline=True)[0] for one in bundle.attestations]
    assert kinds == ["https://docs.pypi.org/attestations/publish/v1", "https://slsa.dev/provenance/v1"]
    with pytest.raises(VerificationError, match="digest"):
        bundle.attestations[0].verify(
            bundle.publisher, Distribution(name=WHEEL.filename, digest=SDIST.sha256), offline=True
        )
    by_policy = policy.AllOf(
        [policy.OIDCIssuerV2(GITHUB_ISSUER), policy.OIDCSourceRepositoryURI("https://github.com/octo/demo")]
    )
    assert bundle.attestations[0].verify(by_policy, dist, offline=True)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "the public root"))
    with pytest.raises(VerificationError):
        bundle.attestations[0].verify(bundle.publisher, dist, offline=True)


@pytest.mark.slow
def test_its_command_verifies_what_we_serve(town: World, house: House, tmp_path: Path) -> None:
    cache = cache_that_trusts(house.trusted_root, tmp_path / "cache")
    file, provenance = tmp_path / WHEEL.filename, tmp_path / "provenance.json"
    file.write_bytes(WHEEL.body)
    provenance.write_bytes(town.client.get(PROVENANCE).content)
    content, said = verify_by_command(cache, file, provenance, "https://github.com/octo/demo")
    assert content, said
    assert "OK: demo-1.0-py3-none-any.whl" in said
    content, said = verify_by_command(cache, file, provenance, "https://github.com/evil/demo")
    assert not content, said
    file.write_bytes(WHEEL.body + b"x")
    content, said = verify_by_command(cache, file, provenance, "https://github.com/octo/demo")
    assert not content, said


def test_the_library_reads_what_we_sign(house: House) -> None:
    attestation = Attestation.model_validate(house.attestation(WHEEL.filename, WHEEL.sha256))
    assert attestation.certificate_claims["1.3.6.1.4.1.57264.1.8"] == GITHUB_ISSUER


def test_a_file_that_two_publishers_attest_has_a_bundle_for_each(small_world: World, house: House) -> None:
    assert small_world.upload(WHEEL).status == 200
    issuer, subject = "https://ci.example.org", "https://ci.example.org/builds/demo"
    text = json.dumps([house.attestation(WHEEL.filename, WHEEL.sha256, identity=_of(issuer, subject))])
    now = house.clock.now()
    others = verify_attestations(
        text, WHEEL.filename, WHEEL.sha256, custom(issuer, subject), [house.root], now
    )  # fmt: skip
    attest(small_world.app, WHEEL, [*house.verified(WHEEL), *others])
    bundles = small_world.client.get(PROVENANCE).json()["attestation_bundles"]
    assert [(one["publisher"]["kind"], len(one["attestations"])) for one in bundles] == [("GitHub", 2), ("OIDC", 1)]
    assert bundles[1]["publisher"]["issuer"] == issuer


def _of(issuer: str, subject: str) -> OidcIdentity:
    return OidcIdentity(issuer, subject)


def test_other_workflows_have_other_bundles(house: House) -> None:
    assert house.verified(WHEEL, Workflow(ref="refs/tags/v2"))[0].publisher != house.verified(WHEEL)[0].publisher
