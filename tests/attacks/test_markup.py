"""What a stranger writes stays text wherever it comes out (A41), and every answer says what it must not be used for (A42)."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

import httpx2 as httpx
import pytest
import sqlalchemy as sa
from route_table import ROWS, Row
from starlette.testclient import TestClient

import customhouse.web
from customhouse.infra.walkers import Walkers
from customhouse.web.asgi import build
from packages import form_fields, wheel
from person import PASSWORD
from town import Kind, Town, small_town
from world import World, upload

pytestmark = pytest.mark.slow

MARK = "zq\"zq'zq<zq>zq&zq;"
# In a feed only these two are markup; in a page a quote could end an attribute, too.
IN_XML, IN_HTML = ("zq<zq", "zq&zq"), ("zq<zq", "zq&zq", 'zq"zq', "zq'zq", "zq>zq")
LOOKERS: tuple[Kind, ...] = ("anonymous", "owner", "operator")
READING = [row for row in ROWS if row.verb == "GET"]
WRITING = [row for row in ROWS if row.verb != "GET" and row.sends == "form"]
HIDING = re.compile(
    r"/account|delete|remove|revoke|visib|verdict|close|freeze|leave|transfer|withdraw|erase|quarantine|veto|decide"
)
_WEB = Path(customhouse.web.__file__).parent
_SOURCE = "\n".join(path.read_text() for path in sorted(_WEB.rglob("*.py")))
QUERY_NAMES = sorted(
    set(re.findall(r'visit\.query(?:\.get\(|\[)"(\w+)"|"(\w+)" in visit\.query|_serial\(visit, "(\w+)"', _SOURCE))
)
FIELD_NAMES = sorted(set(re.findall(r'visit\.(?:field|form\.get)\("(\w+)"', _SOURCE)) - {"csrf"})
ASKED = sorted({name for names in QUERY_NAMES for name in names if name} | {"q", "next", "version", "file", "member"})


@pytest.fixture(scope="module")
def founded(
    request: pytest.FixtureRequest, walkers: Walkers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Town]:
    with small_town(tmp_path_factory.mktemp("town"), request.getfixturevalue("blank"), walkers) as made:
        made.facts["password"] = PASSWORD
        yield made
        made.restore()


@pytest.fixture
def town(founded: Town) -> Iterator[Town]:
    founded.restore()
    yield founded
    founded.restore()


def refuse_markup(answer: httpx.Response, where: str) -> None:
    """The mark stands nowhere as markup: not in the page, not in a header."""
    kind = answer.headers.get("content-type", "")
    assert answer.status_code < 500, f"{where}: {answer.text[:300]}"
    assert not re.search(r"[<>\"'\r\n]", answer.headers.get("location", "")), f"{where}: {answer.headers['location']}"
    assert MARK not in str(answer.headers.get_list("set-cookie")), where
    if "html" in kind or "svg" in kind:
        found = [mark for mark in IN_HTML if mark in answer.text]
    elif "xml" in kind:
        found = [mark for mark in IN_XML if mark in answer.text]
    else:
        assert answer.headers["x-content-type-options"] == "nosniff", where
        assert not answer.content or kind.startswith(
            ("text/plain", "text/css", "text/csv", "application/json", "application/problem+json", "application/x-ndjson",
             "application/octet-stream", "application/zip", "application/x-tar", "application/toml", "application/vnd.pypi.simple.v1+json")), f"{where}: {kind}"  # fmt: skip
        return
    assert not found, f"{where}: {found} in {_near(answer.text, found[0])}"


def _near(text: str, mark: str) -> str:
    at = text.index(mark)
    return text[max(0, at - 120) : at + 60]


def look(town: Town, row: Row, kind: Kind, query: str = "", **at: str) -> httpx.Response:
    return town.knock(kind, "GET", row.page(town, kind, query, **at), accept="text/html")


def send(town: Town, row: Row, kind: Kind, form: Mapping[str, str], **at: str) -> httpx.Response:
    return town.knock(kind, row.verb, row.address(town, kind, **at), form=form, accept="text/html")


def walk(town: Town, kind: Kind, near: Row | None = None) -> None:
    """Read every page that somebody may read, or those near a door: its area, and the ledger, where everything comes up."""
    for row in READING:
        far = near is not None and "ledger" not in row.path and row.path.split("/")[1:3] != near.path.split("/")[1:3]
        if kind in row.who and not far:
            refuse_markup(look(town, row, kind), f"{row.door} by {kind}")


def follow(town: Town, answer: httpx.Response, kind: Kind, where: str) -> None:
    """See the page to which a form leads, with the sentence that it says there."""
    if answer.status_code != httpx.codes.SEE_OTHER:
        return
    cookies = [
        text.partition(";")[0] for text in answer.headers.get_list("set-cookie") if text.startswith("__Host-said")
    ]
    page = town.knock(
        kind, "GET", answer.headers["location"], accept="text/html",
        headers={"cookie": "; ".join([town.people[kind].cookie, *cookies])},
    )  # fmt: skip
    refuse_markup(page, f"after {where}")


@pytest.mark.parametrize("row", READING, ids=lambda row: row.door)
def test_a41_nothing_in_an_address_comes_back_as_markup(town: Town, row: Row) -> None:
    for kind in LOOKERS:
        for name in re.findall(r"\{(\w+)\}", row.path):
            for text in (quote(MARK, safe=""), quote(f"demo{MARK}", safe="")):
                refuse_markup(look(town, row, kind, **{name: text}), f"{row.door} with {name}")
        all_at_once = "&".join(f"{name}={quote(MARK)}" for name in [*ASKED, quote(MARK)])
        refuse_markup(look(town, row, kind, query=all_at_once), f"{row.door} with all")
    looker: Kind = "operator" if "operator" in row.who else "owner"
    for name in asked_by(town, row):
        refuse_markup(look(town, row, looker, query=f"{name}={quote(MARK)}"), f"{row.door}?{name}")


def asked_by(town: Town, row: Row) -> list[str]:
    """What a door may read of its query, one by one: what its module asks for anywhere, or everything if that is unknown."""
    endpoint = next(one.endpoint for one in town.doors if one.verb == row.verb and one.path == row.path)
    handler = inspect.getclosurevars(endpoint).nonlocals.get("handler") if inspect.isfunction(endpoint) else None
    if handler is None:
        return ASKED
    source = inspect.getsource(sys.modules[handler.__module__])
    return [name for name in ASKED if f'"{name}"' in source]


def forms_of(town: Town, row: Row, kind: Kind) -> Iterator[dict[str, str]]:
    """The form as it is accepted, and once more for each field, with the mark in it."""
    plain = {name: town.fill(text, kind) for name, text in row.form.items()}
    yield plain
    for name in row.form:
        yield plain | {name: MARK}


def sender(row: Row) -> Kind:
    return next((one for one in ("owner", "chair", "operator") if one in row.who), "anonymous")


@pytest.mark.parametrize("row", WRITING, ids=lambda row: row.door)
def test_a41_nothing_in_a_form_comes_back_as_markup(town: Town, row: Row) -> None:
    kind = sender(row)
    others = {name: MARK for name in FIELD_NAMES if name not in row.form}
    for number, form in enumerate(forms_of(town, row, kind)):
        where = f"{row.door}, variant {number}"
        for more in (others, {}) if number else (others,):
            town.restore()
            answer = send(town, row, kind, form | more)
            refuse_markup(answer, where)
            follow(town, answer, kind, where)
    town.restore()
    plain = next(forms_of(town, row, kind))
    for name in re.findall(r"\{(\w+)\}", row.path):
        refuse_markup(send(town, row, kind, plain, **{name: quote(MARK, safe="")}), f"{row.door} with {name}")


def test_a41_nothing_that_forms_leave_behind_is_markup_anywhere(town: Town) -> None:
    """All forms with the mark in every field, one after the other into one town, and then every page is read.

    Forms that hide what others have written come last, each into a fresh town, and the pages of their area are read.
    """
    taken = sum(put_in(town, row) for row in WRITING if not HIDING.search(row.path))
    for looker in ("anonymous", "operator"):
        walk(town, looker)
    for row in WRITING:
        if HIDING.search(row.path):
            town.restore()
            if mine := put_in(town, row):
                taken += mine
                walk(town, "operator", near=row)
    assert taken > len(WRITING) / 2, "few forms were taken, so little was seen"


def put_in(town: Town, row: Row) -> int:
    """Send a form with the mark in each field in turn; how many were taken."""
    kind = sender(row)
    others = {name: MARK for name in FIELD_NAMES if name not in row.form}
    taken = 0
    for number, form in enumerate(forms_of(town, row, kind)):
        answer = send(town, row, kind, form if number else form | others)
        taken += answer.status_code < 400 and "/account/sign-in/" not in answer.headers.get("location", "")
    return taken


def test_a41_nothing_in_an_upload_comes_back_as_markup(town: Town) -> None:
    said = {"Summary": MARK, "Author": MARK, "Maintainer": MARK, "Keywords": MARK, "License": MARK, "Home-page": f"https://example.org/{MARK}",
            "Download-URL": f"javascript:{MARK}", "Project-URL": f"{MARK[:20]}, https://example.org/{MARK}", "Author-email": f"{MARK} <a@example.org>"}  # fmt: skip
    code = {
        "demo/__init__.py": f"x = {MARK!r}\n".encode(),
        f"demo/{MARK.replace('/', '')}.py": b"",
        "demo.pth": MARK.encode(),
    }
    taken = 0
    for number, (header, text) in enumerate([*said.items(), ("Summary", "all")]):
        headers = said if text == "all" else {header: text}
        for files in (None, code):
            version = f"4.{number}.{int(files is not None)}"
            dist = wheel(
                version=version, headers=headers, files=files, description=f"{MARK}\n\n<script>{MARK}</script>"
            )
            answer = upload(town.client, town.people["owner"].token, dist, name="demo", version=version,
                            fields=[pair for pair in form_fields(dist, "demo", version) if pair[0] != "summary"])  # fmt: skip
            assert MARK not in answer.text or "<" not in answer.text.partition(MARK)[0]
            taken += answer.status == httpx.codes.OK
            if answer.status == httpx.codes.OK:
                for kind in LOOKERS:
                    for path in ("/project/demo/", f"/project/demo/{version}/", f"/project/demo/diff/1.0/{version}/", "/search/?q=zq",
                                 "/", "/simple/demo/", "/feeds/updates.xml", "/rss/updates.xml", f"/admin/cases/1/diff/1.0/{version}/"):  # fmt: skip
                        refuse_markup(town.knock(kind, "GET", path, accept="text/html"), f"{header} at {path}")
    assert taken >= 4, "no upload was taken, so nothing was seen"
    for kind in LOOKERS:
        walk(town, kind)


def test_a41_what_a_browser_calls_itself_is_text(town: Town) -> None:
    sent = {"user-agent": MARK, "x-forwarded-for": MARK, "referer": MARK}
    form = {"name": "alice", "password": PASSWORD}
    answer = town.knock("anonymous", "POST", "/account/sign-in/", form=form, headers=sent, accept="text/html")
    assert answer.status_code == httpx.codes.SEE_OTHER
    page = town.knock("owner", "GET", "/account/sessions/", accept="text/html")
    assert "zq&lt;zq" in page.text, "the mark is not shown at all, so this proves nothing"
    refuse_markup(page, "sessions")
    walk(town, "operator")


def check_headers(answer: httpx.Response, where: str) -> None:
    """Nothing framed, nothing sniffed, no address told to others, nothing kept that was not said to be."""
    policy = answer.headers.get("content-security-policy", "")
    assert "default-src 'none'" in policy, where
    assert "frame-ancestors 'none'" in policy, where
    # The one file that may run is named in full: 'self' would be whatever people have uploaded, too. So is what it asks.
    rest = policy.replace("; script-src https://index.test/static/", "; script-src /static/")
    rest = rest.replace("; connect-src https://index.test/release/run/", "; connect-src /release/run/")
    assert not re.search(r"unsafe|\*|http:|https:|data:", rest), f"{where}: {policy}"
    assert answer.headers.get("x-content-type-options") == "nosniff", where
    # Pages say same-origin, so that their forms come with their Origin; nobody else hears where somebody was. Pages whose
    # address opens something tell everybody, us too, no more than where they lie.
    assert answer.headers.get("referrer-policy") in ("no-referrer", "same-origin", "strict-origin"), where
    assert answer.headers.get("cache-control"), where
    for name in (
        "cache-control",
        "content-security-policy",
        "content-type",
        "x-content-type-options",
        "etag",
        "location",
    ):
        assert len(answer.headers.get_list(name)) <= 1, f"{where}: {name} twice"
    for cookie in answer.headers.get_list("set-cookie"):
        assert cookie.startswith("__Host-"), where
        assert all(flag in cookie for flag in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/")), where
        assert "no-store" in answer.headers["cache-control"], f"{where} sets a cookie and may be kept"
    if "text/html" in answer.headers.get("content-type", "") and "sandbox" not in policy:
        assert "base-uri 'none'" in policy, where
        assert "form-action 'self'" in policy, where
        assert answer.headers["cross-origin-opener-policy"] == "same-origin", where


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.door)
def test_a42_every_answer_of_every_door_carries_the_headers(town: Town, row: Row) -> None:
    for kind in LOOKERS:
        for accept in ("text/html", "application/json"):
            town.restore()
            path, asked = row.address(town, kind), row.page(town, kind)
            form = {name: town.fill(text, kind) for name, text in row.form.items()}
            if row.verb == "GET":
                first = town.knock(kind, "GET", asked, accept=accept)
                check_headers(first, f"{row.door} by {kind}")
                check_headers(town.knock(kind, "HEAD", asked, accept=accept), f"HEAD {path} by {kind}")
                again = {"if-none-match": first.headers.get("etag", '"x"'), "range": "bytes=0-"}
                check_headers(
                    town.knock(kind, "GET", asked, accept=accept, headers=again), f"{row.door} again by {kind}"
                )
                continue
            check_headers(town.knock(kind, row.verb, path, form=form, accept=accept), f"{row.door} by {kind}")
            town.restore()
            check_headers(town.knock(kind, row.verb, path, form={}, accept=accept), f"{row.door}, empty, by {kind}")
            foreign = {"origin": "https://evil.example"}
            check_headers(
                town.knock(kind, row.verb, path, form=form, accept=accept, headers=foreign), f"foreign {row.door}"
            )
        check_headers(town.knock(kind, "FROB", path), f"FROB {path}")


@pytest.mark.parametrize("accept", ["text/html", "application/json", "*/*"])
def test_a42_every_kind_of_error_carries_the_headers(town: Town, accept: str) -> None:
    many = ",".join(f"{n}-{n}" for n in range(0, 200, 2))
    requests: list[tuple[int, str, str, dict[str, object]]] = [
        (404, "GET", "/nowhere", {}), (405, "PUT", "/", {}), (404, "GET", "/simple/nobody/", {}),
        (404, "GET", "/files/demo/nothing.whl", {}), (416, "GET", "/files/{project}/{filename}", {"headers": {"range": f"bytes={many}"}}),
        (400, "GET", "/search/?page=x", {}), (400, "GET", "/?x=%00", {}), (415, "POST", "/account/sign-in/", {"content": b"x"}),
        (413, "POST", "/account/sign-in/", {"content": b"x" * 200_000, "headers": {"content-type": "application/x-www-form-urlencoded"}}),
        (400, "GET", "/", {"headers": {"host": "a b"}}), (401, "POST", "/legacy/", {"headers": {"content-type": "multipart/form-data; boundary=b"}}),
        (301, "GET", "/simple/Demo/", {}), (301, "GET", "/project/Demo", {}), (301, "GET", "/simple", {}),
    ]  # fmt: skip
    for status, verb, path, more in requests:
        answer = town.knock("anonymous", verb, town.fill(path, "anonymous"), accept=accept, **more)  # type: ignore[arg-type]
        assert answer.status_code in (status, 406 if "/simple/" in path else status), (
            f"{verb} {path}: {answer.status_code}"
        )
        check_headers(answer, f"{verb} {path}")
    assert town.client.get("/simple/demo/", headers={"accept": "image/png"}).status_code == 406
    check_headers(town.client.get("/simple/demo/", headers={"accept": "image/png"}), "406")


@pytest.mark.parametrize("accept", ["text/html", "application/json", "*/*"])
def test_a42_a_fault_of_ours_carries_the_headers_and_tells_nothing(broken_world: World, accept: str) -> None:
    with broken_world.app.database.write() as sql:
        sql.execute(sa.text("ALTER TABLE release RENAME TO elsewhere"))
    client = TestClient(build(broken_world.app), base_url="https://index.test", raise_server_exceptions=False)
    answer = client.get("/", headers={"accept": accept})
    assert answer.status_code >= 500
    assert "release" not in answer.text
    check_headers(answer, "5xx")
