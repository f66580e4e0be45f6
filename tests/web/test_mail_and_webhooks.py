"""The pages of mail and of webhooks: what somebody types there happens, and nobody else gets in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from importlib.resources import files
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from browser import chromium

from clock import TurnableClock
from customhouse.app import prepare
from customhouse.infra.settings import Settings
from customhouse.ledger import queries as ledger
from mail_sink import mail_sink
from packages import wheel
from person import Person
from receiver import Receiver, Reply, is_genuine, receiver
from telling import settle, telling_world
from world import World

HOOKS = "/manage/project/demo/webhooks/"


@pytest.fixture
def world(tmp_path: Path, clock: TurnableClock) -> Iterator[World]:
    settings = Settings.model_validate({"data": tmp_path / "data"})
    prepare(settings)
    with telling_world(settings, clock) as made:
        assert made.upload(wheel("demo", "1.0")).status == 200
        yield made


@pytest.fixture
def got() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


def text(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def key_on(html: str) -> str:
    [key] = re.findall(r"whsec_[A-Za-z0-9+/=]+", unescape(html))
    return str(key)


def added(alice: Person, url: str, at: str = HOOKS, events: str = "") -> tuple[str, str]:
    """A new hook's address and its key."""
    page = alice.post(at, url=url, events=events)
    assert page.status_code == 200, page.text
    [address] = set(re.findall(rf'action="({re.escape(at)}[a-z2-7]{{26}}/)"', page.text))
    return str(address), key_on(page.text)


def test_a_webhook_is_made_tried_read_and_sent_again_on_its_pages(world: World, got: Receiver) -> None:
    alice = world.person("alice")
    assert "There are none yet." in text(alice.get(HOOKS).text)
    address, key = added(alice, got.url, events="release-created file-*")
    assert "whsec_" not in alice.get(address).text
    assert got.url in alice.get(HOOKS).text
    assert alice.said(alice.post(f"{address}probe/")).startswith("A test is on its way")
    settle(world)
    [request] = got.requests
    assert is_genuine(key, request.headers, request.body, now=world.clock.now().timestamp())
    log = text(alice.get(address).text)
    assert "webhook-probed delivered 1" in log
    assert "200" in log
    assert "thanks" in log
    [serial] = re.findall(r'name="serial" value="(\d+)"', alice.get(address).text)
    assert alice.said(alice.post(f"{address}again/", serial=serial)) == f"Event {serial} is sent again."
    settle(world)
    assert len(got.requests) == 2


def test_a_key_is_shown_once_and_rotated(world: World, got: Receiver) -> None:
    alice = world.person("alice")
    address, key = added(alice, got.url)
    page = alice.post(f"{address}key/")
    assert key_on(page.text) != key
    assert "For 24 hours deliveries are signed with the key before as well." in text(page.text)
    assert "whsec_" not in alice.get(address).text


def test_a_webhook_is_changed_switched_off_and_removed(world: World, got: Receiver) -> None:
    alice = world.person("alice")
    address, _ = added(alice, got.url)
    assert alice.said(alice.post(address, url=got.url + "?new", events="yanked")) == "The webhook is changed."
    page = text(alice.get(address).text)
    assert "This webhook is switched off. alice has switched it off." in page
    assert alice.post(f"{address}probe/").status_code == 409
    alice.post(address, url=got.url + "?new", events="yanked", active="yes")
    assert "switched off" not in text(alice.get(address).text)
    assert alice.said(alice.post(f"{address}remove/")) == "The webhook is removed."
    assert alice.get(address).status_code == 404
    with world.app.database.read() as sql:
        assert [entry.kind for entry in ledger.entries(sql)][-4:] == [
            "webhook-added", "webhook-changed", "webhook-changed", "webhook-removed"]  # fmt: skip


@pytest.mark.parametrize(
    ("url", "status", "why"),
    [
        ("http://169.254.169.254/", 403, "public internet"),
        ("http://[::ffff:10.0.0.1]/", 403, "public internet"),
        ("file:///etc/passwd", 400, "scheme"),
        ("https://me@example.org/", 400, "user name"),
        ("", 400, "empty"),
    ],
)
def test_a_bad_address_is_refused_with_a_sentence(world: World, url: str, status: int, why: str) -> None:
    answer = world.person("alice").post(HOOKS, url=url)
    assert answer.status_code == status
    assert why in text(answer.text)


def test_bad_patterns_and_numbers_are_refused_with_a_sentence(world: World, got: Receiver) -> None:
    alice = world.person("alice")
    assert alice.post(HOOKS, url=got.url, events="<script>").status_code == 400
    address, _ = added(alice, got.url)
    for serial in ("x", "-1", "9" * 30, ""):
        assert alice.post(f"{address}again/", serial=serial).status_code == 400
    assert alice.post(f"{address}again/", serial="4").status_code == 404
    assert alice.get(f"{address}?before=x").status_code == 400
    assert alice.get(f"{HOOKS}{'a' * 26}/").status_code == 404


def test_what_a_receiver_says_is_shown_as_text(world: World, got: Receiver) -> None:
    alice = world.person("alice")
    got.answer = lambda _request: Reply(500, b"<script>alert(1)</script>\x00" + b"x" * 1000)
    address, _ = added(alice, got.url)
    alice.post(f"{address}probe/")
    settle(world)
    page = alice.get(address).text
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "x" * 480 not in page
    assert "It answered 500" in page
    assert "The last attempt failed." in text(page)


def test_a_long_log_has_pages(world: World, got: Receiver) -> None:
    alice = world.person("alice")
    address, _ = added(alice, got.url)
    for _ in range(60):
        alice.post(f"{address}probe/")
    settle(world)
    page = alice.get(address).text
    assert page.count("webhook-probed") == 50
    [older] = re.findall(r'href="([^"]+\?before=\d+)"', page)
    assert alice.get(older).text.count("webhook-probed") == 10


def test_organizations_and_the_index_have_webhooks_too(world: World, got: Receiver) -> None:
    olga = world.operator()
    address, key = added(olga, got.url, at="/admin/webhooks/")
    olga.post(f"{address}probe/")
    assert world.upload(wheel("demo", "2.0"), version="2.0").status == 200
    settle(world)
    assert len(got.requests) > 1
    assert all(is_genuine(key, one.headers, one.body, now=world.clock.now().timestamp()) for one in got.requests)
    assert "Webhooks of the whole index" in olga.get("/admin/webhooks/").text


@pytest.mark.parametrize("name", ["mallory", ""])
def test_strangers_see_no_webhooks(world: World, got: Receiver, name: str) -> None:
    address, _ = added(world.person("alice"), got.url)
    somebody = world.person(name) if name else world.stranger()
    for path in (HOOKS, address, "/admin/webhooks/", "/manage/organization/nobody/webhooks/"):
        answer = somebody.get(path)
        assert answer.status_code in (303, 401, 403, 404), path
        assert got.url not in answer.text
    for path in (HOOKS, address, f"{address}probe/", f"{address}key/", f"{address}remove/", "/admin/webhooks/"):
        assert somebody.post(path, url=got.url).status_code in (303, 401, 403, 404), path
    settle(world)
    assert got.requests == []


def test_letters_are_chosen_on_a_page(world: World) -> None:
    alice = world.person("alice")
    page = alice.get("/account/mail/").text
    assert page.count(" checked") == 3
    assert "This index sends no mail" in page
    assert alice.said(alice.post("/account/mail/", releases="yes")) == "Your choice is kept."
    page = alice.get("/account/mail/").text
    assert re.findall(r'id="(\w+)" name="\w+" value="yes" checked', page) == ["releases"]
    with world.app.database.read() as sql:
        assert list(ledger.entries(sql))[-1].kind == "mail-preference-set"
    assert world.stranger().get("/account/mail/").status_code in (303, 401)


def test_the_page_says_where_letters_go(tmp_path: Path, clock: TurnableClock) -> None:
    settings = Settings.model_validate({"data": tmp_path / "data"})
    prepare(settings)
    with mail_sink() as sink, telling_world(settings, clock, **sink.settings) as world:
        alice = world.person("alice")
        page = text(alice.get("/account/mail/").text)
        assert "Your account has no address" in page or "Letters go to" in page
        settle(world)


@pytest.mark.slow
def test_axe_finds_nothing_on_these_pages_and_nothing_is_too_wide(world: World, got: Receiver) -> None:
    alice, olga = world.person("alice"), world.operator()
    empty = alice.get(HOOKS).text
    with_key = alice.post(HOOKS, url=got.url + "?" + "long" * 40, events="release-created file-*").text
    [address] = set(re.findall(rf'action="({re.escape(HOOKS)}[a-z2-7]{{26}}/)"', with_key))
    alice.post(f"{address}probe/")
    settle(world)
    got.answer = lambda _request: Reply(500, b"Something went wrong here. " * 30)
    alice.post(f"{address}probe/")
    settle(world)
    failing = alice.get(address).text
    alice.post(address, url=got.url, events="")
    pages = {
        "none": empty, "key": with_key, "failing": failing, "off": alice.get(address).text,
        "list": alice.get(HOOKS).text, "index": olga.get("/admin/webhooks/").text, "mail": alice.get("/account/mail/").text,
    }  # fmt: skip
    style = (files("customhouse.web") / "static" / "house.css").read_text()
    with chromium() as browser:
        for width, scheme in ((1200, "light"), (1200, "dark"), (360, "light")):
            context = browser.new_context(
                viewport={"width": width, "height": 800}, color_scheme="dark" if scheme == "dark" else "light"
            )
            page = context.new_page()
            for title, html in pages.items():
                page.set_content(html)
                page.add_style_tag(content=style)
                for unfolded in page.locator("details").all():
                    unfolded.evaluate("node => { node.open = true }")
                assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), (
                    f"{title} is too wide"
                )
                found = Axe().run(page)
                assert found.violations_count == 0, f"{title}, {width}, {scheme}: {found.generate_report()}"
            context.close()
