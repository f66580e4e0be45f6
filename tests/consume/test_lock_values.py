"""Addresses of views, records in locks, files in locks, and what is different between two locks: values alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from customhouse.consume.lock.changes import changes, swapped
from customhouse.consume.lock.record import Policy, Record, read_record, record_lines
from customhouse.consume.view_address import Place, read_place
from customhouse.formats.inventory.locked_files import LockedFile, read_locked_files
from customhouse.formats.inventory.model import Component
from customhouse.terms.errors import Rejected

HOST = "https://packages.example.org"


@pytest.mark.parametrize(
    ("view", "index", "place"),
    [
        ("acme", HOST, Place(f"{HOST}/view/acme/simple/", f"{HOST}/", "acme")),
        ("acme", f"{HOST}/", Place(f"{HOST}/view/acme/simple/", f"{HOST}/", "acme")),
        ("acme", f"{HOST}/simple/", Place(f"{HOST}/view/acme/simple/", f"{HOST}/", "acme")),
        ("acme", f"{HOST}/view/other/simple/", Place(f"{HOST}/view/acme/simple/", f"{HOST}/", "acme")),
        ("acme", f"{HOST}/below/simple", Place(f"{HOST}/below/view/acme/simple/", f"{HOST}/below/", "acme")),
        (f"{HOST}/view/acme/", "", Place(f"{HOST}/view/acme/simple/", f"{HOST}/", "acme")),
        ("", f"{HOST}/view/acme/simple", Place(f"{HOST}/view/acme/simple/", f"{HOST}/", "acme")),
        ("", HOST, Place(f"{HOST}/simple/", f"{HOST}/")),
        ("", f"{HOST}/simple/", Place(f"{HOST}/simple/", f"{HOST}/")),
        ("", f"{HOST}/root/pypi/+simple/", Place(f"{HOST}/root/pypi/+simple/", "")),
        ("", "http://[::1]:8000/simple/", Place("http://[::1]:8000/simple/", "http://[::1]:8000/")),
    ],
)
def test_what_names_a_view(view: str, index: str, place: Place) -> None:
    assert read_place(view, index) == place


@pytest.mark.parametrize(
    ("view", "index"),
    [
        ("", ""), ("acme", ""), ("Acme", HOST), ("a--b", HOST), ("a" * 41, HOST), ("../x", HOST), ("acme", "file:///etc"),
        ("acme", "https://u:p@h/"), ("acme", "https://h/?x=1"), ("acme", "https://h/#x"), ("acme", "https://"),
        ("acme", "https://h:x/"), ("acme", "https://h/ x"), (f"{HOST}/view/a/", HOST), ("acme", "https://[::1/"),
    ],
)  # fmt: skip
def test_what_names_none(view: str, index: str) -> None:
    with pytest.raises(Rejected):
        read_place(view, index)


@pytest.mark.parametrize(
    ("address", "safe"),
    [(HOST, True), ("http://127.0.0.1:80/", True), ("http://localhost/", True), ("http://10.0.0.1/", False),
     ("http://localhost.example.org/", False), ("http://127.0.0.1.example.org/", False)],
)  # fmt: skip
def test_where_a_token_may_go(address: str, safe: bool) -> None:
    assert read_place("", address).is_safe is safe


WHOLE = Record(
    f"{HOST}/view/acme/simple/", "acme", Policy("balanced", "a" * 64, 7), 2, (HOST, "kev:https://x"), "2026-11-20T00:00:00Z",
    12, datetime(2026, 11, 28, 4, 15, tzinfo=UTC),
)  # fmt: skip


@pytest.mark.parametrize("record", [WHOLE, Record("https://x/simple/"), replace(WHOLE, policy=None, view="", at=None)])
def test_a_record_is_read_as_it_was_written(record: Record) -> None:
    lines = record_lines(record)
    assert read_record("\n".join(['lock-version = "1.0"', "", *lines, ""]), "pylock.toml") == record
    commented = "\n".join(["# Made by us.", *(f"# {one}" for one in lines), "--index-url x", "a==1"])
    assert read_record(commented, "requirements.txt") == record


def test_a_text_with_signs_of_toml_stays_one_value() -> None:
    odd = replace(WHOLE, sources=('a"]\n[tool.evil]\n', "b\\"))
    assert read_record("\n".join(record_lines(odd)), "x") == odd


@pytest.mark.parametrize(
    "text",
    ["", "a==1\n", "[tool.customhouse]\nindex = [\n", "[tool.customhouse]\nindex = 1\n", "# [tool.customhouse]\n"],
)
def test_what_is_no_record_is_none(text: str) -> None:
    assert read_record(text, "x") is None


def one(name: str, version: str, *hashes: str) -> Component:
    return Component(name, version, "x", hashes=frozenset(hashes))


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ([], [one("a", "1")], ("added", "1")),
        ([one("a", "1")], [], ("removed", "1")),
        ([one("a", "1")], [one("a", "1.1")], ("raised", "1 → 1.1")),
        ([one("a", "1.10")], [one("a", "1.9")], ("lowered", "1.10 → 1.9")),
        ([one("a", "2"), one("a", "1")], [one("a", "2")], ("changed", "2 and 1 → 2")),
        ([one("a", "1", "sha256:a")], [one("a", "1", "sha256:b")], ("files", "1")),
        ([one("a", "odd")], [one("a", "odder")], ("changed", "odd → odder")),
    ],
)
def test_what_changed(old: list[Component], new: list[Component], found: tuple[str, str]) -> None:
    (change,) = changes(old, new)
    assert (change.kind, change.versions) == found


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ([one("a", "1")], [one("a", "1.0")]),
        ([one("a", "1")], [one("a", "1", "sha256:a")]),
        ([one("a", "1", "sha256:a")], [one("a", "1", "sha256:a")]),
    ],
)
def test_what_did_not(old: list[Component], new: list[Component]) -> None:
    assert changes(old, new) == ()


def test_other_bytes_under_one_name() -> None:
    assert swapped({"a.whl": "1", "b.whl": "2", "c.whl": "3"}, {"a.whl": "1", "b.whl": "9"}) == ("b.whl",)


def test_the_files_of_each_lock_that_names_them() -> None:
    sha = "a" * 64
    wanted = LockedFile("demo", "1.0", "demo-1.0.tar.gz", f"sha256:{sha}", "https://h/demo-1.0.tar.gz")
    uv = f'version = 1\n[[package]]\nname = "Demo"\nversion = "1.0"\nsdist = {{ url = "{wanted.url}", hash = "sha256:{sha}" }}\n'
    pylock = f'lock-version = "1.0"\n[[packages]]\nname = "demo"\nversion = "1.0"\nsdist = {{ url = "{wanted.url}", hashes = {{ sha256 = "{sha}" }} }}\n'
    poetry = (
        f'[[package]]\nname = "demo"\nversion = "1.0"\nfiles = [{{file = "demo-1.0.tar.gz", hash = "sha256:{sha}"}}]\n'
    )
    old = f'[[package]]\nname = "demo"\nversion = "1.0"\n[metadata.files]\ndemo = [{{file = "demo-1.0.tar.gz", hash = "sha256:{sha}"}}]\n'
    assert read_locked_files(uv, "uv.lock") == read_locked_files(pylock, "pylock.toml") == (wanted,)
    assert read_locked_files(poetry, "x") == read_locked_files(old, "x") == (replace(wanted, url=""),)
    with pytest.raises(Rejected):
        read_locked_files("[", "x")
