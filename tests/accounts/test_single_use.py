"""What works once works once: for two processes at the same moment, and after a restart (A30, A31, A3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest

from clock import TurnableClock
from customhouse.accounts.emails import undo_change, verify_address
from customhouse.accounts.linked import Claimed, LinkIdentity, Prove, link_identity, prove
from customhouse.accounts.links import MakeLink, Purpose, SetPassword, link_text, make_link, set_password
from customhouse.accounts.users import AddUser, User, add_user
from customhouse.app import App, open_app
from customhouse.index.change_address import follow_new_address
from customhouse.infra.settings import Settings
from customhouse.infra.walkers import Walkers
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused
from person import hashed_password

HOURS = timedelta(hours=6)
Follow = Callable[[App, str], object]


@pytest.fixture
def apps(database_settings: Settings, clock: TurnableClock, walkers: Walkers) -> Iterator[list[App]]:
    """Two processes, as far as the database can tell."""
    with (
        open_app(database_settings, clock=clock, walkers=walkers) as one,
        open_app(database_settings, clock=clock, walkers=walkers) as other,
    ):
        yield [one, other]


def at_once(apps: list[App], follow: Follow, text: str) -> int:
    """How many of eight who try at once, in two processes, get through."""

    def attempt(number: int) -> bool:
        try:
            follow(apps[number % 2], text)
        except Refused:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        return sum(pool.map(attempt, range(8)))


def _new_password(app: App, text: str) -> object:
    return app.do(partial(set_password, app.key), SetPassword(hashed_password(), link=text))


def _undo(app: App, text: str) -> object:
    def deed(link: str, tx: Tx) -> User:
        return undo_change(app.key, link, HOURS, tx)

    return app.do(deed, text)


FOLLOW: dict[Purpose, Follow] = {
    "verify": lambda app, text: app.do(partial(verify_address, app.key), text),
    "password": _new_password,
    "handed": _new_password,
    "change": lambda app, text: app.do(partial(follow_new_address, app.key), text),
    "undo": _undo,
}


@pytest.mark.parametrize("purpose", FOLLOW)
def test_a30_a_link_is_followed_once_by_two_processes_and_after_a_restart(
    apps: list[App], database_settings: Settings, clock: TurnableClock, walkers: Walkers, purpose: Purpose
) -> None:
    user = apps[0].do(add_user, AddUser("alice", "alice@old.example"))
    link_id = apps[0].do(make_link, MakeLink(user.id, purpose, HOURS, "alice@new.example"))
    text, follow = link_text(apps[0].key, link_id), FOLLOW[purpose]
    for other, wrong in FOLLOW.items():
        if {other, purpose} != {"password", "handed"} and other != purpose:
            assert at_once(apps[:1] * 2, wrong, text) == 0, f"{purpose} was good for {other}"
    assert at_once(apps, follow, text) == 1
    with open_app(database_settings, clock=clock, walkers=walkers) as again, pytest.raises(Refused):
        follow(again, text)


def test_a_return_from_another_login_is_used_once(apps: list[App]) -> None:
    user = apps[0].do(add_user, AddUser("alice"))
    apps[0].do(link_identity, LinkIdentity(user, Claimed("https://login.example", "s", "alice", "first"), "Login"))

    def come(app: App, state: str) -> object:
        return app.do(prove, Prove(Claimed("https://login.example", "s", "alice", state), "sign-in"))

    assert at_once(apps, come, "second") == 1
    assert at_once(apps, come, "second") == 0
