"""People are told after publication, each once, by letters, a feed and webhooks that say how to verify what they get."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from xml.etree.ElementTree import Element, fromstring

import pytest

from customhouse.release.actions import Outcome, Problem, StepRun
from customhouse.release.announce import atom
from customhouse.release.announce.announce import Announce
from customhouse.release.announce.told import Told, news_of
from customhouse.release.things import Thing
from mail_sink import MailSink, mail_sink, text_of
from receiver import Receiver, Reply, is_genuine, receiver
from release_desk import Desk

SECRET = "whsec_" + "c2VhbGVk" * 4
FILES = (
    Thing("sealed-1.1.0-py3-none-any.whl", "sha256", "a" * 64, 10),
    Thing("sealed-1.1.0.tar.gz", "sha256", "b" * 64, 20),
)
AT = datetime(2026, 11, 24, 13, 0, tzinfo=UTC)
A = f"{{{atom.NAMESPACE}}}"


@pytest.fixture
def sink() -> Iterator[MailSink]:
    with mail_sink() as found:
        yield found


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    folder = tmp_path_factory.mktemp("announced") / "desk"
    found = Desk(folder, "announce index announce", adapter="", secrets={"webhook-key": SECRET, "mail-password": "x"})
    found.state = replace(found.state, published_at=AT, artifacts={"made": FILES})
    return found


def run_of(desk: Desk, folder: Path, **places: dict[str, str]) -> StepRun:
    return replace(desk.run("announce"), folder=folder, places={**desk.state.places, **places})


def mail(sink: MailSink, to: str = "list@example.org") -> dict[str, str]:
    return {"host": "127.0.0.1", "port": str(sink.port), "sender": "Rosa <rosa@example.org>", "to": to}


def test_a_letter_says_what_it_is_with_digests_and_how_to_verify(desk: Desk, sink: MailSink, tmp_path: Path) -> None:
    Announce().do(run_of(desk, tmp_path, mail=mail(sink, "list@example.org, press@example.org")))
    [letter] = sink.letters_to("list@example.org")
    assert letter["Subject"] == "sealed 1.1.0 is released"
    said = text_of(letter)
    for thing in FILES:
        assert thing.name in said
        assert thing.digest in said
    assert "customhouse release verify sealed-1.1.0.release.tar" in said
    assert len(sink.letters_to("press@example.org")) == 1


def test_nobody_hears_of_it_before_it_is_published(desk: Desk, sink: MailSink, hook: Receiver, tmp_path: Path) -> None:
    run = run_of(desk, tmp_path, mail=mail(sink), atom={"path": str(tmp_path / "feed")}, webhook={"url": hook.url})
    early = replace(run, state=replace(run.state, published_at=None))
    with pytest.raises(Problem) as refused:
        Announce().do(early)
    assert refused.value.code == "not-published"
    assert Announce().probe(early) is None
    assert (sink.messages, hook.requests, list(tmp_path.iterdir())) == ([], [], [])


def test_a_second_call_tells_nobody_twice(desk: Desk, sink: MailSink, hook: Receiver, tmp_path: Path) -> None:
    run = run_of(desk, tmp_path, mail=mail(sink), atom={"path": str(tmp_path / "feed")}, webhook={"url": hook.url})
    assert Announce().probe(run) is None
    made = Announce().do(run)
    assert Announce().probe(run) == made == Announce().do(run)
    assert (len(sink.messages), len(hook.requests)) == (1, 1)
    assert len(parsed(tmp_path / "feed").findall(f"{A}entry")) == 1


def test_after_a_kill_the_rest_is_told_and_what_may_have_been_sent_has_the_same_name(
    desk: Desk, sink: MailSink, hook: Receiver, tmp_path: Path
) -> None:
    hook.answer = lambda _request: Reply(400)
    run = run_of(desk, tmp_path, mail=mail(sink), webhook={"url": hook.url})
    with pytest.raises(Problem) as refused:
        Announce().do(run)
    assert refused.value.code == "webhook-refused"
    hook.answer = lambda _request: Reply()
    Announce().do(run)
    assert len(sink.messages) == 1
    assert len({one.headers["webhook-id"] for one in hook.requests}) == 1
    # The notes are lost with the machine: whoever gets the letter again sees by its name that he has it.
    Announce().do(replace(run, folder=tmp_path / "other"))
    assert len({one["Message-ID"] for one in sink.messages}) == 1


def test_a_webhook_is_signed_as_ours_are_and_says_the_files(desk: Desk, hook: Receiver, tmp_path: Path) -> None:
    Announce().do(replace(run_of(desk, tmp_path, webhook={"url": hook.url}), clock=_Now()))
    [request] = hook.requests
    assert is_genuine(SECRET, request.headers, request.body, now=time.time())
    told = json.loads(request.body)
    assert told["type"] == "release.published"
    assert [one["sha256"] for one in told["data"]["files"]] == [thing.digest for thing in FILES]


def test_a_webhook_that_is_away_for_a_moment_is_tried_again(desk: Desk, hook: Receiver, tmp_path: Path) -> None:
    hook.answer = lambda _request: Reply(503) if len(hook.requests) == 1 else Reply(204)
    made: Outcome = Announce().do(run_of(desk, tmp_path, webhook={"url": hook.url}))
    assert len(hook.requests) == 2
    assert made.facts[f"webhook {hook.url}"].startswith("msg_")


def test_the_feed_keeps_what_it_has_and_the_newest_comes_first(tmp_path: Path) -> None:
    feed = tmp_path / "feed.atom"
    told = Told(
        "sealed", "1.0", "r0", "k", AT, "https://index.example/project/sealed/", "v1.0", "", FILES, "<b> & \x07 news"
    )
    atom.add(feed, told, address="https://index.example/feed")
    first = feed.read_bytes()
    atom.add(feed, told, address="https://index.example/feed")
    assert feed.read_bytes() == first
    atom.add(feed, replace(told, version="1.1", run="r1"), address="https://index.example/feed")
    found = parsed(feed)
    assert [one.findtext(f"{A}title") for one in found.iter(f"{A}entry")] == [
        "sealed 1.1 is released",
        "sealed 1.0 is released",
    ]
    assert "<b> &  news" in (found.findtext(f"{A}entry/{A}content") or "")


def test_what_is_no_feed_is_not_written_over(tmp_path: Path) -> None:
    feed = tmp_path / "feed.atom"
    for text in ("not xml", "<html/>", '<!DOCTYPE x [<!ENTITY a "b">]><feed/>'):
        feed.write_text(text)
        with pytest.raises(Problem) as refused:
            atom.add(feed, Told("s", "1", "r", "k", AT, "", "", "", ()), address="")
        assert refused.value.code == "bad-feed"
        assert feed.read_text() == text


def test_a_release_with_nobody_to_tell_is_a_mistake_that_is_named(desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(Problem, match=r"mail\.to="):
        Announce().do(run_of(desk, tmp_path))


@pytest.mark.parametrize("text", [
    "# Changes\n\n## 1.2 (2026)\n\n- new\n\n### Deep\n\n- deep\n\n## 1.1\n\n- old\n",
    "Changes\n=======\n\n1.2 (2026)\n----------\n\n- new\n- deep\n\n1.1\n---\n\n- old\n",
])  # fmt: skip
def test_the_news_are_the_section_of_this_version(text: str) -> None:
    found = news_of(text, "1.2")
    assert "- new" in found
    assert "deep" in found
    assert "- old" not in found
    assert "Changes" not in found
    assert news_of(text, "1.3") == ""


def parsed(feed: Path) -> Element:
    return fromstring(feed.read_bytes())  # noqa: S314 - what we wrote ourselves


class _Now:
    def now(self) -> datetime:
        return datetime.now(UTC)
