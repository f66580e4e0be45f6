"""``customhouse vex``: what the team says of vulnerabilities that it cannot, or need not, mend by an upgrade."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from textwrap import wrap
from typing import Annotated, Literal
from uuid import uuid4

from cyclopts import App, Parameter
from packaging.requirements import InvalidRequirement, Requirement

from customhouse.consume.audit.vex_beside import NAME
from customhouse.consume.audit.vex_file import (
    new_document,
    read_document,
    read_own,
    save,
    with_statement,
    with_statements,
)
from customhouse.formats.plain import plain
from customhouse.formats.vex.model import Document, Justification, Product, Reopening, Statement, Status, Written, check
from customhouse.formats.vex.ranges import read_specifier
from customhouse.formats.vex.read import statements_of
from customhouse.terms.clock import SystemClock
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.names import ProjectName, normalize

FINE, FINDINGS = 0, 1
LONGEST_DAYS = 180
"""How long a statement counts at most, unless somebody says --longer."""
COLUMNS = 80
_DAYS = re.compile(r"([1-9][0-9]{0,3})d", re.ASCII)

app = App(name="vex", help="Vulnerabilities that do not concern you: who says so, why, and until when.")

Longer = Annotated[bool, Parameter(name="--longer", negative="")]
FLAG = Parameter(negative="")


@app.command
def add(
    vulnerability: str, package: str, /, *, status: Status = Status.NOT_AFFECTED,
    justification: Justification | None = None, impact: str = "", action: str = "", reason: str, owner: str,
    expires: str, longer: Longer = False, within: str = "", without: tuple[str, ...] = (), alias: tuple[str, ...] = (),
    keep_when_advisory_changes: Annotated[bool, FLAG] = False, file: Path = Path(NAME),
) -> None:  # fmt: skip
    """Say of one vulnerability of one package what it is to you.

    The statement counts no more when it has expired, when the package has another version, when the advisory is
    modified, or when one of the packages of --without is there.

    Args:
        vulnerability: Its id: CVE-…, PYSEC-…, GHSA-….
        package: Which package in which version: b==1.9, or b>=1,<2.
        status: not-affected, affected, fixed or under-investigation.
        justification: Why it is not affected, in OpenVEX's words.
        impact: Why it is not affected, in your words.
        action: What to do, if it is affected.
        reason: How you know.
        owner: Who answers for it.
        expires: The last day on which it counts: 2027-02-01, or 90d from today.
        within: The package that brings it in, a==1.4: the statement is for b inside a only.
        without: A package; the statement counts only where it is not installed. May be given several times.
        alias: Another id of the same vulnerability. May be given several times.
        longer: Let it count for more than 180 days.
        keep_when_advisory_changes: Count on when the advisory is modified.
        file: The file of statements (default customhouse.vex.json).
    """
    now = SystemClock().now()
    part = read_product(package, "PACKAGE")
    product = replace(read_product(within, "--within"), parts=(part,)) if within else part
    statement = Statement(
        id=f"urn:uuid:{uuid4()}",
        vulnerability=vulnerability.strip(),
        aliases=tuple(one.strip() for one in alias),
        products=(product,),
        status=status,
        timestamp=now,
        justification=justification,
        impact=impact,
        action=action,
        reason=_needed(reason, "--reason"),
        owner=_needed(owner, "--owner"),
        expires=read_expiry(expires, now, longer=longer),
        reopening=Reopening(not keep_when_advisory_changes, tuple(normalize(one) for one in without)),
    )
    check(statement, "the statement")
    document = with_statement(read_own(file) or new_document(owner, now), statement, now)
    save(file, document)
    print(f"{file}: {statement.vulnerability} is {_words(status)} for {product}, until {statement.expires}.")


def read_product(text: str, where: str) -> Product:
    """A package and which of its versions: ``b==1.9``; raises `Rejected`."""
    try:
        read = Requirement(text)
    except InvalidRequirement as error:
        raise Rejected("bad-package", where, f"{text[:80]!r} is no package", "b==1.9, or b>=1,<2") from error
    if read.url or read.marker or read.extras:
        raise Rejected("bad-package", where, f"{text[:80]!r} says more than a name and versions", "b==1.9")
    specifier = read_specifier(str(read.specifier), where)
    return Product(ProjectName.parse(read.name, where=where).normalized, specifier)


def read_expiry(text: str, now: datetime, *, longer: bool) -> date:
    """A day, not in the past and at most `LONGEST_DAYS` from now; raises `Rejected` or `Refused`."""
    days = _DAYS.fullmatch(text)
    try:
        day = now.date() + timedelta(days=int(days[1])) if days else date.fromisoformat(text)
    except ValueError as error:
        raise Rejected("bad-expiry", "--expires", f"{text[:40]!r} is no day", "2027-02-01, or 90d") from error
    if day < now.date():
        raise Rejected("bad-expiry", "--expires", f"{day} is over", "a day that is to come")
    if (day - now.date()).days > LONGEST_DAYS and not longer:
        latest = now.date() + timedelta(days=LONGEST_DAYS)
        raise Refused(
            "too-long", f"{day} is more than {LONGEST_DAYS} days from now.", f"Take {latest} at most, or --longer."
        )
    return day


def _needed(text: str, where: str) -> str:
    if not text.strip():
        raise Rejected("missing", where, "it is empty", "a few words")
    return text.strip()


def _words(status: Status) -> str:
    return status.value.replace("_", " ")


@app.command(name="list")
def list_(*, file: Path = Path(NAME), json_: Annotated[bool, Parameter(name="--json", negative="")] = False) -> None:
    """List the statements, those that lapse first before the others.

    Args:
        file: The file of statements (default customhouse.vex.json).
        json_: One JSON object a line.
    """
    today = SystemClock().now().date()
    for one in sorted(_statements(file), key=lambda one: (one.expires or date.max, one.vulnerability)):
        print(json.dumps(_plain(one, today)) if json_ else "\n".join(_lines(one, today)))


def _statements(file: Path) -> tuple[Statement, ...]:
    document = read_own(file)
    if document is None:
        raise Rejected("no-file", str(file), "there is no such file", "customhouse vex add, or --file")
    return statements_of(document)


def _plain(one: Statement, today: date) -> dict[str, object]:
    return {
        "id": one.id, "vulnerability": one.vulnerability, "aliases": list(one.aliases),
        "products": [str(product) for product in one.products], "status": one.status.value,
        "justification": one.justification.value if one.justification else None, "reason": one.reason,
        "impact": one.impact, "action": one.action, "owner": one.owner,
        "expires": one.expires.isoformat() if one.expires else None, "lapsed": _is_lapsed(one, today),
    }  # fmt: skip


def _is_lapsed(one: Statement, today: date) -> bool:
    return one.expires is not None and today > one.expires


def _lines(one: Statement, today: date) -> list[str]:
    until = f"until {one.expires}" if one.expires else "for ever"
    state = f"LAPSED on {one.expires}" if _is_lapsed(one, today) else until
    told = [f"{_words(one.status)}, {state}, {one.owner}", one.justification.value if one.justification else ""]
    told += [one.impact, one.action, one.reason, one.id]
    head = f"{one.vulnerability} {', '.join(str(product) for product in one.products)}"
    return [plain(head, COLUMNS), *(f"  {line}" for text in told for line in wrap(plain(text, 2000), COLUMNS - 2))]


@app.command(name="import")
def import_(
    source: Path, /, *, owner: str = "", expires: str = "", longer: Longer = False, file: Path = Path(NAME)
) -> None:
    """Take over the statements of somebody else: OpenVEX, CSAF or CycloneDX.

    They count under the owner and until the day that you give, unless they name both themselves.

    Args:
        source: The document.
        owner: Who answers for them here.
        expires: The last day on which they count: 2027-02-01, or 90d from today.
        longer: Let them count for more than 180 days.
        file: The file of statements (default customhouse.vex.json).
    """
    now = SystemClock().now()
    read = read_document(source)
    day = read_expiry(expires, now, longer=longer) if expires else None
    taken = []
    for one in statements_of(read):
        own = day or one.expires
        if own is None:
            raise Rejected("no-expiry", f"{source}: {one.id}", "it says not until when it counts", "--expires 90d")
        limit = read_expiry(own.isoformat(), now, longer=longer)
        taken.append(replace(one, owner=owner or one.owner, expires=limit))
    if not taken:
        raise Rejected("no-statements", str(source), "there are no statements in it")
    document = with_statements(read_own(file) or new_document(owner or read.author, now), taken, now)
    save(file, document)
    what = "1 statement" if len(taken) == 1 else f"{len(taken)} statements"
    print(f"{file}: {what} of {plain(read.author, 60)} taken over.")


@app.command
def export(
    kind: Literal["openvex", "csaf", "cyclonedx"], /, *, output: Path | None = None, namespace: str = "",
    file: Path = Path(NAME),
) -> None:  # fmt: skip
    """Write the statements for somebody else: OpenVEX, CSAF 2.0 (csaf_vex) or CycloneDX 1.6.

    What the format cannot say is told on standard error.

    Args:
        kind: The format.
        output: The file to write (default: standard output).
        namespace: For CSAF: an address of the web that is yours.
        file: The file of statements (default customhouse.vex.json).
    """
    document = read_own(file)
    if document is None or not document.statements:
        raise Rejected("no-file", str(file), "there are no statements", "customhouse vex add, or --file")
    written = written_as(kind, document, namespace)
    text = json.dumps(written.document, indent=2, ensure_ascii=False) + "\n"
    if output is None:
        sys.stdout.write(text)
    else:
        output.write_text(text, encoding="utf-8")
    for loss in written.losses:
        print(plain(loss, 500), file=sys.stderr)


def written_as(kind: Literal["openvex", "csaf", "cyclonedx"], document: Document, namespace: str) -> Written:
    """The document in one of the formats; raises `Rejected`."""
    # Each is read only where it is needed.
    from customhouse.formats.vex.csaf import Publisher, write_csaf  # noqa: PLC0415
    from customhouse.formats.vex.cyclonedx import write_cyclonedx  # noqa: PLC0415
    from customhouse.formats.vex.openvex import write_openvex  # noqa: PLC0415

    match kind:
        case "openvex":
            return write_openvex(document)
        case "cyclonedx":
            return write_cyclonedx(document)
        case "csaf":
            if not namespace.startswith(("https://", "http://")):
                raise Rejected("no-namespace", "--namespace", "CSAF wants an address of yours", "https://example.org")
            return write_csaf(document, Publisher(namespace))


@app.command
def lapse(
    ids: list[str] | None = None, /, *,
    within: int = 0, file: Path = Path(NAME),
) -> int:  # fmt: skip
    """End statements now; or, without any named, tell which have lapsed. Exit code 1 if there are such.

    Args:
        ids: Statements, or vulnerabilities, to end now.
        within: Tell also of those that lapse within so many days.
        file: The file of statements (default customhouse.vex.json).
    """
    now = SystemClock().now()
    today = now.date()
    if not ids:
        limit = today + timedelta(days=within)
        due = [one for one in _statements(file) if one.expires is not None and limit > one.expires]
        for one in sorted(due, key=lambda one: one.expires or today):
            print("\n".join(_lines(one, today)))
        return FINDINGS if due else FINE
    document = read_own(file)
    if document is None:
        raise Rejected("no-file", str(file), "there is no such file", "--file")
    ended = [one for one in document.statements if _is_named(one, ids)]
    if not ended:
        raise Rejected("unknown-statement", " ".join(ids)[:80], "no statement is called so", "customhouse vex list")
    over = today - timedelta(days=1)
    statements = tuple(replace(one, expires=over, updated=now) if one in ended else one for one in document.statements)
    save(file, replace(document, statements=statements, version=document.version + 1, updated=now))
    for one in ended:
        print(f"{one.vulnerability} for {', '.join(str(product) for product in one.products)} counts no more.")
    return FINE


def _is_named(one: Statement, ids: Sequence[str]) -> bool:
    return one.id in ids or not one.names.isdisjoint(ids)
