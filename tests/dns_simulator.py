"""A name server on loopback that speaks real DNS by UDP and TCP and says what a test tells it to.

``with dns_simulator() as names: names.zone("example.org", MX=["10 mx.example.org."])`` and run things with the settings
`DnsSimulator.settings`. Zones and behaviour may be changed while it runs.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Thread

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

NORMAL = "normal"
SERVFAIL = "servfail"
REFUSED = "refused"
SILENT = "silent"
NXDOMAIN = "nxdomain"
"""The lie that hurts: it says of every name that there is none."""
TRUNCATED = "truncated"
"""By UDP it says only that the answer is too long; by TCP it answers."""
OTHER_ID = "other id"
"""It answers another question than the one that was asked, as somebody would who guesses."""
GARBAGE = "garbage"
TTL_SECONDS = 60
_CODES = {SERVFAIL: dns.rcode.SERVFAIL, REFUSED: dns.rcode.REFUSED, NXDOMAIN: dns.rcode.NXDOMAIN}


@dataclass
class DnsSimulator:
    """The server as a test sees it. ``asked`` grows: name, kind and transport of every question."""

    port: int
    zones: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    behaviour: str = NORMAL
    """What it does with every name that has no behaviour of its own."""
    behaviours: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    """The questions that were asked, but for those about the root and ``.invalid``, by which we are tested."""
    wildcard: bool = False
    """The other lie: it finds an address for every name that there is not."""

    @property
    def server(self) -> str:
        """Its address as the setting dns_servers wants it."""
        return f"127.0.0.1:{self.port}"

    @property
    def settings(self) -> dict[str, object]:
        """Settings of an index that asks here, and does not wait long."""
        return {"dns_servers": (self.server,), "dns_seconds": 0.5}

    @property
    def environment(self) -> dict[str, str]:
        """The same for a server process."""
        return {"CUSTOMHOUSE_DNS_SERVERS": f'["{self.server}"]', "CUSTOMHOUSE_DNS_SECONDS": "0.5"}

    def zone(self, name: str, **records: list[str]) -> None:
        """Say all that there is at a name: ``MX=["10 mx.example.org."], TXT=['"word"']``, as a zone file writes it."""
        self.zones[name] = dict(records)

    def remove(self, name: str) -> None:
        """Let a name, and all below it, exist no longer."""
        for known in [known for known in self.zones if known == name or known.endswith(f".{name}")]:
            del self.zones[known]

    def reply(self, packet: bytes, transport: str) -> bytes | None:
        """The answer to one question; None for silence."""
        try:
            query = dns.message.from_wire(packet)
        except dns.exception.DNSException:
            return None
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        if name not in ("", "@", ".") and not name.endswith(".invalid"):
            self.asked.append((name, kind, transport))
        behaviour = self.behaviours.get(name, self.behaviour)
        if behaviour == SILENT:
            return None
        if behaviour == GARBAGE:
            return packet[:2] + b"\xff" * 20
        answer = dns.message.make_response(query, recursion_available=True)
        if behaviour in _CODES:
            answer.set_rcode(_CODES[behaviour])
        elif behaviour == TRUNCATED and transport == "udp":
            answer.flags |= dns.flags.TC
        else:
            self._fill(answer, name, kind)
        if behaviour == OTHER_ID:
            answer.id = (query.id + 1) % 65536
        return answer.to_wire()

    def _fill(self, answer: dns.message.Message, name: str, kind: str) -> None:
        """Answer from the zones, following aliases as a resolver does. The root is always there."""
        if name in ("", "@", "."):
            answer.answer.append(dns.rrset.from_text(".", TTL_SECONDS, "IN", "NS", "a.root-servers.example."))
            return
        for _step in range(8):
            records = self.zones.get(name, {})
            alias = records.get("CNAME", [])
            wanted = "CNAME" if alias else kind
            if records.get(wanted):
                answer.answer.append(dns.rrset.from_text(f"{name}.", TTL_SECONDS, "IN", wanted, *records[wanted]))
            elif not any(known == name or known.endswith(f".{name}") for known in self.zones):
                self._deny(answer, name, kind)
            if not alias:
                return
            name = alias[0].removesuffix(".").lower()

    def _deny(self, answer: dns.message.Message, name: str, kind: str) -> None:
        if not self.wildcard:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        elif kind == "A":
            answer.answer.append(dns.rrset.from_text(f"{name}.", TTL_SECONDS, "IN", "A", "192.0.2.99"))


@contextmanager
def dns_simulator() -> Iterator[DnsSimulator]:
    """A running server on one port of loopback, for UDP and TCP."""
    by_udp, by_tcp = _sockets()
    made = DnsSimulator(by_udp.getsockname()[1])
    threads = [
        Thread(target=_udp, args=(made, by_udp), daemon=True),
        Thread(target=_tcp, args=(made, by_tcp), daemon=True),
    ]
    for thread in threads:
        thread.start()
    try:
        yield made
    finally:
        # A shutdown wakes those who wait; closing alone would not.
        for one in (by_udp, by_tcp):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        for thread in threads:
            thread.join(10)


def _sockets() -> tuple[socket.socket, socket.socket]:
    """Two sockets on the same free port."""
    while True:
        by_tcp = socket.create_server(("127.0.0.1", 0))
        by_udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            by_udp.bind(by_tcp.getsockname())
        except OSError:
            by_tcp.close()
            by_udp.close()
        else:
            return by_udp, by_tcp


def _udp(made: DnsSimulator, listening: socket.socket) -> None:
    while True:
        try:
            packet, sender = listening.recvfrom(65535)
        except OSError:
            return
        if not packet:
            return  # the socket was shut down
        if (answer := made.reply(packet, "udp")) is not None:
            with suppress(OSError):
                listening.sendto(answer, sender)


def _tcp(made: DnsSimulator, listening: socket.socket) -> None:
    while True:
        try:
            connection, _sender = listening.accept()
        except OSError:
            return
        with connection, suppress(OSError, struct.error):
            connection.settimeout(5)
            (length,) = struct.unpack("!H", connection.recv(2, socket.MSG_WAITALL))
            answer = made.reply(connection.recv(length, socket.MSG_WAITALL), "tcp")
            if answer is not None:
                connection.sendall(struct.pack("!H", len(answer)) + answer)
