"""Staging, publishing and fetching back on a real index: what happens when all is well, and after crashes."""

from __future__ import annotations

import hashlib
import json
import socket
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import httpx2 as httpx
import pytest

from customhouse.client.upload_2 import Upload2
from customhouse.release.actions import Problem, Tampered
from customhouse.release.events import Published
from customhouse.release.ship.fetch_back import FetchBack
from customhouse.release.ship.index_door import index_door
from customhouse.release.ship.publish import Publish
from customhouse.release.ship.stage import Stage
from customhouse.release.state import State
from packages import wheel
from shipping import VERSION, Harbour, Shipping

pytestmark = pytest.mark.slow


class Gone(BaseException):
    """The process is gone."""


def simple(shipping: Shipping) -> dict[str, str]:
    """What strangers see."""
    url = f"{shipping.harbour.server.url}/simple/{shipping.project}/"
    answer = httpx.get(url, headers={"accept": "application/vnd.pypi.simple.v1+json"})
    if answer.status_code == httpx.codes.NOT_FOUND:
        return {}
    return {one["filename"]: one["hashes"]["sha256"] for one in answer.json()["files"]}


def built(state: State) -> dict[str, str]:
    return {thing.name: thing.digest for thing in state.artifacts["dists"]}


def test_a_release_is_staged_tested_signed_published_and_fetched_back(harbour: Harbour, tmp_path: Path) -> None:
    shipping = Shipping(tmp_path, harbour, project="whole")
    state = shipping.conduct()
    assert state.status == "released", state.stop
    assert simple(shipping) == built(state)
    facts = state.steps["fetch-back"].facts
    assert {name: facts[f"fetched:{name}"] for name in built(state)} == built(state)
    assert state.steps["publish"].facts["not_for_an_index"].count(", ") == 6
    signed = {(one.thing.name, one.how) for one in state.steps["sign"].signed}
    files = [*built(state), "whole-1.2.3.cdx.json"]
    assert signed == {(name, how) for name in files for how in ("sigstore", "gpg")}


def test_a_publication_whose_answer_never_came_is_not_done_twice(harbour: Harbour, tmp_path: Path) -> None:
    """The index has published, and then we were gone: whoever comes after asks, and finds that it is done."""
    shipping = Shipping(tmp_path, harbour, project="answerless")

    def publish_and_go(run: object) -> None:
        with index_door(shipping.run_of("publish")) as door:
            session = door.session(shipping.conductor().catch_up().steps["stage"].facts["session"])
            door.publish(session)
        raise Gone(run)

    shipping.words.before["publish"] = publish_and_go
    with pytest.raises(Gone):
        shipping.conduct()
    assert len(simple(shipping)) == 2
    shipping.words.before.clear()
    state = shipping.conduct()
    assert state.status == "released", state.stop
    assert state.steps["publish"].recovered
    assert [line.event for line in shipping.journal.read() if isinstance(line.event, Published)] != []
    assert state.steps["publish"].attempt == 1


def test_a_stage_is_taken_up_again_after_a_crash_and_nothing_is_sent_twice(harbour: Harbour, tmp_path: Path) -> None:
    shipping = Shipping(tmp_path, harbour, project="taken-up")

    def go(run: object) -> None:
        raise Gone(run)

    shipping.words.after["stage"] = go
    with pytest.raises(Gone):
        shipping.conduct()
    shipping.words.after.clear()
    state = shipping.conduct()
    assert state.status == "released", state.stop
    assert state.steps["stage"].recovered


def test_a_crash_after_the_grant_was_used_lets_the_same_attempt_go_on(harbour: Harbour, tmp_path: Path) -> None:
    """The grant was noted as used, and nothing was signed yet: people need not come back for that."""
    shipping = Shipping(tmp_path, harbour, project="half-signed")
    asked: list[int] = []

    def passphrase() -> str:
        asked.append(1)
        if len(asked) == 1:
            raise Gone
        return ""

    shipping.secret["gpg-passphrase"] = passphrase
    with pytest.raises(Gone):
        shipping.conduct()
    assert len(list((tmp_path / "notes").glob("grant-*.json"))) == 1
    state = shipping.conduct()
    assert state.status == "released", state.stop
    assert (state.steps["sign"].attempt, len(state.steps["sign"].signed)) == (1, 6)


def test_a_file_of_which_half_has_arrived_is_sent_again(harbour: Harbour, tmp_path: Path) -> None:
    """More than once an upload to python.org was cut short (PEP 101): the session holds no such file in the end."""
    shipping = Shipping(tmp_path, harbour, project="truncated")

    def send_half(_run: object) -> None:
        name, body = next((n, b) for n, b in shipping.files()["dists"].items() if n.endswith(".whl"))
        with index_door(shipping.run_of("stage")) as door:
            session, _joined = door.open("truncated", VERSION)
            asked = {
                "filename": name, "size": len(body), "hashes": {"sha256": hashlib.sha256(body).hexdigest()}, "mechanism": "http-post-bytes",
            }  # fmt: skip
            file = door._file(door._post(session.upload, **asked))
            headers = {"Content-Type": "application/octet-stream", "Content-Length": str(len(body))}
            _hang_up(door, str(file.details["file_url"]), headers, body[: len(body) // 2])

    shipping.words.before["stage"] = send_half
    state = shipping.conduct()
    assert state.status == "released", state.stop
    assert simple(shipping) == built(state)


def _hang_up(door: Upload2, url: str, headers: dict[str, str], half: bytes) -> None:
    """Send fewer bytes than were promised, and hang up."""
    parts = urlsplit(url)
    shown = door.wire._authorization(known=True)["Authorization"]
    lines = [f"POST {parts.path} HTTP/1.1", f"Host: {parts.netloc}", f"Authorization: {shown}"]
    lines += [f"{name}: {text}" for name, text in headers.items()]
    with socket.create_connection((parts.hostname or "", parts.port or 80)) as wire:
        wire.sendall("\r\n".join([*lines, "", ""]).encode() + half)


def test_taking_back_a_stage_cancels_the_session_and_twice_is_harmless(harbour: Harbour, tmp_path: Path) -> None:
    shipping = Shipping(tmp_path, harbour, project="taken-back")
    shipping.conductor().conduct(lambda state: state.steps["stage"].status == "done")
    run = shipping.run_of("stage")
    assert Stage().probe(run) is None, "another folder knows nothing of it"
    assert Stage().undo(run) == "undone"
    assert Stage().undo(run) == "nothing to undo"
    with pytest.raises(Problem, match="session is not there any more"):
        Publish().do(shipping.run_of("publish", {"dists": shipping.conductor().catch_up().artifacts["dists"]}))


def test_what_is_published_cannot_be_taken_back_with_its_stage(harbour: Harbour, tmp_path: Path) -> None:
    shipping = Shipping(tmp_path, harbour, project="too-late")
    assert shipping.conduct().status == "released"
    with pytest.raises(Problem, match="is published"):
        Stage().undo(shipping.run_of("stage"))
    assert Publish().probe(shipping.run_of("publish")) is not None
    assert FetchBack().undo(shipping.run_of("fetch-back")) == "nothing to undo"


def test_a_version_that_is_public_with_other_files_is_never_taken_for_ours(harbour: Harbour, tmp_path: Path) -> None:
    """Somebody was quicker, with other bytes: the release stops and says so."""
    shipping = Shipping(tmp_path / "one", harbour, project="quicker")
    assert shipping.conduct().status == "released"
    other = Shipping(tmp_path / "two", harbour, project="quicker")
    another = wheel("quicker", VERSION, description="other")
    other.words.files = {**other.files(), "dists": {**other.files()["dists"], another.filename: another.body}}
    other.conductor().conduct(lambda state: state.steps["build"].status == "done")
    with pytest.raises(Tampered, match="is not this release"):
        Publish().probe(other.run_of("publish", {"dists": other.conductor().catch_up().artifacts["dists"]}))


def test_an_index_that_wants_approvals_says_who_must_give_them(harbour: Harbour, tmp_path: Path) -> None:
    shipping = Shipping(tmp_path, harbour, project="critical")
    assert shipping.conduct().status == "released"
    harbour.server.command("project", "critical", "critical", "--reason", "much used")
    again = Shipping(tmp_path / "again", harbour, project="critical", version="1.2.4")
    state = again.conduct()
    assert state.status == "stopped"
    assert state.stop is not None
    assert state.stop.code == "needs-approval", state.stop
    assert "approv" in state.stop.saw
    assert any("/manage/project/critical/staged/" in line for line in again.told)
    assert json.dumps(simple(again)).count("1.2.4") == 0


def test_a_trusted_publisher_stages_without_a_stored_secret_and_attests(harbour: Harbour, tmp_path: Path) -> None:
    """The identity of the machine is traded for a token; what it uploads shows who has (PEP 740), and comes back so."""
    server = harbour.server
    server.command("publisher", "add", "attested", "forge", "--set", "sub=release-of-sealed", "--pending-for", "alice")
    audience = httpx.get(f"{server.url}/_/oidc/audience").json()["audience"]
    shipping = Shipping(tmp_path, harbour, project="attested", places={
        "index": {"url": server.url, "cache_seconds": "5", "attest": "yes"},
    })  # fmt: skip
    del shipping.secret["index-token"]
    # One identity for the whole run: it is traded once.
    identity = harbour.issuer.token({"sub": "release-of-sealed", "aud": audience})
    shipping.secret["index-identity"] = lambda: identity
    state = shipping.conduct()
    assert state.status == "released", state.stop
    name = next(one for one in simple(shipping) if one.endswith(".whl"))
    found = httpx.get(f"{server.url}/integrity/attested/{VERSION}/{name}/provenance").json()
    (bundle,) = found["attestation_bundles"]
    assert bundle["publisher"]["kind"] == "OIDC"
    assert len(bundle["attestations"]) == 1
    # What was sent stands in the journal; an index that shows less, or something else, is found out.
    run, stage = shipping.run_of("fetch-back"), state.steps["stage"]
    run = replace(run, places={**run.places, "index": {**run.places["index"], "cache_seconds": "0"}})
    FetchBack().do(run)
    more = {key: f"{value},{'0' * 64}" if key == f"attested:{name}" else value for key, value in stage.facts.items()}
    steps = {**run.state.steps, "stage": replace(stage, facts=more)}
    with pytest.raises(Tampered, match="1 of the attestations that were sent are not there"):
        FetchBack().do(replace(run, state=replace(run.state, steps=steps)))


def test_without_anything_to_show_nothing_is_sent(harbour: Harbour, tmp_path: Path) -> None:
    shipping = Shipping(tmp_path, harbour, project="nothing-to-show")
    del shipping.secret["index-token"]
    state = shipping.conduct()
    assert state.stop is not None
    assert state.stop.code == "no-credentials", state.stop


def test_what_an_index_does_not_take_goes_to_the_folder_beside_it(harbour: Harbour, tmp_path: Path) -> None:
    (tmp_path / "public").mkdir()
    (tmp_path / "staged").mkdir()
    shipping = Shipping(tmp_path, harbour, project="beside", places={
        "index": {"url": harbour.server.url, "cache_seconds": "5", "files": "downloads"},
        "downloads": {"adapter": "folder", "path": str(tmp_path / "public"), "stage": str(tmp_path / "staged")},
    })  # fmt: skip
    state = shipping.conduct()
    assert state.status == "released", state.stop
    assert set(simple(shipping)) == set(built(state))
    names = sorted(one.name for one in (tmp_path / "public" / VERSION).iterdir())
    assert names[:2] == ["SHA256SUMS", "beside-1.2.3-py3-none-any.whl.asc"]
    assert len(names) == 8


def test_a_release_needs_no_index_where_a_download_server_takes_all_of_it(harbour: Harbour, tmp_path: Path) -> None:
    """As python.org does it: everything, with its signatures and sums, appears by one rename."""
    (tmp_path / "public").mkdir()
    (tmp_path / "staged").mkdir()
    shipping = Shipping(tmp_path, harbour, project="pythonlike", places={
        "index": {
            "adapter": "folder", "path": str(tmp_path / "public"), "stage": str(tmp_path / "staged"),
            "into": "{project}/{version}",
        },
    })  # fmt: skip
    state = shipping.conduct()
    assert state.status == "released", state.stop
    there = sorted(one.name for one in (tmp_path / "public" / "pythonlike" / VERSION).iterdir())
    assert len(there) == 3 + 6 + 1
    assert list((tmp_path / "staged").iterdir()) == []
