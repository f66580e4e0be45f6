"""The giveaway: who may claim, once, a whole set or nothing; what became of every code; nobody else sees one."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clock import TurnableClock
from customhouse.accounts.server_key import ServerKey
from customhouse.accounts.tables import account
from customhouse.accounts.users import User
from customhouse.app import open_app
from customhouse.catalog.tables import critical_mark
from customhouse.index.giveaway.claim import ClaimKeys, claim_keys
from customhouse.index.giveaway.codes import open_code, seal_code
from customhouse.index.giveaway.draw import draw_due
from customhouse.index.giveaway.load import LoadCodes, Loaded, load_codes
from customhouse.index.giveaway.model import Campaign, Standing, Terms, may_claim, parse_codes
from customhouse.index.giveaway.queries import accounting, claimants, codes_of, find_campaign, standings
from customhouse.index.giveaway.tables import giveaway_claim, giveaway_code, giveaway_eligible
from customhouse.infra.settings import Settings
from customhouse.infra.walkers import Walkers
from customhouse.ledger import queries as ledger
from customhouse.terms.errors import Broken, CustomhouseError, Refused, Rejected
from customhouse.terms.identity import NOBODY
from neighbours import events, found_project, join, leave, refused, user
from world import World

DAY = timedelta(days=1)
TODAY = date(2026, 11, 24)
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def terms(**other: object) -> Terms:
    values: dict[str, object] = {
        "title": "Keys for Christmas", "begins": TODAY, "until": TODAY + 30 * DAY, "eligible_on": TODAY,
        "redeem": "https://keys.example/redeem",
    }  # fmt: skip
    return Terms(**values | other)  # type: ignore[arg-type]


def codes(count: int, first: int = 0) -> tuple[str, ...]:
    return tuple(f"CODE-{number:05}" for number in range(first, first + count))


def load(
    world: World, some: Sequence[str], *, campaign: str = "winter", asked: Terms | None = None,
    until: date | None = None,
) -> Loaded:  # fmt: skip
    return world.app.do(partial(load_codes, world.app.key), LoadCodes(campaign, some, asked, until))


def mark(world: World, name: str = "demo") -> None:
    with world.app.database.write() as sql:
        sql.execute(critical_mark.insert().values(normalized=name, reason="Others build on it.", marked_at=NOW))


def verify(world: World, who: str) -> User:
    found = user(world, who)
    with world.app.database.write() as sql:
        values = {"email": f"{who}@example.org", "email_verified_at": NOW}
        sql.execute(account.update().where(account.c.id == found.id).values(values))
    return found


def claim(world: World, who: str, campaign: str = "winter") -> list[str]:
    found = user(world, who)
    won = world.app.do(claim_keys, ClaimKeys(campaign, found))
    with world.app.database.read() as sql:
        return codes_of(world.app.key, sql, won.id, found.id)


@pytest.fixture
def town(small_world: World) -> World:
    """Alice owns a critical project and bob maintains it; both have verified their addresses."""
    found_project(small_world)
    join(small_world, "bob")
    mark(small_world)
    for who in ("alice", "bob", "carol"):
        verify(small_world, who)
    return small_world


CAMPAIGN = Campaign(
    1, "winter", "Keys", datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC), 2, "there",
    date(2026, 12, 1), datetime(2026, 12, 1, tzinfo=UTC),
)  # fmt: skip
IN_TIME = datetime(2026, 12, 24, tzinfo=UTC)


@pytest.mark.parametrize(
    ("projects", "verified", "claimed_at", "left", "now", "code"),
    [
        (("demo",), True, None, 2, IN_TIME, ""),
        (("demo",), True, None, 2, datetime(2026, 12, 1, tzinfo=UTC), ""),
        (("demo",), True, None, 2, datetime(2026, 12, 31, 23, 59, tzinfo=UTC), ""),
        (("demo",), True, None, 2, datetime(2026, 11, 30, 23, 59, tzinfo=UTC), "not-begun"),
        (("demo",), True, None, 2, datetime(2027, 1, 1, tzinfo=UTC), "campaign-over"),
        ((), True, None, 2, IN_TIME, "not-eligible"),
        (("demo",), False, None, 2, IN_TIME, "not-verified"),
        (("demo",), True, None, 1, IN_TIME, "no-codes-left"),
        (("demo",), True, IN_TIME, 9, IN_TIME, "already-claimed"),
    ],
)
def test_who_looked_after_a_critical_project_may_claim_once(
    projects: tuple[str, ...], verified: bool, claimed_at: datetime | None, left: int, now: datetime, code: str
) -> None:
    refusal = may_claim(Standing(CAMPAIGN, projects, verified, claimed_at, left), now)
    assert (refusal.code if refusal is not None else "") == code


def test_two_keys_are_claimed_once_and_seen_by_nobody_else(town: World) -> None:
    assert load(town, codes(5), asked=terms()).new == 5
    mine = claim(town, "alice")
    assert mine == ["CODE-00000", "CODE-00001"]
    with refused("already-claimed"):
        claim(town, "alice")
    assert claim(town, "bob") == ["CODE-00002", "CODE-00003"]
    with refused("not-eligible"):
        claim(town, "carol")
    with town.app.database.read() as sql:
        campaign = find_campaign(sql, "winter")
        assert campaign is not None
        assert codes_of(town.app.key, sql, campaign.id, user(town, "carol").id) == []
        assert [one.name for one in claimants(sql, campaign.id)] == ["bob", "alice"]
    with refused("unknown-campaign"):
        claim(town, "alice", "summer")


def test_half_a_set_is_given_to_nobody(town: World) -> None:
    load(town, codes(3), asked=terms())
    claim(town, "alice")
    with refused("no-codes-left"):
        claim(town, "bob")
    load(town, codes(1, 3))
    assert claim(town, "bob") == ["CODE-00002", "CODE-00003"]


def test_a_code_that_is_loaded_again_is_recognised_and_never_given_twice(town: World) -> None:
    load(town, codes(4), asked=terms())
    taken = claim(town, "alice")
    again = load(town, [*codes(4), "CODE-NEW", "CODE-NEW"])
    assert (again.new, again.known) == (1, 5)
    other = load(town, [*taken, "CODE-OTHER-1", "CODE-OTHER-2"], campaign="spring", asked=terms(title="Spring"))
    assert (other.new, other.known) == (2, 2)
    assert set(claim(town, "alice", "spring")).isdisjoint(taken)
    with refused("nothing-new"):
        load(town, codes(4))


def test_the_roles_of_the_campaigns_day_count_and_no_later_ones(town: World) -> None:
    load(town, codes(9), asked=terms(eligible_on=TODAY + 2 * DAY))
    with refused("not-drawn"):
        claim(town, "alice")
    assert town.app.do(draw_due, None) == 0
    town.clock.turn(DAY)
    leave(town, "bob")
    join(town, "dave")
    town.clock.turn(DAY)
    assert town.app.do(draw_due, None) == 1
    assert town.app.do(draw_due, None) == 0, "the list is made once"
    join(town, "carol")
    verify(town, "dave")
    with refused("not-eligible"):
        claim(town, "bob")
    with refused("not-eligible"):
        claim(town, "carol")
    assert len(claim(town, "dave")) == 2
    assert len(claim(town, "alice")) == 2
    assert [event.kind for event in events(town, "giveaway-drawn")] == ["giveaway-drawn"]


def test_after_its_last_day_nothing_is_claimed_until_an_operator_moves_it(town: World) -> None:
    load(town, codes(4), asked=terms(until=TODAY))
    town.clock.turn(DAY)
    with refused("campaign-over"):
        claim(town, "alice")
    with town.app.database.read() as sql:
        [row] = accounting(sql, town.clock.now())
    assert (row.loaded, row.claimed, row.left, row.expired) == (4, 0, 0, 4)
    load(town, (), until=TODAY + 3 * DAY)
    assert len(claim(town, "alice")) == 2


def test_what_an_operator_says_must_make_sense(town: World) -> None:
    with refused("no-terms"):
        load(town, codes(2))
    for wrong, code in (
        (terms(title=""), "bad-title"), (terms(redeem=""), "bad-redeem"), (terms(keys_each=0), "bad-keys"),
        (terms(until=TODAY - DAY), "bad-until"), (terms(eligible_on=TODAY - DAY), "day-is-past"),
        (terms(eligible_on=TODAY + 31 * DAY), "bad-eligible-on"),
    ):  # fmt: skip
        with refused(code):
            load(town, codes(2), asked=wrong)
    with refused("no-codes"):
        load(town, (), asked=terms())
    with refused("bad-campaign"):
        load(town, codes(2), campaign="../etc", asked=terms())
    load(town, codes(2), asked=terms())
    with refused("campaign-exists"):
        load(town, codes(2, 2), asked=terms(title="Other terms"))
    with refused("bad-until"):
        load(town, (), until=TODAY - DAY)
    with refused("not-an-operator"):
        town.app.do(partial(load_codes, town.app.key), LoadCodes("winter", codes(9), by=NOBODY))


def test_an_error_in_a_file_names_the_line_and_never_the_code() -> None:
    assert parse_codes("\ufeffAAAA-BBBB\r\n\n  CCCC-DDDD  \n") == ("AAAA-BBBB", "CCCC-DDDD")
    with pytest.raises(Rejected) as caught:
        parse_codes("GOOD-CODE\nsecret code with blanks\n")
    assert "line 2" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_codes_are_secrets_at_rest_in_events_and_in_letters(town: World) -> None:
    load(town, codes(4), asked=terms())
    claim(town, "alice")
    path = town.app.database.engine.url.database
    assert path is not None
    with sqlite3.connect(path) as eyes:
        written = "\n".join(eyes.iterdump())
    for code in codes(4):
        assert code not in written
        assert code.encode().hex() not in written.lower()
    with town.app.database.read() as sql:
        told = [entry.body for entry in ledger.entries(sql) if entry.kind.startswith("giveaway")]
    assert len(told) == 3
    assert not any("CODE-" in body for body in told)


def test_a_sealed_code_opens_only_with_its_key_and_in_its_row() -> None:
    key, other = ServerKey(b"k" * 32), ServerKey(b"o" * 32)
    one, two = seal_code(key, "CODE-1"), seal_code(key, "CODE-2")
    assert open_code(key, one) == "CODE-1"
    assert one.code_hash != seal_code(other, "CODE-1").code_hash
    assert seal_code(key, "CODE-1").sealed != one.sealed
    for wrong_key, sealed in ((other, one), (key, type(one)(one.code_hash, two.sealed))):
        with pytest.raises(Broken):
            open_code(wrong_key, sealed)


def test_check_finds_whoever_has_half_a_set_or_a_code_without_a_claim(broken_world: World) -> None:
    found_project(broken_world)
    mark(broken_world)
    verify(broken_world, "alice")
    load(broken_world, codes(4), asked=terms())
    claim(broken_world, "alice")
    bob = user(broken_world, "bob").id
    with broken_world.app.database.write() as sql:
        last = sa.select(sa.func.max(giveaway_code.c.id)).where(giveaway_code.c.account_id.is_not(None))
        sql.execute(giveaway_code.update().where(giveaway_code.c.id == last.scalar_subquery()).values(account_id=bob))
    found = {checked.promise: checked.findings for checked in broken_world.app.check()}
    [findings] = [found[promise] for promise in found if "security keys" in promise]
    assert [finding.partition(": ")[2] for finding in findings] == [
        "account 1 has 1 codes instead of 2",
        "account 2 has 1 codes instead of 0",
    ]


def test_private_projects_and_projects_of_organizations_count_for_their_people(small_world: World) -> None:
    found_project(small_world, visibility="private")
    mark(small_world)
    verify(small_world, "alice")
    load(small_world, codes(2), asked=terms())
    with small_world.app.database.read() as sql:
        [mine] = standings(sql, user(small_world, "alice").id, NOW)
    assert mine.projects == ("demo",)


@pytest.mark.slow
def test_under_64_parallel_claims_everybody_gets_exactly_one_pair(
    database_settings: Settings, clock: TurnableClock, walkers: Walkers
) -> None:
    """Two processes' worth of apps on one database; a restart between, after which nobody gets a second pair."""
    with ExitStack() as stack:
        apps = [stack.enter_context(open_app(database_settings, clock=clock, walkers=walkers)) for _ in range(2)]
        world = World(apps[0], clock, None)  # type: ignore[arg-type]
        people = [f"p{number:02}" for number in range(16)]
        found_project(world)
        mark(world)
        load(world, codes(40), asked=terms(), campaign="winter")
        users = [verify(world, name) for name in people]
        with world.app.database.write() as sql:
            campaign = find_campaign(sql, "winter")
            assert campaign is not None
            rows = [{"campaign_id": campaign.id, "account_id": one.id, "projects": ["demo"]} for one in users]
            sql.execute(giveaway_eligible.insert(), rows)

        def attempt(number: int) -> str:
            try:
                apps[number % 2].do(claim_keys, ClaimKeys("winter", users[number // 4]))
            except CustomhouseError as error:
                return error.code
            return "claimed"

        with ThreadPoolExecutor(64) as threads:
            outcomes = list(threads.map(attempt, range(64)))
        assert outcomes.count("claimed") == 16
        assert outcomes.count("already-claimed") == 48
        given = _given(world, campaign.id)
    assert all(len(pair) == 2 for pair in given.values())
    assert len(given) == 16
    assert len({code for pair in given.values() for code in pair}) == 32
    with open_app(database_settings, clock=clock, walkers=walkers) as again:
        with pytest.raises(Refused) as caught:
            again.do(claim_keys, ClaimKeys("winter", users[0]))
        assert caught.value.code == "already-claimed"
        assert _given(World(again, clock, None), campaign.id) == given  # type: ignore[arg-type]


def _given(world: World, campaign_id: int) -> dict[int, list[str]]:
    with world.app.database.read() as sql:
        ids = list(sql.execute(sa.select(giveaway_claim.c.account_id)).scalars())
        return {number: codes_of(world.app.key, sql, campaign_id, number) for number in ids}


@pytest.mark.slow
def test_of_two_loads_of_the_same_file_at_once_one_finds_all_known(
    database_settings: Settings, clock: TurnableClock, walkers: Walkers
) -> None:
    with ExitStack() as stack:
        apps = [stack.enter_context(open_app(database_settings, clock=clock, walkers=walkers)) for _ in range(2)]
        apps[0].do(partial(load_codes, apps[0].key), LoadCodes("winter", ("FIRST",), terms()))

        def attempt(number: int) -> str:
            try:
                app = apps[number % 2]
                return str(app.do(partial(load_codes, app.key), LoadCodes("winter", codes(50))).new)
            except CustomhouseError as error:
                return error.code

        with ThreadPoolExecutor(8) as threads:
            outcomes = sorted(threads.map(attempt, range(8)))
        assert outcomes == ["50", *["nothing-new"] * 7]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("load"), st.integers(0, 40), st.integers(0, 7)),
        st.tuples(st.just("claim"), st.sampled_from(["alice", "bob", "carol"]), st.just(0)),
        st.tuples(st.just("turn"), st.integers(1, 9), st.just(0)),
        st.tuples(st.just("prolong"), st.integers(0, 9), st.just(0)),
    ),
    max_size=14,
)


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_the_accounting_adds_up_whatever_happens(
    blank: Path, tmp_path: Path, walkers: Walkers, steps: list[tuple[str, object, int]]
) -> None:
    """Loaded is claimed, left and expired together; whoever has keys has a whole set; no code is had twice."""
    folder = Path(tempfile.mkdtemp(dir=tmp_path))
    shutil.copytree(blank, folder / "data")
    clock = TurnableClock()
    with open_app(Settings.model_validate({"data": folder / "data"}), clock=clock, walkers=walkers) as app:
        world = World(app, clock, None)  # type: ignore[arg-type]
        found_project(world)
        mark(world)
        for who in ("alice", "bob", "carol"):
            verify(world, who)
        load(world, ("FIRST-CODE",), asked=terms(until=TODAY + 10 * DAY))
        seen, ends = {"FIRST-CODE"}, TODAY + 10 * DAY
        expected: dict[str, list[str]] = {}
        for what, number, more in steps:
            today = clock.now().date()
            if what == "load":
                file = codes(more, int(number))  # type: ignore[call-overload]
                fresh = set(file) - seen
                if fresh:
                    assert load(world, file).new == len(fresh)
                seen |= fresh
            elif what == "claim":
                free = len(seen) - 2 * len(expected)
                allowed = number == "alice" and "alice" not in expected and today <= ends and free >= 2
                try:
                    expected[str(number)] = claim(world, str(number))
                    assert allowed
                except Refused:
                    assert not allowed
            elif what == "turn":
                clock.turn(int(number) * DAY)  # type: ignore[call-overload]
            else:
                ends = today + int(number) * DAY  # type: ignore[call-overload]
                load(world, (), until=ends)
            with app.database.read() as sql:
                [row] = accounting(sql, clock.now())
                in_rows = sql.execute(sa.select(sa.func.count()).select_from(giveaway_code)).scalar_one()
            assert row.loaded == len(seen) == in_rows == row.claimed + row.left + row.expired
            assert row.claimed == 2 * len(expected) == 2 * row.people
            assert (row.left == 0) or (row.expired == 0)
            held = [code for pair in expected.values() for code in pair]
            assert len(held) == len(set(held))
