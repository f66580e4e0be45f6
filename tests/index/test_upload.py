"""Publishing by the legacy upload API: what is taken, what is refused, and what is left behind."""

from __future__ import annotations

import httpx2 as httpx
import pytest
from sqlalchemy import event

from customhouse.ledger import queries as ledger
from packages import form_fields, metadata_text, sdist, wheel
from world import World, upload


def test_an_accepted_wheel_is_listed_and_downloads_with_its_digest(world: World) -> None:
    dist = wheel()
    answer = world.upload(dist)
    assert answer.status == httpx.codes.OK, answer.text
    page = world.client.get("/simple/demo/", headers={"accept": "application/vnd.pypi.simple.v1+json"}).json()
    (file,) = page["files"]
    assert (file["filename"], file["hashes"]["sha256"], file["size"]) == (dist.filename, dist.sha256, len(dist.body))
    assert page["versions"] == ["1.0"]
    body = world.download(f"/files/demo/{dist.filename}")
    assert body.content == dist.body
    metadata = world.download(f"/files/demo/{dist.filename}.metadata")
    assert metadata.content.decode() == dist.metadata


def test_the_same_file_again_is_no_fault(world: World) -> None:
    assert world.upload(wheel()).status == httpx.codes.OK
    again = world.upload(wheel())
    assert again.status == httpx.codes.OK
    assert "was here already" in again.text


def test_the_same_file_by_a_rival_in_the_middle_of_the_first_look_is_no_fault(world: World) -> None:
    """On PostgreSQL each statement sees what was committed before it: two looks may see two worlds."""
    world.upload(wheel(version="0.1"), version="0.1")
    rivals: list[int] = []

    def rival(_c: object, _k: object, statement: str, *_rest: object) -> None:
        if not rivals and "FROM file_name" in statement:
            rivals.append(0)
            rivals[0] = world.upload(wheel()).status

    event.listen(world.app.database.engine, "after_cursor_execute", rival)
    answer = world.upload(wheel())
    assert (rivals, answer.status) == ([httpx.codes.OK], httpx.codes.OK), answer.text


def test_other_bytes_under_a_known_name_are_refused(world: World) -> None:
    assert world.upload(wheel()).status == httpx.codes.OK
    other = world.upload(wheel(files={"demo/__init__.py": b"evil = True\n"}))
    assert other.status == httpx.codes.BAD_REQUEST
    assert other.text.startswith("File already exists")


def test_a_release_has_one_sdist(world: World) -> None:
    assert world.upload(sdist()).status == httpx.codes.OK
    assert world.upload(wheel()).status == httpx.codes.OK
    other = sdist(headers={"Keywords": "other"})
    assert world.upload(other).text.startswith("File already exists")


def test_a_refusal_leaves_an_event_and_no_file(world: World) -> None:
    dist = wheel()
    broken = type(dist)(dist.filename, dist.body[:-1] + b"x", dist.metadata, dist.filetype)
    answer = world.upload(broken)
    assert answer.status == httpx.codes.BAD_REQUEST
    with world.app.database.read() as sql:
        (event,) = ledger.of_project(sql, "demo")
    assert event.kind == "upload-refused"
    assert world.client.get("/simple/demo/").status_code == httpx.codes.NOT_FOUND


def test_a_stranger_may_not_upload_into_somebodys_project(world: World) -> None:
    assert world.upload(wheel(), user="alice").status == httpx.codes.OK
    answer = world.upload(wheel(version="2.0"), user="mallory", version="2.0")
    assert answer.status == httpx.codes.FORBIDDEN
    assert "neither an owner nor a maintainer" in answer.text


@pytest.mark.parametrize("taken", ["d-emo", "DEMO", "dem0"])
def test_a_name_that_looks_like_a_taken_one_is_refused(small_world: World, taken: str) -> None:
    assert small_world.upload(wheel()).status == httpx.codes.OK
    answer = small_world.upload(wheel(taken), user="mallory", name=taken)
    assert answer.status == httpx.codes.FORBIDDEN


def test_a_name_of_the_standard_library_is_refused(small_world: World) -> None:
    answer = small_world.upload(wheel("json"), name="json")
    assert (answer.status, "standard library" in answer.text) == (httpx.codes.BAD_REQUEST, True)


def test_a_name_that_resembles_a_popular_one_gets_a_signal(small_world: World) -> None:
    assert small_world.upload(wheel("reqests"), name="reqests").status == httpx.codes.OK
    page = small_world.client.get("/simple/reqests/", headers={"accept": "application/vnd.pypi.simple.v1+json"}).json()
    assert page["_customhouse"] == {"look-alike": "requests"}


def test_a_token_for_one_project_uploads_to_no_other(small_world: World) -> None:
    from customhouse.accounts.tokens import CreateToken  # noqa: PLC0415 - this test alone

    small_world.user("alice")
    token = small_world.app.create_token(CreateToken("alice", "demo")).text
    assert upload(small_world.client, token, wheel(), name="demo", version="1.0").status == httpx.codes.OK
    other = upload(small_world.client, token, wheel("other"), name="other", version="1.0")
    assert (other.status, "This token is for the project 'demo'" in other.text) == (httpx.codes.FORBIDDEN, True)


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("name", "other", "name: 'other', but the file is named for 'demo'"),
        ("version", "2.0", "version: the form says '2.0', the file says '1.0'"),
        ("filetype", "sdist", "pyversion"),
        ("filetype", "bdist_egg", "filetype: 'bdist_egg'"),
        ("protocol_version", "2", "protocol_version: '2'"),
        (":action", "submit", ":action: 'submit'"),
        ("sha256_digest", "0" * 64, "sha256_digest: the form says 0000"),
        ("md5_digest", "xyz", "md5_digest: 'xyz' is no such digest"),
        ("summary", "another one", "summary: the form says 'another one'"),
        ("requires_dist", "evil", "requires_dist: the form says 'evil'"),
        ("requires_python", ">=4", "requires_python: the form says '>=4'"),
    ],
)
def test_a_false_claim_is_refused_and_named(small_world: World, field: str, value: str, sentence: str) -> None:
    fields = [pair for pair in form_fields(wheel(), "demo", "1.0") if pair[0] != field] + [(field, value)]
    answer = small_world.upload(wheel(), fields=fields)
    assert answer.status == httpx.codes.BAD_REQUEST
    assert sentence in answer.text


def test_a_hidden_dependency_in_one_file_of_a_release_is_refused(small_world: World) -> None:
    assert small_world.upload(sdist()).status == httpx.codes.OK
    answer = small_world.upload(wheel(headers={"Requires-Dist": "evil"}))
    assert (answer.status, "Requires-Dist" in answer.text) == (httpx.codes.BAD_REQUEST, True)


def test_metadata_beside_an_sdist_only_if_no_build_can_change_it(small_world: World) -> None:
    final, changing = sdist(), sdist(version="2.0", headers={"Dynamic": "Requires-Dist"})
    assert small_world.upload(final).status == httpx.codes.OK
    assert small_world.upload(changing, version="2.0").status == httpx.codes.OK
    assert small_world.client.get(f"/files/demo/{final.filename}.metadata").text == metadata_text("demo", "1.0")
    assert small_world.client.get(f"/files/demo/{changing.filename}.metadata").status_code == httpx.codes.NOT_FOUND


def test_linux_tags_are_allowed_by_setting(small_world: World) -> None:
    assert small_world.upload(wheel(tag="py3-none-linux_x86_64")).status == httpx.codes.OK
    odd = small_world.upload(wheel(version="2.0", tag="py3-none-amiga"), version="2.0")
    assert (odd.status, "amiga" in odd.text) == (httpx.codes.BAD_REQUEST, True)
