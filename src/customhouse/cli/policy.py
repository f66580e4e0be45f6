"""``customhouse policy``: what policies say, and what one would do before it is switched on."""

from __future__ import annotations

from cyclopts import App

app = App(name="policy", help="Policies: what they say of a package, and what one would do before it is switched on.")
app.command("customhouse.cli.policy_show:show", name="show", help="Print a level, or every rule of a file in order.")
app.command(
    "customhouse.cli.policy_show:check", name="check", help="Say whether a policy can be used; if not, the line."
)
app.command(
    "customhouse.cli.policy_explain:explain", name="explain",
    help="Say why a view lets a package in, or does not: every rule, its signals, their sources and dates.",
    help_epilogue="Exit code 0: it is let in; 1: it is not; 2: usage; 4: a service failed.",
)  # fmt: skip
app.command(
    "customhouse.cli.policy_simulate:simulate", name="simulate",
    help="Try a policy on locks, requirements or a view's log: what breaks, and which exceptions would help.",
    help_epilogue="Exit code 0: nothing breaks; 1: something breaks; 2: usage; 3: something could not be looked up;"
    " 4: a service failed.",
)  # fmt: skip
