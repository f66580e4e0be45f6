"""Trusted publishing where it should not work, over HTTP: A21 to A29. Each rule by itself stands in tests/trust."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx2 as httpx
import pytest
import sqlalchemy as sa
from joserfc.jwk import ECKey
from starlette.testclient import TestClient

from build_service import BuildService, build_service, ec_key, signed, timed
from clock import TurnableClock
from customhouse.app import open_app
from customhouse.index.publishing.add import AddPublisher, add_publisher
from customhouse.infra.walkers import Walkers
from customhouse.trust.tables import minted_token, used_jti
from customhouse.web.asgi import build
from issuer import running_issuer
from publishing import PublishingWorld, publishing_world, reasons
from receiver import HANG_UP, redirect
from servers import free_port
from trust.claims import GITHUB, GITLAB
from world import World

pytestmark = pytest.mark.slow


@pytest.fixture
def forge(small_world: World, clock: TurnableClock, walkers: Walkers) -> Iterator[PublishingWorld]:
    with publishing_world(small_world.app.settings, clock, walkers) as made:
        made.project()
        made.trust()
        yield made


def minted(forge: PublishingWorld) -> int:
    with forge.app.database.read() as sql:
        return sql.execute(sa.select(sa.func.count()).select_from(minted_token)).scalar_one()


def refused(forge: PublishingWorld, token: str, code: str = "invalid-token") -> None:
    before = used_up(forge)
    answer = forge.exchange(token)
    assert (answer.status_code, reasons(answer)) == (422, [code]), answer.text
    assert minted(forge) == 0
    # What is genuine is used up; what is not leaves nothing.
    assert used_up(forge) - before == (0 if code == "invalid-token" else 1)


def used_up(forge: PublishingWorld) -> int:
    with forge.app.database.read() as sql:
        return sql.execute(sa.select(sa.func.count()).select_from(used_jti)).scalar_one()


def test_a21_no_forged_signature_is_worth_a_token(forge: PublishingWorld) -> None:
    claims = timed(GITHUB, forge.clock, forge.service.url)
    unsigned = signed(claims, alg="ES256").rpartition(".")[0] + "."
    for token in (
        signed(claims, ECKey.generate_key("P-256", {"kid": "one"})), signed(claims, kid="../../../etc/passwd"),
        signed(claims, kid="' OR '1'='1"), signed(claims, jku="https://evil.example/keys"),
        signed(claims, jwk=ec_key().as_dict(private=False)), signed(claims, typ="at+jwt"),
        signed(claims).rpartition(".")[0] + "." + "A" * 86, unsigned, "x" * 60_000, "\0", "..", "a.b.c",
    ):  # fmt: skip
        refused(forge, token)
    assert forge.exchange("x" * 10**6).status_code == 413


def test_a22_no_token_for_another_index_or_time_is_worth_one(forge: PublishingWorld) -> None:
    now = int(forge.clock.now().timestamp())
    for changes in (
        {"aud": "pypi"}, {"aud": None}, {"aud": ["index.test", "pypi"]}, {"iss": forge.service.url + "/"},
        {"iss": "https://token.actions.githubusercontent.com.evil.example"}, {"exp": now - 31}, {"exp": None},
        {"iat": now - 601, "exp": now + 10**9}, {"iat": now + 60}, {"nbf": now + 60},
    ):  # fmt: skip
        refused(forge, forge.token(**changes))


def test_a23_a_used_token_is_used_for_every_process_and_after_a_restart(forge: PublishingWorld) -> None:
    token = forge.token()
    assert forge.exchange(token).status_code == httpx.codes.OK
    with open_app(forge.app.settings, clock=forge.clock) as second, TestClient(build(second)) as client:
        answer = client.post("https://index.test/_/oidc/mint-token", json={"token": token})
        assert reasons(answer) == ["invalid-reuse-token"]


def test_a23_missing_where_it_is_promised_and_the_same_of_another_issuer(
    small_world: World, clock: TurnableClock
) -> None:
    with build_service(clock) as first, build_service(clock) as other:
        issuers = [first.setting(), other.setting("custom", "other", claims=["repository"], title="Other")]
        with publishing_world(small_world.app.settings, clock, oidc_issuers=issuers) as forge:
            forge.service = first
            forge.project()
            forge.trust()
            refused(forge, forge.token(jti=None))
            forge.project("theirs")
            described = forge.described({"repository": "acme/demo"}, issuer="other")
            forge.app.do(add_publisher, AddPublisher("theirs", described, by=forge.person().actor))
            assert forge.exchange(forge.token(jti="the same")).status_code == httpx.codes.OK
            assert forge.exchange(other.token(GITHUB, jti="the same")).status_code == httpx.codes.OK
            without = other.token(GITHUB, jti=None)
            assert forge.exchange(without).status_code == httpx.codes.OK
            assert reasons(forge.exchange(without)) == ["invalid-reuse-token"]


def test_a24_an_issuer_that_is_away_or_taken_over_is_never_believed_for_long(forge: PublishingWorld) -> None:
    assert forge.minted()
    for keys in (HANG_UP, redirect("http://169.254.169.254/keys")):
        forge.service.keys = lambda _request, keys=keys: keys
        forge.clock.turn(timedelta(minutes=30))
        assert forge.minted()
        forge.clock.turn(timedelta(minutes=31))
        answer = forge.exchange(forge.token())
        assert (answer.status_code, reasons(answer)) == (503, ["unavailable"])
        forge.service.keys = None
        forge.clock.turn(timedelta(minutes=1))
        assert forge.minted()


def test_a24_a_flood_of_made_up_keys_reaches_the_issuer_once_a_minute(forge: PublishingWorld) -> None:
    forge.minted()
    before = len(forge.service.receiver.requests)
    for number in range(40):
        token = signed(timed(GITHUB, forge.clock, forge.service.url), kid=f"made-up-{number}")
        assert reasons(forge.exchange(token)) == ["invalid-token"]
    assert len(forge.service.receiver.requests) <= before + 1


def test_a24_a_rotated_key_is_taken_and_the_old_one_no_longer(forge: PublishingWorld) -> None:
    forge.minted()
    forge.service.published = [ec_key("two")]
    forge.clock.turn(timedelta(minutes=1))
    new = forge.service.token(GITHUB, ec_key("two"))
    assert forge.exchange(new).status_code == httpx.codes.OK
    assert reasons(forge.exchange(forge.token())) == ["invalid-token"]


def test_a26_no_trick_with_workflows_is_worth_a_token(forge: PublishingWorld) -> None:
    other = "acme/demo/.github/workflows/other.yml@refs/tags/v1.0"
    fork = "mallory/demo/.github/workflows/release.yml@refs/tags/v1.0"
    tricks: list[dict[str, object]] = [
        {"workflow_ref": other}, {"job_workflow_ref": other}, {"job_workflow_ref": fork, "workflow_ref": fork},
        {"ref": "refs/heads/evil"}, {"event_name": "pull_request_target"}, {"event_name": "issue_comment"},
        {"sub": "repo:mallory/demo:ref:refs/tags/v1.0"}, {"repository": "mallory/demo"},
    ]  # fmt: skip
    for changes in tricks:
        refused(forge, forge.token(**changes), "invalid-publisher")


def test_a27_two_gitlabs_with_the_same_path_have_nothing_to_do_with_each_other(
    small_world: World, clock: TurnableClock
) -> None:
    with build_service(clock) as ours, build_service(clock) as theirs:
        issuers = [ours.setting("gitlab", "ours"), theirs.setting("gitlab", "theirs")]
        with publishing_world(small_world.app.settings, clock, oidc_issuers=issuers) as forge:
            forge.project()
            described = forge.described({"namespace": "acme/tools", "project": "demo"}, issuer="ours")
            forge.app.do(add_publisher, AddPublisher("demo", described, by=forge.person().actor))

            def build_at(service: BuildService) -> dict[str, object]:
                path = f"{service.url.removeprefix('http://')}/acme/tools/demo//.gitlab-ci.yml@refs/tags/v1.0"
                return {**GITLAB, "ci_config_ref_uri": path}

            right = build_at(ours)
            refused(forge, theirs.token(build_at(theirs)), "invalid-publisher")
            refused(forge, theirs.token(right), "invalid-publisher")
            # The other one cannot sign in our name either: its keys are not those of ours.
            refused(forge, theirs.token(right, ec_key("theirs"), iss=ours.url))
            assert forge.exchange(ours.token(right)).status_code == httpx.codes.OK


def test_a_real_issuer_is_believed_through_a_change_of_its_keys(small_world: World) -> None:
    """The whole exchange with oidc-provider from npm: published, keys changed, published again, old keys gone."""
    clock, port = TurnableClock(datetime.now(UTC)), free_port()
    entry = {"name": "forge", "title": "Forge", "issuer": f"http://127.0.0.1:{port}", "kind": "github"}
    with publishing_world(small_world.app.settings, clock, oidc_issuers=[entry]) as forge:
        forge.project()
        forge.trust()
        with running_issuer("https://index.test/back/", port=port, generation="-1") as issuer:
            token = issuer.build_token(GITHUB)
            clock.turn(datetime.now(UTC) - clock.now())
            answer = forge.exchange(token)
            assert answer.status_code == httpx.codes.OK, answer.text
            assert forge.publish(answer.json()["token"]).status == httpx.codes.OK
            assert reasons(forge.exchange(token)) == ["invalid-reuse-token"]
            unused = issuer.build_token(GITHUB)
            assert reasons(forge.exchange(issuer.build_token({**GITHUB, "event_name": "workflow_run"}))) == [
                "invalid-publisher"
            ]
        clock.turn(timedelta(minutes=2))
        with running_issuer("https://index.test/back/", port=port, generation="-2") as issuer:
            answer = forge.exchange(issuer.build_token(GITHUB))
            assert answer.status_code == httpx.codes.OK, answer.text
            assert forge.publish(answer.json()["token"], version="2.0").status == httpx.codes.OK
            assert reasons(forge.exchange(unused)) == ["invalid-token"]
