"""Requests to addresses that others have chosen: attack A37, one row each."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest

from customhouse.infra.fetch import MOST_REDIRECTS, Order, Outbound
from customhouse.infra.reach import Reach
from customhouse.infra.targets import Target
from customhouse.terms.errors import CustomhouseError, Refused, Rejected, Unavailable
from receiver import (
    BREAK_OFF,
    DRIP,
    HANG,
    HANG_UP,
    Behaviour,
    Receiver,
    Reply,
    Request,
    certificate_for,
    receiver,
    redirect,
)
from servers import free_port

LOOPBACK = Outbound(Reach.parse(["127.0.0.0/8"]))
NO_URLS = [
    ("file:///etc/passwd", "scheme"),
    ("gopher://example.org/_x", "scheme"),
    ("ftp://example.org/", "scheme"),
    ("javascript:alert(1)", "scheme"),
    ("//example.org/", "scheme"),
    ("example.org", "scheme"),
    ("", "character"),
    ("https://user@example.org/", "user name"),
    ("https://example.org:pw@169.254.169.254/", "user name"),
    ("https://example.org\\@169.254.169.254/", "character"),
    ("https://example.org/\r\nX-Evil: 1", "character"),
    ("https://example.org/\nGET /", "character"),
    ("https://exa\tmple.org/", "character"),
    ("https://example.org/ x", "character"),
    ("https://example.org/é", "character"),
    ("https://еxample.org/", "character"),
    ("http://①②⑦.⓪.⓪.①/", "character"),
    ("http://127。0。0。1/", "character"),
    ("https://example.org/#part", "fragment"),
    ("https://example.org:0/", "port"),
    ("https://example.org:/", "port"),
    ("https://example.org:99999/", "not an address"),
    ("https://example.org:x/", "not an address"),
    ("https://[::1/", "not an address"),
    ("https://", "not a host"),
    ("https://-a.example/", "not a host"),
    ("https://a..example/", "not a host"),
    ("https://exam%70le.org/", "not a host"),
    ("http://2130706433/", "odd spelling"),
    ("http://0x7f000001/", "odd spelling"),
    ("http://0x7f.0x0.0x0.0x1/", "odd spelling"),
    ("http://017700000001/", "odd spelling"),
    ("http://0177.0.0.1/", "odd spelling"),
    ("http://127.0.0.01/", "odd spelling"),
    ("http://127.1/", "odd spelling"),
    ("http://127.0.0.1.0x/", "odd spelling"),
    ("http://0/", "odd spelling"),
    ("http://1.2.3.4.5/", "odd spelling"),
    ("http://256.1.1.1/", "odd spelling"),
    ("http://[fe80::1%25eth0]/", "zone"),
    ("http://[::ffff:127.0.0.1.2]/", "not a"),
    ("http://example.org/" + "a" * 2000, "characters"),
]
CLOSED = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1",  # noqa: S104 - a row of the table
    "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.0.9", "168.63.129.16",
    "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.1.1",
    "198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.7", "224.0.0.1", "239.255.255.250", "240.0.0.1",
    "255.255.255.255", "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::7f00:1", "100::1", "2001::1",
    "2001:db8::1", "2002:7f00:1::1", "2002:a9fe:a9fe::1", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1",
    "fec0::1", "ff02::1", "4000::1",
]  # fmt: skip
OPEN = ["1.1.1.1", "8.8.8.8", "172.15.0.1", "172.32.0.1", "2606:4700::1111", "2a00:1450::1", "64:ff9b::8.8.8.8"]


@pytest.fixture
def server() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


def get(url: str) -> Order:
    return Order(Target.parse(url))


@pytest.mark.parametrize(("text", "why"), NO_URLS)
def test_an_address_that_programs_might_read_differently_is_rejected(text: str, why: str) -> None:
    with pytest.raises(Rejected, match=why):
        Target.parse(text)


def test_an_address_keeps_what_it_says() -> None:
    target = Target.parse("HTTPS://Hooks.Example.ORG.:8443/a/b?c=%20d")
    assert (target.scheme, target.host, target.port, target.path) == (
        "https", "hooks.example.org", 8443, "/a/b?c=%20d")  # fmt: skip
    assert str(target) == "https://hooks.example.org:8443/a/b?c=%20d"
    assert target.origin == "https://hooks.example.org:8443"
    assert str(Target.parse("http://[2606:4700::1111]")) == "http://[2606:4700::1111]/"


@pytest.mark.parametrize("text", CLOSED)
def test_no_special_address_is_connected_to(text: str) -> None:
    assert Reach().refusal(ip_address(text)) is not None


@pytest.mark.parametrize("text", OPEN)
def test_a_public_address_may_be_connected_to(text: str) -> None:
    assert Reach().refusal(ip_address(text)) is None


def test_an_operator_opens_a_private_network_and_no_more() -> None:
    reach = Reach.parse(["10.1.0.0/16", "fd12::/48"])
    for text in ("10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::10.1.2.3", "fd12::1"):
        assert reach.refusal(ip_address(text)) is None
    for text in ("10.2.0.1", "::ffff:10.2.0.1", "2002:a01:203::1", "fd13::1", "127.0.0.1"):
        assert reach.refusal(ip_address(text)) is not None


@pytest.mark.parametrize("text", ["10.1.0.1/16", "everything", "10.0.0.0/33", ""])
def test_a_setting_that_is_no_network_is_rejected(text: str) -> None:
    with pytest.raises(Rejected, match="private_networks_allowed"):
        Reach.parse([text])


@pytest.mark.parametrize("url", ["http://127.0.0.1:{}/", "http://localhost:{}/", "http://[::ffff:127.0.0.1]:{}/"])
def test_loopback_is_refused_before_a_byte_is_sent(server: Receiver, url: str) -> None:
    with pytest.raises(Refused, match="public internet"):
        Outbound().fetch(get(url.format(server.port)))
    assert server.requests == []


def test_a_name_that_leads_to_the_metadata_server_is_refused_without_saying_where_it_leads() -> None:
    outbound = Outbound(resolve=lambda _host, _port: ["169.254.169.254"])
    with pytest.raises(Refused) as refusal:
        outbound.fetch(get("http://innocent.example/"))
    assert "169.254" not in str(refusal.value)


@pytest.mark.parametrize("answer", [["8.8.8.8", "127.0.0.1"], ["127.0.0.1", "8.8.8.8"], ["fe80::1%eth0"]])
def test_one_refused_address_condemns_the_name(answer: list[str]) -> None:
    with pytest.raises(Refused):
        Outbound(resolve=lambda _host, _port: answer).fetch(get("http://mixed.example/"))


def test_a_name_is_resolved_once_and_the_connection_goes_to_that_address(server: Receiver) -> None:
    """DNS rebinding: the second answer, which nobody asks for, would lead elsewhere."""
    answers = [["127.0.0.1"], ["127.0.0.2"]]
    outbound = Outbound(Reach.parse(["127.0.0.1/32"]), lambda _host, _port: answers.pop(0))
    assert outbound.fetch(get(f"http://rebinding.example:{server.port}/x?y=1")).status == 200
    assert answers == [["127.0.0.2"]]
    [request] = server.requests
    assert request.path == "/x?y=1"
    assert request.headers["host"] == f"rebinding.example:{server.port}"
    assert request.headers["user-agent"] == "Customhouse"


def test_the_next_address_is_tried_when_nobody_listens_at_the_first(server: Receiver) -> None:
    outbound = Outbound(Reach.parse(["127.0.0.0/8"]), lambda _host, _port: ["127.0.0.3", "127.0.0.1"])
    assert outbound.fetch(get(f"http://two.example:{server.port}/")).status == 200


def test_a_name_without_address_and_a_port_without_listener_are_unavailable() -> None:
    def nowhere(_host: str, _port: int) -> list[str]:
        raise OSError

    with pytest.raises(Unavailable, match="no address"):
        Outbound(resolve=nowhere).fetch(get("http://nowhere.example/"))
    with pytest.raises(Unavailable, match="nobody listens"):
        LOOPBACK.fetch(get(f"http://127.0.0.1:{free_port()}/"))


def test_a_post_arrives_as_it_was_sent(server: Receiver) -> None:
    answer = LOOPBACK.fetch(Order(Target.parse(server.url), "POST", {"X-One": "1"}, b"body"))
    assert (answer.status, answer.body, answer.fine) == (200, b"thanks\n", True)
    [request] = server.requests
    assert (request.method, request.body, request.headers["x-one"]) == ("POST", b"body", "1")


def test_a_header_cannot_smuggle_another(server: Receiver) -> None:
    with pytest.raises(ValueError, match="Invalid header"):
        LOOPBACK.fetch(Order(Target.parse(server.url), headers={"X-One": "1\r\nX-Two: 2"}))


@pytest.mark.parametrize(
    ("behaviour", "why"),
    [(HANG, "in time"), (DRIP, "in time"), (HANG_UP, "broke off"), (BREAK_OFF, "broke off in the middle")],
)
def test_a_server_that_hangs_drips_or_breaks_off_holds_nobody(server: Receiver, behaviour: str, why: str) -> None:
    server.answer = lambda _request: behaviour
    with pytest.raises(Unavailable, match=why):
        LOOPBACK.fetch(get(server.url), seconds=0.4)


def test_an_answer_has_a_size_limit_unless_only_its_beginning_is_wanted(server: Receiver) -> None:
    server.answer = lambda _request: Reply(body=b"x" * 1001)
    with pytest.raises(Unavailable, match="longer than 1000"):
        LOOPBACK.fetch(get(server.url), limit_bytes=1000)
    answer = LOOPBACK.fetch(get(server.url), limit_bytes=1000, beginning_only=True)
    assert (len(answer.body), answer.cut) == (1000, True)
    answer = LOOPBACK.fetch(get(server.url), limit_bytes=1001)
    assert (len(answer.body), answer.cut) == (1001, False)


def test_redirects_are_not_followed_unless_asked_for(server: Receiver) -> None:
    server.answer = lambda _request: redirect("http://169.254.169.254/latest/meta-data/")
    assert LOOPBACK.fetch(get(server.url)).status == 302
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("location", "error"),
    [
        ("http://169.254.169.254/latest/meta-data/", Refused),
        ("http://10.0.0.1/", Refused),
        ("http://[::ffff:169.254.169.254]/", Refused),
        ("//192.168.0.1/", Refused),
        ("file:///etc/passwd", Rejected),
        ("http://0x7f000001/", Rejected),
        ("http://u@example.org/", Rejected),
        ("\\\\169.254.169.254/", Rejected),
    ],
)
def test_each_redirect_is_judged_again(server: Receiver, location: str, error: type[CustomhouseError]) -> None:
    server.answer = lambda _request: redirect(location)
    with pytest.raises(error):
        LOOPBACK.fetch(get(server.url), follow=3)
    assert len(server.requests) == 1


def test_at_most_three_redirects_are_followed(server: Receiver) -> None:
    server.answer = lambda request: redirect(request.path + "x")
    with pytest.raises(Unavailable, match="more than 3 times"):
        LOOPBACK.fetch(get(server.url), follow=99)
    assert len(server.requests) == MOST_REDIRECTS + 1


@pytest.mark.parametrize(("status", "method", "body"), [(302, "GET", b""), (303, "GET", b""), (307, "POST", b"b")])
def test_a_redirect_keeps_the_method_only_when_it_says_so(
    server: Receiver, status: int, method: str, body: bytes
) -> None:
    server.answer = lambda request: redirect("/next", status) if request.path == "/hook" else Reply()
    headers = {"Authorization": "secret", "Accept": "text/plain"}
    LOOPBACK.fetch(Order(Target.parse(server.url), "POST", headers, b"b"), follow=1)
    assert (server.requests[1].method, server.requests[1].body) == (method, body)
    assert server.requests[1].headers["authorization"] == "secret"


def test_secrets_do_not_go_along_to_another_origin(server: Receiver) -> None:
    with receiver() as other:
        server.answer = lambda _request: redirect(other.url)
        headers = {"Authorization": "secret", "X-Key": "secret", "Accept": "text/plain"}
        LOOPBACK.fetch(Order(Target.parse(server.url), headers=headers), follow=1)
        assert other.requests[0].headers["accept"] == "text/plain"
        assert not {"authorization", "x-key"} & set(other.requests[0].headers)


def test_tls_is_verified_for_the_name_that_was_asked_for(tmp_path: Path) -> None:
    made = certificate_for(tmp_path, "hooks.example")
    loopback = Reach.parse(["127.0.0.0/8"])
    with receiver(tls=made.server) as server:
        url = f"https://hooks.example:{server.port}/"
        known = Outbound(loopback, lambda _host, _port: ["127.0.0.1"], made.client)
        assert known.fetch(get(url)).status == 200
        with pytest.raises(Unavailable, match="certificate"):
            known.fetch(get(f"https://other.example:{server.port}/"))
        with pytest.raises(Unavailable, match="certificate"):
            Outbound(loopback, lambda _host, _port: ["127.0.0.1"]).fetch(get(url))
        assert len(server.requests) == 1


def test_no_redirect_leads_from_https_to_http(tmp_path: Path) -> None:
    made = certificate_for(tmp_path, "IP:127.0.0.1")
    outbound = Outbound(Reach.parse(["127.0.0.0/8"]), trust=made.client)

    def down(_request: Request) -> Behaviour:
        return redirect("http://127.0.0.1/")

    with receiver(tls=made.server) as server:
        server.answer = down
        with pytest.raises(Rejected, match="from https to http"):
            outbound.fetch(get(server.url), follow=1)
