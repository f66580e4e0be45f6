"""Attacks on the read and upload doors, each named after its row in the list of attacks."""

from __future__ import annotations

import ast
import contextlib
import resource
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import pytest
from packaging.version import Version

import customhouse
from customhouse.formats.filenames import parse_filename
from customhouse.formats.metadata import parse_metadata, requirement_key
from customhouse.formats.negotiate import choose
from customhouse.formats.upload_form import check_form
from customhouse.terms.errors import Rejected
from customhouse.terms.names import ProjectName
from packages import form_fields, wheel
from world import Server, World, upload

pytestmark = pytest.mark.slow

SILENT_CLIENTS, RESERVE = 10_000, 500
TRAVERSALS = [
    "/files/demo/../../../etc/passwd", "/files/demo/..%2f..%2fetc/passwd", "/files/demo/%252e%252e%252fpasswd",
    "/files/demo/..%5c..%5cwin.ini", "/files/demo/%00", "/files//etc/passwd", "/files/demo/%2fetc%2fpasswd",
    "/files/demo/" + "a" * 5000, "/simple/..%2f..%2fetc/", "/simple/%00/", "/simple/" + "a" * 5000 + "/",
    "/pypi/..%2fx/json", "/static/..%2f..%2fasgi.py", "/static/%2e%2e/asgi.py", "/project/%00/", "/project/..%2f/1/",
    "/files/DEMO/demo-1.0-py3-none-any.whl", "/files/demo/DEMO-1.0-py3-none-any.whl",
    "/files/demo/demo-1.0-py3-none-any.whl.metadata.metadata", "/files/demo/demo-1.0-py3-none-any.whl%20",
    "/files/demo/\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"), "/pypi/demo/%F0%9F%98%80/json",
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
@pytest.mark.parametrize("address", TRAVERSALS)
def test_a43_no_spelling_of_an_address_leads_out_of_the_index(
    request: pytest.FixtureRequest, database: str, address: str
) -> None:
    client = _demo_client(request, database)
    answer = client.get(address, follow_redirects=True)
    assert answer.status_code in (400, 404), answer.text[:200]
    assert "root:" not in answer.text


def _demo_client(request: pytest.FixtureRequest, database: str) -> httpx.Client:
    """One running world for each database, for all addresses."""
    client: httpx.Client = request.getfixturevalue(f"{database}_demo")
    return client


@pytest.fixture(scope="module")
def sqlite_demo(running_index: Server) -> Iterator[httpx.Client]:
    yield from _publish_demo(running_index)


@pytest.fixture(scope="module")
def postgresql_demo(postgres_index: Server) -> Iterator[httpx.Client]:
    yield from _publish_demo(postgres_index)


def _publish_demo(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=30) as client:
        assert upload(client, server.new_token("publisher"), wheel(), name="demo", version="1.0").status == 200
        yield client


def talk(server: Server, request: bytes, seconds: float = 20) -> bytes:
    """Send raw bytes and read until the server closes or is silent."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=seconds) as line:
        line.sendall(request)
        answer = b""
        try:
            while piece := line.recv(65536):
                answer += piece
        except (TimeoutError, ConnectionResetError):
            pass
    return answer


SMUGGLED = {
    "two lengths": b"POST /legacy/ HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "length and chunked": b"POST /legacy/ HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /-/health HTTP/1.1\r\nHost: x\r\n\r\n",
    "odd transfer coding": b"POST /legacy/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "space before colon": b"GET /-/health HTTP/1.1\r\nHost : x\r\n\r\n",
    "folded header": b"GET /-/health HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n",
    "negative length": b"POST /legacy/ HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "huge header": b"GET /-/health HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 2**20 + b"\r\n\r\n",
    "chunk extension bomb": b"POST /legacy/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;" + b"a" * 2**20 + b"\r\nhello\r\n0\r\n\r\n",
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("kind", SMUGGLED)
def test_a44_a_request_that_two_readers_split_differently_is_not_answered_twice(
    running_index: Server, kind: str
) -> None:
    answer = talk(running_index, SMUGGLED[kind].replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1), seconds=5)
    statuses = [line for line in answer.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]
    assert len(statuses) <= 1, answer[:500]
    assert not statuses or statuses[0].split()[1] in (b"400", b"401", b"413", b"431"), statuses
    assert httpx.get(f"{running_index.url}/-/health").status_code == 200


@pytest.mark.slow
def test_a44_a_request_after_a_refused_upload_is_not_part_of_it(running_index: Server) -> None:
    body = b"GET /-/health HTTP/1.1\r\nHost: x\r\n\r\n"
    refused = (
        b"POST /legacy/ HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: "
        + str(len(body)).encode() + b"\r\n\r\n" + body
    )  # fmt: skip
    answer = talk(running_index, refused + b"GET /-/ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", seconds=5)
    statuses = [line.split()[1] for line in answer.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]
    assert statuses[0] == b"401"
    assert b"ok\n" not in answer


@pytest.mark.slow
def test_a45_many_silent_clients_do_not_keep_others_from_reading(running_index: Server) -> None:
    kept, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    idle = [
        socket.create_connection(("127.0.0.1", running_index.port)) for _ in range(min(SILENT_CLIENTS, most - RESERVE))
    ]
    for line in idle[::2]:
        line.sendall(b"GET /simple/ HTTP/1.1\r\nHost: x\r\nX-Slow: ")
    try:
        for _ in range(20):
            assert httpx.get(f"{running_index.url}/-/health", timeout=5).status_code == 200
    finally:
        for line in idle:
            line.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (kept, most))


@pytest.mark.slow
def test_a45_a_slow_head_is_cut_off(running_index: Server) -> None:
    with socket.create_connection(("127.0.0.1", running_index.port), timeout=60) as line:
        line.sendall(b"GET /simple/ HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        with contextlib.suppress(ConnectionResetError):
            answer = line.recv(65536)  # the server ends it, or else this is a `TimeoutError`
            assert b"200" not in answer.split(b"\r\n")[0]


def test_a45_a_range_flood_is_refused(small_world: World) -> None:
    assert small_world.upload(wheel()).status == 200
    flood = ",".join(f"{n}-{n}" for n in range(0, 20_000, 2))
    answer = small_world.client.get(f"/files/demo/{wheel().filename}", headers={"range": f"bytes={flood}"})
    assert (answer.status_code, answer.content) == (416, b"")


def test_a45_a_packed_upload_is_refused_before_it_is_read(small_world: World) -> None:
    answer = small_world.client.post("/legacy/", content=b"x" * 100, headers={"content-encoding": "gzip"})
    assert answer.status_code == 415


def test_a_body_over_the_limit_is_refused_before_it_is_stored(small_world: World) -> None:
    answer = small_world.client.post(
        "/legacy/",
        content=b"x",
        headers={"content-length": str(2**40), "content-type": "multipart/form-data; boundary=b"},
    )
    assert answer.status_code == 413
    assert "upload_limit_bytes" in answer.text


@pytest.mark.parametrize(
    "authorization", [None, "Basic !!!", "Bearer x", "Basic YTpi", "Digest x", "Basic " + "A" * 9999]
)
def test_an_upload_without_a_valid_token_is_refused_and_told_how(small_world: World, authorization: str | None) -> None:
    headers = {"content-type": "multipart/form-data; boundary=b"} | (
        {"authorization": authorization} if authorization else {}
    )
    answer = small_world.client.post("/legacy/", content=b"", headers=headers)
    assert answer.status_code == 401
    assert "__token__" in answer.text
    assert answer.headers["www-authenticate"].startswith("Basic")


BODIES = {
    "nothing": b"",
    "no boundary in it": b"hello",
    "cut off": b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\ndemo',
    "no name": b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n",
    "not utf-8": b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\n\xff\r\n--b--\r\n',
    "no fields": b"--b--\r\n",
    "two files": (b'--b\r\nContent-Disposition: form-data; name="content"; filename="a.whl"\r\n\r\nx\r\n' * 2) + b"--b--\r\n",
    "a path for a name": b'--b\r\nContent-Disposition: form-data; name="content"; filename="../../x.whl"\r\n\r\nx\r\n--b--\r\n',
    "huge part header": b'--b\r\nContent-Disposition: form-data; name="' + b"a" * 100_000 + b'"\r\n\r\nx\r\n--b--\r\n',
    "many parts": b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n' * 10_001 + b"--b--\r\n",
}  # fmt: skip


@pytest.mark.parametrize("kind", BODIES)
def test_a_broken_form_is_a_400_that_names_the_fault(small_world: World, kind: str) -> None:
    answer = small_world.client.post(
        "/legacy/", content=BODIES[kind], headers={"content-type": "multipart/form-data; boundary=b"},
        auth=httpx.BasicAuth("__token__", small_world.user()),
    )  # fmt: skip
    assert answer.status_code in (400, 413), answer.text
    assert 10 < len(answer.text) < 1000


NESTED = "(" * 50_000
HOSTILE = {
    "marker": f"Requires-Dist: x; {NESTED}",
    "specifier": "Requires-Python: " + ",".join([">=1"] * 25_000),
    "email": "Author-email: " + "a@b," * 25_000,
    "url": "Project-URL: x, http://" + "a" * 100_000,
    "classifier": "Classifier: " + "x :: " * 20_000,
    "licence": "License-Expression: " + "MIT AND " * 12_000 + "MIT",
    "keywords": "Keywords: " + "a," * 50_000,
    "extra": "Provides-Extra: " + "a-" * 50_000,
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a48_hostile_metadata_of_100_kb_is_answered_quickly(kind: str) -> None:
    text = f"Metadata-Version: 2.4\nName: demo\nVersion: 1.0\n{HOSTILE[kind]}\n"
    # Parsing happens in a process that is killed after its time; this is the bound of a single value.
    began = time.process_time()
    with contextlib.suppress(Rejected):
        parse_metadata(text, name="demo", version=Version("1.0"))
    assert time.process_time() - began < 3.0


@pytest.mark.parametrize("size", [10_000, 100_000])
def test_a48_hostile_names_headers_and_forms_are_answered_quickly(size: int) -> None:
    began = time.process_time()
    for text in ("a" * size, "-" * size, "a-" * size, "1." * size):
        with pytest.raises(Rejected):
            ProjectName.parse(text)
        with pytest.raises(Rejected):
            parse_filename(text + ".whl")
        choose(text)
        choose(",".join(text))
        with pytest.raises(Rejected):
            check_form([*form_fields(wheel(), "demo", "1.0"), ("md5_digest", text)])
    assert time.process_time() - began < 2.0


@pytest.mark.parametrize("text", ["' OR 1=1 --", '"; DROP TABLE file; --', "%", "_", "demo'/*"])
def test_a48_sql_in_an_address_is_a_name_that_nobody_has(small_world: World, text: str) -> None:
    assert small_world.upload(wheel()).status == 200
    for address in (f"/simple/{text}/", f"/pypi/{text}/json", f"/project/{text}/", f"/files/demo/{text}"):
        assert small_world.client.get(address).status_code in (400, 404)


def test_a47_nobody_sends_us_json_yet() -> None:
    """A47: no door reads JSON from a client, so that depth, duplicates and NaN have nowhere to arrive."""
    assert _calls_of("request.json", "Request.json") == []


def test_a53_nothing_is_deserialised_that_could_run_code() -> None:
    assert _calls_of("pickle.load", "pickle.loads", "yaml.load", "marshal.loads", "eval", "exec", "extractall") == []


def test_a51_only_archives_of_advisories_are_read_by_other_readers_than_ours() -> None:
    """They are data of a database, read member by member within bounds. Builds of a release make archives of their own."""
    places = {one.partition(":")[0] for one in _calls_of("tarfile.open", "zipfile.ZipFile")}
    assert places == {
        "advisories/archive.py",  # writes all.zip
        "advisories/triage/sources.py",
        "consume/snapshot/sources.py",
        "formats/osv/zipped.py",
        # What a build has made in its cell, before it is written anew and read strictly, and what was read so.
        "release/building/archives.py",
        "release/building/python.py",
        "release/building/repack.py",
    }


def _calls_of(*names: str) -> list[str]:
    """Places in our code that call one of these; programs that templates hand to projects run in their cells."""
    found = []
    root = Path(customhouse.__file__).parent
    for path in sorted(root.rglob("*.py")):
        if path.is_relative_to(root / "release" / "templates"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                if called in names or called.rpartition(".")[2] in names:
                    found.append(f"{path.relative_to(root)}:{node.lineno} {called}")
    return found


def test_a54_every_dependency_is_locked_with_hashes() -> None:
    root = Path(__file__).parent.parent.parent
    for lock in sorted((root / "requirements").rglob("*.txt")):
        pinned = [line for line in lock.read_text().splitlines() if line and not line.startswith((" ", "#"))]
        assert pinned, lock
        assert all("==" in line for line in pinned), lock
        assert lock.read_text().count("--hash=sha256:") >= len(pinned)
        assert "://" not in lock.read_text()


def test_requirement_keys_of_equal_requirements_are_equal() -> None:
    assert requirement_key("Foo_Bar [b,a] >=1,<2") == requirement_key("foo-bar[a,b]<2,>=1")
