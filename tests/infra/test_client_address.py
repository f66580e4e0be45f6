"""Whose address it is: front ends are believed, clients are not."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customhouse.infra.client_address import client_address, network_of, parse_networks
from customhouse.infra.client_hash import ClientHashes
from customhouse.terms.errors import Rejected

TRUSTED = parse_networks(("10.0.0.0/8", "2001:db8:ff::/48"))
CLIENT = "203.0.113.7"


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "expected"),
    [
        (CLIENT, None, CLIENT),
        ("10.0.0.1", None, "10.0.0.1"),
        ("10.0.0.1", CLIENT, CLIENT),
        ("10.0.0.1", f"{CLIENT}, 10.0.0.2", CLIENT),
        ("10.0.0.1", f" {CLIENT} ,10.0.0.2,10.0.0.3 ", CLIENT),
        ("10.0.0.1", f"{CLIENT}:51234", CLIENT),
        ("10.0.0.1", "[2001:db8::7]:51234", "2001:db8::7"),
        ("10.0.0.1", "2001:db8::7", "2001:db8::7"),
        ("2001:db8:ff::1", "fe80::1%eth0", "fe80::1"),
        ("::ffff:10.0.0.1", CLIENT, CLIENT),
        (f"::ffff:{CLIENT}", None, CLIENT),
        ("10.0.0.1", f"::ffff:{CLIENT}", CLIENT),
        ("10.0.0.1", "10.0.0.9, 10.0.0.2", "10.0.0.9"),
        ("", CLIENT, ""),
        ("testclient", CLIENT, "testclient"),
    ],
)
def test_the_right_most_untrusted_address_is_the_client(peer: str, forwarded_for: str | None, expected: str) -> None:
    assert client_address(peer, forwarded_for, TRUSTED) == expected


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "expected"),
    [
        pytest.param(CLIENT, "198.51.100.1", CLIENT, id="a client's own header is not believed"),
        pytest.param("10.0.0.1", f"198.51.100.1, {CLIENT}", CLIENT, id="what a client wrote before the proxy did"),
        pytest.param("10.0.0.1", f"10.0.0.5, {CLIENT}, 10.0.0.2", CLIENT, id="an inner address further left"),
        pytest.param("10.0.0.1", "198.51.100.1, unknown", "10.0.0.1", id="an entry that is no address"),
        pytest.param("10.0.0.1", "198.51.100.1, ", "10.0.0.1", id="an empty entry"),
        pytest.param("10.0.0.1", "198.51.100.1, 10.0.0", "10.0.0.1", id="half an address"),
        pytest.param("10.0.0.1", "198.51.100.1, 010.0.0.2", "10.0.0.1", id="an address with a leading zero"),
        pytest.param("10.0.0.1", f"{CLIENT}," + ",".join(["10.0.0.2"] * 500), "10.0.0.2", id="a very long list"),
    ],
)
def test_a_spoofed_address_is_not_believed(peer: str, forwarded_for: str, expected: str) -> None:
    assert client_address(peer, forwarded_for, TRUSTED) == expected


def test_nobody_is_trusted_unless_the_operator_says_so() -> None:
    assert client_address("127.0.0.1", CLIENT, ()) == "127.0.0.1"


@given(st.text(max_size=60), st.none() | st.text(max_size=200))
def test_any_header_is_answered_with_the_peer_or_an_entry_of_it(peer: str, forwarded_for: str | None) -> None:
    client_address(peer, forwarded_for, TRUSTED)
    network_of(peer)


@given(st.text(max_size=200))
def test_an_untrusted_peer_stays_who_he_is(forwarded_for: str) -> None:
    assert client_address(CLIENT, forwarded_for, TRUSTED) == CLIENT


def test_a_bad_network_is_named() -> None:
    with pytest.raises(Rejected, match=r"trusted_proxies: '10\.0\.0\.0/99' is not a network"):
        parse_networks(("10.0.0.0/99",))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("203.0.113.7", "203.0.113.200", True),
        ("203.0.113.7", "203.0.114.7", False),
        ("2001:db8:1:2::3", "2001:db8:1:ffff::9", True),
        ("2001:db8:1::", "2001:db8:2::", False),
        ("::ffff:203.0.113.7", "203.0.113.9", True),
        ("::ffff:203.0.113.7", "::ffff:203.0.114.7", False),
        ("0.0.0.0", "::", False),  # noqa: S104 - nobody listens there
        ("", "", True),
        ("testclient", "another", False),
    ],
)
def test_a_client_is_its_network(one: str, other: str, same: bool) -> None:
    assert (network_of(one) == network_of(other)) is same


def test_hashes_tell_networks_apart_for_one_day_and_one_key() -> None:
    hashes, day, next_day = ClientHashes(b"k" * 32), date(2026, 11, 24), date(2026, 11, 25)
    first = hashes.of("203.0.113.7", day)
    assert len(first) == 16
    assert hashes.of("203.0.113.99", day) == first
    assert hashes.of("198.51.100.1", day) != first
    assert hashes.of("203.0.113.7", next_day) != first
    assert hashes.of("203.0.113.7", day) == first
    assert ClientHashes(b"l" * 32).of("203.0.113.7", day) != first
    assert b"203" not in first
