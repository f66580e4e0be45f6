"""Release runs of the town: one that waits for people to be around, one that asks, one that stands still, one that is over."""

from __future__ import annotations

import hashlib
from datetime import timedelta

from customhouse.accounts.users import find_user
from customhouse.app import App
from customhouse.infra.spool import spool_bytes
from customhouse.release import events
from customhouse.release.events import Event
from customhouse.release.machine_key import MachineKey
from customhouse.release.question import idempotency_key
from customhouse.release.room.decide import Decide, What
from customhouse.release.room.join import Shown
from customhouse.release.room.proof import Decision, said_so
from customhouse.release.room.room import Look
from customhouse.release.room.say import Claim, Say
from customhouse.release.sealing import say
from customhouse.release.standing import inputs_of
from customhouse.release.things import Thing
from customhouse.release.work.identity import account_evidence
from customhouse.terms.identity import Actor

PIPELINE = """\
[pipeline]
schema = 1
version = 1
project = "demo"
tag = "v{version}"
[params]
version = { pattern = '\\d+\\.\\d+', title = "Version" }
[actors.rm]
title = "Release manager"
identities = ["user:alice"]
expert = true
[actors.second]
title = "Second pair of eyes"
identities = ["user:mona"]
[environments.desk]
title = "Desk"
kind = "local"
[artifacts]
note = { type = "files", names = ["note-{version}.txt"] }
[[steps]]
id = "write"
n = "1"
title = "Write the note"
actor = "rm"
env = "desk"
uses = "exec"
run = ["true"]
out = ["note"]
[[steps]]
id = "stop"
n = "2"
title = "STOP: wait for everybody"
actor = "rm"
env = "desk"
uses = "gate"
in = ["note"]
gate = { need = ["rm", "second"], quorum = 2, ask = "Green light for {version}?", expires = "24h" }
"""
NOTE = b"a note"
OTHER = b"another note"
WRITTEN = Thing("note-1.0.txt", "sha256", hashlib.sha256(NOTE).hexdigest(), len(NOTE))


def found_runs(app: App, owner: str, maintainer: str) -> dict[str, str]:
    """Open them; returns the facts that addresses need."""
    text = PIPELINE.replace("alice", owner).replace("mona", maintainer)
    gathering = _open(app, owner, text, "1.0")
    asking = _open(app, owner, text, "2.0")
    stopped = _open(app, owner, text, "3.0")
    released = _open(app, owner, text, "4.0")
    machine = _ask(app, owner, asking, "2.0")
    _ask(app, owner, stopped, "3.0")
    look = app.room.look(stopped, _actor(app, maintainer))
    app.room.decide(stopped, _answer(app, look, maintainer, "decline"))
    _release(app, owner, maintainer, released)
    question = app.room.look(asking, _actor(app, owner)).state.steps["stop"].asked
    assert question is not None
    return {
        "release_run": gathering, "release_asking": asking, "release_stopped": stopped,
        "release_released": released,
        "release_question": question.question, "release_machine": str(machine), "release_digest": WRITTEN.digest,
    }  # fmt: skip


def _actor(app: App, name: str) -> Actor:
    with app.database.read() as sql:
        return find_user(sql, name).actor


def _open(app: App, owner: str, text: str, version: str) -> str:
    return app.room.open(text, {"version": version}, {}, rehearsal=False, by=_actor(app, owner)).id


def _ask(app: App, owner: str, run: str, version: str) -> int:
    """The release manager is around, and his machine has written the note; returns the machine's id."""
    look = app.room.look(run, _actor(app, owner))
    assert look.member is not None
    app.room.decide(run, Decide("confirm", look.member, "none"))
    key = MachineKey.new()
    joined = events.Joined("rm", f"user:{owner}", key.public, account_evidence(owner))
    said = say(joined, run=run, by="rm", key=key)
    welcome = app.room.join(run, joined, said, Shown(member=look.member))
    spooled = spool_bytes(app.settings.data / "spool", NOTE, "")
    app.room.keep(run, WRITTEN.digest, spooled, "rm")
    spooled.path.unlink()
    state = app.room.look(run, _actor(app, owner)).state
    until = app.clock.now() + timedelta(minutes=5)
    made = Thing(f"note-{version}.txt", "sha256", WRITTEN.digest, len(NOTE))
    told: list[Event] = [
        events.StepStarted(
            "write", 1, "desk", until, idempotency_key(run, "write", 1), inputs_of(state, state.pipeline.step("write"))
        ),
        events.StepDone("write", 1, {"note": (made,)}, {}),
    ]
    claims = tuple(Claim("rm", one, say(one, run=run, by="rm", key=key)) for one in told)
    app.room.say(run, Say(welcome.machine_id, claims, None))
    return welcome.machine_id


def _release(app: App, owner: str, maintainer: str, run: str) -> None:
    """Everybody says yes, so it is over; nothing of it is public, for no step publishes."""
    _ask(app, owner, run, "4.0")
    for name in (owner, maintainer):
        look = app.room.look(run, _actor(app, name))
        app.room.decide(run, _answer(app, look, name, "approve"))
    app.room.bundle(run, app.settings.data / "spool", app.roots)


def _answer(app: App, look: Look, name: str, what: What) -> Decide:
    asked = look.state.steps["stop"].asked
    assert asked is not None
    assert look.member is not None
    decision = Decision(app.room.server, look.run.id, "stop", asked.attempt, asked.question, what, name)
    proof = said_so(decision, "session", "none")
    return Decide(
        what, look.member, "none", proof, "stop", asked.attempt, asked.question, "Not on a Friday."
    )  # fmt: skip
