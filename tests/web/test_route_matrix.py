"""Every door, every verb, everybody: who is let in, what changes and what is noted (A7, A35, TOB-PYPI26-4, -7, -8, -14).

What is expected stands in `route_table`; the doors come from the router. Each knock finds the same town.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle

import httpx2 as httpx
import pytest
from route_table import EVERYBODY, GUILD, MANAGE, ROWS, SIGNED_IN, Row

from customhouse.infra.walkers import Walkers
from customhouse.web.doors import Door
from customhouse.web.permissions import Permission
from packages import form_fields, wheel
from person import PASSWORD
from staging import MEDIA_TYPE, META
from town import NAMES, NOTED, STAGED_WHEEL, Kind, Town, small_town

pytestmark = pytest.mark.slow

READS = ("GET", "HEAD")
VERBS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "FROB")
SHUT_OUT = (401, 403, 404, 422)
"""422: what came to be exchanged for a token is none that is believed."""
CALL = b"<?xml version='1.0'?><methodCall><methodName>changelog_last_serial</methodName><params/></methodCall>"
NINES = "9" * 5000
"""More digits than Python converts to a number: `packaging` then raises what is no ``InvalidVersion``."""
BY_DOOR = {row.door: row for row in ROWS}
WRITING = [row for row in ROWS if row.verb not in READS and row.sends != "call"]
READING = [row for row in ROWS if row.verb in READS or row.sends == "call"]


@pytest.fixture(scope="module")
def founded(
    request: pytest.FixtureRequest, walkers: Walkers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Town]:
    with small_town(tmp_path_factory.mktemp("town"), request.getfixturevalue("blank"), walkers) as made:
        made.facts["password"] = PASSWORD
        yield made
        made.restore()
        assert not [finding for checked in made.app.check() for finding in checked.findings]


@pytest.fixture
def town(founded: Town) -> Iterator[Town]:
    founded.restore()
    yield founded
    founded.restore()


def knock(town: Town, row: Row, kind: Kind, verb: str = "", *, empty: bool = False) -> httpx.Response:
    """One knock at a door, with its form unless that is left out."""
    address, verb = row.page(town, kind), verb or row.verb
    if row.sends in ("document", "bytes"):
        return _send_staged(town, row, kind, verb, empty=empty)
    if verb in READS:
        return town.knock(kind, verb, address)
    if row.sends == "call":
        said = row.form["body"].encode() if row.form else CALL
        return town.knock(kind, verb, address, content=b"" if empty else said, headers={"content-type": "text/xml"})
    if row.sends == "file":
        return _send_file(town, kind, verb, address, empty=empty)
    form = {} if empty else {name: town.fill(text, kind) for name, text in row.form.items()}
    return town.knock(kind, verb, address, form=form)


def _send_file(town: Town, kind: Kind, verb: str, address: str, *, empty: bool) -> httpx.Response:
    dist = wheel("demo", "3.0")
    fields = {} if empty else dict(form_fields(dist, "demo", "3.0"))
    files = {} if empty else {"content": (dist.filename, dist.body, "application/octet-stream")}
    token = town.people[kind].token
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return town.client.request(verb, address, data=fields, files=files or {"x": b""}, headers=headers)


def _send_staged(town: Town, row: Row, kind: Kind, verb: str, *, empty: bool) -> httpx.Response:
    """A request of Upload 2.0: it comes with an API token and never with a cookie."""
    token, address = town.people[kind].token, row.page(town, kind)
    headers = {"authorization": f"Bearer {token}"} if token else {}
    body, said = b"", STAGED_WHEEL.body
    if row.sends == "bytes":
        digest = base64.b64encode(hashlib.sha256(said).digest()).decode()
        headers |= {"content-type": "application/octet-stream", "content-digest": f"sha-256=:{digest}:"}
        body = b"" if empty else said
    elif verb not in READS:
        attests = address.endswith("/attestations/")
        headers["content-type"] = "application/json" if attests else MEDIA_TYPE
        members = json.loads(row.form.get("json", "{}"))
        body = b"" if empty else json.dumps(members if attests else {"meta": META, **members}).encode()
    answer = town.client.request(verb, address, headers=headers, content=body or None, follow_redirects=False)
    town.client.cookies.clear()
    return answer


def let_in(answer: httpx.Response) -> bool:
    """Whether somebody came through the door, whatever he found behind it."""
    to_sign_in = answer.headers.get("location", "").startswith(("/account/sign-in/?next=", "/account/again/?next="))
    return answer.status_code not in SHUT_OUT and not (to_sign_in and answer.status_code in (302, 303))


def row_ids(rows: list[Row]) -> list[str]:
    return [row.door for row in rows]


def test_every_route_is_a_door_that_the_table_knows(town: Town) -> None:
    assert [route for route in town.routes if not isinstance(route, Door)] == [], "make them with `door`"
    there = {f"{one.verb} {one.path}": one.permission.title for one in town.doors}
    unlisted = [door for door in there if door not in BY_DOOR]
    assert not unlisted, f"add a row for each of these to tests/web/route_table.py, and say who may: {unlisted}"
    gone = [door for door in BY_DOOR if door not in there]
    assert not gone, f"these doors are gone; take their rows out of tests/web/route_table.py: {gone}"
    changed = {door: f"{BY_DOOR[door].permission} is now {title}" for door, title in there.items()
               if BY_DOOR[door].permission != title}  # fmt: skip
    assert not changed, f"look again at who may, then change the rows in tests/web/route_table.py: {changed}"
    assert len(there) == len(town.doors), "two doors share a verb and an address"
    assert len(BY_DOOR) == len(ROWS), "two rows share a door"


def test_tob8_reading_and_writing_never_share_a_permission(town: Town) -> None:
    for one in town.doors:
        reads = one.verb in READS or one.permission in (
            Permission.XMLRPC_READ,
            Permission.OSV_READ,
            Permission.SIGSTORE_ASK,
        )
        assert one.permission.writes is not reads, f"{one.verb} {one.path} under {one.permission.title}"
    titles = [permission.title for permission in Permission]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("row", READING, ids=row_ids(READING))
def test_a_reading_door_lets_in_whom_the_table_names_and_changes_nothing(town: Town, row: Row) -> None:
    for kind in NAMES:
        answer = knock(town, row, kind)
        if kind in row.idle:
            assert answer.status_code in (404, 409), f"{kind}: {answer.status_code} {answer.text[:200]}"
            continue
        assert let_in(answer) == (kind in row.who), f"{kind}: {answer.status_code} {answer.text[:200]}"
        assert answer.status_code < 400 or kind not in row.who, f"{kind}: {answer.status_code} {answer.text[:200]}"
        if row.verb == "GET":
            assert knock(town, row, kind, "HEAD").status_code == answer.status_code
        assert town.changed() == {}, kind


@pytest.mark.parametrize("row", WRITING, ids=row_ids(WRITING))
def test_a_writing_door_lets_in_whom_the_table_names_and_nobody_else_changes_anything(town: Town, row: Row) -> None:
    for kind in NAMES:
        town.restore()
        answer = knock(town, row, kind)
        if kind in row.idle:
            assert answer.status_code in (404, 409), f"{kind}: {answer.status_code} {answer.text[:300]}"
            assert set(town.changed()) <= NOTED
        elif kind in row.who:
            assert answer.status_code < 400, f"{kind}: {answer.status_code} {answer.text[:300]}"
            assert let_in(answer), f"{kind}: {answer.headers['location']}"
            assert row.quiet or town.events(), f"{kind} has left no event (TOB-PYPI26-4, -14)"
        else:
            assert not let_in(answer), f"{kind}: {answer.status_code} {answer.text[:300]}"
            assert set(town.changed()) <= NOTED, f"{kind} was refused, and yet {town.changed()}"


@pytest.mark.parametrize("row", WRITING, ids=row_ids(WRITING))
def test_an_empty_form_is_answered_and_never_a_fault_of_ours(town: Town, row: Row) -> None:
    for kind in NAMES:
        town.restore()
        answer = knock(town, row, kind, empty=True)
        assert answer.status_code < 500, f"{kind}: {answer.text[:300]}"
        if kind not in row.who:
            # An upload says only in its form which project it is for.
            assert (
                row.sends == "file" or row.path in ("/upload/", "/upload", "/api/release/runs") or not let_in(answer)
            ), f"{kind}: {answer.status_code}"
            assert set(town.changed()) <= NOTED, f"{kind}: {town.changed()}"


def other_verbs() -> list[Row]:
    """A knock at each address by each verb that no door there answers."""
    verbs: dict[str, set[str]] = {}
    for row in ROWS:
        verbs.setdefault(row.path, set()).add(row.verb)
    found = []
    for row in {row.path: row for row in ROWS}.values():
        answered = verbs[row.path] | ({"HEAD"} if "GET" in verbs[row.path] else set())
        others = sorted(set(VERBS) - answered)
        found += [Row(verb, row.path, row.permission, row.who, row.form, row.at) for verb in others]
    return found


def test_a_verb_without_a_door_is_405_or_404_and_changes_nothing(town: Town) -> None:
    """Each by one person, in turn: nobody is asked who he is before the verb is known."""
    for row, kind in zip(other_verbs(), cycle(NAMES), strict=False):
        answer = knock(town, row, kind)
        assert answer.status_code in (404, 405), f"{row.door} by {kind}: {answer.status_code}"
    assert town.changed() == {}


@pytest.mark.prove
@pytest.mark.parametrize("kind", NAMES)
def test_a_verb_without_a_door_is_405_or_404_for_everybody(town: Town, kind: Kind) -> None:
    for row in other_verbs():
        answer = knock(town, row, kind)
        assert answer.status_code in (404, 405), f"{row.door}: {answer.status_code}"
    assert town.changed() == {}


@pytest.mark.parametrize("row", ROWS, ids=row_ids(ROWS))
def test_a7_half_signed_in_is_not_signed_in_at_any_door(town: Town, row: Row) -> None:
    if row.path == "/account/second/":
        return  # the one door that is for him
    anonymous = knock(town, row, "anonymous")
    town.restore()
    half = knock(town, row, "half")
    assert half.status_code == anonymous.status_code
    if row.form.get("name") != "{me}":  # whoever signs in with another name is somebody else
        assert _steady(half) == _steady(anonymous)


def _steady(answer: httpx.Response) -> tuple[object, ...]:
    """An answer without the cookies, links and digests that are new each time."""
    headers = {name: value for name, value in answer.headers.items() if name not in ("set-cookie", "date")}
    return headers, re.sub(r"/security/case/[a-z2-7]{26}[.][\w-]{43}/", "", answer.text)


@pytest.mark.parametrize("row", WRITING, ids=row_ids(WRITING))
def test_a35_support_changes_nothing_that_is_not_its_own(town: Town, row: Row) -> None:
    """TOB-PYPI26-7: a moderator could write."""
    if row.who in (EVERYBODY, SIGNED_IN):
        return  # his own account, and what everybody may do
    answer = knock(town, row, "support")
    assert not let_in(answer)
    assert set(town.changed()) <= NOTED


@pytest.mark.parametrize(("kind", "path"), [("maintainer", MANAGE), ("member", GUILD), ("manager", GUILD)])
def test_a35_who_is_no_owner_cannot_do_what_only_owners_may(town: Town, kind: Kind, path: str) -> None:
    """TOB-PYPI26-8: a member could invite owners, because reading and writing shared a permission."""
    others = [row for row in WRITING if row.path.startswith(path) and kind not in row.who]
    assert others
    for row in others:
        assert not let_in(knock(town, row, kind)), row.door
        assert set(town.changed()) <= NOTED, row.door


@pytest.mark.parametrize(
    ("kind", "roles"), [("member", ("owner", "manager", "member")), ("manager", ("owner", "manager"))]
)
def test_a35_a_member_invites_nobody_and_a_manager_nobody_above_members(
    town: Town, kind: Kind, roles: tuple[str, ...]
) -> None:
    for role in roles:
        for address, form in (
            ("/manage/organization/guild/people/invite/", {"who": "ursula", "role": role}),
            ("/manage/organization/guild/people/greta/role/", {"role": role}),
            (f"/manage/organization/guild/people/{NAMES[kind]}/role/", {"role": role}),
            ("/manage/organization/guild/people/gilda/remove/", {}),
        ):
            assert town.knock(kind, "POST", address, form=form).status_code == 403, f"{address} {role}"
            # Invitations are counted, whatever becomes of them.
            assert set(town.changed()) <= NOTED | {"limit_hit"}


def test_p21_no_number_in_an_address_is_too_large_for_us(town: Town) -> None:
    for row in ROWS:
        kind: Kind = next((one for one in ("operator", "owner", "chair") if one in row.who), "anonymous")
        form = {name: town.fill(text, kind) for name, text in row.form.items()}
        for name in re.findall(r"\{(\w+)\}", row.path):
            for text in ("9" * 15, "9" * 19, NINES):
                town.restore()
                address = row.address(town, kind, **{name: text})
                answer = town.knock(kind, row.verb, address, form=form if row.verb not in READS else None)
                assert answer.status_code < 500, f"{row.door} with {name}: {answer.text[:200]}"


def test_p21_no_version_in_a_form_a_question_or_a_file_name_is_too_long_for_us(town: Town) -> None:
    tried = 0
    for row in _with_versions():
        kind: Kind = next((one for one in ("owner", "operator") if one in row.who), "anonymous")
        town.restore()
        answer = knock(town, row, kind)
        assert answer.status_code < 500, f"{row.door}: {answer.text[:200]}"
        tried += 1
    assert tried > 10


def _with_versions() -> Iterator[Row]:
    for row in ROWS:
        if "version" in row.form:
            yield replace(row, form={**row.form, "version": NINES})
        if '"version": "' in row.form.get("json", ""):
            yield replace(row, form={"json": re.sub(r'(?<="version": ")[^"]+', NINES, row.form["json"])})
        if "version=" in row.query:
            yield replace(row, query=re.sub(r"(?<=version=)[^&]+", NINES, row.query))
        for name in re.findall(r"\{(file|filename)\}", row.path):
            yield replace(row, at={**row.at, name: f"demo-{NINES}-py3-none-any.whl"})
            yield replace(row, at={**row.at, name: f"demo-{NINES}.tar.gz"})


@pytest.mark.parametrize(
    "page",
    [
        "/project/demo/diff/?old={0}&new=1.0", "/project/demo/diff/?old=1.0&new={0}",
        "/project/demo/report/?version={0}", "/project/demo/report/?file=demo-{0}.tar.gz",
        "/project/demo/advice/?version={0}", "/project/demo/?version={0}", "/search/?q={0}",
    ],
)  # fmt: skip
def test_p21_no_question_has_a_version_too_long_for_us(town: Town, page: str) -> None:
    assert town.knock("owner", "GET", page.format(NINES)).status_code < 500


@pytest.mark.parametrize("address", ["/legacy/", "/upload/"])
def test_p21_no_length_of_a_body_has_too_many_digits_for_us(town: Town, address: str) -> None:
    headers = {
        "authorization": f"Bearer {town.people['owner'].token}", "content-length": NINES,
        "content-type": "multipart/form-data; boundary=x" if address == "/legacy/" else MEDIA_TYPE,
    }  # fmt: skip
    assert town.client.post(address, headers=headers, content=b"--x--").status_code in (400, 413)


def test_p21_no_report_names_a_version_too_long_for_us(town: Town) -> None:
    form = {"kind": "malware", "text": "It steals.", "version": NINES}
    for address in ("/project/demo/report/", "/api/projects/demo/reports"):
        assert town.knock("owner", "POST", address, form=form).status_code in (400, 404)


def test_a_private_project_is_unknown_to_strangers_at_every_door(town: Town) -> None:
    """The same words, byte for byte, as for a name that nobody has."""
    tried = 0
    for row in ROWS:
        if not {"{name}", "{project}"} & set(re.findall(r"\{\w+\}", row.path)):
            continue
        for kind in ("anonymous", "half", "user", "support"):
            if row.verb not in READS and kind in row.who and not row.path.startswith(("/project/", "/api/")):
                continue
            there = knock(town, _about(row, "hidden"), kind)
            nowhere = knock(town, _about(row, "hiddex"), kind)
            assert (there.status_code, there.headers.get("location", "").replace("hidden", "hiddex")) == (
                nowhere.status_code, nowhere.headers.get("location", "")), f"{kind} at {row.door}"  # fmt: skip
            # Pages have fields of the type "hidden", too.
            said, heard = (page.text.replace("hidden", "hiddex") for page in (there, nowhere))
            assert said == heard, f"{kind} at {row.door}"
            tried += 1
    assert tried > 50
    assert set(town.changed()) <= NOTED


def _about(row: Row, name: str) -> Row:
    return Row(row.verb, row.path, row.permission, row.who, row.form,
               {**row.at, "name": name, "project": name, "filename": f"{name}-1.0-py3-none-any.whl"}, row.sends, row.query)  # fmt: skip
