"""Which addresses we may connect to on somebody else's behalf: those of the public internet, and what is allowed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

from customhouse.infra.targets import Address
from customhouse.terms.errors import Refused, Rejected

Network: TypeAlias = IPv4Network | IPv6Network

# The registries of special addresses at IANA, whatever they say of "globally reachable": none of it is a web server
# on the public internet. Written out, because what Python's `is_private` covers has changed from release to release.
_CLOSED_V4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/4", "240.0.0.0/4",
        "168.63.129.16/32",  # public by number, but inside Azure it is the host's own metadata server
    )
)  # fmt: skip
_OPEN_V6 = IPv6Network("2000::/3")
_CLOSED_V6 = tuple(
    IPv6Network(text)
    # IETF assignments (Teredo among them), documentation, 6to4, documentation again.
    for text in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)
# The living forms in which an IPv6 address only wraps an IPv4 one: mapped, and NAT64. The dead forms are all closed.
_WRAPPINGS = tuple(IPv6Network(text) for text in ("::ffff:0:0/96", "64:ff9b::/96"))


@dataclass(frozen=True, slots=True)
class Reach:
    """The public internet, and private networks that an operator has opened."""

    opened: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, networks: Sequence[str]) -> Reach:
        """From settings such as ``10.1.0.0/16``; raises `Rejected` for what is not a network."""
        try:
            return cls(tuple(ip_network(text) for text in networks))
        except ValueError as error:
            raise Rejected(
                "bad-network", "private_networks_allowed", str(error), "networks like 10.1.0.0/16"
            ) from error

    def refusal(self, address: Address) -> Refused | None:
        """We connect to public addresses.

        We do not to private, loopback, link-local, multicast, documentation and other special ones, nor to an IPv6
        form of them, unless the operator has opened a network that holds the address itself or the IPv4 address in it.
        """
        carried = carried_v4(address)
        if any(one in network for one in (address, carried) if one is not None for network in self.opened):
            return None
        if _public(carried if carried is not None else address):
            return None
        return Refused(
            "address-refused",
            # Which address it is stays out of the sentence: nobody is to read our internal names through us.
            "The host's address is not one of the public internet, and this index connects to no others.",
            "An operator can open a network with the setting private_networks_allowed.",
        )


def carried_v4(address: Address) -> IPv4Address | None:
    """The IPv4 address inside an IPv6 one that only wraps it."""
    if isinstance(address, IPv6Address) and any(address in network for network in _WRAPPINGS):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return None


def as_address(text: str) -> Address:
    """An address as a resolver gives it; a zone is cut off, because a zone changes nothing about what it is."""
    return ip_address(text.partition("%")[0])


def _public(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _CLOSED_V4)
    return address in _OPEN_V6 and not any(address in network for network in _CLOSED_V6)


ANYWHERE = Reach.parse(("0.0.0.0/0", "::/0"))
"""For an address that whoever runs the program has typed or configured himself: he means it."""
