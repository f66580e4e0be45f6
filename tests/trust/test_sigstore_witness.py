"""Monitors and witnesses: a log that only grows is followed and co-signed; one that lies is caught, by files and by git."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from clock import TurnableClock
from command_line import customhouse
from customhouse.app import App, open_app
from customhouse.cli.sigstore_watch import _Server
from customhouse.infra.fetch import Outbound
from customhouse.infra.reach import Reach
from customhouse.infra.settings import Settings, SigstoreWitness
from customhouse.ledger.tables import ledger_event
from customhouse.terms.errors import Refused, Rejected
from customhouse.trust.private_sigstore.collect import collect, cosigned, witnessed_checkpoint
from customhouse.trust.private_sigstore.entries import Proposed
from customhouse.trust.private_sigstore.logbook import Logbook
from customhouse.trust.private_sigstore.merkle import leaf_hash
from customhouse.trust.private_sigstore.monitor import Alarm, entries_since, follow, key_in
from customhouse.trust.private_sigstore.note import COSIGNATURE, NoteKey, read_checkpoint, stamp_of
from customhouse.trust.private_sigstore.service import Sigstore, make_ready
from customhouse.trust.private_sigstore.tables import sigstore_leaf, sigstore_log, sigstore_tile
from customhouse.trust.private_sigstore.tree import CERTIFICATES, ENTRIES, Leaf, append
from customhouse.trust.private_sigstore.trust_config import note_key
from customhouse.trust.private_sigstore.witness import read_submission, submission_text
from customhouse.trust.private_sigstore.witness_files import FileWitness
from customhouse.web.asgi import build
from receiver import Receiver, Reply, Request, receiver
from world import IDLE

pytestmark = pytest.mark.slow
LOOPBACK = Outbound(Reach.parse(["127.0.0.0/8"]))


@pytest.fixture
def app(blank: Path, tmp_path: Path, clock: TurnableClock) -> Iterator[App]:
    with opened(blank, tmp_path / "a", clock, "https://a.test") as made:
        yield made


def opened(
    blank: Path, folder: Path, clock: TurnableClock, url: str, **more: object
) -> AbstractContextManager[App]:  # fmt: skip
    shutil.copytree(blank, folder)
    said = Settings.model_validate({"data": folder, "sigstore": True, "url": url, **more})
    with open_app(said.model_copy(update={"sigstore": False}), clock=clock, walkers=IDLE) as plain:
        make_ready(said, plain.deeds)
    return open_app(said, clock=clock, walkers=IDLE)


def sigstore_of(app: App) -> Sigstore:
    assert app.sigstore is not None
    return app.sigstore


def book_of(app: App) -> Logbook:
    return sigstore_of(app).logbook


def grow(app: App, count: int, word: str = "entry") -> None:
    for number in range(count):
        body = f"{word} {app.clock.now()} {number}".encode()
        book_of(app).add(Proposed(Leaf(body, "hashedrekord 0.0.2", "alice", "https://issuer.test"), leaf_hash(body)))


def key_of(app: App) -> NoteKey:
    return note_key(sigstore_of(app).keys.now().record("entries-v2"))


def roll_back(app: App, size: int) -> None:
    """What an operator can do to his own database, and to what his server remembers of it."""
    book_of(app).heads.path.unlink()
    with app.database.write() as sql:
        sql.execute(sigstore_leaf.delete().where(sigstore_leaf.c.place >= size))
        sql.execute(sigstore_log.update().where(sigstore_log.c.name == ENTRIES).values(size=size))
        first = sigstore_tile.c.log == ENTRIES, sigstore_tile.c.level == 0
        row = sql.execute(sa.select(sigstore_tile.c.hashes).where(*first)).scalar_one()
        sql.execute(sigstore_tile.update().where(*first).values(hashes=row[: size * 32]))
    book_of(app)._tiles._kept.clear()
    book_of(app)._signed.clear()


class Shown:
    """A log as its readers see it, without a network."""

    def __init__(self, app: App) -> None:
        self.client = TestClient(build(app), base_url="https://a.test")

    def __call__(self, path: str) -> bytes:
        answer = self.client.get(f"/sigstore{path}")
        assert answer.status_code == 200, path
        return answer.content


def test_a_monitor_sees_what_is_new_and_nothing_twice(app: App) -> None:
    fetch = Shown(app)
    key = key_in(fetch("/trusted_root.json").decode())
    assert key == key_of(app)
    grow(app, 3)
    first = follow(fetch, ENTRIES, key, None)
    assert [entry.place for entry in entries_since(fetch, ENTRIES, first)] == [0, 1, 2]
    grow(app, 2, "more")
    second = follow(fetch, ENTRIES, key, first.checkpoint)
    assert [entry.place for entry in entries_since(fetch, ENTRIES, second)] == [3, 4]
    assert follow(fetch, ENTRIES, key, second.checkpoint).checkpoint == second.checkpoint


def test_a_log_that_takes_something_back_is_caught(app: App) -> None:
    fetch, key = Shown(app), key_of(app)
    grow(app, 5)
    seen = follow(fetch, ENTRIES, key, None)
    roll_back(app, 3)
    with pytest.raises(Alarm, match="had 5 entries, and now says that it has 3"):
        follow(fetch, ENTRIES, key, seen.checkpoint)
    # As many again, but others: the same size with another root, and a larger one that does not begin alike.
    grow(app, 2, "others")
    for more in (0, 4):
        grow(app, more, "still others")
        with pytest.raises(Alarm) as caught:
            follow(fetch, ENTRIES, key, seen.checkpoint)
        assert caught.value.code == "split"


def test_a_log_that_is_signed_by_somebody_else_is_caught(app: App) -> None:
    key = key_of(app)
    with pytest.raises(Alarm, match="is not signed by"):
        follow(Shown(app), ENTRIES, NoteKey(key.name, key.kind, b"\1" * 32), None)
    with pytest.raises(Alarm, match="is not signed by"):
        follow(Shown(app), ENTRIES, NoteKey("other.test", key.kind, key.raw), None)


def test_a_log_that_shows_other_entries_than_it_has_is_caught(app: App) -> None:
    grow(app, 3)
    fetch = Shown(app)

    def lying(path: str) -> bytes:
        body = fetch(path)
        return body.replace(b"entry", b"EntrY") if "/entries/" in path else body

    seen = follow(lying, ENTRIES, key_of(app), None)
    with pytest.raises(Alarm, match="is not the one in its tree"):
        list(entries_since(lying, ENTRIES, seen))
    with pytest.raises(Alarm, match="hides entries"):
        list(entries_since(lambda path: fetch(path)[:-1] if "/entries/" in path else fetch(path), ENTRIES, seen))


@pytest.fixture
def witness(app: App, tmp_path: Path, clock: TurnableClock) -> Iterator[SigstoreWitness]:
    key = key_of(app)
    logs = [key, NoteKey(f"{key.name}/certificates", key.kind, key.raw)]
    made = FileWitness(tmp_path / "witness", "witness.test/w", logs, clock)
    server = _Server(("127.0.0.1", 0), made)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield SigstoreWitness(url=f"http://127.0.0.1:{server.server_port}", key=made.key.spelled)
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_witness_signs_a_log_that_grows(app: App, witness: SigstoreWitness, clock: TurnableClock) -> None:
    key = NoteKey.read(witness.key)
    assert key.kind == COSIGNATURE
    for _ in range(3):
        grow(app, 2)
        clock.turn(timedelta(minutes=1))
        assert collect(book_of(app), [witness], LOOPBACK) == []
        note = book_of(app).checkpoint(ENTRIES)
        signature = key.signed(note)
        assert signature is not None
        assert stamp_of(signature) == clock.now().replace(microsecond=0)
    grow(app, 1)
    assert key.signed(book_of(app).checkpoint(ENTRIES)) is None, "it has not seen this one"
    text = witnessed_checkpoint(book_of(app), ENTRIES)
    assert key.signed(read_checkpoint(text)) is not None
    assert read_checkpoint(text).checkpoint.size == 6


def test_a_witness_that_lost_our_answer_or_we_its_is_caught_up_with(app: App, witness: SigstoreWitness) -> None:
    grow(app, 2)
    assert collect(book_of(app), [witness], LOOPBACK) == []
    with app.database.write() as sql:
        sql.execute(sa.text("DELETE FROM sigstore_cosignature"))
    grow(app, 2)
    assert collect(book_of(app), [witness], LOOPBACK) == []
    with app.database.read() as sql:
        assert {one.size for one in cosigned(sql) if one.log == ENTRIES} == {4}


def test_a_witness_does_not_sign_a_log_that_was_rolled_back(app: App, witness: SigstoreWitness) -> None:
    grow(app, 5)
    assert collect(book_of(app), [witness], LOOPBACK) == []
    roll_back(app, 3)
    (fault,) = collect(book_of(app), [witness], LOOPBACK)
    assert "has signed 5 entries, and the log has 3" in fault
    grow(app, 4, "others")
    (fault,) = collect(book_of(app), [witness], LOOPBACK)
    assert "422" in fault
    with app.database.read() as sql:
        assert [one.fault for one in cosigned(sql) if one.log == ENTRIES] != [""]


def test_a_witness_is_not_made_to_sign_by_nonsense(app: App, tmp_path: Path, clock: TurnableClock) -> None:
    grow(app, 2)
    made = FileWitness(tmp_path / "second", "w.test", [key_of(app)], clock)
    note = book_of(app).checkpoint(ENTRIES).note()
    for body in (
        b"",
        b"old x\n\n" + note.encode(),
        b"old 0\nzz\n\n" + note.encode(),
        b"\xff",
        b"old 0\n\nx",
        note.encode(),
    ):
        with pytest.raises(Rejected):
            read_submission(body)
    for old, text, status in (
        (0, note.replace("a.test", "b.test"), 404), (0, note.replace("\n2\n", "\n3\n"), 403), (3, note, 400), (1, note, 409),
    ):  # fmt: skip
        with pytest.raises(Refused) as refused:
            made.cosign(read_submission(submission_text(old, [], text).encode()))
        assert refused.value.status == status
    assert made.last("a.test/sigstore") is None
    made.cosign(read_submission(submission_text(0, [], note).encode()))
    again = FileWitness(tmp_path / "second", "w.test", [key_of(app)], clock)
    assert again.key == made.key
    last = again.last("a.test/sigstore")
    assert last is not None
    assert last.size == 2


def test_a_second_index_is_a_witness(app: App, blank: Path, tmp_path: Path, clock: TurnableClock) -> None:
    with opened(blank, tmp_path / "b", clock, "https://b.test", sigstore_watched=[key_of(app).spelled]) as other:
        client = TestClient(build(other), base_url="https://b.test")

        def passed_on(request: Request) -> Reply:
            answer = client.post(request.path, content=request.body, headers={"content-type": "text/plain"})
            return Reply(answer.status_code, answer.content, {"content-type": answer.headers["content-type"]})

        with receiver() as listening:
            listening.answer = passed_on
            said = SigstoreWitness(url=_witness_at(listening), key=client.get("/sigstore/witness/key").text.strip())
            grow(app, 3)
            certified = Leaf(b"leaf", "precertificate", "alice", "https://issuer.test")
            with app.database.write() as sql:
                append(sql, CERTIFICATES, [(leaf_hash(b"leaf"), certified)], app.clock.now())
            faults = collect(book_of(app), [said], LOOPBACK)
            assert faults == []
            assert NoteKey.read(said.key).signed(book_of(app).checkpoint(CERTIFICATES)) is not None
            assert NoteKey.read(said.key).signed(book_of(app).checkpoint(ENTRIES)) is not None
            roll_back(app, 2)
            grow(app, 3, "others")
            faults = collect(book_of(app), [said], LOOPBACK)
            assert "422" in faults[0]
        assert "a.test/sigstore" in client.get("/trust/sigstore/").text
        with other.database.read() as sql:
            kinds = set(sql.execute(sa.select(ledger_event.c.kind)).scalars())
        assert {"checkpoint-cosigned", "cosignature-refused"} <= kinds


def _witness_at(listening: Receiver) -> str:
    return f"http://127.0.0.1:{listening.port}/sigstore/witness"


def test_the_command_line_follows_and_alarms(app: App, tmp_path: Path) -> None:
    client = TestClient(build(app), base_url="https://a.test")

    def shown(request: Request) -> Reply:
        answer = client.get(request.path)
        return Reply(answer.status_code, answer.content, {"content-type": answer.headers["content-type"]})

    with receiver() as listening:
        listening.answer = shown
        url, repository = f"http://127.0.0.1:{listening.port}/sigstore", tmp_path / "repository"
        for words in (
            ["init", "-q", "-b", "main", str(repository)],
            ["init", "-q", "--bare", str(tmp_path / "far.git")],
        ):
            subprocess.run(["git", *words], check=True)
        for name, value in (("user.name", "W"), ("user.email", "w@w.test"), ("commit.gpgsign", "false")):
            subprocess.run(["git", "-C", str(repository), "config", name, value], check=True)
        look = ["sigstore", "monitor", url, "--state", "state", "--identity", "*"]
        keep = [
            "sigstore",
            "witness",
            url,
            "--git",
            str(repository),
            "--push",
            str(tmp_path / "far.git"),
            "--state",
            "w",
        ]
        grow(app, 2)
        first = customhouse(*look, folder=tmp_path)
        assert (first.returncode, first.stdout.count("signatures")) == (0, 3), first.stderr
        assert "From now on this log is followed: a.test/sigstore+" in first.stdout
        assert customhouse(*keep, folder=tmp_path).returncode == 0
        grow(app, 1)
        assert "signatures: 3, 1 new" in customhouse(*look, folder=tmp_path).stdout
        assert customhouse(*keep, folder=tmp_path).returncode == 0
        log = subprocess.run(
            ["git", "-C", str(tmp_path / "far.git"), "log", "--format=%s", "main"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        assert log.count("Checkpoints of") == 2
        roll_back(app, 2)
        grow(app, 2, "others")
        for words in (look, keep):
            alarm = customhouse(*words, folder=tmp_path)
            assert alarm.returncode == 1
            assert "ALARM (split)" in alarm.stderr
        assert (
            customhouse("sigstore", "monitor", url, "--state", "state", "--key", "x", folder=tmp_path).returncode == 2
        )


def test_certificates_are_followed_too(app: App) -> None:
    assert (
        follow(Shown(app), CERTIFICATES, NoteKey("a.test/sigstore/certificates", 1, key_of(app).raw), None).before == 0
    )
