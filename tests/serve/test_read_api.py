"""Installing: what the simple API and the files answer, header by header."""

from __future__ import annotations

import gzip
import json
import re

import httpx2 as httpx
import pytest

from packages import Dist, wheel
from world import World

JSON = {"accept": "application/vnd.pypi.simple.v1+json"}
HTML = {"accept": "application/vnd.pypi.simple.v1+html"}


@pytest.fixture
def dist(small_world: World) -> Dist:
    made = wheel(headers={"Requires-Python": ">=3.8"}, description="text " * 400)
    assert small_world.upload(made).status == httpx.codes.OK
    return made


def test_json_says_all_that_the_standards_ask(small_world: World, dist: Dist) -> None:
    answer = small_world.client.get("/simple/demo/", headers=JSON)
    assert answer.headers["content-type"] == "application/vnd.pypi.simple.v1+json"
    page = answer.json()
    assert page["meta"]["api-version"] == "1.5"
    assert page["name"] == "demo"
    (file,) = page["files"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", file.pop("upload-time"))
    metadata_digest = small_world.client.get(f"/files/demo/{dist.filename}.metadata").headers["etag"].strip('"')
    assert file == {
        "filename": dist.filename,
        "url": f"../../files/demo/{dist.filename}",
        "hashes": {"sha256": dist.sha256},
        "size": len(dist.body),
        "yanked": False,
        "core-metadata": {"sha256": metadata_digest},
        "requires-python": ">=3.8",
    }


def test_html_says_the_same(small_world: World, dist: Dist) -> None:
    answer = small_world.client.get("/simple/demo/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert '<meta name="pypi:repository-version" content="1.4">' in answer.text
    assert f'href="../../files/demo/{dist.filename}#sha256={dist.sha256}"' in answer.text
    assert 'data-requires-python="&gt;=3.8"' in answer.text
    assert f">{dist.filename}</a>" in answer.text


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, "text/html; charset=utf-8"),
        ("*/*", "text/html; charset=utf-8"),
        (JSON["accept"], JSON["accept"]),
        (HTML["accept"], f"{HTML['accept']}; charset=utf-8"),
        (f"{JSON['accept']}, {HTML['accept']};q=0.2, text/html;q=0.01", JSON["accept"]),
        (f"{JSON['accept']};q=0.1, text/html;q=0.9", "text/html; charset=utf-8"),
        ("application/vnd.pypi.simple.latest+json", JSON["accept"]),
        (f"{JSON['accept']};q=0, */*;q=0.1", "text/html; charset=utf-8"),
        ("text/*", "text/html; charset=utf-8"),
        (";;;,q=,", None),
        ("image/png", None),
    ],
)
@pytest.mark.usefixtures("dist")
def test_the_clients_wish_is_weighed(small_world: World, accept: str | None, expected: str | None) -> None:
    headers = {"accept": accept} if accept is not None else {"accept": "*/*"}
    answer = small_world.client.get("/simple/demo/", headers=headers)
    if expected is None:
        assert (answer.status_code, "text/html" in answer.text) == (406, True)
    else:
        assert answer.headers["content-type"] == expected
    assert "Accept" in answer.headers["vary"]


@pytest.mark.usefixtures("dist")
def test_format_in_the_address_overrides_accept(small_world: World) -> None:
    answer = small_world.client.get(f"/simple/demo/?format={JSON['accept'].replace('+', '%2B')}", headers=HTML)
    assert answer.headers["content-type"] == JSON["accept"]


@pytest.mark.usefixtures("dist")
def test_each_representation_has_an_etag_of_its_own_and_answers_304(small_world: World) -> None:
    for number in range(8):
        assert small_world.upload(wheel(version=f"2.{number}"), version=f"2.{number}").status == httpx.codes.OK
    seen = set()
    for headers in (JSON, HTML):
        for encoding in ("identity", "gzip"):
            wish = headers | {"accept-encoding": encoding}
            first = small_world.client.get("/simple/demo/", headers=wish)
            assert first.headers.get("content-encoding", "identity") == encoding
            etag = first.headers["etag"]
            again = small_world.client.get("/simple/demo/", headers=wish | {"if-none-match": f'"other", W/{etag}'})
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["etag"] == etag
            seen.add(etag)
    assert len(seen) == 4


@pytest.mark.usefixtures("dist")
def test_head_is_get_without_a_body(small_world: World, dist: Dist) -> None:
    for address in ("/simple/demo/", "/simple/", f"/files/demo/{dist.filename}", f"/files/demo/{dist.filename}.metadata",
                    "/pypi/demo/json", "/project/demo/", "/"):  # fmt: skip
        get = small_world.client.get(address, headers={"accept-encoding": "identity"})
        head = small_world.client.head(address, headers={"accept-encoding": "identity"})
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == str(len(get.content))
        assert head.headers["etag"] == get.headers["etag"]


def test_a_packed_page_is_the_page(small_world: World) -> None:
    for number in range(12):
        version = f"1.{number}"
        assert small_world.upload(wheel(version=version), version=version).status == httpx.codes.OK
    with small_world.client.stream("GET", "/simple/demo/", headers=JSON | {"accept-encoding": "gzip"}) as packed:
        raw = b"".join(packed.iter_raw())
    assert packed.headers["content-encoding"] == "gzip"
    plain = small_world.client.get("/simple/demo/", headers=JSON | {"accept-encoding": "identity"})
    assert gzip.decompress(raw) == plain.content
    assert json.loads(plain.content)["versions"] == [f"1.{number}" for number in range(12)]


@pytest.mark.parametrize("spelling", ["Demo", "DEMO/", "demo", "d_e.mo"])
@pytest.mark.usefixtures("dist")
def test_another_spelling_is_redirected_to_the_normalised_address(small_world: World, spelling: str) -> None:
    answer = small_world.client.get(f"/simple/{spelling}", follow_redirects=False)
    assert answer.status_code == 301
    target = httpx.URL("http://index.test/simple/" + spelling).join(answer.headers["location"]).path
    assert target in ("/simple/demo/", "/simple/d-e-mo/")


@pytest.mark.usefixtures("dist")
def test_an_unknown_project_is_404_and_says_so(small_world: World) -> None:
    text = small_world.client.get("/simple/nothing/")
    assert (text.status_code, text.text) == (404, "There is no project named 'nothing' here.\n")
    problem = small_world.client.get("/simple/nothing/", headers=JSON | {"accept": "application/json"})
    assert problem.headers["content-type"] == "application/problem+json"


@pytest.mark.usefixtures("dist")
def test_the_list_names_every_project(small_world: World) -> None:
    assert small_world.upload(wheel("Other.Thing"), name="Other.Thing").status == httpx.codes.OK
    listed = small_world.client.get("/simple/", headers=JSON).json()
    assert [one["name"] for one in listed["projects"]] == ["demo", "Other.Thing"]
    assert 'href="other-thing/"' in small_world.client.get("/simple/").text


def test_a_file_answers_ranges(small_world: World, dist: Dist) -> None:
    address = f"/files/demo/{dist.filename}"
    size = len(dist.body)
    for wanted, expected in (
        ("0-9", dist.body[:10]),
        ("10-", dist.body[10:]),
        ("-7", dist.body[-7:]),
        (f"5-{size * 2}", dist.body[5:]),
    ):
        answer = small_world.client.get(address, headers={"range": f"bytes={wanted}"})
        assert (answer.status_code, answer.content) == (206, expected)
    several = small_world.client.get(address, headers={"range": "bytes=0-3,10-13"})
    assert several.headers["content-type"].startswith("multipart/byteranges")
    assert dist.body[:4] in several.content
    assert dist.body[10:14] in several.content
    assert int(several.headers["content-length"]) == len(several.content)
    beyond = small_world.client.get(address, headers={"range": f"bytes={size}-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{size}")
    changed = small_world.client.get(address, headers={"range": "bytes=0-3", "if-range": '"another"'})
    assert (changed.status_code, changed.content) == (200, dist.body)
    nonsense = small_world.client.get(address, headers={"range": "bytes=9-1"})
    assert nonsense.status_code == 200
    assert small_world.client.get(address, headers={"range": "lines=1-2"}).status_code == 200


def test_a_file_may_be_kept_for_ever_and_answers_304(small_world: World, dist: Dist) -> None:
    answer = small_world.client.get(f"/files/demo/{dist.filename}")
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["etag"] == f'"{dist.sha256}"'
    again = small_world.client.get(f"/files/demo/{dist.filename}", headers={"if-none-match": answer.headers["etag"]})
    assert again.status_code == 304


def test_a_file_under_another_projects_address_is_unknown(small_world: World, dist: Dist) -> None:
    assert small_world.upload(wheel("other"), name="other").status == httpx.codes.OK
    assert small_world.client.get(f"/files/other/{dist.filename}").status_code == 404
    assert small_world.client.get("/files/demo/demo-9.9-py3-none-any.whl").status_code == 404


def test_the_json_documents_tell_project_and_version(small_world: World, dist: Dist) -> None:
    assert small_world.upload(wheel(version="2.0rc1"), version="2.0rc1").status == httpx.codes.OK
    document = small_world.client.get("/pypi/Demo/json").json()
    assert document["info"]["version"] == "1.0"
    assert set(document["releases"]) == {"1.0", "2.0rc1"}
    assert document["urls"][0]["digests"]["sha256"] == dist.sha256
    one = small_world.client.get("/pypi/demo/2.0.rc1/json").json()
    assert (one["info"]["version"], "releases" in one) == ("2.0rc1", False)
    assert small_world.client.get("/pypi/demo/3.0/json").status_code == 404
    assert small_world.client.get("/pypi/nothing/json").status_code == 404
    etag = small_world.client.get("/pypi/demo/json").headers["etag"]
    assert small_world.client.get("/pypi/demo/json", headers={"if-none-match": etag}).status_code == 304


def test_the_writers_next_read_sees_the_write(small_world: World, dist: Dist) -> None:
    before = small_world.client.get("/simple/demo/", headers=JSON)
    assert small_world.upload(wheel(version="1.1"), version="1.1").status == httpx.codes.OK
    after = small_world.client.get("/simple/demo/", headers=JSON | {"if-none-match": before.headers["etag"]})
    assert after.status_code == 200
    assert after.json()["versions"] == ["1.0", "1.1"]
    assert dist.filename in after.text
