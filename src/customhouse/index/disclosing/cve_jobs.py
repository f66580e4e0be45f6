"""The jobs about CVE ids, by name, and giving an id back that is not needed."""

from __future__ import annotations

from customhouse.advisories.disclosure.model import Case
from customhouse.advisories.disclosure.tables import disclosure_case
from customhouse.ledger.tx import Tx

RESERVE_JOB, PUBLISH_JOB, RELEASE_JOB, REJECT_JOB = "reserve-cve", "publish-cve", "release-cve", "reject-cve"


def release_if_reserved(tx: Tx, case: Case) -> None:
    """A case that is refused gives its id back; called by the deed that refuses it."""
    if case.cve_state == "reserved":
        tx.sql.execute(disclosure_case.update().where(disclosure_case.c.id == case.id).values(cve_state="releasing"))
        tx.later(RELEASE_JOB, {"case_id": case.id}, key=f"{RELEASE_JOB}:{case.id}")
