"""Which client stands behind a request: the peer, or what a front end that we trust says about it.

X-Forwarded-For is written by whoever likes to. Each front end adds, on the right, the address that it has seen; so it
is read from the right, and only for as long as the one who wrote the entry is trusted (attack: spoofed addresses).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from customhouse.terms.errors import Rejected

Network = IPv4Network | IPv6Network
MAX_HOPS = 8
"""More front ends than this stand before nobody; a longer list is somebody's attempt to keep us busy."""
IPV4_PREFIX, IPV6_PREFIX = 24, 48


@cache
def parse_networks(texts: tuple[str, ...], *, where: str = "trusted_proxies") -> tuple[Network, ...]:
    """Networks from a setting, parsed once; raises `Rejected` for what is none."""
    found = []
    for text in texts:
        try:
            found.append(ip_network(text.strip(), strict=False))
        except ValueError as error:
            raise Rejected("bad-setting", where, f"{text!r} is not a network", "for example 10.0.0.0/8") from error
    return tuple(found)


def client_address(peer: str, forwarded_for: str | None, trusted: Sequence[Network]) -> str:
    """The address of the client, as far as it can be believed.

    The peer is the client unless it is a trusted front end. Then the right-most entry of X-Forwarded-For that is not
    itself a trusted front end is the client. An entry that is no address ends the search at the front end that wrote
    it, and so does the end of the list.
    """
    address = _parse(peer)
    if address is None:
        return peer
    if not forwarded_for or not _is_trusted(address, trusted):
        return str(address)
    for entry in reversed(forwarded_for.rsplit(",", MAX_HOPS)[-MAX_HOPS:]):
        earlier = _parse(entry)
        if earlier is None:
            break
        address = earlier
        if not _is_trusted(address, trusted):
            break
    return str(address)


def is_trusted(peer: str, trusted: Sequence[Network]) -> bool:
    """Whether a peer is a front end whose words about its clients are believed."""
    address = _parse(peer)
    return address is not None and _is_trusted(address, trusted)


def network_of(address: str) -> bytes:
    """What counts as one client: the /24 of an IPv4 address, the /48 of an IPv6 address.

    What is no address (a local socket has none) stands for itself.
    """
    parsed = _parse(address)
    if parsed is None:
        return b"?" + address.encode()
    prefix = IPV4_PREFIX if parsed.version == 4 else IPV6_PREFIX  # noqa: PLR2004 - the name of the protocol
    return b"%d:" % parsed.version + parsed.packed[: prefix // 8]


def _is_trusted(address: IPv4Address | IPv6Address, trusted: Sequence[Network]) -> bool:
    return any(address in network for network in trusted)


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    """An address as proxies write it: bare, with a port, in brackets, with a zone; an IPv4-mapped one as IPv4."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
