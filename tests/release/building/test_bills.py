"""Bills of materials: valid by the schemas, the same each time, and of what is really there."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from building import BUILD, Twice
from customhouse.formats.bundled.model import BundledLibrary, Evidence
from customhouse.release.actions import Problem
from customhouse.release.building.bill import Bill, Needed, Part, read_bill
from customhouse.release.building.bill_cyclonedx import cyclonedx
from customhouse.release.building.bill_spdx import spdx
from customhouse.release.building.sbom import BuildSbom
from customhouse.release.checks.sbom import SbomDescribes
from customhouse.release.things import Thing

SBOM = replace(BUILD, id="sbom", uses="build.sbom", inputs=("dists",), outputs=("sbom",), rebuild=None, options={})
LIBRARY = BundledLibrary(
    "libwebp", "1.3.1", "pillow.libs/libwebp.so", (Evidence("string", "1.3.1", "pillow.libs/libwebp.so", "x"),),
    "pkg:generic/libwebp@1.3.1",
)  # fmt: skip
UNKNOWN = replace(LIBRARY, name="zlib", version=None, purl="")
BILL = Bill(
    "Demo.Project", "2.0", 1767323045, "c" * 40,
    (
        Part(Thing("demo_project-2.0.tar.gz", "sha256", "a" * 64, 10), (Needed("numpy", "numpy>=2"),), is_package=True),
        Part(
            Thing("demo_project-2.0-py3-none-any.whl", "sha256", "b" * 64, 11),
            (Needed("numpy", "numpy>=2"), Needed("rich", 'rich; extra == "pretty"')), (LIBRARY, UNKNOWN), is_package=True,
        ),
        Part(Thing("setup ü.exe", "sha256", "d" * 64, 12)),
    ),
    "MIT", "Demonstrates",
)  # fmt: skip
EMPTY = replace(BILL, parts=(Part(Thing("a.exe", "sha256", "a" * 64)),), licence="", summary="")


@pytest.mark.parametrize("bill", [BILL, EMPTY], ids=["full", "bare"])
def test_the_official_schema_of_cyclonedx_is_kept(bill: Bill) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(cyclonedx(bill, "1").decode()) is None


@pytest.mark.parametrize("bill", [BILL, EMPTY], ids=["full", "bare"])
def test_what_spdx_2_3_demands_is_there(bill: Bill) -> None:
    document = json.loads(spdx(bill, "1"))
    assert document["spdxVersion"] == "SPDX-2.3"
    assert {"dataLicense", "SPDXID", "name", "documentNamespace", "creationInfo"} <= document.keys()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", document["creationInfo"]["created"])
    ids = ["SPDXRef-DOCUMENT", *(one["SPDXID"] for one in document["packages"])]
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"SPDXRef-[A-Za-z0-9.-]+", one) for one in ids)
    for one in document["packages"]:
        assert {"name", "SPDXID", "downloadLocation"} <= one.keys()
    for one in document["relationships"]:
        assert {one["spdxElementId"], one["relatedSpdxElement"]} <= set(ids)
    assert sum(one["relationshipType"] == "DESCRIBES" for one in document["relationships"]) == len(bill.parts)


def test_what_is_needed_and_bundled_is_named() -> None:
    found = json.loads(cyclonedx(BILL, "1"))
    assert [(one["bom-ref"], one["scope"]) for one in found["components"]] == [
        ("needs:numpy", "required"), ("needs:rich", "optional"), ("bundled:libwebp@1.3.1", "required"),
        ("bundled:zlib@unknown", "required"),
    ]  # fmt: skip
    assert "version" not in found["components"][3]
    contains = [one for one in json.loads(spdx(BILL, "1"))["relationships"] if one["relationshipType"] == "CONTAINS"]
    assert [one["relatedSpdxElement"] for one in contains] == [
        "SPDXRef-Bundled-libwebp-1.3.1",
        "SPDXRef-Bundled-zlib-unknown",
    ]


def test_the_same_files_make_the_same_bytes_and_others_do_not() -> None:
    for write in (cyclonedx, spdx):
        assert write(BILL, "1") == write(BILL, "1")
        assert write(BILL, "1") != write(replace(BILL, commit="e" * 40), "1")


@pytest.mark.slow
def test_the_bills_of_the_sealed_project_describe_what_was_built(twice: Twice, tmp_path: Path) -> None:
    run = twice.bench.run(SBOM, outputs=twice.one.outputs)
    made = BuildSbom().do(run)
    assert [one.name for one in made.outputs["sbom"]] == ["sealed-1.0.0.cdx.json", "sealed-1.0.0.spdx.json"]
    assert SbomDescribes().look(run, made).ok
    again = BuildSbom().do(twice.bench.run(SBOM, outputs=twice.other.outputs))
    assert again.outputs == made.outputs
    assert BuildSbom().probe(run) == made
    body = json.loads(twice.bench.store.fetch(made.outputs["sbom"][0], tmp_path).read_text())
    assert body["metadata"]["component"]["licenses"] == [{"expression": "MIT"}]


@pytest.mark.slow
def test_only_the_format_that_is_asked_for_is_written(twice: Twice) -> None:
    step = replace(SBOM, options={"format": "spdx"})
    with pytest.raises(Problem, match=r"sealed-1.0.0.cdx.json") as caught:  # the pipeline declares both
        BuildSbom().do(twice.bench.run(step, outputs=twice.one.outputs))
    assert caught.value.code == "missing-file"


@pytest.mark.slow
def test_the_bill_reads_requirements_from_the_files(twice: Twice, tmp_path: Path) -> None:
    files = [(thing, twice.bench.store.fetch(thing, tmp_path)) for thing in twice.one.outputs["dists"]]
    bill = read_bill("sealed", "1.0.0", 1, "c" * 40, files)
    assert (bill.needed, bill.licence, bill.summary) == ((), "MIT", "Counts what is under a seal")
