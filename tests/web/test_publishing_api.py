"""Finding trusted publishing and exchanging tokens over HTTP: PEP 807, and what today's clients of PyPI read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx2 as httpx
import pytest
from starlette.testclient import TestClient

from clock import TurnableClock
from customhouse.accounts.index_flags import Ban, SetFlag, ban, set_flag
from customhouse.formats.api_token import ApiToken
from customhouse.infra.walkers import Walkers
from publishing import PublishingWorld, publishing_world, reasons
from receiver import Reply
from telling import telling_world
from world import World

pytestmark = pytest.mark.slow

PYTP = "application/vnd.pypi.pytp.v1+json"
FIND, AUDIENCE, MINT = "/.well-known/pytp?discover=%2Flegacy%2F", "/_/oidc/audience", "/_/oidc/mint-token"


@pytest.fixture
def forge(small_world: World, clock: TurnableClock, walkers: Walkers) -> Iterator[PublishingWorld]:
    with publishing_world(small_world.app.settings, clock, walkers) as made:
        made.project()
        made.trust()
        yield made


def get(forge: PublishingWorld, path: str, accept: str | None = PYTP) -> httpx.Response:
    client = forge.world.client
    if accept is None:
        request = client.build_request("GET", path)
        del request.headers["accept"]
        return client.send(request)
    return client.get(path, headers={"accept": accept})


def test_a_client_finds_its_way_from_the_upload_address_to_a_token(forge: PublishingWorld) -> None:
    """PEP 807 from the beginning to the end, with nothing known but where uploads go."""
    for path in ("/legacy/", "/upload/"):
        found = get(forge, f"/.well-known/pytp?discover={path.replace('/', '%2F')}")
        assert found.headers["content-type"] == PYTP
        assert found.json() == {
            "audience-endpoint": "https://index.test/_/oidc/audience",
            "token-mint-endpoint": "https://index.test/_/oidc/mint-token",
            "features": ["single-use-token", "multi-use-token"],
            "default-features": ["multi-use-token"],
        }
    audience = get(forge, found.json()["audience-endpoint"]).json()["audience"]
    token = forge.token(aud=audience)
    answer = forge.world.client.post(
        found.json()["token-mint-endpoint"], json={"token": token}, headers={"accept": PYTP}
    )
    read = answer.json()
    assert forge.publish(read["token"]).status == httpx.codes.OK
    left = read["expires"] - forge.clock.now().timestamp()
    assert 0 < left <= 21_600
    assert read["expires"] - int(forge.clock.now().timestamp()) >= 900
    assert answer.headers["cache-control"] == "no-store"


def test_todays_clients_read_what_pypi_answers(forge: PublishingWorld) -> None:
    """twine 6, uv and pypa/gh-action-pypi-publish: these two addresses, ``audience``, ``token``, ``expires``."""
    assert get(forge, AUDIENCE, "*/*").json() == {"audience": "index.test"}
    answer = forge.exchange(forge.token())
    read = answer.json()
    assert (answer.status_code, read["success"], isinstance(read["expires"], int)) == (200, True, True)
    assert ApiToken.parse(read["token"]).scope.actions == frozenset({"stage", "upload"})
    refused = forge.exchange("x.y.z").json()
    assert refused["message"] == "Token request failed"
    assert [set(error) for error in refused["errors"]] == [{"code", "description"}]


def test_pep807_no_accept_header_is_its_own_media_type_and_an_odd_one_is_refused(forge: PublishingWorld) -> None:
    for path in (FIND, AUDIENCE):
        assert get(forge, path, None).headers["content-type"] == PYTP
        assert get(forge, path, "application/json").headers["content-type"] == "application/json"
        for accept in ("text/html", "application/vnd.pypi.pytp.v2+json", "application/vnd.pypi.pytp.v1+json;q=0"):
            assert get(forge, path, accept).status_code == 406, accept
    refused = forge.world.client.post(MINT, json={"token": "x"}, headers={"accept": "text/html"})
    assert refused.status_code == 406


OTHER_PATHS = (
    "", "?discover=", "?discover=%2Fsimple%2F", "?discover=/legacy//", "?discover=/LEGACY/",
    "?discover=/legacy/&discover=/", "?discover=https%3A%2F%2Findex.test%2Flegacy%2F", "?discover=/legacy/../upload/",
    "?Discover=/legacy/",
)  # fmt: skip


def test_pep807_other_paths_are_404(forge: PublishingWorld) -> None:
    for query in OTHER_PATHS:
        answer = get(forge, f"/.well-known/pytp{query}")
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json"), query


def test_pep807_errors_are_problem_documents(forge: PublishingWorld) -> None:
    answer = forge.exchange(forge.token(aud="pypi"))
    assert answer.headers["content-type"] == "application/problem+json"
    read = answer.json()
    assert (read["type"], read["title"], read["status"]) == ("about:blank", "Unprocessable Entity", 422)
    assert "index.test" in read["detail"]


NO_EXCHANGES = (
    b"", b"{", b"[]", b"null", b'"x"', b"{}", b'{"token": 7}', b'{"token": null}', b'{"token": ["x"]}', b"\xff",
    b'{"token": "x", "token": "y"}', b'{"token": "\\ud800"}', b"[" * 5000, b"token=x",
    b'{"token": "x", "features": "single-use-token"}', b'{"token": "x", "features": ["forever"]}',
    b'{"token": "x", "features": [{}]}', b'{"token": "x", "features": {}, "y": [[[[[]]]]]}',
    b'{"token": "x", "features": ["single-use-token", "multi-use-token"]}',
)  # fmt: skip


def test_a_body_that_is_no_exchange_is_422_and_counts_for_nobody(forge: PublishingWorld) -> None:
    for body in NO_EXCHANGES * 7:
        answer = forge.world.client.post(MINT, content=body)
        assert (answer.status_code, reasons(answer)) == (422, ["invalid-payload"]), body[:60]


def test_a_body_that_is_too_large_is_413(forge: PublishingWorld) -> None:
    answer = forge.world.client.post(MINT, content=b"x" * (64 * 1024 + 1))
    assert (answer.status_code, reasons(answer)) == (413, ["too-large"])


def test_both_features_of_pep807_are_kept(forge: PublishingWorld) -> None:
    kinds: list[tuple[dict[str, Any], bool]] = [
        ({}, True), ({"features": []}, True), ({"features": ["multi-use-token"]}, True),
        ({"features": ["single-use-token"]}, False),
    ]  # fmt: skip
    for number, (more, several) in enumerate(kinds):
        token = forge.exchange(forge.token(), **more).json()["token"]
        assert forge.publish(token, version=f"{number}.1").status == 200
        assert (forge.publish(token, version=f"{number}.2").status == 200) is several


def test_an_issuer_that_is_away_is_503_with_retry_after_and_counts_for_nobody(forge: PublishingWorld) -> None:
    forge.service.keys = lambda _request: Reply(500)
    for _ in range(130):
        answer = forge.exchange(forge.token())
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
        assert reasons(answer) == ["unavailable"]


def test_failures_of_one_network_are_limited_and_right_exchanges_do_not_count(forge: PublishingWorld) -> None:
    for _ in range(3):
        assert forge.exchange(forge.token()).status_code == 200
    for _ in range(120):
        assert forge.exchange("x.y.z").status_code == 422
    answer = forge.exchange(forge.token())
    assert (answer.status_code, reasons(answer)) == (429, ["too-many"])
    assert int(answer.headers["retry-after"]) > 0


def test_switches_and_banned_networks_hold_for_exchanges_too(forge: PublishingWorld) -> None:
    forge.app.do(set_flag, SetFlag("no-uploads", on=True, reason="a test"))
    assert reasons(forge.exchange(forge.token())) == ["flag-no-uploads"]
    forge.app.do(set_flag, SetFlag("no-uploads", on=False, reason="over"))
    forge.app.do(ban, Ban("203.0.113.0/24", "a test"))
    with TestClient(forge.world.client.app, base_url="https://index.test", client=("203.0.113.9", 50000)) as banned:
        assert reasons(banned.post(MINT, json={"token": forge.token()})) == ["network-banned"]
    assert forge.exchange(forge.token()).status_code == 200


def test_an_index_that_trusts_no_issuer_says_so(small_world: World, clock: TurnableClock) -> None:
    off: dict[str, Any] = {"publisher_issuers": (), "oidc_issuers": ()}
    with telling_world(small_world.app.settings, clock, **off) as world:
        assert world.client.get(FIND).status_code == 404
        assert world.client.get(AUDIENCE).status_code == 403
        assert reasons(world.client.post(MINT, json={"token": "x"})) == ["not-enabled"]


def test_no_answer_says_more_than_it_must(forge: PublishingWorld) -> None:
    token = forge.token(aud="pypi")
    answer = forge.exchange(token)
    assert token.split(".")[2] not in answer.text
    good = forge.exchange(forge.token())
    for entry in forge.events("publisher-token-minted"):
        assert good.json()["token"].rpartition(".")[2] not in json.dumps(entry.body)


def test_a25_the_page_of_publishers_shows_the_ids_that_are_known_and_those_that_came(forge: PublishingWorld) -> None:
    forge.minted()
    stranger = forge.token(repository_id="<999>", sub="repo:acme/demo:environment:pypi")
    assert reasons(forge.exchange(stranger)) == ["invalid-publisher"]
    page = forge.world.person("alice").get("/manage/project/demo/publishing/").text
    assert "repository id <code>74</code>" in page
    assert "repository id <code>&lt;999&gt;</code>" in page
    assert "another place has its name now" in page
