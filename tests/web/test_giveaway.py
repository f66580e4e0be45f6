"""The pages of the giveaway: eligible and why, or why not; codes for their claimer alone; the operators' accounting."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from customhouse.accounts.tables import account
from customhouse.catalog.tables import critical_mark
from customhouse.cli import giveaway as cli
from neighbours import found_project, user
from world import World

FIELDS = {
    "campaign": "winter", "title": "Winter keys", "begins": "2026-11-24", "until": "2026-12-24",
    "eligible_on": "2026-11-24", "keys": "2", "redeem": "https://keys.example/redeem", "codes": "AAAA-1\nBBBB-2\nCCCC-3",
}  # fmt: skip


@pytest.fixture
def town(small_world: World) -> World:
    found_project(small_world)
    with small_world.app.database.write() as sql:
        at = datetime(2026, 11, 1, tzinfo=UTC)
        sql.execute(critical_mark.insert().values(normalized="demo", reason="Others build on it.", marked_at=at))
    operator = small_world.operator()
    answer = operator.post("/admin/giveaway/", **FIELDS)
    assert operator.said(answer) == "Loaded 3 codes into winter."
    return small_world


def verify(world: World, who: str) -> None:
    with world.app.database.write() as sql:
        values = {"email": f"{who}@example.org", "email_verified_at": world.clock.now()}
        sql.execute(account.update().where(account.c.id == user(world, who).id).values(values))


def test_from_eligible_to_the_codes_which_nobody_else_sees(town: World) -> None:
    alice = town.person("alice")
    page = alice.get("/account/keys/").text
    assert "You are eligible" in page
    assert "not verified" in page
    assert "Claim my" not in page
    assert alice.post("/account/keys/winter/claim/").status_code == 409
    verify(town, "alice")
    page = alice.get("/account/keys/").text
    assert "Claim my 2 keys" in page
    assert "One to use, and one to keep in a safe place." in page
    answer = alice.post("/account/keys/winter/claim/")
    assert answer.headers["location"] == "/account/keys/winter/"
    mine = alice.get("/account/keys/winter/")
    assert "AAAA-1" in mine.text
    assert "BBBB-2" in mine.text
    assert "CCCC-3" not in mine.text
    assert '<a href="https://keys.example/redeem"' in mine.text
    assert mine.headers["cache-control"] == "private, no-store"
    assert "Show my codes" in alice.get("/account/keys/").text
    assert alice.post("/account/keys/winter/claim/").status_code == 409
    carol = town.person("carol")
    assert "You are not eligible" in carol.get("/account/keys/").text
    assert "AAAA" not in carol.get("/account/keys/winter/").text
    operator = town.operator()
    for address in ("/admin/giveaway/", "/admin/giveaway/winter/", "/admin/ledger/"):
        assert "AAAA" not in operator.get(address).text
    assert "alice" in operator.get("/admin/giveaway/winter/").text


def test_codes_are_shown_only_after_a_fresh_proof(town: World) -> None:
    verify(town, "alice")
    alice = town.person("alice")
    alice.post("/account/keys/winter/claim/")
    town.clock.turn(timedelta(minutes=16))
    answer = alice.get("/account/keys/winter/")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/account/again/")


def test_who_is_not_signed_in_sees_and_claims_nothing(town: World) -> None:
    stranger = town.stranger()
    for address in ("/account/keys/", "/account/keys/winter/"):
        assert stranger.get(address).headers["location"].startswith("/account/sign-in/")
    assert stranger.get("/admin/giveaway.csv").status_code == 303


def test_the_accounting_as_csv_is_that_of_the_page(town: World) -> None:
    verify(town, "alice")
    town.person("alice").post("/account/keys/winter/claim/")
    operator = town.operator()
    answer = operator.get("/admin/giveaway.csv")
    [row] = csv.DictReader(io.StringIO(answer.text))
    assert {name: row[name] for name in ("eligible", "people", "loaded", "claimed", "left", "expired")} == {
        "eligible": "1", "people": "1", "loaded": "3", "claimed": "2", "left": "1", "expired": "0",
    }  # fmt: skip
    page = operator.get("/admin/giveaway/winter/").text
    for label, number in (("loaded", 3), ("claimed", 2), ("left", 1), ("expired", 0)):
        assert f"<dt>{label}</dt><dd>{number}</dd>" in page


def test_what_is_wrong_with_a_load_is_said(town: World) -> None:
    operator = town.operator()
    for fields, code in (
        ({**FIELDS}, "campaign-exists"),
        ({"campaign": "winter", "codes": "AAAA-1"}, "nothing-new"),
        ({**FIELDS, "campaign": "x", "until": "soon"}, "bad-day"),
        ({**FIELDS, "campaign": "x", "keys": "many"}, "bad-keys"),
    ):
        answer = operator.post("/admin/giveaway/", **fields)
        assert answer.status_code in (400, 409)
        assert code in answer.text
        assert "AAAA" not in answer.text


def test_codes_are_loaded_from_a_file(
    small_world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = small_world.app.settings.data
    monkeypatch.setenv("CUSTOMHOUSE_DATA", str(data))
    file = tmp_path / "codes.txt"
    file.write_text("AAAA-1\nBBBB-2\n")
    cli.status()
    assert "No codes" in capsys.readouterr().out
    cli.load(file, campaign="winter", title="Keys", until="2099-12-31", redeem="there", data=data)
    assert "Loaded 2 codes into winter, until 2099-12-31." in capsys.readouterr().out
    file.write_text("AAAA-1\nDDDD-4\n")
    cli.load(file, campaign="winter", until="2098-12-31", data=data)
    assert "Loaded 1 codes into winter, until 2098-12-31; 1 were here already." in capsys.readouterr().out
    cli.status(data=data)
    assert capsys.readouterr().out.startswith("winter\t3 loaded, 0 claimed by 0, 3 left, 0 expired")
