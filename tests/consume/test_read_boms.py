"""Bills of materials: CycloneDX and SPDX in all their dialects, and what is said of those that lie."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customhouse.consume.audit.read.detect import read_target
from customhouse.formats.inventory.cyclonedx import read_cyclonedx_values, read_cyclonedx_xml
from customhouse.formats.inventory.model import Edge, Subject
from customhouse.formats.inventory.purl import Purl, read_purl
from customhouse.formats.inventory.spdx import read_spdx_tags, read_spdx_values
from customhouse.terms.errors import Rejected

LOCKS = Path(__file__).parents[1] / "data/locks"


def cyclonedx(*components: dict[str, Any], **more: Any) -> Subject:
    return read_cyclonedx_values(
        {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": list(components), **more}, "bom.json"
    )  # fmt: skip


def pins(subject: Subject) -> list[tuple[str, str]]:
    return [(one.name, one.version) for one in subject.components]


def whys(subject: Subject) -> str:
    return " | ".join(gap.why for gap in subject.gaps)


def test_what_uv_exports_says_the_same_as_its_lock() -> None:
    (bill,) = read_target(LOCKS / "uv/bom.cdx.json")
    (lock,) = read_target(LOCKS / "uv/uv.lock")
    assert (bill.kind, bill.gaps) == ("cyclonedx", ())
    assert set(pins(bill)) == set(pins(lock))
    assert {one.name for one in bill.components if one.direct} == {
        one.name for one in lock.components if one.direct
    }  # fmt: skip
    assert all(one.hashes for one in bill.components)


def test_what_the_library_of_cyclonedx_writes_is_read_in_json_and_xml(tmp_path: Path) -> None:
    from cyclonedx.model.bom import Bom  # noqa: PLC0415
    from cyclonedx.model.component import Component, ComponentType  # noqa: PLC0415
    from cyclonedx.output import make_outputter  # noqa: PLC0415
    from cyclonedx.schema import OutputFormat, SchemaVersion  # noqa: PLC0415
    from packageurl import PackageURL  # noqa: PLC0415

    bom = Bom()
    root = Component(name="harbour", version="1", type=ComponentType.APPLICATION, bom_ref="root")
    one = Component(name="Django", version="4.2", purl=PackageURL("pypi", None, "django", "4.2"), bom_ref="d")
    two = Component(name="sqlparse", version="0.5", purl=PackageURL("pypi", None, "sqlparse", "0.5"), bom_ref="s")
    bom.metadata.component = root
    bom.components.update([one, two])
    bom.register_dependency(root, [one])
    bom.register_dependency(one, [two])
    for version in (SchemaVersion.V1_2, SchemaVersion.V1_4, SchemaVersion.V1_6):
        for kind, name in ((OutputFormat.JSON, "bom.json"), (OutputFormat.XML, "bom.xml")):
            path = tmp_path / name
            path.write_text(make_outputter(bom, kind, version).output_as_string())
            (subject,) = read_target(path)
            assert (pins(subject), subject.gaps) == ([("django", "4.2"), ("sqlparse", "0.5")], ())
            assert [found.direct for found in subject.components] == [True, False]
            assert subject.components[0].requires == (Edge("sqlparse"),)


def test_scopes_and_properties_of_tools_tell_groups() -> None:
    subject = cyclonedx(
        {"name": "a", "version": "1", "purl": "pkg:pypi/a@1", "scope": "excluded"},
        {"name": "b", "version": "1", "purl": "pkg:pypi/b@1", "scope": "optional"},
        {"name": "c", "version": "1", "purl": "pkg:pypi/c@1", "properties": [{"name": "cdx:poetry:group", "value": "docs"}]},
        {"name": "d", "version": "1", "purl": "pkg:pypi/d@1", "properties": [{"name": "cdx:pipenv:category", "value": "default"}]},
        {"name": "e", "version": "1", "purl": "pkg:pypi/e@1", "components": [{"name": "inner", "version": "2", "purl": "pkg:pypi/inner@2"}]},
    )  # fmt: skip
    assert [sorted(one.groups) for one in subject.components] == [
        ["dev"],
        ["production"],
        ["docs"],
        ["production"],
        ["production"],
        ["production"],
    ]
    assert pins(subject)[-1] == ("inner", "2")


def test_a_bill_that_contradicts_itself_is_audited_both_ways_and_told() -> None:
    subject = cyclonedx(
        {"bom-ref": "1", "name": "requests", "version": "2.31.0", "purl": "pkg:pypi/Urllib3@1.26.5"},
        {"bom-ref": "1", "name": "flask", "version": "3.0", "purl": "pkg:pypi/flask@0.12"},
        {"bom-ref": "3", "name": "novers", "purl": "pkg:pypi/novers"},
        {"bom-ref": "4", "name": "", "version": "1", "purl": "pkg:pypi/nameless@1"},
        {"bom-ref": "5", "name": "plain", "version": "1.0"},
        {"bom-ref": "6", "name": "odd", "version": "1.0", "purl": "purl:odd"},
        {"bom-ref": "7", "name": "left-pad", "version": "1.0", "purl": "pkg:npm/left-pad@1.0"},
        {"bom-ref": "8", "name": "openssl", "version": "1.1.1k", "purl": "pkg:generic/openssl@1.1.1k"},
        {"bom-ref": "9", "name": "README", "version": "1", "type": "file"},
        dependencies=[
            {"ref": "1", "dependsOn": ["3", "99"]}, {"ref": "3", "dependsOn": ["1"]}, {"ref": "4", "dependsOn": ["4"]},
        ],
    )  # fmt: skip
    assert pins(subject) == [
        ("urllib3", "1.26.5"), ("requests", "2.31.0"), ("flask", "0.12"), ("flask", "3.0"), ("nameless", "1"),
        ("plain", "1.0"), ("odd", "1.0"),
    ]  # fmt: skip
    told = whys(subject)
    for part in (
        "named 'requests', its package URL says 'urllib3'", "is '3.0', its package URL says '0.12'", "novers has no version",
        "stands for requests too", "lead to nothing, '99'", "no package URL, plain", "'purl:odd' is no package URL",
        "1 parts of the kind 'npm'",
    ):  # fmt: skip
        assert part in told
    assert [(one.name, one.version) for one in subject.libraries] == [("openssl", "1.1.1k")]
    # Those of a circle are asked for too: each finding has a way to it.
    assert {one.name for one in subject.components if one.direct} >= {"requests", "nameless", "plain"}


def test_what_a_bill_is_about_is_audited_only_where_it_is_published() -> None:
    part = {"bom-ref": "x", "name": "leaf", "version": "1", "purl": "pkg:pypi/leaf@1"}
    own = cyclonedx(
        part,
        metadata={"component": {"bom-ref": "r", "name": "harbour", "version": "1"}},
        dependencies=[{"ref": "r", "dependsOn": ["x"]}],
    )
    assert pins(own) == [("leaf", "1")]
    published = cyclonedx(
        part, metadata={"component": {"bom-ref": "r", "name": "harbour", "version": "1", "purl": "pkg:pypi/harbour@1"}}
    )
    assert pins(published) == [("harbour", "1"), ("leaf", "1")]
    nothing = cyclonedx(metadata={"component": {"name": "harbour"}})
    assert "lists nothing" in whys(nothing)
    assert "not known here" in whys(
        read_cyclonedx_values({"bomFormat": "CycloneDX", "specVersion": "9.9", "components": [part]}, "x")
    )


SPDX_2 = {
    "spdxVersion": "SPDX-2.3",
    "SPDXID": "SPDXRef-DOCUMENT",
    "documentDescribes": ["SPDXRef-root"],
    "packages": [
        {"SPDXID": "SPDXRef-root", "name": "harbour", "versionInfo": "1"},
        {
            "SPDXID": "SPDXRef-a", "name": "Alpha", "versionInfo": "1.0",
            "externalRefs": [
                {"referenceCategory": "SECURITY", "referenceType": "cpe23Type", "referenceLocator": "cpe:2.3:a:x:alpha:1.0"},
                {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": "pkg:pypi/alpha@1.0"},
            ],
            "checksums": [{"algorithm": "SHA256", "checksumValue": "AA"}],
        },
        {"SPDXID": "SPDXRef-b", "name": "beta", "versionInfo": "2.0", "externalRefs": [{"referenceType": "purl", "referenceLocator": "pkg:pypi/beta@2.0"}]},
        {"SPDXID": "SPDXRef-t", "name": "tester", "versionInfo": "3.0", "externalRefs": [{"referenceType": "purl", "referenceLocator": "pkg:pypi/tester@3.0"}]},
        {"SPDXID": "SPDXRef-u", "name": "under", "versionInfo": "NOASSERTION", "externalRefs": [{"referenceType": "purl", "referenceLocator": "pkg:pypi/under@4.0"}]},
    ],
    "relationships": [
        {"spdxElementId": "SPDXRef-root", "relationshipType": "DEPENDS_ON", "relatedSpdxElement": "SPDXRef-a"},
        {"spdxElementId": "SPDXRef-b", "relationshipType": "DEPENDENCY_OF", "relatedSpdxElement": "SPDXRef-a"},
        {"spdxElementId": "SPDXRef-t", "relationshipType": "DEV_DEPENDENCY_OF", "relatedSpdxElement": "SPDXRef-root"},
        {"spdxElementId": "SPDXRef-t", "relationshipType": "DEPENDS_ON", "relatedSpdxElement": "SPDXRef-u"},
        {"spdxElementId": "SPDXRef-t", "relationshipType": "DEPENDS_ON", "relatedSpdxElement": "SPDXRef-b"},
        {"spdxElementId": "SPDXRef-a", "relationshipType": "CONTAINS", "relatedSpdxElement": "SPDXRef-File-1"},
    ],
}  # fmt: skip

SPDX_TAGS = """SPDXVersion: SPDX-2.2
DocumentName: harbour
DocumentComment: <text>PackageName: not-one
PackageVersion: 9</text>
Relationship: SPDXRef-DOCUMENT DESCRIBES SPDXRef-root
PackageName: harbour
SPDXID: SPDXRef-root
PackageVersion: 1
PackageName: Alpha
SPDXID: SPDXRef-a
PackageVersion: 1.0
PackageChecksum: SHA256: AA
ExternalRef: PACKAGE-MANAGER purl pkg:pypi/alpha@1.0
FileName: ./x.py
SPDXID: SPDXRef-File-1
PackageName: beta
SPDXID: SPDXRef-b
PackageVersion: 2.0
ExternalRef: PACKAGE_MANAGER http://spdx.org/rdf/references/purl pkg:pypi/beta@2.0
PackageName: tester
SPDXID: SPDXRef-t
PackageVersion: 3.0
ExternalRef: PACKAGE-MANAGER purl pkg:pypi/tester@3.0
PackageName: under
SPDXID: SPDXRef-u
PackageVersion: NOASSERTION
ExternalRef: PACKAGE-MANAGER purl pkg:pypi/under@4.0
Relationship: SPDXRef-root DEPENDS_ON SPDXRef-a
Relationship: SPDXRef-b DEPENDENCY_OF SPDXRef-a
Relationship: SPDXRef-t DEV_DEPENDENCY_OF SPDXRef-root
Relationship: SPDXRef-t DEPENDS_ON SPDXRef-u
Relationship: SPDXRef-t DEPENDS_ON SPDXRef-b
"""

SPDX_3 = {
    "@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld",
    "@graph": [
        {"type": "SpdxDocument", "spdxId": "urn:doc", "rootElement": ["urn:sbom"]},
        {"type": "software_Sbom", "spdxId": "urn:sbom", "rootElement": ["urn:root"]},
        {"type": "software_Package", "spdxId": "urn:root", "name": "harbour", "software_packageVersion": "1"},
        {"type": "software_Package", "spdxId": "urn:a", "name": "Alpha", "software_packageVersion": "1.0", "software_packageUrl": "pkg:pypi/alpha@1.0", "verifiedUsing": [{"type": "Hash", "algorithm": "sha256", "hashValue": "AA"}]},
        {"type": "software_Package", "spdxId": "urn:b", "name": "beta", "software_packageVersion": "2.0", "externalIdentifier": [{"externalIdentifierType": "packageUrl", "identifier": "pkg:pypi/beta@2.0"}]},
        {"type": "software_Package", "spdxId": "urn:t", "name": "tester", "software_packageVersion": "3.0", "software_packageUrl": "pkg:pypi/tester@3.0"},
        {"type": "software_Package", "spdxId": "urn:u", "name": "under", "software_packageUrl": "pkg:pypi/under@4.0"},
        {"type": "Relationship", "spdxId": "urn:r1", "from": "urn:root", "relationshipType": "dependsOn", "to": ["urn:a"]},
        {"type": "Relationship", "spdxId": "urn:r2", "from": "urn:a", "relationshipType": "dependsOn", "to": ["urn:b"]},
        {"type": "LifecycleScopedRelationship", "spdxId": "urn:r3", "from": "urn:root", "relationshipType": "dependsOn", "to": ["urn:t"], "scope": "development"},
        {"type": "Relationship", "spdxId": "urn:r4", "from": "urn:t", "relationshipType": "dependsOn", "to": ["urn:u", "urn:b"]},
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    "subject",
    [read_spdx_values(SPDX_2, "x"), read_spdx_tags(SPDX_TAGS, "x"), read_spdx_values(SPDX_3, "x")],
    ids=["json", "tags", "3.0"],
)
def test_spdx_says_the_same_in_each_of_its_dialects(subject: Subject) -> None:
    assert (subject.kind, whys(subject)) == ("spdx", "")
    assert pins(subject) == [("alpha", "1.0"), ("beta", "2.0"), ("tester", "3.0"), ("under", "4.0")]
    assert {one.name: sorted(one.groups) for one in subject.components} == {
        "alpha": ["production"], "beta": ["dev", "production"], "tester": ["dev"], "under": ["dev"],
    }  # fmt: skip
    assert {one.name for one in subject.components if one.direct} == {"alpha", "tester"}
    assert subject.components[0].hashes == {"sha256:aa"}
    assert subject.components[0].requires == (Edge("beta"),)


def test_files_are_told_apart_by_what_they_hold(tmp_path: Path) -> None:
    for name, text, kind in (
        ("a.json", json.dumps(SPDX_2), "spdx"), ("b.spdx", SPDX_TAGS, "spdx"), ("c.jsonld", json.dumps(SPDX_3), "spdx"),
        ("d", '{"bomFormat": "CycloneDX", "specVersion": "1.5", "components": []}', "cyclonedx"),
    ):  # fmt: skip
        (tmp_path / name).write_text(text)
        (subject,) = read_target(tmp_path / name)
        assert subject.kind == kind
    for name, text in (("e.json", "{}"), ("f.json", "[1"), ("g.xml", "<html/>"), ("h.bin", "what?"), ("i", "")):
        (tmp_path / name).write_text(text)
        with pytest.raises(Rejected, match=name) as refused:
            read_target(tmp_path / name)
        assert refused.value.accepted


@pytest.mark.parametrize(
    "body",
    [
        b'<!DOCTYPE bom [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><bom xmlns="http://cyclonedx.org/schema/bom/1.4"><components/></bom>',
        b'<!DOCTYPE bom SYSTEM "file:///etc/passwd"><bom xmlns="http://cyclonedx.org/schema/bom/1.4"/>',
        b'<bom xmlns="http://cyclonedx.org/schema/bom/1.4">' + b"<components>" * 100,
        b'<bom xmlns="http://cyclonedx.org/schema/bom/1.4">&xxe;</bom>',
        b'<bom xmlns="http://cyclonedx.org/schema/bom/1.4">',
        b"<bom/>",
        b"",
        b"\0",
        b'<?xml version="1.0" encoding="klingon"?><bom/>',
    ],
)
def test_xml_with_doctypes_entities_or_damage_is_refused(body: bytes) -> None:
    with pytest.raises(Rejected):
        read_cyclonedx_xml(body, "bom.xml")


def test_package_urls_are_read_apart() -> None:
    assert read_purl("pkg:pypi/Foo_Bar@1.0%2Bcu118?file_name=x#y") == Purl("pypi", "foo-bar", "1.0+cu118")
    assert read_purl("pkg:PyPI/foo") == Purl("pypi", "foo", "")
    assert read_purl("pkg:npm/%40scope/name@2") == Purl("npm", "@scope/name", "2")
    assert read_purl("pkg:rpm/almalinux/openssl-libs@1.1.1k-15") == Purl("rpm", "almalinux/openssl-libs", "1.1.1k-15")
    for none in ("", "pkg:", "pkg:pypi", "pkg:pypi/", "npm/x@1", "pkg:pypi/@1" + "x" * 5000):
        assert read_purl(none) is None


def test_large_bills_and_circles_end_in_time() -> None:
    count = 8_000
    components = [
        {"bom-ref": str(n), "name": f"p{n}", "version": "1", "purl": f"pkg:pypi/p{n}@1"} for n in range(count)
    ]
    circle = [{"ref": str(n), "dependsOn": [str((n + 1) % count), str(n)]} for n in range(count)]
    start = time.process_time()
    subject = cyclonedx(*components, dependencies=circle)
    assert len(subject.components) == count
    assert time.process_time() - start < 3
    nested: dict[str, Any] = {"name": "x", "version": "1"}
    for _ in range(40):
        nested = {"name": "x", "version": "1", "components": [nested]}
    assert "more than 20 deep" in whys(cyclonedx(nested))
    many = [{"name": f"n{n}"} for n in range(100)]
    assert "more like these" in whys(cyclonedx(*many))


ODD: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["", "a", "1", "pkg:pypi/a@1", "dependsOn", "SPDXRef-a", "software_Package"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["name", "version", "purl", "bom-ref", "hashes", "alg", "content", "components", "ref", "dependsOn", "SPDXID", "versionInfo", "externalRefs", "referenceType", "type", "spdxId", "from", "to", "properties"]), inner, max_size=4),
    max_leaves=15,
)  # fmt: skip


@given(ODD, ODD, ODD)
@settings(max_examples=80)
def test_values_of_the_wrong_kind_break_no_reader(one: Any, two: Any, three: Any) -> None:
    bills = (
        read_cyclonedx_values(
            {"bomFormat": "CycloneDX", "specVersion": "1.5", "components": one, "dependencies": two, "metadata": three},
            "x",
        ),
        read_spdx_values(
            {"spdxVersion": "SPDX-2.3", "packages": one, "relationships": two, "documentDescribes": three}, "x"
        ),
        read_spdx_values({"@context": "spdx", "@graph": [one, two, three]}, "x"),
    )
    assert all(isinstance(bill, Subject) for bill in bills)


@given(st.text(max_size=300))
@settings(max_examples=60)
def test_any_text_is_a_bill_or_refused(text: str) -> None:
    with suppress(Rejected):
        read_spdx_tags(text, "x")
    with suppress(Rejected):
        read_cyclonedx_xml(text.encode("utf-8", "replace"), "x")
    read_spdx_tags("SPDXVersion: SPDX-2.3\n" + text, "x")


def test_a_bill_of_which_nothing_was_audited_says_so() -> None:
    only = {"spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT"}
    one = {"name": "django", "versionInfo": "1.2", "SPDXID": "a"}
    own = read_spdx_values({**only, "documentDescribes": ["a"], "packages": [one]}, "b")
    assert (own.components, [gap.why for gap in own.gaps]) == (
        (), ["nothing in it is a Python package: nothing was audited"],
    )  # fmt: skip
    # A document that describes several things is a list of packages.
    other = {"name": "six", "versionInfo": "1.16.0", "SPDXID": "b"}
    several = read_spdx_values({**only, "documentDescribes": ["a", "b"], "packages": [one, other, "third"]}, "b")
    assert [(part.name, part.version) for part in several.components] == [("django", "1.2"), ("six", "1.16.0")]
    assert several.gaps[0].why == "1 of them are no objects"
    inner = {"name": "a", "version": "1", "type": "library", "components": {"name": "django"}}
    bill = read_cyclonedx_values({"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [inner]}, "b")
    assert bill.gaps[0].why == "it is no list: nothing of it was read"
