"""Known vulnerabilities of what a mirrored wheel brings along."""

from __future__ import annotations

from typing import Any

from advising import advise
from customhouse.app import App
from customhouse.formats.osv.read import read_record
from customhouse.formats.policy.signals import Vulnerability
from customhouse.index.bundling.ranges import SayRange, TakeBack, say_range, take_back
from customhouse.mirror.object_tables import mirrored_library, mirrored_object
from customhouse.views.facts.subject import Surroundings
from customhouse.views.void import holders_of_libraries
from mirrored import NOW, PYPI, facts, mirrored, project_facts, read_source, sdist_of, wheel_of
from world import World

PILLOW = mirrored("pillow", wheel_of("pillow", "10.0.0"), wheel_of("pillow", "10.0.1"), sdist_of("pillow", "10.0.1"))


def scanned(app: App, filename: str, version: str | None, library: str = "libwebp") -> None:
    """Somebody has looked into a wheel and has found one library."""
    with app.database.write() as sql:
        sql.execute(
            mirrored_object.insert().values(
                upstream=PYPI, filename=filename, project="pillow", version="10.0.0", digest="ab" * 32, size_bytes=9,
                stored=False, pinned_by="sha256", used_at=NOW, refusal="", refusal_code="", signals=[],
                metadata_digest="", metadata_size_bytes=0, metadata_from="", requires=[], licence="",
                tables_version=1, scan_notes=[],
            )
        )  # fmt: skip
        sql.execute(
            mirrored_library.insert().values(
                upstream=PYPI, filename=filename, key=library.lower(), library=library, version=version,
                member="pillow.libs/libwebp.so", evidence=[["soname-table", version, "a", "7.1.7"]], purl="", cpe="",
            )
        )  # fmt: skip


def on_libwebp(advisory_id: str = "CVE-2023-4863", **more: Any) -> Any:
    events = [{"introduced": "0"}, {"fixed": "1.3.2"}]
    affected = {
        "package": {"ecosystem": "OSS-Fuzz", "name": "libwebp"}, "ranges": [{"type": "SEMVER", "events": events}],
    }  # fmt: skip
    document = {"id": advisory_id, "modified": "2024-07-31T18:19:23Z", "affected": [affected], **more}
    return read_record(document, advisory_id)


def test_the_libwebp_of_2023_is_found_in_a_mirrored_wheel(world: World) -> None:
    scanned(world.app, PILLOW.files[0].filename, "1.3.1")
    scanned(world.app, PILLOW.files[1].filename, "1.3.2")
    advise(world.app, on_libwebp())
    read_source(world.app)
    found = project_facts(world.app, PILLOW)
    answers = [facts(world.app, PILLOW, one.filename) for one in PILLOW.files]
    assert found is not None
    old, new, sdist = (one.fact("bundled-vulnerabilities") for one in answers)
    assert old is not None
    assert new is not None
    assert sdist is None
    assert old.value == (Vulnerability("CVE-2023-4863", exploited=None, fixed_in=("1.3.2",), library="libwebp 1.3.1"),)
    assert new.value == ()
    assert answers[2].why_unknown("bundled-vulnerabilities") == "only wheels are looked into for libraries"


def test_a_library_of_unknown_version_is_no_finding(small_world: World) -> None:
    scanned(small_world.app, PILLOW.files[0].filename, None)
    advise(small_world.app, on_libwebp())
    read_source(small_world.app)
    answer = facts(small_world.app, PILLOW, PILLOW.files[0].filename).fact("bundled-vulnerabilities")
    assert answer is not None
    assert answer.value == ()


def test_what_is_remembered_of_libraries_follows_records_and_what_operators_say(world: World) -> None:
    around = Surroundings(world.app.advice)

    def known() -> list[str]:
        with world.app.database.read() as sql:
            return [one.record.id for one in around.libraries.of(sql, ["libwebp"]).get("libwebp", ())]

    assert known() == []
    advise(world.app, on_libwebp())
    assert known() == ["CVE-2023-4863"]
    bare = read_record({"id": "CVE-2026-1", "modified": "2026-01-01T00:00:00Z", "affected": []}, "x")
    advise(world.app, bare)
    world.app.do(say_range, SayRange("CVE-2026-1", "libwebp", fixed="2.0"))
    assert sorted(known()) == ["CVE-2023-4863", "CVE-2026-1"]
    world.app.do(take_back, TakeBack("CVE-2026-1", "libwebp"))
    assert known() == ["CVE-2023-4863"]
    advise(world.app, on_libwebp(modified="2025-01-01T00:00:00Z", withdrawn="2025-01-01T00:00:00Z"))
    assert known() == []


def test_an_advisory_on_a_library_concerns_whoever_bundles_it(world: World) -> None:
    scanned(world.app, PILLOW.files[0].filename, "1.3.1")
    advise(world.app, on_libwebp())
    with world.app.database.read() as sql:
        assert holders_of_libraries(sql, ["CVE-2023-4863"]) == {"pillow"}
        assert holders_of_libraries(sql, ["CVE-2023-1"]) == set()
