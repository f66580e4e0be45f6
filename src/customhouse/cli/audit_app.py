"""``customhouse audit`` and what stands below it."""

from __future__ import annotations

from cyclopts import App

from customhouse.cli.audit import audit

app = App(
    name="audit",
    help="What is known to be wrong with what is installed or locked.",
    help_epilogue="Exit code 0: nothing known; 1: findings at or over the level; 2: usage; 3: something could not be"
    " checked; 4: a service failed.",
)
app.default(audit)
app.command("customhouse.cli.audit_override:app", name="override", help="Your own tests with what a bound excludes.")
app.command(
    "customhouse.cli.audit_register:register", name="register",
    help="Have an index audit this again whenever an advisory changes.",
)  # fmt: skip
