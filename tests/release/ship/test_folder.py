"""A download server's folder: staged beside it, published by one rename, fetched back over HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from customhouse.release.actions import Problem, Tampered
from customhouse.release.checks.public import FetchedBack, NothingPublic
from customhouse.release.checks.staged import StagedAsBuilt, TestedAsStaged
from customhouse.release.ship.download_folder import read_sums, sums
from customhouse.release.ship.fetch_back import FetchBack
from customhouse.release.ship.publish import Publish
from customhouse.release.ship.stage import Stage
from downloads import Downloads, downloads


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the library names it
        """Say nothing."""


@pytest.fixture
def port(tmp_path: Path) -> Iterator[Downloads]:
    """A download server with nothing on it."""
    (tmp_path / "public").mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(tmp_path / "public"))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield downloads(tmp_path, f"http://127.0.0.1:{server.server_port}/")
        finally:
            server.shutdown()
            thread.join()


def names(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir()) if folder.is_dir() else []


def test_nothing_is_public_until_everything_is(port: Downloads) -> None:
    stage = port.stage()
    assert names(port.public) == []
    assert NothingPublic().look(port.run("test"), None).ok
    assert StagedAsBuilt().look(port.run("stage"), stage).ok
    assert TestedAsStaged().look(port.run("test"), None).ok
    outcome = Publish().do(port.run("publish"))
    assert names(port.public) == ["1.2.3"]
    assert names(port.public / "1.2.3") == ["Python-1.2.3.tgz", "Python-1.2.3.tgz.asc", "SHA256SUMS"]
    assert (outcome.facts["files_address"], len(outcome.events)) == (f"{port.url}1.2.3/", 1)
    assert not NothingPublic().look(port.run("test"), None).ok
    fetched = FetchBack().do(port.run("fetch-back"))
    assert FetchedBack().look(port.run("fetch-back"), fetched).ok


def test_publishing_twice_is_publishing_once(port: Downloads) -> None:
    port.stage()
    assert Publish().probe(port.run("publish")) is None
    first = Publish().do(port.run("publish"))
    inode = (port.public / "1.2.3").stat().st_ino
    assert Publish().probe(port.run("publish")) == first == Publish().do(port.run("publish"))
    assert (port.public / "1.2.3").stat().st_ino == inode


def test_a_crash_between_adding_signatures_and_publishing_is_mended_by_doing_it_again(port: Downloads) -> None:
    port.stage()
    (port.staged / "Python-1.2.3.tgz.asc").write_bytes(port.signature)
    assert Publish().do(port.run("publish")).events


def test_a_stage_can_be_probed_and_taken_back(port: Downloads) -> None:
    assert Stage().probe(port.run("stage")) is None
    staged = port.stage()
    assert Stage().probe(port.run("stage")) == staged
    assert Stage().undo(port.run("stage")) == "undone"
    assert Stage().undo(port.run("stage")) == "nothing to undo"
    with pytest.raises(Problem, match="there is no stage"):
        Publish().do(port.run("publish"))


def test_what_was_published_by_somebody_else_is_never_overwritten(port: Downloads) -> None:
    port.stage()
    (port.public / "1.2.3").mkdir()
    (port.public / "1.2.3" / "Python-1.2.3.tgz").write_text("another")
    with pytest.raises(Tampered, match="is not this release"):
        Publish().do(port.run("publish"))
    assert (port.public / "1.2.3" / "Python-1.2.3.tgz").read_text() == "another"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("flip", "has the SHA-256"),
        ("extra", "nobody has made it"),
        ("remove", "is not there"),
        ("link", "no plain file"),
    ],
)
def test_a_stage_that_somebody_has_changed_is_not_published(port: Downloads, change: str, why: str) -> None:
    port.stage()
    file = port.staged / "Python-1.2.3.tgz"
    if change == "flip":
        file.write_bytes(file.read_bytes()[:-1] + b"X")
    elif change == "extra":
        (port.staged / "Python-1.2.3.exe").write_text("evil")
    elif change == "remove":
        file.unlink()
    else:
        file.rename(port.folder / "elsewhere")
        file.symlink_to(port.folder / "elsewhere")
    look = TestedAsStaged().look(port.run("test"), None)
    assert not look.ok
    assert why in look.saw
    with pytest.raises(Tampered, match=why):
        Publish().do(port.run("publish"))
    assert names(port.public) == []


def test_a_download_that_is_changed_afterwards_is_seen(port: Downloads) -> None:
    port.stage()
    Publish().do(port.run("publish"))
    file = port.public / "1.2.3" / "Python-1.2.3.tgz"
    file.write_bytes(file.read_bytes()[:-1] + b"X")
    with pytest.raises(Tampered, match=r"Python-1\.2\.3\.tgz: SHA-256"):
        FetchBack().do(port.run("fetch-back"))


def test_a_file_that_no_list_names_is_seen(port: Downloads) -> None:
    port.stage()
    Publish().do(port.run("publish"))
    (port.public / "1.2.3" / "Python-1.2.3.exe").write_text("evil")
    with pytest.raises(Tampered, match="nobody has made it"):
        FetchBack().do(port.run("fetch-back"))


@pytest.mark.parametrize(
    ("places", "why"),
    [
        ({"stage": "public"}, "everybody sees"),
        ({"path": ""}, "no path or no stage"),
        ({"path": "nowhere"}, "there is no folder"),
        ({"into": "../{version}"}, "a folder below path"),
        ({"into": ".hidden"}, "a folder below path"),
        ({"into": "{branch}"}, "a folder below path"),
        ({"adapter": "ftp"}, "index or folder"),
    ],
)  # fmt: skip
def test_places_that_would_show_or_overwrite_something_are_refused(
    port: Downloads, places: dict[str, str], why: str
) -> None:
    for name in ("path", "stage"):
        if places.get(name):
            places = {**places, name: str(port.folder / places[name])}
    port.places["index"] |= places
    with pytest.raises(Problem, match=why):
        Stage().do(port.run("stage"))


def test_sums_are_as_sha256sum_writes_them() -> None:
    text = sums({"b": "0" * 64, "a": "1" * 64})
    assert text.decode() == f"{'1' * 64}  a\n{'0' * 64}  b\n"
    assert read_sums(text) == {"b": "0" * 64, "a": "1" * 64}
    with pytest.raises(Problem, match="no line of SHA256SUMS"):
        read_sums(b"not a line\n")
