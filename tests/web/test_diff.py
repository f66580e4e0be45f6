"""The diff of two releases on a page: to be read by anybody, and by nobody misread."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import sqlalchemy as sa

from customhouse.catalog import queries
from customhouse.catalog.tables import project, release
from customhouse.terms.errors import Refused
from customhouse.web.pages.diff import diff_view, visible
from customhouse.web.pages.diff_model import DiffView
from packages import Dist, sdist, wheel
from world import World

PAGE = "/project/demo/diff/1.0/2.0/"
HOSTILE = "</td><script>alert(1)</script>&lt;b&gt;"


def publish(world: World, *dists: Dist) -> None:
    for dist in dists:
        version = dist.filename.removesuffix(".tar.gz").split("-")[1]
        answer = world.upload(dist, version=version, fields=fields(dist, version))
        assert answer.status == 200, answer.text


def fields(dist: Dist, version: str) -> list[tuple[str, str]]:
    return [(":action", "file_upload"), ("protocol_version", "1"), ("name", "demo"), ("version", version),
            ("filetype", dist.filetype), ("sha256_digest", dist.sha256)]  # fmt: skip


def page(world: World, address: str = PAGE, status: int = 200) -> str:
    answer = world.client.get(address, headers={"accept": "text/html"}, follow_redirects=False)
    assert answer.status_code == status, answer.text
    return answer.text


def view(world: World, old: str = "1.0", new: str = "2.0", *, allow_hidden: bool = True) -> DiffView:
    with world.app.database.read() as sql:
        found = queries.find_project(sql, "demo")
    assert found is not None
    return diff_view(world.app, found, old, new, allow_hidden=allow_hidden)


@pytest.fixture
def published(small_world: World) -> World:
    old = {"demo/__init__.py": b"one = 1\ntwo = 2\n", "demo/gone.py": b"gone\n"}
    new = {"demo/__init__.py": b"one = 1\ntwo = 3\n", "demo.pth": b"import demo\n", "demo/logo.bin": b"\0\xff"}
    evil = {"Requires-Dist": "evil>=1"}
    publish(
        small_world,
        wheel(version="1.0", files=old), sdist(version="1.0"),
        wheel(version="2.0", files=new, headers=evil), sdist(version="2.0", headers=evil),
        wheel(version="3.0", files=new),
    )  # fmt: skip
    return small_world


def test_the_page_says_first_what_to_look_at(published: World) -> None:
    text = page(published)
    order = [">Summary<", ">To look at first<", "Runs code each time Python starts.", ">Metadata<", "evil&gt;=1", ">Files</h2>",
             ">demo.pth<", ">demo/__init__.py<", ">Changes with every release<", ">demo.dist-info/RECORD<"]  # fmt: skip
    places = [text.index(part) for part in order]
    assert places == sorted(places)
    assert re.search(r'role="img" aria-label="\d+ lines added, \d+ removed"', text)


def test_a_changed_line_has_its_sign_and_number_as_text(published: World) -> None:
    text = page(published)
    assert '<td class="at">2</td><td class="at"></td><td class="sign">-</td><td class="text">two = 2</td>' in text
    assert '<td class="at"></td><td class="at">2</td><td class="sign">+</td><td class="text">two = 3</td>' in text
    assert "This is not text in UTF-8." in text
    assert re.search(r"sha256:[0-9a-f]{64}", text)


def test_each_file_of_a_release_can_be_compared(published: World) -> None:
    assert "demo-2.0-py3-none-any.whl</a> <small>against demo-1.0-py3-none-any.whl" in page(published)
    text = page(published, f"{PAGE}?file=demo-2.0.tar.gz")
    assert "pyproject.toml" in text
    assert "demo.pth" not in text
    page(published, f"{PAGE}?file=demo-9.0.tar.gz", status=404)
    assert "Nothing of its kind in 3.0 to compare with" in page(published, "/project/demo/diff/3.0/1.0/")


def test_one_member_can_be_seen_alone(published: World) -> None:
    text = page(published, f"{PAGE}?member=demo.pth")
    assert "import demo" in text
    assert "two = 3" not in text
    page(published, f"{PAGE}?member=no/such.py", status=404)
    page(published, "/project/demo/diff/2.0/2.0/?member=demo.pth", status=404)
    page(published, "/project/demo/diff/1.0/3.0/?file=demo-3.0-py3-none-any.whl&member=%00", status=400)


def test_what_was_left_out_is_said_and_can_be_asked_for(small_world: World) -> None:
    long = b"".join(b"line %d\n" % number for number in range(900))
    publish(small_world, wheel(version="1.0"), wheel(version="2.0", files={"demo/long.py": long}))
    text = page(small_world)
    assert "500 further lines of this comparison are not shown here." in text
    assert "line 899" not in text
    (alone,) = re.findall(r'href="([^"]+)" rel="nofollow">Show this file alone', text)
    assert "line 899" in page(small_world, alone.replace("&amp;", "&"))


def test_the_form_leads_to_the_two_versions_and_old_spellings_to_the_right_address(published: World) -> None:
    answer = published.client.get("/project/demo/diff/?old=1.0&new=2.0", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, PAGE)
    answer = published.client.get("/project/Demo/diff/v1.0/2.0/", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (301, PAGE)
    for address in ("/project/demo/diff/", "/project/demo/diff/?old=1.0", "/project/demo/diff/?old=1.0&new=what"):
        page(published, address, status=404)


@pytest.mark.parametrize(
    "address",
    [
        "/project/demo/diff/1.0/9.0/",
        "/project/demo/diff/x/2.0/",
        "/project/nobody/diff/1.0/2.0/",
        f"/project/demo/diff/{'1' * 300}/2.0/",
    ],
)
def test_what_is_not_there_is_not_found(published: World, address: str) -> None:
    page(published, address, status=404)


def test_a_version_compared_with_itself_says_so(published: World) -> None:
    assert "Both are the same file, byte for byte." in page(published, "/project/demo/diff/2.0/2.0/")


def test_the_projects_page_leads_from_each_version_to_the_comparison_with_the_one_before(published: World) -> None:
    text = page(published, "/project/demo/")
    assert f'href="{PAGE}"' in text
    assert 'href="/project/demo/diff/2.0/3.0/"' in text
    assert text.count("compare with") == 2


def test_the_page_is_kept_by_those_who_ask_whether_it_has_changed(published: World) -> None:
    answer = published.client.get(PAGE)
    assert answer.headers["cache-control"] == "no-cache"
    again = published.client.get(PAGE, headers={"if-none-match": answer.headers["etag"]})
    assert again.status_code == 304


# --- A41: text of packages is hostile


def test_a41_nothing_in_a_package_becomes_a_part_of_the_page(small_world: World) -> None:
    body = f"{HOSTILE}\n".encode()
    name = "demo/<img src=x>&amp;.py"
    publish(small_world, wheel(version="1.0"), wheel(version="2.0", files={
        "demo/__init__.py": body, name: body, "<b>.pth": b"import x\n",
        "demo-2.0.dist-info/entry_points.txt": f"[<i>group]\nx = {HOSTILE}\n".encode(),
    }, headers={"Author": f"<u>{HOSTILE}"}))  # fmt: skip
    text = page(small_world)
    for tag in ("<script", "<img src=x", "<b>.pth", "<i>group", "<u>"):
        assert tag not in text
    assert "&lt;/td&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;lt;b&amp;gt;" in text
    assert "demo/&lt;img src=x&gt;&amp;amp;.py" in text
    alone = page(small_world, f"{PAGE}?member=%3Cb%3E.pth")
    assert "<b>.pth" not in alone


def test_a41_trojan_source_is_shown_by_its_characters(small_world: World) -> None:
    hidden = "access = 'user\u202e \u2066# admin\u2069 \u2066'\rimport\u200b os\n".encode()
    publish(small_world, wheel(version="1.0"), wheel(version="2.0", files={"demo/\u202eyp.x": hidden}))
    text = page(small_world)
    for number in ("U+202E", "U+2066", "U+2069", "U+000D", "U+200B"):
        assert f'<span class="odd">{number}</span>' in text
    assert not re.search("[\u202a-\u202e\u2066-\u2069\u200b\r]", text)
    assert "Adds text that is shown in another order than it is written." in text
    assert str(visible("a<\u202e>")) == 'a&lt;<span class="odd">U+202E</span>&gt;'


# --- who sees what


def test_a_quarantined_release_is_compared_behind_the_counter_only(broken_world: World) -> None:
    publish(broken_world, wheel(version="1.0"), wheel(version="2.0"))
    with broken_world.app.database.write() as sql:
        sql.execute(release.update().where(release.c.version == "2.0").values(quarantined_at=broken_world.clock.now()))
    page(broken_world, status=404)
    with pytest.raises(Refused):
        view(broken_world, allow_hidden=False)
    shown = view(broken_world)
    assert [(one.filename, one.why) for one in shown.hidden] == [("demo-2.0-py3-none-any.whl", "quarantined")]
    assert shown.files


def test_the_comparison_of_a_private_project_is_as_unknown_as_one_of_no_project(broken_world: World) -> None:
    publish(broken_world, wheel(version="1.0"), wheel(version="2.0"))
    with broken_world.app.database.write() as sql:
        sql.execute(sa.update(project).values(visibility="private"))
    unknown = broken_world.client.get("/project/nobody/diff/1.0/2.0/")
    private = broken_world.client.get(PAGE)
    assert (private.status_code, private.text.replace("demo", "nobody")) == (unknown.status_code, unknown.text)
    person = broken_world.person("alice")
    answer = person.get(PAGE)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "private, no-store")


def test_a_project_link_and_an_owners_address_wear_the_mark(small_world: World) -> None:
    site = small_world.app.settings.public_url
    small_world.person("alice")
    headers = {"Author-email": "Alice <alice@example.org>", "Project-URL": f"Here, {site}/project/demo/",
               "Home-page": f"{site}/project/demo-evil/", "Maintainer-email": '"alice@example.org" <m@evil.example>'}  # fmt: skip
    publish(small_world, wheel(version="1.0", headers=headers))
    before = page(small_world, "/project/demo/")
    assert before.count(">verified</span>") == 1
    assert re.search(r">Here</a> <span class=\"mark good\">verified</span>", before)
    with small_world.app.database.write() as sql:
        sql.execute(sa.text("UPDATE account SET email = 'alice@example.org', email_verified_at = 1"))
    after = page(small_world, "/project/demo/")
    assert after.count(">verified</span>") == 2
    assert "Alice &lt;alice@example.org&gt; <span" in after


def test_the_spool_of_a_comparison_is_empty_afterwards(published: World) -> None:
    page(published)
    assert list(Path(published.app.settings.data / "spool").iterdir()) == []
