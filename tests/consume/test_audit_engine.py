"""Components against advisories: what is found, who brought it in, what mends it, what could not be told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from advising import DATA, record
from auditing import snapshot_of
from customhouse.consume.audit.engine import Engine, Scope
from customhouse.consume.audit.model import Component, Edge, Finding, Gap, Library, Report, Subject
from customhouse.consume.audit.paths import Origins
from customhouse.consume.audit.verdict import counts, exit_code
from customhouse.consume.audit.write.table import table
from customhouse.consume.snapshot.read import Snapshot
from customhouse.consume.snapshot.sources import write_document
from customhouse.consume.snapshot.update import update
from customhouse.consume.wire import Wire
from customhouse.formats.osv.model import Event, Range, Record
from customhouse.formats.osv.read import read_record
from customhouse.formats.osv.severity import Level, Score
from customhouse.terms.errors import Rejected

Known = Callable[..., Snapshot]


@pytest.fixture
def known(tmp_path: Path) -> Known:
    """Makes a snapshot of some records."""

    def make(*records: Record) -> Snapshot:
        return Snapshot(snapshot_of(tmp_path / "s.sqlite", *records))

    return make


def lock(*components: Component, **more: object) -> Subject:
    return replace(Subject("some.lock", "uv-lock", components), **more)  # type: ignore[arg-type]


def part(
    name: str, version: str = "1.0", *requires: str, direct: bool = False, groups: Sequence[str] = ("production",)
) -> Component:
    return Component(
        name, version, f"some.lock: {name}", frozenset(groups), direct=direct, requires=tuple(map(Edge, requires))
    )


def ids(report: Report) -> list[tuple[str, str]]:
    return [(one.component.name, one.same.names[0]) for one in report.findings]


def test_each_component_is_asked_for_by_its_name(known: Known) -> None:
    store = known(record("PYSEC-2026-1", "Demo.One", fixed="2.0"), record("PYSEC-2026-2", "other", fixed="2.0"))
    report = Engine(store).audit([lock(part("demo-one"), part("other", "2.0"), part("third"))])
    assert ids(report) == [("demo-one", "PYSEC-2026-1")]
    assert (report.advisories, report.snapshot, report.gaps) == (2, "2026-11-20T00:00:00Z", ())


def test_records_of_one_vulnerability_are_one_finding_with_all_its_names(known: Known) -> None:
    store = known(
        record("GHSA-aaaa-bbbb-cccc", "demo", fixed="2.0", aliases=["CVE-2026-1"]),
        record("PYSEC-2026-1", "demo", fixed="2.1", aliases=["CVE-2026-1"]),
        record("PYSEC-2026-2", "demo", fixed="3.0", aliases=["CVE-2026-2"]),
    )
    report = Engine(store).audit([lock(part("demo"))])
    assert [one.same.names for one in report.findings] == [
        ("PYSEC-2026-1", "GHSA-aaaa-bbbb-cccc", "CVE-2026-1"), ("PYSEC-2026-2", "CVE-2026-2"),
    ]  # fmt: skip
    assert [one.fixes for one in report.findings] == [("2.0", "2.1"), ("3.0",)]


def test_a_record_that_does_not_affect_the_version_still_joins_two_that_do(known: Known) -> None:
    store = known(
        record("PYSEC-2026-1", "demo", fixed="2.0", aliases=["CVE-2026-1"]),
        record("PYSEC-2026-2", "demo", fixed="2.0", aliases=["CVE-2026-2"]),
        record("GHSA-aaaa-bbbb-cccc", "demo", introduced="0.1", fixed="0.2", aliases=["CVE-2026-1", "CVE-2026-2"]),
    )
    (finding,) = Engine(store).audit([lock(part("demo"))]).findings
    assert [one.id for one in finding.same.records] == ["PYSEC-2026-1", "PYSEC-2026-2"]


def test_the_upgrade_mends_everything_and_is_not_affected_itself(known: Known) -> None:
    store = known(
        record("PYSEC-2026-1", "demo", fixed="1.2"),
        record("PYSEC-2026-2", "demo", introduced="1.1", fixed="1.4"),
        record("PYSEC-2026-3", "demo", introduced="0.5", fixed="2.0rc1"),
        record("PYSEC-2026-4", "demo", introduced="2.0", fixed="2.1"),
    )
    upgrades = {one.upgrade for one in Engine(store).audit([lock(part("demo", "1.0"))]).findings}
    assert upgrades == {"2.1"}


def test_the_upgrade_stays_in_the_same_major_version_if_that_is_mended_too(known: Known) -> None:
    store = known(
        read_record({"id": "PYSEC-2026-1", "modified": "2026-11-01T00:00:00Z", "affected": [
            {"package": {"ecosystem": "PyPI", "name": "demo"}, "ranges": [{"type": "ECOSYSTEM", "events": [
                {"introduced": "0"}, {"fixed": "1.2"}, {"introduced": "2.0"}, {"fixed": "2.3"}]}]}]}, "x")
    )  # fmt: skip
    (of_one,) = Engine(store).audit([lock(part("demo", "1.0"))]).findings
    (of_two,) = Engine(store).audit([lock(part("demo", "2.0"))]).findings
    assert (of_one.upgrade, of_two.upgrade) == ("1.2", "2.3")
    assert (of_one.fixes, of_two.fixes) == (("1.2", "2.3"), ("2.3",))


def test_where_the_index_tells_its_versions_the_upgrade_is_one_of_them(known: Known) -> None:
    store = known(
        record("PYSEC-2026-1", "demo", fixed="1.2"), record("PYSEC-2026-2", "demo", introduced="1.5", fixed="1.6")
    )
    engine = Engine(store, existing=lambda _one: ["1.0", "1.1", "1.5", "1.7", "3.0"])
    (finding,) = engine.audit([lock(part("demo", "1.0"))]).findings
    assert finding.upgrade == "1.7"
    engine = Engine(store, existing=lambda _one: ["1.0"])
    assert engine.audit([lock(part("demo", "1.0"))]).findings[0].upgrade is None


def test_a_pre_release_is_no_upgrade_for_who_has_none(known: Known) -> None:
    store = known(record("PYSEC-2026-1", "demo", fixed="2.0rc1"))
    stable, early = Engine(store).audit([lock(part("demo", "1.0")), lock(part("demo", "2.0b1"))]).findings
    assert (stable.upgrade, early.upgrade) == (None, "2.0rc1")


def test_who_brought_it_in_is_told_shortest_first_and_knots_are_no_trouble() -> None:
    parts = [
        part("app", "1", "web", "knot", direct=True), part("web", "1", "low"), part("knot", "1", "tangle"),
        part("tangle", "1", "knot", "low"), part("low", "1", "knot"), part("other", "1", "low", direct=True),
    ]  # fmt: skip
    assert Origins(parts).paths("low") == (("other", "low"), ("app", "web", "low"), ("app", "knot", "tangle", "low"))
    assert Origins(parts).paths("app") == (("app",),)
    assert Origins(parts).paths("nobody") == ()


def test_a_great_knot_is_left_alone_in_time() -> None:
    names = [f"p{at}" for at in range(200)]
    parts = [part(name, "1", *(other for other in names if other != name)) for name in names]
    parts.append(part("app", "1", "p0", direct=True))
    assert Origins(parts).paths("p199")[0] == ("app", "p0", "p199")


def test_without_a_direct_component_those_count_that_nobody_requires() -> None:
    assert Origins([part("a", "1", "b"), part("b", "1", "c"), part("c")]).paths("c") == (("a", "b", "c"),)


def test_groups_are_audited_apart(known: Known) -> None:
    store = known(*(record(f"PYSEC-2026-{at}", name, fixed="2") for at, name in enumerate(("app", "test", "both"))))
    subject = lock(
        part("app", groups=["production"]), part("test", groups=["dev"]), part("both", groups=["dev", "production"])
    )

    def found(scope: Scope) -> list[str]:
        return sorted(one.component.name for one in Engine(store, scope).audit([subject]).findings)

    assert found(Scope()) == ["app", "both", "test"]
    assert found(Scope(frozenset({"production"}))) == ["app", "both"]
    assert found(Scope(frozenset({"dev"}))) == ["both", "test"]


def test_a_record_without_versions_is_a_gap_and_no_silence(known: Known) -> None:
    silent = read_record({"id": "PYSEC-2026-1", "modified": "2026-11-01T00:00:00Z", "affected": [
        {"package": {"ecosystem": "PyPI", "name": "demo"}}]}, "x")  # fmt: skip
    odd = record("PYSEC-2026-2", "odd", fixed="0.2.0-n653")
    report = Engine(known(silent, odd)).audit([lock(part("demo"), part("odd"))])
    assert [one.why for one in report.gaps] == [
        "PYSEC-2026-1 speaks of demo and names no versions",
        "PYSEC-2026-2 has bounds that are no versions (0.2.0-n653): it may be wrong here",
    ]
    assert exit_code(Engine(known(silent)).audit([lock(part("demo"))]), Level.LOW) == 3
    ignored = {"PYSEC-2026-1": "read", "PYSEC-2026-2": "read"}
    assert Engine(known(silent, odd), ignored=ignored).audit([lock(part("demo"), part("odd"))]) == Report(
        (lock(part("demo"), part("odd")),), advisories=2, snapshot="2026-11-20T00:00:00Z",
        passed_over=("odd 1.0: PYSEC-2026-2",),
    )  # fmt: skip


def test_an_advisory_that_could_not_be_read_is_a_gap_where_it_may_matter(tmp_path: Path) -> None:
    folder = tmp_path / "vulns"
    folder.mkdir()
    (folder / "a.json").write_text(
        '{"id": "PYSEC-2026-1", "affected": [{"package": {"ecosystem": "PyPI", "name": "Demo"}}]}'
    )
    (folder / "b.json").write_bytes(write_document(record("PYSEC-2026-2", "third", fixed="2.0")))
    update(tmp_path / "s.sqlite", [str(folder)], Wire)
    engine = Engine(Snapshot(tmp_path / "s.sqlite"))
    assert engine.audit([lock(part("other"))]).gaps == ()
    assert [one.where for one in engine.audit([lock(part("demo"))]).gaps] == ["advisory a.json"]


def test_versions_that_are_none_are_compared_as_text(known: Known) -> None:
    store = known(record("PYSEC-2026-1", "demo", versions=["0.9p1"]))
    assert ids(Engine(store).audit([lock(part("demo", "0.9p1"))])) == [("demo", "PYSEC-2026-1")]
    assert ids(Engine(store).audit([lock(part("demo", "0.9p2"))])) == []


def test_the_interpreter_is_judged_by_the_advisories_of_the_psf(tmp_path: Path) -> None:
    update(tmp_path / "s.sqlite", [str(DATA / "psf-advisory-database.tar.xz")], Wire)
    store = Snapshot(tmp_path / "s.sqlite")
    report = Engine(store).audit([Subject("here", "interpreter", interpreter="3.11.4")])
    assert ("cpython", "PSF-2023-8") in ids(report)
    assert ("cpython", "PSF-2023-8") not in ids(
        Engine(store).audit([Subject("here", "interpreter", interpreter="3.11.5")])
    )
    assert Engine(store).audit([Subject("here", "interpreter", interpreter="2.x")]).gaps[0].where == "here"


def test_a_bundled_library_is_found_in_the_package_that_brings_it(known: Known) -> None:
    webp = read_record({
        "id": "CVE-2023-4863", "modified": "2026-11-01T00:00:00Z", "summary": "Heap buffer overflow",
        "affected": [{"ranges": [{"type": "GIT", "repo": "https://chromium.googlesource.com/webm/libwebp",
                                  "events": [{"introduced": "0"}, {"fixed": "2af26267"}]}],
                      "versions": ["v1.3.0", "v1.3.1"]}]}, "x")  # fmt: skip
    other = record("PYSEC-2026-9", "third", fixed="2")

    def wheel(version: str | None) -> Subject:
        library = Library("libwebp", version, "pillow", "pillow.libs/libwebp-850e2bec.so.7.1.7", "soname-table")
        return Subject("pillow.whl", "wheel", (part("pillow", "10.0.0"),), libraries=(library,))

    (finding,) = Engine(known(webp, other)).audit([wheel("1.3.1")]).findings
    assert (finding.component.name, finding.same.names, finding.library is not None) == (
        "pillow",
        ("CVE-2023-4863",),
        True,
    )
    subject = wheel("1.3.1")
    twice = replace(
        subject, libraries=(*subject.libraries, subject.libraries[0]._replace(where="pillow.libs/libwebpmux.so.3"))
    )
    (finding,) = Engine(known(webp, other)).audit([twice]).findings
    assert finding.library is not None
    assert finding.library.where == "pillow.libs/libwebp-850e2bec.so.7.1.7 and 1 more file"
    assert Engine(known(webp, other)).audit([wheel("1.3.2")]).findings == ()
    (gap,) = Engine(known(webp, other)).audit([wheel(None)]).gaps
    assert gap.why == "whether the bundled libwebp of unknown version is affected by CVE-2023-4863 cannot be told"


def test_what_a_distribution_built_and_what_is_known_by_its_major_version_is_said(known: Known) -> None:
    one = read_record({"id": "CVE-2026-1", "modified": "2026-11-01T00:00:00Z", "affected": [{
        "package": {"ecosystem": "ConanCenter", "name": "libpq"},
        "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": "17.5"}]}]}]}, "x")  # fmt: skip

    def audited(version: str, evidence: str, purl: str = "") -> Report:
        library = Library("libpq", version, "psycopg2", "psycopg2.libs/libpq.so.5", evidence, purl)
        subject = Subject("w.whl", "wheel", (part("psycopg2"),), libraries=(library,))
        return Engine(known(one, record("PYSEC-2026-9", "third", fixed="2"))).audit([subject])

    (finding,) = audited("13.1", "sbom-distribution: x", "pkg:rpm/almalinux/postgresql-libs@13.1").findings
    assert finding.remarks == ("almalinux built it, and may have mended this without a new version.",)
    assert finding.fixes == ("17.5",)
    assert "cannot be told" in audited("17", "soname-major: libpq.so.5.17").gaps[0].why
    assert audited("17.5", "string: 17.5") == replace(audited("17.5", "string: 17.5"), findings=(), gaps=())


def openssl(known: Known, version: str | None, *conflicting: str) -> Report:
    """What an audit says of a wheel with OpenSSL in it, where 1.1.1 is mended in 1.1.1l."""
    one = read_record({"id": "CVE-2021-3711", "modified": "2026-11-01T00:00:00Z", "affected": [{
        "package": {"ecosystem": "ConanCenter", "name": "openssl"},
        "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "1.1.1"}, {"fixed": "1.1.1l"}]}]}]}, "x")  # fmt: skip
    library = Library("OpenSSL", version, "demo", "demo.libs/libssl.so.1.1", "string: OpenSSL", "", conflicting)
    store = known(one, record("PYSEC-2026-9", "third", fixed="2"))
    return Engine(store).audit([Subject("w.whl", "wheel", (part("demo"),), libraries=(library,))])


@pytest.mark.parametrize(
    ("version", "affected"),
    [("1.1.1k", True), ("1.1.1", True), ("1.1.1l", False), ("1.1.1za", False), ("1.1.0l", False), ("3.0.0", False)],
)
def test_versions_of_libraries_are_in_the_order_of_libraries(known: Known, version: str, affected: bool) -> None:
    found = openssl(known, version)
    assert [one.fixes for one in found.findings] == [("1.1.1l",)] * affected
    assert found.gaps == ()


def test_where_evidence_contradicts_itself_both_versions_count_and_are_told(known: Known) -> None:
    for versions in (("1.1.1k", "1.1.1w"), ("1.1.1w", "1.1.1k")):
        (finding,) = openssl(known, *versions).findings
        said = " or ".join(versions)
        assert finding.remarks == (f"It may be affected: the evidence says {said}, and 1.1.1w is not.",)
        text = " ".join(table(openssl(known, *versions), Level.LOW).split())
        assert f"in openssl {said}, bundled:" in text
        assert "It may be affected" in text
    assert openssl(known, "1.1.1v", "1.1.1w").findings == ()
    assert openssl(known, "1.1.1j", "1.1.1k").findings[0].remarks == ()


@pytest.mark.parametrize(
    ("levels", "gaps", "threshold", "code"),
    [
        ([], 0, "low", 0), ([Level.LOW], 0, "low", 1), ([Level.LOW], 0, "medium", 0), ([Level.NONE], 0, "low", 0),
        ([Level.UNKNOWN], 0, "critical", 1), ([Level.CRITICAL], 0, "critical", 1), ([], 1, "low", 3),
        ([Level.HIGH], 1, "low", 1), ([Level.LOW], 1, "high", 3),
    ],
)  # fmt: skip
def test_the_exit_code_says_findings_before_gaps(
    levels: Sequence[Level], gaps: int, threshold: str, code: int, known: Known
) -> None:
    (one,) = Engine(known(record("PYSEC-2026-1", "demo", fixed="2"))).audit([lock(part("demo"))]).findings
    report = Report((), tuple(replace(one, score=Score(level)) for level in levels), (), (Gap("there", "why"),) * gaps)
    assert exit_code(report, Level[threshold.upper()]) == code
    known_already: list[Finding] = [replace(finding, known=True) for finding in report.findings]
    assert not any(counts(finding, Level.LOW) for finding in known_already)


def test_what_is_no_version_is_not_compared_with_ranges_and_that_is_told(known: Known) -> None:
    store = known(record("PYSEC-2026-1", "demo", fixed="2.0"), record("PYSEC-2026-2", "other", versions=["1-odd"]))
    report = Engine(store).audit([lock(part("demo", "1.0-weird"), part("other", "1-odd"), part("third", "odd"))])
    assert ids(report) == [("other", "PYSEC-2026-2")]
    (gap,) = report.gaps
    assert "'1.0-weird' is no version (PEP 440)" in gap.why
    assert "PYSEC-2026-1" in gap.why
    quiet = Engine(store, ignored={"PYSEC-2026-1": "seen"}).audit([lock(part("demo", "1.0-weird"))])
    assert quiet.gaps == ()


def test_a_group_that_is_nowhere_is_a_gap(known: Known) -> None:
    store = known(record("PYSEC-2026-1", "demo", fixed="2.0"))
    subject = lock(part("demo", groups=["test"]))
    slip = Engine(store, Scope(frozenset({"tset"}))).audit([subject])
    assert [gap.why for gap in slip.gaps] == ["nothing belongs to it; the groups here are test"]
    assert slip.left_out == 1
    assert exit_code(slip, Level.LOW) == 3
    assert Engine(store, Scope(frozenset({"test", "production"}))).audit([subject]).gaps == ()


def test_an_audit_against_advisories_on_nothing_of_it_is_no_audit(known: Known) -> None:
    python = replace(Subject("python", "interpreter"), interpreter="3.11.4")
    of_packages = Engine(known(record("PYSEC-2026-1", "demo", fixed="2.0"))).audit([python])
    assert [gap.why for gap in of_packages.gaps] == ["none of these advisories is on CPython"]
    # A package that was taken out of CPython names its repository as well: that is no database about CPython.
    taken_out = record("PYSEC-2019-130", "typed-ast", fixed="1.3.2")
    commits = Range("GIT", (Event("introduced", "0"),), "https://github.com/python/cpython")
    taken_out = replace(taken_out, affected=(replace(taken_out.affected[0], ranges=(commits,)),))
    assert [gap.why for gap in Engine(known(taken_out)).audit([python]).gaps][
        -1
    ] == "none of these advisories is on CPython"
    # An environment's packages were looked up; of its Python nothing is claimed.
    both = Engine(known(record("PYSEC-2026-1", "demo", fixed="2.0"))).audit([lock(part("x"), interpreter="3.11.4")])
    assert both.gaps == ()
    assert "CPython 3.11.4: none of these advisories is on CPython" in both.unasked[0]
    assert "and CPython" not in table(both, Level.LOW)
    npm = record(
        "GHSA-aaaa-bbbb-cccc", "demo", affected=[{"package": {"ecosystem": "npm", "name": "x"}, "versions": ["1.0"]}]
    )
    assert [gap.why for gap in Engine(known(npm)).audit([lock(part("x"))]).gaps] == [
        "not one of them is on a package of PyPI"
    ]


def test_what_was_passed_over_is_told_and_by_which_name_it_goes(known: Known) -> None:
    store = known(record("PYSEC-2026-1", "demo", fixed="2.0", aliases=["CVE-2026-1"]))
    report = Engine(store, ignored={"CVE-2026-1": "seen"}).audit([lock(part("demo"))])
    assert (report.findings, report.passed_over) == ((), ("demo 1.0: PYSEC-2026-1",))
    assert "Passed over (--ignore): demo 1.0: PYSEC-2026-1." in table(report, Level.LOW)


def test_damage_inside_a_snapshot_is_refused_and_no_traceback(known: Known) -> None:
    path = known(record("PYSEC-2026-1", "demo", fixed="2.0", summary="Sum" + "m" * 50)).path
    path.write_bytes(path.read_bytes().replace(b'["PYSEC-2026-1"', b'{"PYSEC-2026-1"'))
    with pytest.raises(Rejected, match="this snapshot cannot be used: what it says of demo cannot be read"):
        Engine(Snapshot(path)).audit([lock(part("demo"))])
