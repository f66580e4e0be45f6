"""The resolver against a real name server on loopback: what is a fact, and what nobody can say."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import dns_simulator as simulator
from customhouse.infra.dns import NO_MAIL, NameServer, Resolver
from customhouse.terms.errors import Rejected, Unavailable
from dns_simulator import DnsSimulator, dns_simulator
from servers import free_port

pytestmark = pytest.mark.slow


@pytest.fixture
def names() -> Iterator[DnsSimulator]:
    with dns_simulator() as made:
        made.zone(
            "example.org",
            MX=["20 second.example.org.", "10 First.example.org."],
            NS=["ns2.example.org.", "ns1.example.org."],
            A=["192.0.2.7"],
            TXT=['"v=spf1 " "-all"', '"customhouse=abc"'],
        )
        yield made


def resolver(names: DnsSimulator, seconds: float = 0.4) -> Resolver:
    return Resolver.of([names.server], seconds)


def test_every_kind_of_record_is_read(names: DnsSimulator) -> None:
    ask = resolver(names)
    assert ask.mx("example.org") == ("first.example.org", "second.example.org")
    assert ask.ns("EXAMPLE.org.") == ("ns1.example.org", "ns2.example.org")
    assert ask.txt("example.org") == ("customhouse=abc", "v=spf1 -all")
    assert ask.ask("example.org", "A").values == ("192.0.2.7",)


def test_no_such_name_and_nothing_of_the_kind_are_two_facts(names: DnsSimulator) -> None:
    ask = resolver(names)
    assert ask.ask("gone.example", "MX") == ask.ask("gone.example", "A")
    assert not ask.ask("gone.example", "MX").exists
    nothing = ask.ask("example.org", "AAAA")
    assert nothing.exists
    assert not nothing.values
    assert ask.txt("gone.example") == ask.mx("gone.example") == ()
    names.zone("deep.below.example", A=["192.0.2.1"])
    assert ask.ask("below.example", "A").exists  # a name above others is there, though it holds nothing


def test_a_domain_that_takes_no_mail_says_so(names: DnsSimulator) -> None:
    names.zone("silent.example", MX=["0 ."])
    assert resolver(names).mx("silent.example") == (NO_MAIL,)


def test_an_alias_is_there_even_if_what_it_means_is_gone(names: DnsSimulator) -> None:
    names.zone("alias.example", CNAME=["gone.example."])
    found = resolver(names).ask("alias.example", "MX")
    assert found.exists
    assert not found.values
    names.zone("alias.example", CNAME=["example.org."])
    assert resolver(names).mx("alias.example") == ("first.example.org", "second.example.org")


def test_a_long_answer_comes_by_tcp(names: DnsSimulator) -> None:
    names.behaviour = simulator.TRUNCATED
    assert resolver(names).mx("example.org") == ("first.example.org", "second.example.org")
    assert [transport for _name, _kind, transport in names.asked] == ["udp", "tcp"]


@pytest.mark.parametrize(
    "behaviour",
    [simulator.SERVFAIL, simulator.REFUSED, simulator.SILENT, simulator.OTHER_ID, simulator.GARBAGE],
)
def test_a33_what_is_no_answer_is_never_a_fact(names: DnsSimulator, behaviour: str) -> None:
    names.behaviour = behaviour
    with pytest.raises(Unavailable, match=r"example\.org"):
        resolver(names).mx("example.org")
    names.behaviour = simulator.NORMAL
    assert resolver(names).mx("example.org")


def test_a33_a_server_that_is_away_is_no_fact_either() -> None:
    with pytest.raises(Unavailable):
        Resolver.of([f"127.0.0.1:{free_port()}"], 0.3).mx("example.org")


def test_the_second_server_answers_if_the_first_fails(names: DnsSimulator) -> None:
    with dns_simulator() as failing:
        failing.behaviour = simulator.SERVFAIL
        assert Resolver.of([failing.server, names.server], 1.0).mx("example.org")


@pytest.mark.parametrize("name", ["", ".", "a..b", "two words.example", "x" * 64 + ".example", "a\r\nb.example", "*"])
def test_a37_what_is_no_name_is_not_asked_for(names: DnsSimulator, name: str) -> None:
    with pytest.raises(Rejected):
        resolver(names).mx(name)
    assert not names.asked


def test_letters_beyond_ascii_are_encoded(names: DnsSimulator) -> None:
    names.zone("xn--bcher-kva.example", MX=["10 mx.example.org."])
    assert resolver(names).mx("bücher.example") == ("mx.example.org",)


def test_a33_a_server_that_lies_about_everything_is_found_out(names: DnsSimulator) -> None:
    ask = resolver(names)
    ask.test()
    names.wildcard = True
    with pytest.raises(Unavailable, match="this exists"):
        ask.test()
    names.wildcard = False
    for behaviour in (simulator.NXDOMAIN, simulator.SERVFAIL):
        names.behaviour = behaviour
        with pytest.raises(Unavailable):
            ask.test()


def test_servers_are_written_in_one_way() -> None:
    assert NameServer.parse("192.0.2.1") == NameServer("192.0.2.1", 53)
    assert NameServer.parse("[2001:db8::1]:5353") == NameServer("2001:db8::1", 5353)
    for wrong in ("", "localhost", "1.2.3", "127.0.0.1:0", "127.0.0.1:70000", "2001:db8::1", "[1.2.3.4]:53x"):
        with pytest.raises(Rejected):
            NameServer.parse(wrong)
