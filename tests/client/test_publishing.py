"""Releases on an index that speaks Upload 2.0 by the book (PEP 694), on its good days and on its bad ones."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from reference_server import (
    PARTS,
    POST_BYTES,
    SOON,
    Fault,
    PublishingSession,
    ReferenceServer,
    StagedFile,
    reference_server,
)
from sender import Sender, large_wheel

from customhouse.client.news import FileState, Opened, Waiting, Warned
from customhouse.client.problem import Declined
from customhouse.client.releasing import Plan
from customhouse.client.sentences import sentence
from customhouse.terms.errors import Refused, Unavailable
from packages import sdist, wheel

pytestmark = pytest.mark.slow


@pytest.fixture
def index() -> Iterator[ReferenceServer]:
    with reference_server() as started:
        yield started


@pytest.fixture
def client(tmp_path: Path, index: ReferenceServer) -> Sender:
    folder = tmp_path / "dist"
    folder.mkdir()
    found = Sender(folder, index)
    found.put(wheel("demo"), sdist("demo"))
    return found


def test_a_release_is_staged_whole_and_published_at_once(client: Sender, index: ReferenceServer) -> None:
    (result,) = client.publish()
    assert result.ending == "published"
    assert index.published == {"demo": {one.filename: one.body for one in (wheel("demo"), sdist("demo"))}}
    assert index.log.count("publish") == 1
    assert index.log.index("publish") > max(place for place, kind in enumerate(index.log) if kind == "complete")


def test_staging_ends_before_the_publication_and_tells_where_to_try_it(client: Sender, index: ReferenceServer) -> None:
    (result,) = client.publish(Plan(stage=True))
    assert result.ending == "staged"
    assert "publish" not in index.log
    told = sentence(client.news[-1]) or ""
    stage = f"{index.url}/stage/{index.session_of().token}/"
    assert f"pip install --extra-index-url {stage} demo==1.0" in told
    assert f"uv pip install --index {stage} demo==1.0" in told


def test_the_same_command_again_publishes_what_was_staged_without_sending_it_again(
    client: Sender, index: ReferenceServer
) -> None:
    client.publish(Plan(stage=True))
    before = index.bytes_received
    (result,) = client.publish()
    assert result.ending == "published"
    assert index.bytes_received == before
    assert [one.joined for one in client.news if isinstance(one, Opened)] == [False, True]


def test_attestations_are_sent_once_and_files_that_lack_them_again(client: Sender, index: ReferenceServer) -> None:
    attested = Plan(stage=True, attestations={"demo-1.0.tar.gz": '[{"version": 1}]'})
    client.publish(Plan(stage=True))
    client.publish(attested)
    assert index.log.count("bytes") == 3, "the file whose attestations were not there"
    client.publish(attested)
    assert index.log.count("bytes") == 3, "sending it again would void its approvals"
    client.publish()
    assert index.published_attestations == {"demo-1.0.tar.gz": [{"version": 1}]}


def test_a_file_that_was_built_again_replaces_the_staged_one(client: Sender, index: ReferenceServer) -> None:
    client.publish(Plan(stage=True))
    other = wheel("demo", files={"demo/__init__.py": b"other = True\n"})
    client.put(other)
    client.publish()
    assert index.published["demo"][other.filename] == other.body


def test_where_the_index_tells_no_digests_staged_files_are_sent_again(client: Sender, index: ReferenceServer) -> None:
    index.tells_hashes = False
    client.publish(Plan(stage=True))
    (result,) = client.publish()
    assert result.ending == "published"
    assert index.log.count("bytes") == 4


def test_projects_and_versions_have_a_session_each_and_all_are_staged_before_any_is_published(
    client: Sender, index: ReferenceServer
) -> None:
    client.put(wheel("demo", "2.0"), wheel("other"))
    results = client.publish()
    assert {str(one.release): one.ending for one in results} == {
        "demo 1.0": "published",
        "demo 2.0": "published",
        "other 1.0": "published",
    }
    assert index.log.index("publish") > max(place for place, kind in enumerate(index.log) if kind == "complete")


def test_if_one_file_is_not_taken_nothing_is_published(client: Sender, index: ReferenceServer) -> None:
    client.put(wheel("other"))
    index.bad_files["other-1.0-py3-none-any.whl"] = "RECORD lies."
    results = client.publish()
    assert {one.release.name: one.ending for one in results} == {"demo": "staged", "other": "failed"}
    assert index.published == {}
    assert FileState("other-1.0-py3-none-any.whl", "failed", "RECORD lies.") in client.news
    assert index.session_of("demo").status == "open"
    assert index.session_of("other").status == "canceled", "it holds no name, since nothing is in it"


def test_a_mended_file_takes_the_place_of_the_one_that_failed(client: Sender, index: ReferenceServer) -> None:
    index.bad_files["demo-1.0.tar.gz"] = "PKG-INFO lies."
    client.publish()
    index.bad_files.clear()
    (result,) = client.publish()
    assert result.ending == "published"
    assert set(index.published["demo"]) == {"demo-1.0.tar.gz", "demo-1.0-py3-none-any.whl"}


def test_files_that_are_checked_later_are_asked_for_until_they_are(client: Sender, index: ReferenceServer) -> None:
    index.file_polls, index.publish_polls = 3, 2
    (result,) = client.publish()
    assert result.ending == "published"
    assert index.log.count("file") >= 6


def test_a_file_that_fails_while_it_is_checked_later_is_told_with_its_notice(
    client: Sender, index: ReferenceServer
) -> None:
    index.file_polls = 2
    index.bad_files["demo-1.0.tar.gz"] = "PKG-INFO lies."
    (result,) = client.publish()
    assert result.ending == "failed"
    assert any(isinstance(one, FileState) and "PKG-INFO lies." in one.detail for one in client.news)


def test_a_publication_that_fails_later_tells_the_notice_and_keeps_the_session(
    client: Sender, index: ReferenceServer
) -> None:
    index.publish_polls, index.publish_fails = 1, "The name is taken."
    (result,) = client.publish()
    assert result.ending == "failed"
    assert "The name is taken." in str(result.error)
    index.publish_fails = None
    assert client.publish()[0].ending == "published"


def test_a_file_that_is_published_already_with_these_bytes_is_fine(client: Sender, index: ReferenceServer) -> None:
    client.publish()
    (result,) = client.publish()
    assert result.ending == "already published"
    assert [one.status for one in index.sessions.values()] == ["published", "canceled"]


def test_wheels_are_added_to_a_release_that_is_there(client: Sender, index: ReferenceServer) -> None:
    client.publish()
    client.put(wheel("demo", tag="cp312-cp312-win_amd64"))
    (result,) = client.publish()
    assert result.ending == "published"
    assert sorted(one.state for one in result.outcomes) == ["already published", "already published", "staged"]
    assert len(index.published["demo"]) == 3


def test_a_published_file_with_other_bytes_is_refused_by_the_index_and_told(
    client: Sender, index: ReferenceServer
) -> None:
    client.publish()
    client.put(wheel("demo", files={"demo/__init__.py": b"other = True\n"}))
    (result,) = client.publish()
    assert result.ending == "failed"
    assert index.published["demo"]["demo-1.0-py3-none-any.whl"] == wheel("demo").body


def test_what_others_have_put_into_the_session_is_not_published_unseen(client: Sender, index: ReferenceServer) -> None:
    client.put(wheel("demo", tag="cp312-cp312-win_amd64"))
    client.publish(Plan(stage=True))
    (client.folder / "demo-1.0-cp312-cp312-win_amd64.whl").unlink()
    (result,) = client.publish()
    assert result.ending == "failed"
    assert "demo-1.0-cp312-cp312-win_amd64.whl, which you have not named" in str(result.error)
    assert index.published == {}
    (result,) = client.publish(Plan(with_others=True))
    assert result.ending == "published"
    assert len(index.published["demo"]) == 3
    assert any(isinstance(one, Warned) and "win_amd64" in one.text for one in client.news)


def test_jobs_that_publish_together_wait_for_each_other(client: Sender, index: ReferenceServer) -> None:
    """Two jobs of a build, each with its own wheel: whoever comes last publishes both, and both are content."""
    theirs = StagedFile("other", "demo-1.0-cp312-cp312-win_amd64.whl", 1, "0" * 64, POST_BYTES)

    def other_job(session: PublishingSession) -> None:
        session.files.setdefault(theirs.filename, theirs)
        if session.looks == 3:
            theirs.status, theirs.body = "completed", b"x"

    index.on_look = other_job
    (result,) = client.publish(Plan(with_others=True))
    assert result.ending == "published", result.error
    assert theirs.filename in index.published["demo"]


def test_a_session_that_another_job_has_published_meanwhile_is_published(
    client: Sender, index: ReferenceServer
) -> None:
    index.faults = [Fault("publish", status=409)]
    index.on_look = lambda session: setattr(session, "status", "published") if "publish" in index.log else None
    (result,) = client.publish()
    assert result.ending == "published"


def test_a_session_that_ends_soon_is_given_more_time(client: Sender, index: ReferenceServer) -> None:
    index.expires, index.extends = SOON, True
    client.publish()
    assert index.log.count("extend") == 1
    assert not any(isinstance(one, Warned) for one in client.news)


def test_a_session_that_ends_soon_and_cannot_be_extended_is_warned_of(client: Sender, index: ReferenceServer) -> None:
    index.expires = SOON
    client.publish()
    assert [one.text for one in client.news if isinstance(one, Warned)] == [
        f"The session of this release ends at {SOON}; what is not published then is lost."
    ]


# Waiting for people.


def test_a_release_that_needs_approval_waits_and_says_who_may_approve_and_where(
    client: Sender, index: ReferenceServer
) -> None:
    index.approvals_after = 1000
    (result,) = client.publish()
    assert result.ending == "waiting"
    (waits,) = [one for one in client.news if isinstance(one, Waiting)]
    told = sentence(waits) or ""
    assert "1 of 2 approvals so far." in told
    assert "May approve: bob and carU+001B[31mol." in told, "an escape sequence of the index reaches no terminal (A52)"
    assert f"{index.url}/manage/demo/1.0/" in told


def test_somebody_who_waits_sees_it_published(client: Sender, index: ReferenceServer) -> None:
    index.approvals_after = 8
    (result,) = client.publish(Plan(wait=True))
    assert result.ending == "published"
    assert index.log.count("publish") <= 3, "it is asked for once a minute, not each time it is looked at"


def test_somebody_who_waits_sees_it_canceled(client: Sender, index: ReferenceServer) -> None:
    index.approvals_after, index.cancelled_by_people = 1000, True
    (result,) = client.publish(Plan(wait=True))
    assert result.ending == "canceled"


# Bytes.


def test_a_large_file_goes_in_parts_several_at_once(
    client: Sender, index: ReferenceServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("customhouse.client.sending.PART_BYTES", index.part_bytes)
    index.mechanisms = [PARTS, POST_BYTES]
    big = large_wheel(10 * index.part_bytes)
    client.put(big)
    (result,) = client.publish()
    assert result.ending == "published"
    assert index.published["demo"][big.filename] == big.body
    assert index.log.count("part") >= 10
    assert index.log.count("bytes") == 2, "a small file gains nothing by parts"


def test_a_broken_off_upload_goes_on_where_it_was(
    client: Sender, index: ReferenceServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("customhouse.client.sending.PART_BYTES", index.part_bytes)
    index.mechanisms = [PARTS, POST_BYTES]
    big = large_wheel(20 * index.part_bytes)
    client.put(big)

    def interrupt(_news: object) -> None:
        if index.log.count("part") >= 8:
            raise KeyboardInterrupt

    index.faults = [Fault("complete", status=403)] * 3
    with pytest.raises(KeyboardInterrupt):
        client.publish(Plan(parallel=2), hear=interrupt)
    index.faults = []
    file = index.session_of().files[big.filename]
    there = sum(map(len, file.parts.values()))
    assert there
    before = index.bytes_received
    (result,) = client.publish()
    assert result.ending == "published"
    rest = sum(len(one.body) for one in (wheel("demo"), sdist("demo")))
    assert index.bytes_received - before <= len(big.body) - there + rest
    assert index.published["demo"][big.filename] == big.body


@pytest.mark.parametrize("at", ["open", "announce", "bytes", "complete", "publish", "session", "file"])
@pytest.mark.parametrize("do", ["answer", "lose", "break"])
def test_one_fault_anywhere_is_survived(client: Sender, index: ReferenceServer, at: str, do: str) -> None:
    index.file_polls = 1
    index.faults = [Fault(at, do)]
    (result,) = client.publish()
    assert result.ending == "published", result.error
    assert not index.faults
    assert len(index.published["demo"]) == 2


@pytest.mark.parametrize("do", ["answer", "lose", "break"])
def test_one_fault_among_parts_is_survived(
    client: Sender, index: ReferenceServer, do: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("customhouse.client.sending.PART_BYTES", index.part_bytes)
    index.mechanisms = [PARTS]
    big = large_wheel(5 * index.part_bytes)
    client.put(big)
    index.faults = [Fault("part", do, after_bytes=1000), Fault("parts", do)]
    client.publish()
    assert index.published["demo"][big.filename] == big.body


def test_a_connection_that_breaks_in_the_middle_of_a_file_is_made_again(client: Sender, index: ReferenceServer) -> None:
    big = large_wheel(3_000_000)
    client.put(big)
    index.faults = [Fault("bytes", "break", after_bytes=100_000)]
    client.publish()
    assert index.published["demo"][big.filename] == big.body


def test_the_index_decides_how_long_to_wait(client: Sender, index: ReferenceServer) -> None:
    index.faults = [Fault("open", status=429, headers={"Retry_After": "17"})]
    client.publish()
    assert 17.0 in client.waits


def test_an_index_that_stays_away_ends_the_run_with_its_name(client: Sender, index: ReferenceServer) -> None:
    index.faults = [Fault("open", "break") for _ in range(20)]
    with pytest.raises(Unavailable, match="is not available: the connection broke"):
        client.publish()


def test_an_index_that_takes_one_file_at_a_time_gets_them_one_at_a_time(client: Sender, index: ReferenceServer) -> None:
    index.one_at_a_time = True
    client.put(*(wheel("demo", tag=f"cp31{n}-cp31{n}-win_amd64") for n in range(8)))
    (result,) = client.publish(Plan(parallel=4))
    assert result.ending == "published"
    assert len(index.published["demo"]) == 10


def test_an_unknown_mechanism_is_replaced_by_the_one_that_every_index_has(
    client: Sender, index: ReferenceServer
) -> None:
    index.mechanisms = ["vnd-madscience-quantumentanglement"]
    (result,) = client.publish()
    assert result.ending == "failed"
    assert "is not known here" in str(result.outcomes[0].error)


# Rights, and indexes that are not what they seem.


def test_a_refusal_at_the_door_is_told_and_leaves_no_session_behind(client: Sender, index: ReferenceServer) -> None:
    client.put(wheel("other"))
    index.forbidden_names = {"other"}
    with pytest.raises(Declined, match="You may not upload to other"):
        client.publish()
    assert index.session_of("demo").status == "canceled"


def test_a_bad_token_is_told(client: Sender) -> None:
    with pytest.raises(Declined, match="This token is not known"):
        client.publish(token="bad")


def test_nothing_is_sent_to_another_host_whatever_the_index_says(
    client: Sender, index: ReferenceServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ReferenceServer, "file_url", lambda *_: "http://127.0.0.1:1/steal")
    (result,) = client.publish()
    assert result.ending == "failed"
    assert "not on its own host, and nothing is sent there" in str(result.outcomes[0].error)
    assert index.bytes_received == 0


def test_redirects_are_not_followed(client: Sender, index: ReferenceServer) -> None:
    index.faults = [Fault("open", status=307, headers={"Location": "http://127.0.0.1:1/"})]
    with pytest.raises(Unavailable, match="and uploads follow none"):
        client.publish()


def test_an_index_without_upload_2_gets_the_legacy_upload_and_says_so(client: Sender, index: ReferenceServer) -> None:
    index.speaks_2_0 = False
    (result,) = client.publish()
    assert result.ending == "published"
    assert any(isinstance(one, Warned) and "has no Upload 2.0" in one.text for one in client.news)
    first = dict(index.legacy_forms[0])
    assert first["content"] == wheel("demo").body
    assert first[":action"] == "file_upload"
    assert first["sha256_digest"] == wheel("demo").sha256
    assert re.fullmatch("[0-9a-f]{32}", first["md5_digest"])


def test_nothing_can_be_staged_without_upload_2(client: Sender, index: ReferenceServer) -> None:
    index.speaks_2_0 = False
    with pytest.raises(Refused, match="nothing was sent"):
        client.publish(Plan(stage=True))
    assert not index.legacy_forms
