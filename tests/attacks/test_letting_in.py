"""Incidents of 2022 to 2026 from the side of those who install: unmodified requests through a view that is `balanced`.

The upstream is a real server that lists what PyPI listed; nothing here knows that a release is harmful. Each test tells
what the view's rules see of it, and ends with nobody getting it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from advising import advise, record
from clock import TurnableClock
from conftest import Where, prepared, settings_for
from customhouse.formats.policy.decide import decide
from customhouse.formats.policy.levels import level
from customhouse.formats.policy.model import Decision
from customhouse.infra.walkers import Walkers
from customhouse.mirror.model import MirroredProject
from customhouse.views.signals.load import LoadSignals, load_signals
from customhouse.work import run_due_job, run_followers
from letting_in import LettingIn, letting_in
from mirrored import NOW, facts, mirrored, read_source, see_attestations, wheel_of
from packages import Dist, sdist, wheel
from upstream_world import UpstreamWorld, upstream_world
from world import World

pytestmark = pytest.mark.slow
DAY = timedelta(days=1)
ATTESTED = {"version": 1, "attestation_bundles": []}
"""That there is provenance is all that the page says."""


@pytest.fixture
def upstream() -> Iterator[UpstreamWorld]:
    with upstream_world() as running:
        yield running


@pytest.fixture
def view(
    request: pytest.FixtureRequest, tmp_path: Path, clock: TurnableClock, walkers: Walkers, upstream: UpstreamWorld
) -> Iterator[LettingIn]:
    settings = prepared(settings_for(Where(), tmp_path / "data", request), request)
    with letting_in(settings, upstream, clock, walkers) as made:
        yield made


def ago(view: LettingIn, days: float) -> datetime:
    return view.world.clock.now() - days * DAY


def why_not(view: LettingIn, dist: Dist, project: str) -> str:
    """The rule by which a file is not handed out, whoever asks for it by its exact address."""
    assert dist.filename not in view.listed(project)
    answer = view.file(dist.filename, project)
    assert answer.status_code == 403, answer.text
    rule: str = answer.json()["rule"]
    return rule


def decided(world: World, project: MirroredProject, filename: str = "") -> Decision:
    one = next(file for file in project.files if filename in ("", file.filename))
    found = facts(world.app, project, one.filename)
    return decide(level("balanced"), found, now=NOW, hosted=False, name=project.name, version=one.version)


def test_litellm_pth(view: LettingIn) -> None:
    """24 March 2026: two releases with a ``.pth`` by a stolen token, within the hour; the releases before were attested."""
    good = wheel("litellm", "1.82.6")
    bad = [wheel("litellm", version, files={"litellm/__init__.py": b"", "litellm_init.pth": b"import os\n"})
           for version in ("1.82.7", "1.82.8")]  # fmt: skip
    view.upstream.add(good, uploaded_at=ago(view, 40), provenance=ATTESTED)
    view.upstream.add(bad[0], uploaded_at=ago(view, 0.05))
    view.upstream.add(bad[1], uploaded_at=ago(view, 0.02))
    assert view.listed("litellm") == {good.filename}
    assert [why_not(view, one, "litellm") for one in bad] == ["cooldown", "cooldown"]
    # After the cooldown both are still held: they have lost what the release before had, the second one too.
    view.turn(10 * DAY)
    assert [why_not(view, one, "litellm") for one in bad] == ["provenance lost", "provenance lost"]
    assert view.file(good.filename, "litellm").status_code == 200


def test_ctx(view: LettingIn) -> None:
    """May 2022: a project that was quiet for eight years has a new owner and a new release."""
    old, new = sdist("ctx", "0.1.2"), sdist("ctx", "0.2.2")
    view.upstream.add(old, uploaded_at=datetime(2014, 12, 19, tzinfo=UTC))
    view.upstream.add(new, uploaded_at=ago(view, 0.2))
    assert why_not(view, new, "ctx") == "cooldown"
    assert view.file(old.filename, "ctx").status_code == 200
    # Who wants to wait longer for those that wake up says so, and it works on what any upstream publishes.
    view.set('level = "balanced"\n[[rule]]\nname = "awake again"\n'
             'hold-if = { quiet-before = "> 1000", age = "< 60d" }\nunknown = "allow"\n')  # fmt: skip
    view.turn(10 * DAY)
    assert why_not(view, new, "ctx") == "awake again"


def test_ctx_owner_changed(view: LettingIn) -> None:
    """The same, where somebody has published whose projects changed hands."""
    new = wheel("ctx", "0.2.2")
    view.upstream.add(new, uploaded_at=ago(view, 20))
    view.set('level = "balanced"\n[[rule]]\nname = "new hands"\nhold-if.owner-changed = "< 90d"\nunknown = "allow"\n')
    assert view.file(new.filename, "ctx").status_code == 200
    changed = {"ctx": ago(view, 21).isoformat()}
    dated = date(2026, 11, 24)
    load_signals(view.world.app.deeds, LoadSignals("owner-changed", "pypi", "watch", dated, changed, ("pypi",)))
    # The list was loaded a moment ago, and what was rendered before is void.
    assert why_not(view, new, "ctx") == "new hands"


def test_added_file_on_old_release(view: LettingIn) -> None:
    """Feared since 2026: a wheel is added to a release of years ago, which pins without hashes pick up."""
    old, added = sdist("pinned", "2.0"), wheel("pinned", "2.0", tag="cp311-cp311-manylinux_2_17_x86_64")
    view.upstream.add(old, uploaded_at=ago(view, 2000))
    view.upstream.add(added, uploaded_at=ago(view, 8))
    assert why_not(view, added, "pinned") == "file added to an old release"
    assert view.listed("pinned") == {old.filename}


def test_typosquat(view: LettingIn) -> None:
    """Every day: a young project whose name is a slip of the finger."""
    squat = wheel("reqeusts", "1.0")
    view.upstream.add(squat, uploaded_at=ago(view, 20))
    assert why_not(view, squat, "reqeusts") == "similar name"
    # The same name as an old project is nobody's trap any more.
    view.turn(100 * DAY)
    assert view.listed("reqeusts") == {squat.filename}


def test_malware_record_reaches_a_view_within_seconds(view: LettingIn) -> None:
    """27 March 2026, telnyx: once somebody knows, nobody gets it, whatever pages were rendered before."""
    bad = wheel("telnyx", "4.87.1")
    view.upstream.add(bad, uploaded_at=ago(view, 60))
    run_followers(view.world.app)
    assert view.file(bad.filename, "telnyx").status_code == 200
    advise(view.world.app, record("MAL-2026-77", "telnyx", versions=["4.87.1"]))
    while run_followers(view.world.app) or run_due_job(view.world.app):
        pass
    assert why_not(view, bad, "telnyx") == "known malware"


@pytest.mark.parametrize("fixed", [False, True], ids=["plain release", "said to be a security fix"])
def test_mini_shai_hulud_valid_provenance(small_world: World, *, fixed: bool) -> None:
    """11 May 2026: the right repository, workflow and builder, with true provenance. It waives nothing by itself."""
    project = mirrored(
        "mistralai", wheel_of("mistralai", "2.4.5", days=40, attested=True),
        wheel_of("mistralai", "2.4.6", days=0.1, attested=True),
    )  # fmt: skip
    see_attestations(small_world.app, project, "mistralai/client-python", "mistralai/client-python")
    if fixed:
        # Even a true advisory that names it as the fix does not, before the first day is over.
        advise(small_world.app, record("PYSEC-2026-9", "mistralai", fixed="2.4.6", modified="2026-11-24T08:00:00Z",
                                       database_specific={"severity": "HIGH"}))  # fmt: skip
    read_source(small_world.app)
    found = facts(small_world.app, project)
    changed, attested = found.fact("publisher-changed"), found.fact("attested")
    assert changed is not None
    assert changed.value is False
    assert attested is not None
    assert attested.value.verified
    assert decided(small_world, project, project.files[-1].filename).rule == "cooldown"
    assert decided(small_world, project).lets_through


def test_a_security_fix_by_the_usual_publisher_does_not_wait(small_world: World) -> None:
    """The other side: what is confirmed by others, and built as always, is there after a day."""
    project = mirrored(
        "demo", wheel_of("demo", "1.0", days=40, attested=True), wheel_of("demo", "1.1", days=2, attested=True),
        wheel_of("demo", "1.2", days=1.5, attested=True),
    )  # fmt: skip
    see_attestations(small_world.app, project, "acme/demo", "acme/demo", "acme/demo")
    advise(small_world.app, record("PYSEC-2026-9", "demo", fixed="1.1", database_specific={"severity": "HIGH"}))
    read_source(small_world.app)
    assert decided(small_world, project, project.files[1].filename).lets_through
    # The release after it fixes nothing, whatever the record says of the one before.
    assert decided(small_world, project, project.files[2].filename).rule == "cooldown"
