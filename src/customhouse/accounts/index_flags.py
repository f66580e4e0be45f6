"""The big switches of an index, and the networks that are kept out. Every turn of a switch is an event (TOB-14)."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.events import FlagSet, NetworkBanned
from customhouse.accounts.tables import index_flag, network_ban
from customhouse.accounts.users import refuse_unless_operator
from customhouse.infra.db import put_rows
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import COMMAND_LINE, Actor

FLAGS = {
    "read-only": "Nothing can be changed, except by operators.",
    "no-uploads": "No files are taken.",
    "no-new-projects": "No new names are given out.",
    "no-deletions": "Nothing can be deleted, except by operators.",
    "no-new-users": "Nobody can register.",
    "no-sign-in": "Nobody can sign in, except operators.",
}


# Made once: building a statement costs more than running it, and every upload asks.
_ON = sa.select(index_flag.c.name, index_flag.c.reason, index_flag.c.set_at)
_BANNED = sa.select(network_ban.c.network)


@dataclass(frozen=True, slots=True)
class SetFlag:
    """An operator's wish to turn a switch."""

    flag: str
    on: bool
    reason: str
    by: Actor = COMMAND_LINE


@dataclass(frozen=True, slots=True)
class Ban:
    """An operator's wish to keep a network out, or to let it in again."""

    network: str
    reason: str
    lift: bool = False
    by: Actor = COMMAND_LINE


@dataclass(frozen=True, slots=True)
class Flag:
    """A switch that is on."""

    name: str
    reason: str
    set_at: datetime


def set_flag(command: SetFlag, tx: Tx) -> None:
    """Turn a switch."""
    refuse_unless_operator(command.by)
    if command.flag not in FLAGS:
        raise Rejected("no-such-flag", "flag", f"{command.flag!r} is no switch", ", ".join(FLAGS))
    if command.on:
        put_rows(tx.sql, index_flag, [{"name": command.flag, "reason": command.reason, "set_at": tx.now()}])
    else:
        tx.sql.execute(index_flag.delete().where(index_flag.c.name == command.flag))
    tx.record(FlagSet(command.by.as_operator, None, flag=command.flag, on=command.on, reason=command.reason))


def ban(command: Ban, tx: Tx) -> str:
    """Keep a network out, or let it in again; returns its canonical spelling."""
    refuse_unless_operator(command.by)
    try:
        network = str(ipaddress.ip_network(command.network.strip(), strict=False))
    except ValueError as error:
        raise Rejected(
            "bad-network",
            "network",
            f"{command.network[:80]!r} is no network",
            "203.0.113.0/24, 2001:db8::/48 or one address",
        ) from error
    if command.lift:
        tx.sql.execute(network_ban.delete().where(network_ban.c.network == network))
    else:
        put_rows(tx.sql, network_ban, [{"network": network, "reason": command.reason, "set_at": tx.now()}])
    tx.record(NetworkBanned(command.by.as_operator, None, network=network, reason=command.reason, lifted=command.lift))
    return network


def flags(sql: Connection) -> dict[str, Flag]:
    """The switches that are on."""
    return {row.name: Flag(*row) for row in sql.execute(_ON)}


def bans(sql: Connection) -> list[Flag]:
    """The networks that are kept out."""
    return [Flag(*row) for row in sql.execute(sa.select(network_ban).order_by(network_ban.c.network))]


def refuse_banned(sql: Connection, address: str) -> None:
    """Raise `Refused` if the address lies in a network that is kept out, however somebody proves who he is (TOB-6)."""
    networks = list(sql.execute(_BANNED).scalars())
    if not networks:
        return
    try:
        here = ipaddress.ip_address(address)
    except ValueError:
        return
    for text in networks:
        network = ipaddress.ip_network(text)
        if network.version == here.version and here in network:
            raise Refused(
                "network-banned", "Requests from your network are not taken.", "Ask an operator of this index."
            )


def refuse_if_flagged(sql: Connection, *names: str, actor: Actor) -> None:
    """Raise `Refused` (503-like, as 403) if one of these switches is on. Operators may go on."""
    if actor.operator:
        return
    on = flags(sql)
    for name in ("read-only", *names):
        if name in on:
            why = on[name].reason or "an operator has said so"
            raise Refused(f"flag-{name}", f"{FLAGS[name]} Reason: {why.rstrip('.')}.", "Try again later.")
