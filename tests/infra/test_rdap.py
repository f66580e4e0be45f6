"""The RDAP client against a registry on loopback: what is a fact, and what nobody can say."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

import rdap_simulator as simulator
from customhouse.infra import rdap
from customhouse.infra.fetch import Outbound
from customhouse.infra.rdap import NoRegistry, NotRegistered, Rdap, Registration
from customhouse.infra.reach import Reach
from customhouse.terms.errors import Rejected, Unavailable
from rdap_simulator import RdapSimulator, rdap_simulator
from receiver import redirect

LOOPBACK = Outbound(Reach.parse(["127.0.0.0/8"]))
INSIDE = "http://169.254.169.254/latest/meta-data"
BEGAN = datetime(2020, 5, 1, tzinfo=UTC)


@pytest.fixture
def registry() -> Iterator[RdapSimulator]:
    with rdap_simulator() as made:
        made.register("example.org", at=BEGAN, years=10)
        yield made


@pytest.fixture
def client(registry: RdapSimulator) -> Rdap:
    return Rdap(LOOPBACK, bootstrap=f"{registry.url}/rdap/dns.json")


def test_a_registration_is_found_through_the_list_of_servers(registry: RdapSimulator, client: Rdap) -> None:
    registry.domains["example.org"].statuses = ["clientHold", "Redemption Period"]
    found = client.find("example.org")
    assert found == Registration(
        "example.org", frozenset({"client hold", "redemption period"}), BEGAN, BEGAN + timedelta(days=3650)
    )
    client.find("example.org")
    paths = [request.path for request in registry.web.requests]
    assert paths == ["/rdap/dns.json", "/registry/domain/example.org", "/registry/domain/example.org"]
    assert registry.web.requests[1].headers["accept"].startswith("application/rdap+json")


def test_the_domain_of_an_address_is_looked_for_upwards(registry: RdapSimulator, client: Rdap) -> None:
    found = client.find("mail.dept.example.org")
    assert isinstance(found, Registration)
    assert found.name == "example.org"
    assert registry.asked == ["mail.dept.example.org", "dept.example.org", "example.org"]
    client.find("mail.dept.example.org", known_as="example.org")
    assert registry.asked[3:] == ["example.org"]
    assert client.find("gone.org") == NotRegistered()
    assert client.find("a.b.c.d.e.f.g.gone.org") == NotRegistered()
    assert len(registry.asked) == 4 + 1 + rdap.MOST_LABELS - 1  # never the top-level domain itself


def test_a_top_level_domain_without_a_server_is_no_fault(registry: RdapSimulator, client: Rdap) -> None:
    assert client.find("example.zz") == NoRegistry()
    assert registry.asked == []


def test_the_last_of_several_registrations_counts(registry: RdapSimulator, client: Rdap) -> None:
    again = BEGAN + timedelta(days=800)
    registry.domains["example.org"].reregistered_at = again
    found = client.find("example.org")
    assert isinstance(found, Registration)
    assert found.registered_at == again


@pytest.mark.parametrize(
    "behaviour",
    [
        simulator.SERVER_ERROR, simulator.TIRED, simulator.NOT_JSON, simulator.WEB_PAGE, simulator.OTHER_NAME,
        simulator.BAD_DATE, simulator.HANGS_UP,
    ],
)  # fmt: skip
def test_a33_an_answer_that_is_none_is_never_a_fact(registry: RdapSimulator, client: Rdap, behaviour: str) -> None:
    registry.behaviour = behaviour
    with pytest.raises(Unavailable) as caught:
        client.find("example.org")
    assert behaviour != simulator.TIRED or caught.value.retry_after_seconds == 120
    registry.behaviour = simulator.NORMAL
    assert isinstance(client.find("example.org"), Registration)


def test_a33_a_list_of_servers_that_is_away_is_no_fact_either(registry: RdapSimulator) -> None:
    away = Rdap(LOOPBACK, bootstrap=f"{registry.url}/registry/domain/nothing")
    with pytest.raises(Unavailable):
        away.find("example.org")


def test_a37_a_registry_inside_our_own_network_is_not_asked(registry: RdapSimulator) -> None:
    closed = Rdap(Outbound(), url=f"{registry.url}/registry")
    with pytest.raises(Unavailable, match="connects to no others"):
        closed.find("example.org")
    assert not registry.web.requests


def test_a37_a_redirect_into_our_network_is_not_followed(registry: RdapSimulator, client: Rdap) -> None:
    registry.web.answer = lambda request: registry.answer(request) if "dns.json" in request.path else redirect(INSIDE)
    with pytest.raises(Unavailable):
        client.find("example.org")


@pytest.mark.parametrize("name", ["example.org/../../x", "a b.org", "example.org?x", "", "exa\r\nmple.org"])
def test_a37_what_is_no_name_gets_into_no_address(registry: RdapSimulator, client: Rdap, name: str) -> None:
    with pytest.raises(Rejected):
        client.find(name)
    assert registry.asked == []


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"services": 1}', b'{"services": [[["org"]]]}', b'{"services": [[["org"], [1]]]}', b"[" * 9999],
)  # fmt: skip
def test_a_list_of_another_form_is_no_list(body: bytes) -> None:
    with pytest.raises(Unavailable):
        rdap.read_bootstrap("here", body)


def test_the_list_prefers_secure_servers_and_passes_over_what_is_no_name() -> None:
    body = b'{"services": [[["Org", "b d"], ["http://a.example", "https://b.example/x"]], [["com"], []]]}'
    assert rdap.read_bootstrap("here", body) == {"org": "https://b.example/x/"}
