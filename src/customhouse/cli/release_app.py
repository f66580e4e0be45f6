"""``customhouse release``: the table of its commands, by import string."""

from __future__ import annotations

from cyclopts import App

app = App(name="release", help="Ship a release by a pipeline: people, gates, rebuilds, signatures, tag last.")
_COMMANDS = (
    ("new", "release_new:new", "Write a pipeline from a template."),
    ("lint", "release_lint:lint", "Say what is wrong with a pipeline."),
    ("draw", "release_draw:draw", "Draw a pipeline, or a run, as SVG."),
    ("run", "release_run:run", "Start a release, or take it up again."),
    ("status", "release_status:status", "How far it is, in the terminal."),
    ("confirm", "release_people:confirm", "Say that you are around."),
    ("approve", "release_people:approve", "Say yes at a gate."),
    ("decline", "release_people:decline", "Say no at a gate: the run stops."),
    ("resume", "release_people:resume", "Let a run go on that has stopped."),
    ("restart", "release_people:restart", "Another attempt, from a step on."),
    ("abort", "release_people:abort", "Abandon a run: what was done is taken back."),
    ("open", "release_room:open_run", "Open a run on a server, where actors meet."),
    ("join", "release_room:join", "Join a run as one of its actors, and work."),
    ("hand-in", "release_room:hand_in", "Hand in files that you built elsewhere."),
    ("verify", "release_verify:verify", "Verify a release from its bundle, offline."),
    ("bundle", "release_verify:bundle", "Write the bundle of a run."),
    ("layout", "release_verify:layout", "Export the pipeline as an in-toto layout."),
    ("checklist", "release_checklist:checklist", "How well a project is set up to release."),
)  # fmt: skip
for _name, _where, _help in _COMMANDS:
    app.command(f"customhouse.cli.{_where}", name=_name, help=_help)
