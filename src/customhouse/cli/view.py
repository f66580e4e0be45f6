"""``customhouse view``: what groups of consumers see, and under which policy."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from textwrap import fill
from typing import Annotated

from cyclopts import App, Parameter

from customhouse.app import App as Parts
from customhouse.app import open_app, prepare
from customhouse.cli.options import read_settings
from customhouse.formats.plain import plain
from customhouse.formats.policy.level_texts import DEFAULT, LEVELS
from customhouse.formats.policy.rule import Policy
from customhouse.formats.policy.unknown import LOAD_ADVISORIES
from customhouse.terms.errors import Refused, Rejected, Unavailable
from customhouse.views.define import AddView, RemoveView, SetView, add_view, remove_view, set_view
from customhouse.views.model import View
from customhouse.views.offering import policy_of
from customhouse.views.queries import all_views, find_view
from customhouse.views.standing import standing_of

CLOSED = 3

app = App(name="view", help="What groups of consumers see: which upstreams, under which policy.")
app.command("customhouse.cli.view_log:log", name="log", help="What a view was asked for, and what it answered.")
Data = Annotated[Path | None, Parameter(help="The data folder (default ./customhouse-data).")]
Name = Annotated[str, Parameter(help="The view's name, as it stands in its addresses.")]
Ups = Annotated[
    tuple[str, ...],
    Parameter(name="--upstream", help="An upstream of the settings, such as pypi; several are asked in this order."),
]
PolicyFlag = Annotated[
    str, Parameter(name="--policy", help=f"A file with a policy, or one of the levels {', '.join(LEVELS)}.")
]


@app.command
def add(name: Name, /, *, upstream: Ups = (), policy: PolicyFlag = DEFAULT, data: Data = None) -> None:
    """Add a view. Hosted projects are always in it; an upstream is asked for everything else."""
    text = _policy_text(policy)
    with _parts(data) as parts:
        wish = AddView(name, upstream, text, parts.upstream_names, parts.settings.internal_names)
        done = parts.do(add_view, wish)
        found = _read(parts, done)
        where = parts.settings.public_url
        with parts.database.read() as sql:
            unadvised = standing_of(sql, done, parts.clock.now(), parts.settings.internal_names).unadvised
    _print_remarks(found)
    print(f"{done.name} shows what is hosted here{_and(done.upstreams)}, under the policy {_said(found)}.")
    _print_unadvised(unadvised)
    print(f"pip install --index-url {where}/view/{done.name}/simple/ …")


@app.command(name="set")
def set_(
    name: Name, /, *, upstream: Ups | None = None, policy: PolicyFlag | None = None, hosted_only: bool = False,
    data: Data = None,
) -> None:  # fmt: skip
    """Change where a view looks, or its policy; says what is another than before.

    Args:
        name: The view's name.
        upstream: The upstreams from now on, in order.
        policy: The policy from now on.
        hosted_only: Ask no upstream any more.
        data: The data folder (default ./customhouse-data).
    """
    upstreams = () if hosted_only else upstream
    if upstreams is None and policy is None:
        raise Rejected("nothing-to-change", "view set", "nothing is to change", "--upstream, --hosted-only or --policy")
    text = None if policy is None else _policy_text(policy)
    with _parts(data) as parts:
        before = _find(parts, name)
        wish = SetView(name, parts.upstream_names, parts.settings.internal_names, upstreams, text)
        done = parts.do(set_view, wish)
        found = _read(parts, done)
    _print_remarks(found)
    if before.upstreams != done.upstreams:
        print(f"upstreams: {', '.join(before.upstreams) or 'none'} → {', '.join(done.upstreams) or 'none'}")
    changed = difflib.unified_diff(before.policy.splitlines(), done.policy.splitlines(), "before", "now", "", "", 1, "")
    for line in changed:
        print(plain(line, 200))
    if before.upstreams == done.upstreams and before.policy == done.policy:
        print(f"{done.name} was so already.")
    else:
        print(f"{done.name} has changed. Everything that it shows is looked at anew.")


@app.command
def show(name: Name, /, *, text: bool = False, data: Data = None) -> int:
    """Show a view: its upstreams, its rules in words, its exceptions and when they end. Exit code 3 if it is closed.

    Args:
        name: The view's name.
        text: Print nothing but the policy's text.
        data: The data folder (default ./customhouse-data).
    """
    with _parts(data) as parts:
        known = _find(parts, name)
        if text:
            print(known.policy, end="" if known.policy.endswith("\n") else "\n")
            return 0
        now = parts.clock.now()
        print(
            f"{known.name}: what is hosted here{_and(known.upstreams)}; changed on {known.changed_at:%Y-%m-%d %H:%M}."
        )
        try:
            policy = policy_of(known, parts.settings.internal_names)
        except Unavailable as error:
            print(fill(f"! closed: {plain(str(error), 400)}", 80, subsequent_indent="  "))
            return CLOSED
        with parts.database.read() as sql:
            unadvised = standing_of(sql, known, now, parts.settings.internal_names).unadvised
    _print_policy(policy, now)
    _print_unadvised(unadvised)
    return 0


@app.command(name="list")
def list_(*, data: Data = None) -> int:
    """List the views. Exit code 3 if one of them is closed."""
    closed = False
    with _parts(data) as parts, parts.database.read() as sql:
        views = all_views(sql)
        for one in views:
            try:
                said = _said(policy_of(one, parts.settings.internal_names))
            except Unavailable:
                closed, said = True, "that cannot be read: the view is closed"
            print(f"{one.name}  hosted{''.join(f', {name}' for name in one.upstreams)}; policy {said}")
    if not views:
        print("There is no view. Add one: customhouse view add main --upstream pypi")
    return CLOSED if closed else 0


@app.command
def remove(name: Name, /, *, data: Data = None) -> None:
    """Remove a view. Its addresses answer 404 from then on; what the mirror holds stays."""
    with _parts(data) as parts:
        gone = parts.do(remove_view, RemoveView(name))
    print(f"{gone.name} is removed.")


def _policy_text(policy: str) -> str:
    """The text of a policy: a level by its name, or a file."""
    if policy in LEVELS:
        return f'level = "{policy}"\n'
    path = Path(policy)
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "it is no text in UTF-8"
        raise Rejected(
            "bad-policy-file", plain(policy, 200), f"cannot be read: {why}", f"a file, or {', '.join(LEVELS)}"
        ) from error


def _find(parts: Parts, name: str) -> View:
    with parts.database.read() as sql:
        known = find_view(sql, name)
    if known is None:
        raise Refused(
            "unknown-view", f"There is no view {plain(name, 60)!r}.", "See: customhouse view list", status=404
        )
    return known


def _read(parts: Parts, view: View) -> Policy:
    return policy_of(view, parts.settings.internal_names)


def _and(upstreams: tuple[str, ...]) -> str:
    return f", then what {' and '.join(upstreams)} {'has' if len(upstreams) == 1 else 'have'}" if upstreams else ""


def _said(policy: Policy) -> str:
    own = sum(1 for one in policy.rules if not one.level)
    spared = {one for several in policy.exceptions.values() for one in several}
    more = [f"{own} {'rule' if own == 1 else 'rules'} of its own"] if own else []
    more += [f"{len(spared)} {'exception' if len(spared) == 1 else 'exceptions'}"] if spared else []
    return f"{policy.level!r}" + (f" with {' and '.join(more)}" if more else "")


def _print_unadvised(unadvised: str) -> None:
    """That no advisories are loaded, and what loads them."""
    if unadvised:
        print(fill(f"! {unadvised}. This loads them:", 80, subsequent_indent="  "))
        print(f"  {LOAD_ADVISORIES}")


def _print_remarks(policy: Policy) -> None:
    for remark in policy.remarks:
        print(fill(f"note: {plain(remark, 300)}", 80, subsequent_indent="  "))


def _print_policy(policy: Policy, now: datetime) -> None:
    print(f"policy: {_said(policy)}; a file that no rule decides is {_LET_IN[policy.default]}")
    for rule in policy.rules:
        scope = f" [{', '.join(rule.packages)}]" if rule.packages else ""
        line = f"{rule.action:<5} {rule.name}{scope}: {rule.reason or 'no reason is given'}"
        print(fill(plain(line, 400), 80, initial_indent="  ", subsequent_indent=" " * 8))
    exceptions = {id(one): one for several in policy.exceptions.values() for one in several}
    for one in exceptions.values():
        over = one.ends_at is not None and one.ends_at <= now
        end = "is over" if over else f"ends after {one.expires}" if one.expires else "has no end"
        spared = f"except {one.package} {one.version}".rstrip()
        line = f"{spared} from {', '.join(one.rules)}: {one.reason} ({one.owner or 'no owner'}; {end})"
        print(fill(plain(line, 400), 80, initial_indent="  ", subsequent_indent=" " * 8))
    _print_remarks(policy)


_LET_IN = {"allow": "let in", "warn": "let in with a warning", "hide": "hidden", "deny": "denied", "hold": "held"}


@contextmanager
def _parts(data: Path | None) -> Iterator[Parts]:
    settings = read_settings(data=data)
    prepare(settings)
    with open_app(settings) as parts:
        yield parts
