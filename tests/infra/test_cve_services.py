"""CVE Services as we speak to them, and as the unmodified cvelib does: both against the same simulator."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cvelib.cve_api import CveRecord  # type: ignore[import-untyped]

from customhouse.formats.cve.write import Assigner, write_container, write_cve, write_rejection
from customhouse.formats.osv.model import PYPI, Affected, Credit, Event, Range, Record, Reference, Severity
from customhouse.infra.cve_services import CveServices
from customhouse.infra.fetch import Outbound
from customhouse.infra.reach import Reach
from customhouse.terms.errors import Refused, Rejected, Unavailable
from cve_services import ORG_ID, Simulator, cve_services

pytestmark = pytest.mark.slow

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
V3, V4 = (
    "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:U/C:N/I:H/A:N",
    "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N",
)
RECORD = Record(
    "x_HARBOUR-2026-2345-6789", NOW, NOW, summary="It writes outside", details="A member named ../x does.",
    affected=(
        Affected(
            PYPI, "demo", "demo",
            (Range("ECOSYSTEM", (Event("introduced", "0"), Event("fixed", "1.1"), Event("introduced", "2.0"))),),
            severity=(Severity("CVSS_V3", V3),),
        ),
    ),
    references=(Reference("ADVISORY", "https://index.test/advisory/x/"), Reference("FIX", "https://e.example/fix")),
    credits=(Credit("Rita", kind="FINDER"), Credit("Rob", kind="REMEDIATION_DEVELOPER")),
)  # fmt: skip


@pytest.fixture
def there() -> Iterator[Simulator]:
    with cve_services() as running:
        yield running


@pytest.fixture
def services(there: Simulator) -> CveServices:
    return CveServices(Outbound(Reach.parse(("127.0.0.0/8",))), there.url, there.org, there.user, there.key)


def container(**more: str) -> dict[str, object]:
    return write_container(
        RECORD, Assigner(ORG_ID, "harbour"), collection="https://index.test/simple/", weaknesses=("CWE-22",),
        solution="Upgrade.", **more,
    )  # fmt: skip


def cve(there: Simulator, *arguments: str) -> str:
    """The command of cvelib."""
    done = subprocess.run(
        [str(Path(sys.executable).parent / "cve"), "-u", there.user, "-o", there.org, "-a", there.key,
         "--api-url", there.url, *arguments],
        check=False, capture_output=True, text=True, timeout=60, env={"PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert done.returncode == 0, (done.stdout, done.stderr)
    return done.stdout


def test_a_record_that_we_write_is_one_by_cvelibs_schemas() -> None:
    CveRecord.validate(container(workaround="Do not unpack."), CveRecord.Schemas.CNA_PUBLISHED)
    whole = write_cve("CVE-2026-1000", container(), Assigner(ORG_ID, "harbour"), published=NOW, updated=NOW)
    CveRecord.validate(whole, CveRecord.Schemas.V5_SCHEMA)
    CveRecord.validate(write_rejection("Not used.", Assigner(ORG_ID)), CveRecord.Schemas.CNA_REJECTED)
    versions = whole["containers"]["cna"]["affected"][0]["versions"]
    assert [(one["version"], one["lessThan"]) for one in versions] == [("0", "1.1"), ("2.0", "*")]


@pytest.mark.parametrize(("kind", "vector"), [("CVSS_V3", V3), ("CVSS_V4", V4), ("CVSS_V3", V3.replace("3.1", "3.0"))])
def test_every_kind_of_score_is_written_as_the_schema_wants(kind: str, vector: str) -> None:
    scored = Record("X-1", NOW, NOW, summary="x", severity=(Severity(kind, vector),), affected=RECORD.affected[:0],
                    references=RECORD.references)  # fmt: skip
    found = write_container(scored, Assigner(ORG_ID), collection="https://index.test/")
    found["affected"] = [{"vendor": "a", "product": "b", "defaultStatus": "affected"}]
    CveRecord.validate(found, CveRecord.Schemas.CNA_PUBLISHED)
    assert len(found["metrics"]) == 1


def test_an_id_from_reservation_to_publication_and_rejection(services: CveServices, there: Simulator) -> None:
    cve_id = services.reserve(2026)
    assert there.state(cve_id) == "RESERVED"
    assert services.org_id() == ORG_ID
    services.publish(cve_id, container())
    services.publish(cve_id, container(workaround="Wait."))
    assert there.records[cve_id]["containers"]["cna"]["workarounds"]
    services.reject(cve_id, write_rejection("It was none.", Assigner(ORG_ID)))
    assert there.state(cve_id) == "REJECTED"
    unused = services.reserve(2026)
    services.release(unused)
    services.release(unused)
    assert there.state(unused) == "REJECTED"


def test_a_reservation_whose_answer_is_lost_is_in_the_list(services: CveServices, there: Simulator) -> None:
    before = datetime.now(UTC)
    there.lose_next = 1
    with pytest.raises(Unavailable):
        services.reserve(2026)
    for _ in range(25):
        services.reserve(2026)
    found = services.reserved_since(before)
    assert [one.cve_id for one in found] == sorted(there.ids)
    assert {one.user for one in found} == {there.user}


def test_who_can_mend_a_refusal_is_told_apart(services: CveServices, there: Simulator) -> None:
    with pytest.raises(Rejected, match="INVALID_JSON_SCHEMA"):
        services.publish(services.reserve(2026), {"providerMetadata": {"orgId": ORG_ID}})
    there.away = True
    with pytest.raises(Unavailable, match="Maintenance"):
        services.reserve(2026)
    there.away, there.key = False, "another"
    with pytest.raises(Refused, match="cve_key"):
        services.reserve(2026)


def test_cvelib_and_we_work_on_the_same_ids(services: CveServices, there: Simulator, tmp_path: Path) -> None:
    assert cve(there, "ping")
    reserved = json.loads(cve(there, "reserve", "--raw"))["cve_ids"][0]["cve_id"]
    ours = services.reserve(2026)
    assert ours in cve(there, "list")
    body = tmp_path / "cve.json"
    body.write_text(json.dumps(container()))
    cve(there, "publish", reserved, "-f", str(body))
    services.publish(ours, container())
    shown = json.loads(cve(there, "show", ours, "--show-record", "--raw"))
    record = shown.get("cve_record", shown)
    assert record["containers"]["cna"]["title"] == RECORD.summary
    body.write_text(json.dumps(there.records[ours]["containers"]["cna"]))
    cve(there, "validate", "-f", str(body))
