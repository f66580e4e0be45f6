"""What is attested of files of upstreams: verified here, or worth nothing (PEP 740)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from attesting import House, Workflow
from clock import TurnableClock
from conftest import DATABASES, Where, prepared, settings_for
from customhouse.app import App, open_app
from customhouse.infra.settings import Settings
from customhouse.mirror.model import MirroredFile, MirroredProject
from customhouse.terms.errors import Refused, Unavailable
from packages import Dist, wheel
from upstream_files import listed
from upstream_world import UpstreamWorld, redirects, says, upstream_world
from world import IDLE

RELEASE = Workflow()
PATH = "/integrity/demo/1.0/demo-1.0-py3-none-any.whl/provenance"


@pytest.fixture
def upstream() -> Iterator[UpstreamWorld]:
    with upstream_world() as running:
        yield running


@pytest.fixture
def house(clock: TurnableClock) -> House:
    return House(clock)


@pytest.fixture(params=DATABASES)
def app(
    request: pytest.FixtureRequest, tmp_path: Path, clock: TurnableClock, upstream: UpstreamWorld, house: House
) -> Iterator[App]:
    root = tmp_path / "trusted_root.json"
    root.write_text(house.trusted_root)
    plain = prepared(settings_for(Where(request.param), tmp_path / "data", request), request).model_dump()
    more = {"trust_roots": [{"name": "house", "path": root}], "public_good_root": False}
    settings = Settings.model_validate(plain | upstream.settings() | more)
    with open_app(settings, clock=clock, walkers=IDLE) as opened:
        yield opened


def provenance(house: House, dist: Dist, by: Workflow = RELEASE, **publisher: Any) -> dict[str, Any]:
    """As PyPI serves it."""
    said = {
        "kind": "GitHub", "repository": by.repository, "workflow": by.workflow, "environment": by.environment,
    } | publisher  # fmt: skip
    attestation = house.attestation(dist.filename, dist.sha256, by)
    return {"version": 1, "attestation_bundles": [{"publisher": said, "attestations": [attestation]}]}


def attested(
    upstream: UpstreamWorld, dist: Dist, said: Mapping[str, Any] | bytes
) -> tuple[MirroredFile, MirroredProject]:
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    upstream.instead[PATH] = says(body, "application/vnd.pypi.integrity.v1+json")
    return listed(upstream, dist, provenance_url=upstream.url + PATH)


def test_what_holds_is_kept_and_served(app: App, upstream: UpstreamWorld, house: House) -> None:
    dist = wheel()
    file, project = attested(upstream, dist, provenance(house, dist))
    seen = app.provenances.see(file, project)
    assert seen is not None
    assert (seen.outcome, seen.why) == ("verified", "")
    assert seen.publishers[0]["publisher"]["repository"] == RELEASE.repository
    assert seen.publishers[0]["trust_root"] == "house"
    served = json.loads(app.provenances.provenance(file, project))
    assert served["attestation_bundles"][0]["publisher"]["workflow"] == RELEASE.workflow
    # Once and for all, and what upstream says later changes nothing.
    upstream.instead[PATH] = says(b"{}", "application/json")
    assert app.provenances.see(file, project) == seen
    assert upstream.count(PATH) == 1


def test_a_file_of_which_nothing_is_said_has_none(app: App, upstream: UpstreamWorld) -> None:
    file, project = listed(upstream, wheel())
    assert app.provenances.see(file, project) is None
    with pytest.raises(Refused, match="no provenance"):
        app.provenances.provenance(file, project)
    assert not upstream.asked


@pytest.mark.parametrize(
    ("lie", "why"),
    [
        ("another repository", "is for the repository"),
        ("another workflow", "not for the workflow"),
        ("another file", "is about"),
        ("other bytes", "is about other bytes"),
        ("another root", ""),
        ("a kind that nobody knows", "is not known here"),
        ("no repository", "is missing"),
        ("no publisher", "names no publisher"),
        ("no JSON", "cannot be read as JSON"),
        ("no bundles", "holds no bundles"),
        ("many bundles", "at most 4"),
        ("no attestations", "holds no attestations"),
    ],
)
def test_what_does_not_hold_is_kept_as_failed_and_never_served(  # noqa: C901 - a table of lies
    app: App, upstream: UpstreamWorld, house: House, clock: TurnableClock, lie: str, why: str
) -> None:
    dist = wheel()
    whole = provenance(house, dist)
    bundle = whole["attestation_bundles"][0]
    said: Mapping[str, Any] | bytes = whole
    match lie:
        case "another repository":
            bundle["publisher"]["repository"] = "evil/demo"
        case "another workflow":
            bundle["publisher"]["workflow"] = "evil.yml"
        case "another file":
            bundle["attestations"] = [house.attestation("other-1.0-py3-none-any.whl", dist.sha256)]
        case "other bytes":
            bundle["attestations"] = [house.attestation(dist.filename, "0" * 64)]
        case "another root":
            bundle["attestations"] = [House(clock, "elsewhere").attestation(dist.filename, dist.sha256)]
        case "a kind that nobody knows":
            bundle["publisher"] = {"kind": "Friend"}
        case "no repository":
            del bundle["publisher"]["repository"]
        case "no publisher":
            del bundle["publisher"]
        case "no JSON":
            said = b"\xff"
        case "no bundles":
            said = {"version": 1, "attestation_bundles": []}
        case "many bundles":
            said = {"version": 1, "attestation_bundles": [bundle] * 5}
        case "no attestations":
            bundle["attestations"] = []
    file, project = attested(upstream, dist, said)
    seen = app.provenances.see(file, project)
    assert seen is not None
    assert seen.outcome == "failed"
    assert why in seen.why
    assert not seen.publishers
    with pytest.raises(Refused, match="does not hold"):
        app.provenances.provenance(file, project)
    # It is looked at again after a while: an upstream may have mended it.
    attested(upstream, dist, provenance(house, dist))
    clock.turn(timedelta(hours=2))
    again = app.provenances.see(file, project)
    assert again is not None
    assert again.outcome == "verified"


def test_what_cannot_be_asked_is_unknown_and_no_fact(app: App, upstream: UpstreamWorld, house: House) -> None:
    dist = wheel()
    file, project = attested(upstream, dist, provenance(house, dist))
    for trick in (
        says(b"", "text/plain", status=500), says(b"x" * 3_000_000, "application/json"),
        redirects("http://169.254.169.254/"), redirects("file:///etc/passwd"),
    ):  # fmt: skip
        upstream.instead[PATH] = trick
        one = replace(file, filename=file.filename)
        seen = app.provenances._look(one, project)
        assert seen.outcome == "unknown"
    with pytest.raises(Unavailable, match="cannot be looked at"):
        app.provenances.provenance(file, project)
