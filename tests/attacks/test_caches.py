"""Poisoned and confused caches (A38, A39): in this process door by door, and behind an nginx that keeps all it may."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import httpx2 as httpx
import pytest
from route_table import ROWS, Row
from starlette.testclient import TestClient

from clock import TurnableClock
from customhouse.infra.settings import Settings
from customhouse.infra.walkers import Walkers
from customhouse.terms.clock import SystemClock
from customhouse.web.asgi import build
from nginx_cache import CachingFront, nginx_cache
from town import OTHER_LOGIN, Kind, Town, open_town, prepared_copy
from world import Server

pytestmark = pytest.mark.slow

JSON, HTML = "application/vnd.pypi.simple.v1+json", "text/html"
OURS, EVIL = "https://index.test", "evil.example"
OUR_HOSTS = ["index.test", "INDEX.test", "index.test:443", "localhost", "127.0.0.1:8417", "[::1]:8417"]
FOREIGN_HOSTS = [
    EVIL, f"{EVIL}:443", f"index.test.{EVIL}", "index.test.", "evil-index.test", "index.test@evil.example",
    "index.test/x", "index.test?x", "index.test#x", "index.test\\x", "index.test evil.example", "index.test,evil.example",
    "", ":8417", "[::1", "index.test:http", "\u0131ndex.test", "127.0.0.1.evil.example", "2130706433",
]  # fmt: skip
HEADERS: Mapping[str, Mapping[str, str]] = {
    "forwarded host": {"x-forwarded-host": EVIL, "x-host": EVIL, "x-original-host": EVIL, "x-forwarded-server": EVIL},
    "forwarded scheme": {"x-forwarded-proto": "nothttps", "x-forwarded-scheme": "http", "front-end-https": "off"},
    "forwarded https": {"x-forwarded-proto": "https", "x-forwarded-port": "444", "x-forwarded-ssl": "on"},
    "forwarded prefix": {"x-forwarded-prefix": "/evil", "x-script-name": "/evil", "x-forwarded-path": "/evil"},
    "another address": {"x-original-url": "/account/", "x-rewrite-url": "/account/", "x-original-uri": "/account/"},
    "forwarded": {"forwarded": f"for=1.2.3.4;host={EVIL};proto=https"},
    "another verb": {"x-http-method-override": "DELETE", "x-http-method": "POST", "x-method-override": "PUT"},
    "another client": {"x-forwarded-for": "1.2.3.4", "x-real-ip": "1.2.3.4", "client-ip": "1.2.3.4", "via": f"1.1 {EVIL}"},
    "where from": {"origin": f"https://{EVIL}", "referer": f"https://{EVIL}/", "user-agent": "<script>", "accept-language": "xx"},
    "cookies": {"cookie": f"__Host-session=x; __Host-form={EVIL}; __Host-said=eHg.00; lang={EVIL}; _method=DELETE"},
}  # fmt: skip
QUERIES = [
    f"utm={EVIL}",
    "_method=DELETE",
    f"format={JSON.replace('+', '%2B')}",
    f"format={HTML}",
    "callback=evil",
    "%00=%00",
]
ACCEPTS = [
    "*/*;q=0", "a" * 10_000, ",".join(["text/html;q=0.5"] * 700), "text/html;q=1.1", f"{JSON};q=abc", f"{JSON};q=0, {HTML};q=0",
    "\x7f\xff", ";;;", ",", "*", "text/*;q=0.0001", f"{JSON}, {HTML};q=NaN",
]  # fmt: skip
READING = [row for row in ROWS if row.verb == "GET"]
PUBLIC = [row for row in READING if "anonymous" in row.who]


def shared(answer: httpx.Response) -> bool:
    """Whether a shared cache may keep it. We leave nothing to what caches guess, so silence would count as yes."""
    said = {part.strip() for part in answer.headers.get("cache-control", "").split(",")}
    return not said & {"private", "no-store"}


@pytest.fixture(scope="module", params=[OURS, ""], ids=["url set", "no url"])
def town(request: pytest.FixtureRequest, walkers: Walkers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    data = prepared_copy(request.getfixturevalue("blank"), tmp_path_factory.mktemp("town"))
    settings = Settings.model_validate({"data": data, "url": request.param, "oidc_logins": [OTHER_LOGIN]})
    with open_town(settings, TurnableClock(), walkers) as made:
        yield made
        assert made.changed() == {}, "somebody's reading has changed something"


FOR_PROGRAMS = (
    "/upload/",
    "/integrity/",
    "/view/{view}/integrity/",
    "/view/~{candidate}/",
    "/.well-known/",
    "/_/oidc/",
    "/v1/",
    "/osv/",
    "/api/release/",
)


def look(
    town: Town, row: Row, kind: Kind = "anonymous", query: str = "", verb: str = "GET", /, **headers: str
) -> httpx.Response:
    """Read a door, in clear, as somebody, with headers (an underscore stands for a dash)."""
    sent = {"accept-encoding": "identity"} | {name.replace("_", "-"): text for name, text in headers.items()}
    token = town.people[kind].token
    if row.path.startswith("/upload/") and token:
        sent |= {"authorization": f"Bearer {token}"}
    usual = "*/*" if row.path.startswith(FOR_PROGRAMS) else HTML
    return town.knock(kind, verb, row.page(town, kind, query), headers=sent, accept=headers.pop("accept", usual))


def told(answer: httpx.Response) -> tuple[int, dict[str, str], bytes]:
    """All that a cache would keep. A challenge is another one each time, and no cache keeps it."""
    headers = {name: text for name, text in answer.headers.items() if name not in ("date", "x-cache", "server")}
    return answer.status_code, headers, re.sub(rb'"challenge":"[^"]+"', b"", answer.content)


@pytest.mark.parametrize("host", FOREIGN_HOSTS)
@pytest.mark.parametrize("town", [OURS], indirect=True)
def test_a38_a_foreign_host_is_answered_400_at_every_kind_of_door(town: Town, host: str) -> None:
    for verb, address in (
        ("GET", "/simple/"), ("GET", "/simple/demo/"), ("HEAD", "/simple/demo/"), ("GET", "/"), ("GET", "/pypi/demo/json"),
        ("GET", town.fill("/files/{project}/{filename}", "anonymous")), ("POST", "/legacy/"), ("POST", "/account/sign-in/"),
        ("GET", "/nowhere"), ("OPTIONS", "/"),
    ):  # fmt: skip
        answer = town.knock("anonymous", verb, address, headers={"host": host.encode()})  # type: ignore[dict-item] # as bytes
        assert (answer.status_code, answer.headers["cache-control"]) == (400, "no-store"), f"{verb} {address}"
        assert EVIL not in answer.text
    for address in ("/-/health", "/-/ready"):
        assert town.knock("anonymous", "GET", address, headers={"host": host.encode()}).status_code == 200  # type: ignore[dict-item] # as above


@pytest.mark.parametrize("host", OUR_HOSTS)
def test_a38_our_own_names_are_answered(town: Town, host: str) -> None:
    for address in ("/simple/", "/", "/account/sign-in/"):
        assert town.knock("anonymous", "GET", address, headers={"host": host}).status_code == 200


@pytest.mark.parametrize("host", ["a b", "a/b", "x@y", "a?b", "a#b", "", "a,b"])
@pytest.mark.parametrize("town", [""], indirect=True)
def test_a38_what_is_no_host_is_answered_400_even_where_any_host_is_taken(town: Town, host: str) -> None:
    answer = town.knock("anonymous", "GET", "/simple/", headers={"host": host})
    assert answer.status_code == (200 if host == "" else 400)


@pytest.mark.parametrize("row", PUBLIC, ids=lambda row: row.door)
def test_a38_no_shared_cache_keeps_the_host_that_somebody_has_asked(town: Town, row: Row) -> None:
    host = "localhost" if town.app.settings.url else EVIL
    answer = look(town, row, host=host)
    if shared(answer):
        assert host not in f"{answer.headers} {answer.text}"
        assert told(answer) == told(look(town, row))


@pytest.mark.parametrize("kind", HEADERS)
def test_a38_no_header_changes_a_byte_of_an_answer(town: Town, kind: str) -> None:
    for row in PUBLIC:
        plain, attacked = look(town, row), look(town, row, **HEADERS[kind])
        if kind == "cookies" and not shared(attacked):
            continue  # with a form's token of his own, for him alone
        assert told(attacked) == told(plain), row.door


def test_a38_no_query_changes_what_a_shared_cache_keeps(town: Town) -> None:
    """A cache may be set to leave queries out of its keys."""
    for row in PUBLIC:
        plain = look(town, row)
        for query in QUERIES:
            answer = look(town, row, "anonymous", query)
            revalidated = "no-cache" in answer.headers["cache-control"]
            if shared(answer) and not revalidated:
                assert told(answer) == told(plain), f"{row.door}?{query}"


@pytest.mark.parametrize("accept", ACCEPTS)
def test_a38_an_odd_accept_gets_a_known_representation_or_406(town: Town, accept: str) -> None:
    known = {look(town, row, accept=wish).content for wish in (JSON, HTML) for row in PUBLIC if row.path.startswith("/simple/{name}/")}  # fmt: skip
    answer = town.client.get(
        "/simple/demo/", headers={b"accept": accept.encode("latin-1"), b"accept-encoding": b"identity"}
    )
    assert answer.status_code in (200, 406)
    assert "Accept" in answer.headers["vary"]
    assert answer.content in known if answer.status_code == 200 else answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "wish", ["xml", "json", "", "../x", "application/json", "%00", "a" * 10_000, "text/html,*/*;q=0"]
)
def test_a38_an_unknown_format_is_406_or_a_known_page_for_nobody_else(town: Town, wish: str) -> None:
    answer = town.client.get(f"/simple/demo/?format={wish}", headers={"accept": JSON})
    assert answer.status_code in (200, 406)
    assert not shared(answer)


ODD_PATHS = [
    "/simple/demo;x/", "/simple/demo/;x", "/simple;/demo/", "//simple/demo/", "/simple//demo/", "/simple/demo//",
    "/simple/./demo/", "/simple/x/../demo/", "/simple/%2e/demo/", "/simple/%2e%2e/simple/demo/", "/simple/demo./",
    "/simple/demo%20/", "/simple/demo%2f", "/SIMPLE/demo/", "/simple/DEMO/", "/simple/de%6do/", "/simple/demo/index.html",
    "/simple/demo/x.css", "/simple/demo%3fx/", "/simple/demo%23/", "/simple/demo%e9/", "/simple/dem%C3%B6/", "/simple/demo%00/", "/simple/demo\\",
    "/pypi/demo/json;x", "/pypi//demo/json", "/pypi/demo/JSON", "/pypi/demo/json//", "/pypi/Demo/json", "/project/demo;/",
    "/files/demo/../demo/{filename}", "/files//demo/{filename}", "/files/demo//{filename}", "/files/demo/{filename};x",
    "/files/demo/{filename}/", "/files/demo/{filename}%20", "/files/demo/{filename}.metadata.metadata",
]  # fmt: skip
CANONICAL = ["/simple/demo/", "/pypi/demo/json", "/project/demo/", "/files/demo/{filename}"]


@pytest.mark.parametrize("path", ODD_PATHS)
def test_a38_an_odd_spelling_of_an_address_has_the_same_bytes_or_none(town: Town, path: str) -> None:
    usual = [told(town.client.get(town.fill(one, "anonymous")))[2] for one in CANONICAL]
    raw = town.fill(path, "anonymous")
    answer = town.client.get(httpx.URL(OURS).copy_with(raw_path=raw.encode()), follow_redirects=False)
    assert answer.status_code in (200, 301, 400, 404), answer.status_code
    if answer.status_code == 200:
        assert answer.content in usual
    else:
        assert not shared(answer)
    if answer.status_code == 301:
        target = answer.headers["location"]
        assert not target.startswith(("//", "http")), "away from here"
        assert "\\" not in target


@pytest.mark.parametrize(
    "tail", ["x.css", ";x.css", "%2ex.css", "..%2fstatic%2fx.css", "/x.css", "%3fx.css", "x.css?x", "%0ax.css"]
)
def test_a38_a_page_of_ones_own_has_no_second_address_that_a_cache_takes_for_a_picture(town: Town, tail: str) -> None:
    for page in ("/account/", "/account/sessions/", "/manage/project/demo/", "/account"):
        answer = town.knock("owner", "GET", f"{page}{tail}", accept=HTML)
        assert answer.status_code in (400, 404)
        assert not shared(answer)


def test_a38_a_front_end_that_is_trusted_says_the_scheme_and_nobody_else(town: Town) -> None:
    """Another application on the same rows, which trusts one network of front ends."""
    for peer, trusted, scheme in (
        ("10.1.2.3", ("10.0.0.0/8",), "https"), ("192.0.2.1", ("10.0.0.0/8",), "http"), ("10.1.2.3", (), "http"),
    ):  # fmt: skip
        values = town.app.settings.model_dump() | {"trusted_proxies": trusted, "url": ""}
        app = replace(town.app, settings=Settings.model_validate(values))
        client = TestClient(build(app), base_url="http://index.test", client=(peer, 5000))
        document = client.get("/pypi/demo/json", headers={"x-forwarded-proto": "https"})
        assert document.json()["info"]["project_url"].startswith(f"{scheme}://index.test/"), peer
        assert not shared(document)


@pytest.mark.parametrize("town", [OURS], indirect=True)
@pytest.mark.parametrize("row", READING, ids=lambda row: row.door)
def test_a39_head_says_what_get_says(town: Town, row: Row) -> None:
    for kind in ("anonymous", "owner", "operator"):
        get, head = look(town, row, kind), look(town, row, kind, "", "HEAD")
        assert head.status_code == get.status_code
        assert {name for name in head.headers if name != "set-cookie"} | {"content-length"} == {
            name for name in get.headers if name != "set-cookie"} | {"content-length"}  # fmt: skip
        same = ("etag", "cache-control", "vary", "content-type", "location", "content-security-policy")
        assert {name: head.headers.get(name) for name in same} == {name: get.headers.get(name) for name in same}
        if "content-length" in head.headers:
            assert int(head.headers["content-length"]) == len(get.content)


@pytest.mark.parametrize("town", [OURS], indirect=True)
@pytest.mark.parametrize("row", READING, ids=lambda row: row.door)
def test_a39_what_depends_on_who_asks_says_so_or_is_kept_by_nobody(town: Town, row: Row) -> None:
    stranger = look(town, row)
    for kind in row.who - {"anonymous", "half"}:
        answer = look(town, row, kind)
        assert answer.status_code < 400
        if told(answer) != told(stranger):
            assert not shared(answer), f"{kind}: {answer.headers['cache-control']}"
            by = "Authorization" if row.path.startswith(("/api/", "/upload/")) else "Cookie"
            varies = stranger.headers.get("vary", "")
            asked_again = "no-cache" in stranger.headers["cache-control"]
            assert not shared(stranger) or asked_again or by in varies, f"{kind}: {stranger.headers}"
            if answer.headers.get("content-type", "").startswith("text/html"):
                assert (answer.headers["cache-control"], "Cookie" in answer.headers["vary"]) == (
                    "private, no-store",
                    True,
                )


@pytest.mark.parametrize("town", [OURS], indirect=True)
@pytest.mark.parametrize("row", READING, ids=lambda row: row.door)
def test_a39_304_says_again_how_the_answer_may_be_kept(town: Town, row: Row) -> None:
    for encoding in ("identity", "gzip"):
        first = look(town, row, accept_encoding=encoding)
        if "etag" not in first.headers:
            continue
        again = look(town, row, accept_encoding=encoding, if_none_match=f'"x", W/{first.headers["etag"]}')
        assert (again.status_code, again.content) == (304, b"")
        for name in ("etag", "cache-control", "vary", "content-security-policy"):
            assert again.headers.get(name) == first.headers.get(name), name


@pytest.mark.parametrize("town", [OURS], indirect=True)
def test_a39_the_etag_of_one_representation_never_answers_for_another(town: Town) -> None:
    """HTML and JSON, packed and plain, of a page with enough on it to be packed."""
    wishes = [{"accept": accept, "accept_encoding": encoding} for accept in (JSON, HTML, "application/vnd.pypi.simple.v1+html")
              for encoding in ("identity", "gzip")]  # fmt: skip
    row = next(row for row in ROWS if row.path == "/simple/{name}/")
    etags = [look(town, row, **wish).headers["etag"] for wish in wishes]
    bodies = [look(town, row, **wish).content for wish in wishes]
    assert len(set(etags[:4])) == 4 or etags[0] == etags[1], "plain and packed share an ETag"
    for wish, etag, body in zip(wishes, etags, bodies, strict=True):
        for other, other_body in zip(etags, bodies, strict=True):
            answer = look(town, row, **wish, if_none_match=other)
            assert (answer.status_code == 304) == (other == etag)
            assert other != etag or other_body == body
    pages = {look(town, row, accept_encoding=encoding).headers["etag"] for encoding in ("identity", "gzip")
             for row in ROWS if row.path in ("/project/{name}/", "/ledger/")}  # fmt: skip
    assert len(pages) == 4


@pytest.mark.parametrize("town", [OURS], indirect=True)
def test_a39_a_part_is_only_added_to_the_file_that_it_belongs_to(town: Town) -> None:
    dist, other = town.files["demo 1.0"], town.files["demo 2.0"]
    address = f"/files/demo/{dist.filename}"
    etag = town.client.get(address).headers["etag"]
    stale = [f'"{other.sha256}"', f"W/{etag}", "Tue, 24 Nov 2026 12:00:00 GMT", f'"x", {etag}', "*", etag.strip('"'),
             town.client.get(f"{address}.metadata").headers["etag"]]  # fmt: skip
    for said in stale:
        answer = town.client.get(address, headers={"range": "bytes=0-3", "if-range": said})
        assert (answer.status_code, answer.content) == (200, dist.body), said
    fresh = town.client.get(address, headers={"range": "bytes=0-3", "if-range": etag})
    assert (fresh.status_code, fresh.content) == (206, dist.body[:4])
    page = town.client.get("/simple/demo/", headers={"range": "bytes=0-3", "accept-encoding": "gzip"})
    assert page.status_code == 200


@dataclass(frozen=True)
class Fronted:
    """A real index behind a real cache, and what it is filled with."""

    server: Server
    front: CachingFront
    cookie: str
    token: str

    def get(self, path: str, careless: bool = False, /, **headers: str) -> httpx.Response:
        port = self.front.careless_port if careless else self.front.port
        sent = {"host": "index.test", "accept": HTML} | {name.replace("_", "-"): text for name, text in headers.items()}
        return httpx.get(f"http://127.0.0.1:{port}{path}", headers=sent, follow_redirects=False)

    def straight(self, path: str, **headers: str) -> httpx.Response:
        sent = {"host": "index.test", "accept": HTML} | {name.replace("_", "-"): text for name, text in headers.items()}
        return httpx.get(f"{self.server.url}{path}", headers=sent, follow_redirects=False)


@pytest.fixture(scope="module")
def fronted(
    request: pytest.FixtureRequest, walkers: Walkers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fronted]:
    data = prepared_copy(request.getfixturevalue("blank"), tmp_path_factory.mktemp("fronted"))
    with open_town(Settings.model_validate({"data": data}), SystemClock(), walkers) as made:
        owner = made.people["owner"]
    server = Server(data, environment={"CUSTOMHOUSE_URL": OURS})
    server.start()
    try:
        with nginx_cache(tmp_path_factory.mktemp("nginx"), server.port) as front:
            yield Fronted(server, front, owner.cookie, owner.token)
    finally:
        server.stop()


FILE = "demo-1.0-py3-none-any.whl"
KEPT = [
    "/simple/",
    "/simple/demo/",
    "/pypi/demo/json",
    f"/files/demo/{FILE}",
    f"/files/demo/{FILE}.metadata",
    "/feeds/updates.xml",
]


@pytest.mark.parametrize("path", KEPT)
def test_a38_nginx_hands_nobody_what_an_attacker_has_asked_for(fronted: Fronted, path: str) -> None:
    for headers in HEADERS.values():
        fronted.get(path, **headers)
    for host in (EVIL, "localhost", "index.test.evil.example"):
        fronted.get(path, host=host)
    for accept in (JSON, "*/*;q=0", "application/xml"):
        fronted.get(path, accept=accept)
    for query in QUERIES:
        fronted.get(f"{path}?{query}", True)
    for careless in (False, True):
        fronted.get(path, careless)
        victim = fronted.get(path, careless)
        assert victim.headers["x-cache"] == "HIT", "this proves nothing if nothing is kept"
        assert victim.content == fronted.straight(path).content
        assert EVIL not in f"{victim.headers}"


def test_a39_nginx_tells_json_from_html_and_packed_from_plain(fronted: Fronted) -> None:
    for _ in range(2):
        for path in ("/simple/demo/", "/simple/"):
            for accept in (JSON, HTML, "*/*"):
                for encoding in ("gzip", "identity"):
                    answer = fronted.get(path, accept=accept, accept_encoding=encoding)
                    straight = fronted.straight(path, accept=accept, accept_encoding=encoding)
                    assert answer.content == straight.content
                    assert answer.headers["content-type"] == straight.headers["content-type"]
                    other = JSON if accept != JSON else HTML
                    mixed = fronted.get(
                        path, accept=other, accept_encoding=encoding, if_none_match=answer.headers["etag"]
                    )
                    assert mixed.status_code == 200
    assert fronted.get("/simple/demo/").headers["x-cache"] in ("HIT", "REVALIDATED")


PRIVATE = ["/simple/hidden/", "/simple/Hidden/", "/simple/hidden", "/files/hidden/hidden-1.0-py3-none-any.whl",
           "/files/hidden/hidden-1.0-py3-none-any.whl.metadata", "/packages/hidden/hidden-1.0-py3-none-any.whl",
           "/project/hidden/", "/project/hidden", "/project/Hidden/", "/project/hidden/1.0/", "/pypi/hidden/json", "/project/hidden/report",
           "/api/projects/hidden/downloads", "/project/hidden/ledger/", "/project/hidden/ledger.jsonl", "/manage/project/hidden/"]  # fmt: skip


@pytest.mark.parametrize("path", PRIVATE)
def test_a39_nginx_never_serves_a_private_page_or_file_to_the_next_client(fronted: Fronted, path: str) -> None:
    token = {"authorization": f"Bearer {fronted.token}"}
    for careless in (False, True):
        stranger = fronted.get(path, careless)
        for who in ({"cookie": fronted.cookie}, token):
            for _ in range(2):
                mine = fronted.get(path, careless, **who)
                assert mine.headers["x-cache"] != "HIT"
                assert not shared(mine), mine.headers
        again = fronted.get(path, careless)
        assert (again.status_code, again.headers.get("location"), again.content) == (
            stranger.status_code, stranger.headers.get("location"), stranger.content)  # fmt: skip
    assert not [kept for kept in fronted.front.kept() if b"hidden" in kept.lower()]


@pytest.mark.parametrize(
    "path", ["/", "/project/demo/", "/account/", "/account/tokens/", "/ledger/", "/search/?q=demo", "/nowhere"]
)
def test_a39_nginx_never_keeps_the_page_of_somebody_signed_in(fronted: Fronted, path: str) -> None:
    fronted.get(path)
    for _ in range(2):
        mine = fronted.get(path, cookie=fronted.cookie)
        assert mine.headers["x-cache"] != "HIT"
    stranger = fronted.get(path)
    assert "alice</a>" not in stranger.text
    assert not [kept for kept in fronted.front.kept() if b"set-cookie" in kept.lower() or b"/account/sign-out/" in kept]


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /simple/demo/ HTTP/1.1\r\n", b"400"),
        (b"GET /simple/demo/ HTTP/1.1\r\nHost: index.test\r\nHost: evil.example\r\n", b"400"),
        (b"GET /simple/demo/ HTTP/1.1\r\nHost: evil.example\r\nHost: index.test\r\n", b"400"),
        (b"GET /simple/demo/ HTTP/1.0\r\n", b"400"),
        (b"GET http://evil.example/simple/demo/ HTTP/1.1\r\nHost: index.test\r\n", b"200"),
        (b"GET http://index.test/simple/demo/ HTTP/1.1\r\nHost: evil.example\r\n", b"400"),
        (b"GET /simple/demo/ HTTP/1.1\r\nHost: evil.example/simple/demo/?\r\n", b"400"),
        (b"GET /-/health HTTP/1.0\r\n", b"200"),
    ],
)
def test_a38_two_hosts_or_none_are_told_apart_on_the_line(fronted: Fronted, request_: bytes, status: bytes) -> None:
    with socket.create_connection(("127.0.0.1", fronted.server.port), timeout=10) as line:
        line.sendall(request_ + b"Connection: close\r\n\r\n")
        answer = b""
        while piece := line.recv(65536):
            answer += piece
    assert answer.split(b" ")[1] == status, answer[:300]
    assert b"evil" not in answer
