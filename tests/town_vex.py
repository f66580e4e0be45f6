"""What the town says of vulnerabilities, and the lists that its people have registered."""

from __future__ import annotations

from functools import partial

from customhouse.accounts.users import find_user_by_id
from customhouse.app import App
from customhouse.index.standing.look import look
from customhouse.index.standing.model import Pinned
from customhouse.index.standing.register import Register, register
from customhouse.index.vex.state import StateVex, state_vex
from customhouse.terms.identity import Actor


def state(app: App, owner: Actor, project: str = "demo", vulnerability: str = "PYSEC-2026-1") -> str:
    """A project says that it is not affected; returns the statement's id."""
    wish = StateVex(
        project, vulnerability, "not_affected", "==1.0", "demo-engine", justification="component_not_present",
        reason="It is never loaded.", by=owner,
    )  # fmt: skip
    return app.do(state_vex, wish)


def register_for(app: App, account_id: int, title: str = "shop") -> str:
    """A list of somebody; returns its id."""
    with app.database.read() as sql:
        actor = find_user_by_id(sql, account_id).actor
    wish = Register(title, (Pinned("demo", "1.0"), Pinned("b", "1.9")), None, actor)
    made = app.do(partial(register, app.key.secret), wish)
    look(app.deeds, made.standing_id)
    return made.standing_id
