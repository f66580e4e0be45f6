"""``customhouse policy show`` and ``check``: what a level or a file says, and whether it can be used."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from textwrap import wrap
from typing import Annotated

from cyclopts import Parameter

from customhouse.formats.plain import plain
from customhouse.formats.policy.level_texts import LEVELS, level_text
from customhouse.formats.policy.read import read_policy
from customhouse.formats.policy.rejected import BadPolicy
from customhouse.formats.policy.rule import Policy, Rule, Spared, Table
from customhouse.terms.clock import SystemClock
from customhouse.terms.errors import Rejected

COLUMNS = 80
SOON = timedelta(days=14)
"""Exceptions that end so soon are named."""

What = Annotated[str, Parameter(help=f"One of the levels {', '.join(LEVELS)}, or a file with a policy.")]
File = Annotated[Path, Parameter(help="A file with a policy.")]


def show(what: What, /) -> None:
    """Print a level as it is written; or, of a file, every rule that counts, in their order."""
    if what in LEVELS:
        print(level_text(what), end="")
        return
    path = Path(what)
    if not path.exists() and path.suffix != ".toml":
        raise Rejected("bad-policy", what[:80], "it is neither a level nor a file", f"{', '.join(LEVELS)}, or a file")
    policy = read_file(path)
    print(_head(path, policy))
    for number, rule in enumerate(policy.rules, 1):
        print("\n".join(_rule(number, rule)))
    for one in spared_of(policy):
        print("\n".join(wrap(_exception(one), COLUMNS, subsequent_indent="    ")))
    if policy.default != "allow":
        print(f"What no rule decides: {policy.default}.")


def check(file: File, /) -> None:
    """Say whether a policy can be used. Exit code 2, with the line and what was probably meant, if it cannot."""
    policy = read_file(file)
    print(_head(file, policy))
    for remark in policy.remarks:
        print("\n".join(wrap(plain(remark, 500), COLUMNS, subsequent_indent="    ")))
    now = SystemClock().now()
    for one in spared_of(policy):
        if one.ends_at is not None and one.ends_at - now < SOON:
            print(f"line {one.line}: the exception for {plain(one.package, 60)} ends with {one.expires}")


def read_file(path: Path) -> Policy:
    """The policy of a file; raises `Rejected` with its name and the line."""
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise Rejected("no-file", str(path), error.strerror or "it cannot be read", "a file with a policy") from error
    except UnicodeDecodeError as error:
        raise Rejected("bad-policy", str(path), "it is not UTF-8", "a text in UTF-8", offset=error.start) from error
    try:
        return read_policy(text, now=SystemClock().now())
    except BadPolicy as error:
        raise BadPolicy(
            error.line, plain(error.key, 200), plain(error.why, 300), plain(error.accepted, 800), file=str(path)
        ) from error


def spared_of(policy: Policy) -> list[Spared]:
    """Every exception once, in the order of the file."""
    by_line = {one.line: one for each in policy.exceptions.values() for one in each}
    return [by_line[line] for line in sorted(by_line)]


def _head(path: Path, policy: Policy) -> str:
    own = sum(not rule.level for rule in policy.rules)
    spared = len(spared_of(policy))
    return (
        f"{path}: level {policy.level}, {_many(len(policy.rules), 'rule')} ({own} of its own),"
        f" {_many(spared, 'exception')}"
    )


def _many(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _rule(number: int, rule: Rule) -> list[str]:
    origin = f"level {rule.level}" if rule.level else f"line {rule.line}"
    title = f"{number:2}. {plain(rule.name, 50)}"
    mark = " always" if rule.always else ""
    head = f"{title:<46} {rule.action:<5}{mark:<7} {origin}"
    said = []
    if rule.packages:
        said.append(f"for {', '.join(rule.packages)}")
    if rule.tables:
        said.append("if " + " or ".join(_table(one) for one in rule.tables))
    if rule.unless:
        said.append("unless " + " or ".join(_table(one) for one in rule.unless))
    said.append("if it is not known: " + ("the next rule" if rule.unknown == "skip" else rule.unknown))
    if rule.hosted:
        said.append("also for what is hosted here")
    return [
        head.rstrip(),
        *wrap(plain("; ".join(said), 2000), COLUMNS, initial_indent="    ", subsequent_indent="    "),
    ]


def _table(table: Table) -> str:
    return " and ".join(f"{one.signal} {one.wanted}" for one in table)


def _exception(one: Spared) -> str:
    version = f" {one.version}" if one.version else ""
    return plain(f"exception for {one.package}{version} from {', '.join(one.rules)}: {one.sentence}", 1000)
