"""Takes records in: new ones are judged, those that are the same are passed over, those that changed come back.

Certain ones become advisories at once; the others wait at the desk. Reading the same again writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

import sqlalchemy as sa

from customhouse.advisories import queries as stored
from customhouse.advisories.tables import advisory_alias
from customhouse.advisories.triage.events import TriageDecided, TriageImported
from customhouse.advisories.triage.model import OPEN
from customhouse.advisories.triage.queries import Case, digests, find_case
from customhouse.advisories.triage.stored import differences, read_candidates, read_case
from customhouse.advisories.triage.tables import triage_case, triage_damage, triage_verdict
from customhouse.formats.cve.model import Damage
from customhouse.index.triage.begin import Fresh, Taken, begin_cases, new_row, row_of
from customhouse.index.triage.judging import Judged, Unchanged
from customhouse.index.triage.writing import concerned, withdraw, write_advisory
from customhouse.infra.db import put_rows
from customhouse.ledger.tx import Deeds, Tx
from customhouse.terms.identity import SYSTEM, Identity

FORMS = ("cve-5", "osv", "nvd-2.0", "nvd-1.1")
"""The issuer's own record first; the NVD retells those."""
_ALIASES = sa.select(advisory_alias.c.alias).where(advisory_alias.c.alias.in_(sa.bindparam("ids", expanding=True)))
_INSERT = triage_case.insert()
FRESH_AT_ONCE = 20
"""New records of one transaction that lead somewhere, some of which become advisories."""
ROWS_AT_ONCE = 200
"""New rows of one transaction: fewer than 20 ms of it."""
MOST_DAMAGES = 1_000
"""Places that are kept of what could not be read; beyond that they are only counted."""


@dataclass(frozen=True, slots=True)
class Wish:
    """How records are taken in."""

    origin: str
    """Where they come from, for the ledger."""
    prefix: str
    """Of the ids of our own advisories."""
    roots: tuple[str, ...] = ()
    """What was read: whatever was damaged below it before, and is not now, is forgotten."""
    again: bool = False
    """Judge those too that have not changed, because more is known by now; verdicts stay."""
    by: Identity = SYSTEM


def take_in(deeds: Deeds, found: Iterable[Judged | Unchanged | Damage], wish: Wish) -> Taken:
    """Write what was judged: small batches for what is new and needs no thought, a deed of its own for the rest."""
    taken, waiting = Taken(), iter(found)
    while piece := list(islice(waiting, ROWS_AT_ONCE)):
        taken.damaged.extend(one for one in piece if isinstance(one, Damage))
        judged = {one.id: one for one in piece if isinstance(one, Judged)}
        same = sum(isinstance(one, Unchanged) for one in piece)
        taken.records += len(judged) + same
        taken.same += same
        with deeds.database.read() as sql:
            known = digests(sql, judged.keys())
            covered = _covered(sql, [one for one in judged.values() if one.automatic or one.packages])
        plain: list[Judged] = []
        fresh: list[Fresh] = []
        for one in judged.values():
            if one.id not in known and not one.packages:
                plain.append(one)
            elif one.id not in known:
                fresh.append(Fresh.of(one, covered.get(one.id, {})))
            elif _is_passed_over(one, known.get(one.id), again=wish.again):
                taken.same += 1
            else:
                deeds.do(partial(_take_one, taken=taken, wish=wish, covered=covered.get(one.id, {})), one)
        if plain:
            deeds.do(_put_plain, plain)
            taken.new += len(plain)
            taken.ignored += len(plain)
        for start in range(0, len(fresh), FRESH_AT_ONCE):
            deeds.do(
                partial(begin_cases, prefix=wish.prefix, by=wish.by, taken=taken), fresh[start : start + FRESH_AT_ONCE]
            )
    deeds.do(partial(_told, wish=wish), taken)
    return taken


def _is_passed_over(one: Judged, known: tuple[str, str] | None, *, again: bool) -> bool:
    """Whether a record says nothing new: it is the same, or another's retelling of one that is here from its issuer."""
    if known is None:
        return False
    digest, form = known
    return FORMS.index(one.form) > FORMS.index(form) or (digest == one.digest and not again)


def _put_plain(judged: Sequence[Judged], tx: Tx) -> None:
    # Somebody may be reading the same folder in at the same time: whoever comes second leaves it.
    tx.serialize()
    there = digests(tx.sql, [one.id for one in judged])
    rows = [new_row(one, tx) for one in judged if one.id not in there]
    if rows:
        tx.sql.execute(_INSERT, rows)


def _take_one(one: Judged, tx: Tx, *, taken: Taken, wish: Wish, covered: dict[str, str]) -> None:
    """One record that is here and has changed, or is judged again."""
    before = find_case(tx.sql, one.id, lock=True)
    if before is not None:
        taken.changed += before.digest != one.digest
        _go_on(before, one, tx, taken, wish, covered)


def _settle(one: Judged, tx: Tx, taken: Taken, wish: Wish, covered: dict[str, str], *, fresh: bool) -> None:
    """What an undecided record becomes: known already, an advisory, something to look at, or nothing."""
    if one.exception:
        _decide(tx, one, status="not-python", reason=one.exception)
        taken.excepted += fresh
    elif one.state != "published" or not one.packages:
        _decide(tx, one, status="ignored")
        taken.ignored += fresh
    elif set(one.automatic or one.packages[:1]) <= covered.keys():
        name = (one.automatic or one.packages)[0]
        _decide(tx, one, status="duplicate", reason=f"{covered[name]} says it already.", advisory_id=covered[name])
        taken.known += fresh
    elif one.automatic and _is_untouched(tx, one.id):
        _accept(tx, one, wish)
        taken.automatic += 1
    else:
        _decide(tx, one, status="waiting")
        taken.waiting += fresh


def _is_untouched(tx: Tx, case_id: str) -> bool:
    """Whether no person has ever decided about it: else people have the last word."""
    return not tx.sql.execute(sa.select(sa.exists().where(triage_verdict.c.case_id == case_id))).scalar()


def _go_on(before: Case, one: Judged, tx: Tx, taken: Taken, wish: Wish, covered: dict[str, str]) -> None:
    """A record that is here already: what was decided of it stays unless it says something else now."""
    same = before.digest == one.digest
    values = row_of(one, tx)
    if one.record is None and before.record is not None and before.status not in ("ignored", *OPEN):
        # What somebody has decided about stays readable, although nothing leads to a package any more.
        values = {key: value for key, value in values.items() if key not in ("record", "candidates", "score")}
    tx.sql.execute(triage_case.update().where(triage_case.c.id == one.id).values(**values))
    if before.status in ("ignored", *OPEN):
        if before.status == "later" and one.packages and one.state == "published":
            return
        _settle(one, tx, taken, wish, covered, fresh=before.status == "ignored")
    elif before.status == "accepted":
        if not same:
            _changed_since_accepted(before, one, tx, taken, wish)
    elif not same and one.packages and one.state == "published" and before.automatic:
        _settle(one, tx, taken, wish, covered, fresh=True)
    elif not same and one.packages and one.state == "published":
        said = f"It was judged {before.status} by {before.decided_by} and has changed since: {_what(before, one)}."
        _decide(tx, one, status="waiting", note=said)
        taken.waiting += 1


def _changed_since_accepted(before: Case, one: Judged, tx: Tx, taken: Taken, wish: Wish) -> None:
    if one.state == "rejected":
        if withdraw(tx, before.advisory_id, wish.by):
            taken.withdrawn += 1
        _decide(
            tx, one, status="rejected", packages=before.packages, advisory_id=before.advisory_id,
            reason="Its issuer has rejected it; the advisory is withdrawn.",
        )  # fmt: skip
        _tell(tx, one, "rejected", before.packages, before.advisory_id, "Its issuer has rejected it.", wish.by)
    elif before.automatic and set(one.automatic) == set(before.packages):
        _accept(tx, one, wish, advisory_id=before.advisory_id)
    else:
        note = f"It has changed since it was accepted: {_what(before, one)}."
        if one.disputed and not before.disputed:
            note = f"Somebody disputes it now. {note}"
        tx.sql.execute(triage_case.update().where(triage_case.c.id == one.id).values(note=note))
        taken.waiting += 1


def _accept(tx: Tx, one: Judged, wish: Wish, *, advisory_id: str = "") -> None:
    record, candidates = read_case(one.record or ""), read_candidates(one.candidates)
    packages = concerned(tx, record, candidates, one.automatic)
    written = write_advisory(tx, record, packages, wish.prefix, advisory_id=advisory_id, by=wish.by)
    score = max(each.score for each in candidates)
    reason = f"Evidence of {score} points, and every range ends."
    _decide(tx, one, status="accepted", packages=one.automatic, advisory_id=written, reason=reason)
    _tell(tx, one, "accepted", one.automatic, written, reason, wish.by)


def _decide(
    tx: Tx, one: Judged, *, status: str, packages: Sequence[str] = (), advisory_id: str = "", reason: str = "",
    note: str = "",
) -> None:  # fmt: skip
    decided = status not in ("ignored", *OPEN)
    tx.sql.execute(
        triage_case.update().where(triage_case.c.id == one.id).values(
            status=status, packages=list(packages), advisory_id=advisory_id or None, automatic=decided, reason=reason,
            decided_by="customhouse" if decided else "", decided_at=tx.now() if decided else None, note=note,
        )
    )  # fmt: skip


def _tell(
    tx: Tx, one: Judged, verdict: str, packages: Sequence[str], advisory_id: str, reason: str, by: Identity
) -> None:
    tx.record(
        TriageDecided(
            by, None, record=one.id, verdict=verdict, packages=tuple(packages), advisory_id=advisory_id, reason=reason
        )
    )


def _told(taken: Taken, tx: Tx, *, wish: Wish) -> None:
    """The end of an import: what could not be read is kept, and the ledger hears of it if anything came of it."""
    for root in wish.roots:
        tx.sql.execute(triage_damage.delete().where(triage_damage.c.place.startswith(root, autoescape=True)))
    rows = {
        one.where[:500]: {"place": one.where[:500], "reason": one.why[:2000], "since": tx.now()}
        for one in taken.damaged[:MOST_DAMAGES]
    }
    if rows:
        put_rows(tx.sql, triage_damage, list(rows.values()))
    if taken.new or taken.changed or taken.damaged:
        tx.record(
            TriageImported(
                wish.by, None, origin=wish.origin[:300], records=taken.records, changed=taken.changed,
                waiting=taken.waiting, automatic=taken.automatic, damaged=len(taken.damaged),
            )
        )  # fmt: skip


def _what(before: Case, one: Judged) -> str:
    if before.record is None or one.record is None:
        return "what it says"
    return ", ".join(differences(before.record, read_case(one.record))) or "what it says"


def _covered(sql: sa.Connection, judged: Sequence[Judged]) -> dict[str, dict[str, str]]:
    """By record and package, the advisory that says it already: of another source, or of ours under another case."""
    ids = [one.id for one in judged]
    named = set(sql.execute(_ALIASES, {"ids": ids}).scalars()) if ids else set()
    return {one: dict(_names_saying(sql, one)) for one in ids if one in named}


def _names_saying(sql: sa.Connection, case_id: str) -> Iterator[tuple[str, str]]:
    for found in stored.same_as(sql, case_id):
        if found.id == case_id or found.withdrawn is not None:
            continue
        for name in found.record.packages():
            yield name, found.id
