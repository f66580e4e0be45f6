"""Questions to the name system (RFC 1035): what a name has of one kind, or that nobody can say.

An answer is a fact only if a server gave one. A name that does not exist, and one that exists and has nothing of the
kind, are facts; a failing, refusing or silent server is `Unavailable`, and nothing may be concluded from it.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import dns.exception
import dns.message
import dns.name
import dns.nameserver
import dns.rdatatype
import dns.resolver
from dns.rdtypes.ANY.MX import MX
from dns.rdtypes.ANY.TXT import TXT

from customhouse.infra.targets import literal
from customhouse.terms.errors import Rejected, Unavailable

SECONDS = 5.0
TRY_SECONDS = 2.0
PORT = 53
HIGHEST_PORT = 65535
# RFC 9715, section 3: no larger than what crosses every network in one piece.
PAYLOAD_BYTES = 1232
MOST_VALUES = 100
RETRY_SECONDS = 600
NO_MAIL = "."
"""What `Resolver.mx` gives for a domain that says that it takes no mail (RFC 7505)."""

Kind = Literal["A", "AAAA", "MX", "NS", "TXT"]
# Letters, digits, dashes, and the underscore that names such as _customhouse-challenge begin with.
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_LONGEST_NAME = 253
_SERVER = re.compile(
    r"\[(?P<six>[0-9a-fA-F:.]+)\](?::(?P<port6>[0-9]{1,5}))?|(?P<four>[0-9.]+)(?::(?P<port4>[0-9]{1,5}))?"
)


@dataclass(frozen=True, slots=True)
class Found:
    """What a server has said: the values, and whether the name exists at all."""

    values: tuple[str, ...] = ()
    exists: bool = True


@dataclass(frozen=True, slots=True)
class NameServer:
    """A server to ask, by its address."""

    address: str
    port: int = PORT

    @classmethod
    def parse(cls, text: str) -> NameServer:
        """From a setting such as ``192.0.2.1``, ``127.0.0.1:5353`` or ``[::1]:53``; raises `Rejected`."""
        match = _SERVER.fullmatch(text)
        host = (match["six"] or match["four"]) if match else ""
        port = int((match["port6"] or match["port4"] or PORT) if match else 0)
        if not host or literal(host) is None or not 0 < port <= HIGHEST_PORT:
            raise Rejected("bad-server", "dns_servers", f"{text[:80]!r} is no address", "192.0.2.1 or 127.0.0.1:5353")
        return cls(host, port)


@dataclass(frozen=True, slots=True)
class Resolver:
    """Asks the servers that the operator has named, or the system's. It keeps nothing: each call asks anew."""

    servers: tuple[NameServer, ...] = ()
    seconds: float = SECONDS

    @classmethod
    def of(cls, servers: Sequence[str], seconds: float = SECONDS) -> Resolver:
        """From the settings; raises `Rejected` for what is no server."""
        return cls(tuple(NameServer.parse(text) for text in servers), seconds)

    def txt(self, name: str) -> tuple[str, ...]:
        """The texts of a name, each with its pieces joined; raises `Unavailable` if nobody can say."""
        return self.ask(name, "TXT").values

    def mx(self, name: str) -> tuple[str, ...]:
        """The hosts that take a domain's mail, the preferred one first; raises `Unavailable` likewise."""
        return self.ask(name, "MX").values

    def ns(self, name: str) -> tuple[str, ...]:
        """The name servers of a domain; raises `Unavailable` likewise."""
        return self.ask(name, "NS").values

    def test(self) -> None:
        """Ask two questions whose answers are known; raises `Unavailable` for a server that lies or is away.

        The root has name servers. What ends in ``.invalid`` does not exist (RFC 6761, section 6.4): a server that
        finds it there finds everything, as that of a hotel does, and one that finds no root finds nothing.
        """
        if not self._found(dns.name.root, "NS").values:
            raise _silent("the root: it says that the root has no servers")
        name = f"{secrets.token_hex(8)}.invalid"
        if (found := self.ask(name, "A")).exists or found.values:
            raise _silent(f"{name!r}: it says that this exists")

    def ask(self, name: str, kind: Kind) -> Found:
        """What the name has of one kind, by UDP, or by TCP if the answer is cut off.

        Raises `Rejected` for what is no name and `Unavailable` for everything that is not an answer: servers that
        fail, refuse, stay silent, or answer with something else.
        """
        return self._found(dns.name.from_text(written(name)), kind)

    def _found(self, question: dns.name.Name, kind: Kind) -> Found:
        try:
            answer = self._open().resolve(question, kind, raise_on_no_answer=False, search=False, lifetime=self.seconds)
        except dns.resolver.NXDOMAIN as error:
            # RFC 6604: what does not exist is the end of the chain of aliases, and this name is its beginning.
            replies: Mapping[dns.name.Name, dns.message.Message] = (error.kwargs or {}).get("responses", {})
            reply = replies.get(question)
            return Found(exists=reply is not None and any(rrset.name == question for rrset in reply.answer))
        except (dns.exception.DNSException, OSError, ValueError) as error:
            raise _silent(f"{question.to_text(omit_final_dot=True)[:80]!r} ({type(error).__name__})") from error
        return Found(_values(answer))

    def _open(self) -> dns.resolver.Resolver:
        """A resolver of the library; the system's settings are read each time, so that a change is seen."""
        resolver = dns.resolver.Resolver(configure=not self.servers)
        if self.servers:
            resolver.nameservers = [dns.nameserver.Do53Nameserver(one.address, one.port) for one in self.servers]
        resolver.timeout = min(TRY_SECONDS, self.seconds / 2)
        resolver.use_edns(0, 0, PAYLOAD_BYTES)
        resolver.cache = None
        return resolver


def written(name: str) -> str:
    """A name as it is asked for: lower case, letters beyond ASCII encoded, no dot at the end; raises `Rejected`."""
    try:
        plain = name if name.isascii() else name.encode("idna").decode()
    except UnicodeError:
        plain = ""
    plain = plain.lower().removesuffix(".")
    if len(plain) > _LONGEST_NAME or not all(map(_LABEL.fullmatch, plain.split("."))):
        raise Rejected("bad-name", "name", f"{name[:80]!r} is no name of a host or domain", "a name like example.org")
    return plain


def _silent(about: str) -> Unavailable:
    return Unavailable("The name system", f"it gives no answer about {about}", retry_after_seconds=RETRY_SECONDS)


def _values(answer: dns.resolver.Answer) -> tuple[str, ...]:
    """The records as texts: mail hosts by preference, everything else in the order of the alphabet."""
    if answer.rrset is None:
        return ()
    records = list(answer.rrset)[:MOST_VALUES]
    mail = sorted((record.preference, _host(record.exchange)) for record in records if isinstance(record, MX))
    if mail:
        return tuple(dict.fromkeys(host for _preference, host in mail))
    return tuple(sorted(_text(record) for record in records))


def _text(record: object) -> str:
    if isinstance(record, TXT):
        return b"".join(record.strings).decode(errors="backslashreplace")
    return str(record).lower().removesuffix(".")


def _host(name: dns.name.Name) -> str:
    return name.to_text().lower().removesuffix(".") or NO_MAIL
