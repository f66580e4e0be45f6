"""What a builder has signed goes to the index in PEP 740's form: waited for, of these bytes, and of nobody else."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from clock import TurnableClock
from customhouse.client.dists import Dist, Release
from customhouse.formats.attestations import SLSA, parse_attestations
from customhouse.formats.filenames import SdistName, parse_filename
from customhouse.formats.metadata import CoreMetadata
from customhouse.release.actions import Problem, StepRun, Tampered
from customhouse.release.children import Children
from customhouse.release.events import Attested
from customhouse.release.evidence.statements.at_index import is_shown
from customhouse.release.evidence.verify import verify
from customhouse.release.sealed import Sealed
from customhouse.release.ship.attest import (
    attestation_of,
    attestations_for,
    attested_facts,
    builders_word,
    marks,
    publish_attestation,
)
from customhouse.trust.issuers import PublisherIssuer
from customhouse.trust.roots import Root
from customhouse.trust.signer_identity import custom
from customhouse.trust.verify import Builder, verify_attestations
from released import ISSUER, VERSION, Puppet

pytestmark = pytest.mark.slow
WHEEL, SDIST = f"sealed-{VERSION}-cp311-cp311-linux_x86_64.whl", f"sealed-{VERSION}.tar.gz"
FORGE = PublisherIssuer("forge", "custom", "Forge", ISSUER, claims=("sub",))


_NO_DOOR: Any = None
"""Where nothing is to be sent."""


class Shown(Puppet):
    """A run whose index shows how its files were built."""

    @property
    def places(self) -> dict[str, dict[str, str]]:
        found = super().places
        return {**found, "index": {**found["index"], "attest": "provenance"}}


@dataclass
class Stage:
    """A run when its files are to be staged, and the whole of it."""

    puppet: Puppet
    run: StepRun
    lines: tuple[Sealed, ...]
    told: list[str]

    @property
    def release(self) -> Release:
        return Release("sealed", "sealed", VERSION, tuple(self.dist(name) for name in (SDIST, WHEEL)))

    def dist(self, name: str) -> Dist:
        (thing,) = [one for one in self.run.inputs["dists"] if one.name == name]
        parsed = parse_filename(name)
        kind: Any = "sdist" if isinstance(parsed, SdistName) else "bdist_wheel"
        metadata = CoreMetadata("2.1", "sealed", VERSION)
        return Dist(Path(name), parsed, kind, thing.size_bytes, thing.digest, metadata, "")

    def with_journal(self, journal: Callable[[], Sequence[Sealed]]) -> StepRun:
        return replace(self.run, journal=journal)


def without_word(lines: Sequence[Sealed]) -> tuple[Sealed, ...]:
    """The lines as they were before anybody had said how single files were built."""
    return tuple(line for line in lines if not isinstance(line.event, Attested) or not line.event.bundle.name.count(".provenance.sealed"))  # fmt: skip


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    folder = tmp_path_factory.mktemp("shown")
    puppet, kept, told = Shown(folder), list[tuple[Any, tuple[Sealed, ...]]](), list[str]()
    for who, subject in (("rm", "rosa"), ("ci-a", "builder-a"), ("ci-b", "builder-b")):
        puppet.sealers[who] = puppet.notary.sealer(f"{ISSUER}#{subject}")

    def look(one: Puppet, step: str) -> None:
        if step == "stage":
            one.attest()
            kept.append((one.state, tuple(one.lines)))

    puppet.between = look
    puppet.release()
    state, lines = kept[0]
    inputs = {name: state.artifacts[name] for name in ("dists", "sbom")}
    run = StepRun(
        run=state.run, step=state.pipeline.step("stage"), attempt=1, idempotency_key="k", pipeline=state.pipeline,
        params=state.params, places=state.places, state=state, inputs=inputs, store=puppet.store,
        folder=folder / "stage", repository=folder, children=Children(), clock=puppet.clock, tell=told.append,
        secrets=lambda name: name, journal=lambda: lines,
    )  # fmt: skip
    return Stage(puppet, run, lines, told)


def test_each_file_comes_with_the_word_of_its_builder_and_the_index_takes_it_as_his(stage: Stage) -> None:
    found = builders_word(stage.run, stage.release)
    assert sorted(found) == [WHEEL, SDIST]
    root = Root("released", stage.puppet.trusted_root)
    uploader, builder = custom(ISSUER, "rosa"), Builder(4, FORGE, custom(ISSUER, "builder-a"))
    for dist in stage.release.dists:
        own = publish_attestation(stage.puppet.sealers["rm"], dist.filename, dist.sha256, "index")
        text = f"[{own},{found[dist.filename]}]"
        verified = verify_attestations(
            text, dist.filename, dist.sha256, uploader, [root], stage.puppet.clock.now(), builders=[builder]
        )
        assert [one.builder for one in verified] == [0, 4]
        assert verified[1].predicate_type == SLSA
        assert verified[1].summary["builder"] == "https://index.example/builder/ci-a/ci"
        assert verified[1].summary["commit"] == "c" * 40


def test_the_run_with_these_statements_verifies_as_a_whole(stage: Stage) -> None:
    said = [line.event.bundle.name for line in stage.puppet.lines if isinstance(line.event, Attested)]
    assert len([one for one in said if ".provenance.sealed" in one]) == 2
    report = verify(stage.puppet.bundle(), stage.puppet.brought())
    findings = [finding.text for point in report.points for finding in point.findings]
    assert report.exit_code == 0, findings
    assert any("2 provenances, 2 signed by the builder itself" in one for one in findings), findings


def test_what_nobody_has_built_here_goes_without(stage: Stage) -> None:
    name = f"sealed-{VERSION}-cp311-cp311-win_amd64.whl"
    other = replace(stage.dist(WHEEL), path=Path(name), parsed=parse_filename(name))
    release = replace(stage.release, dists=(*stage.release.dists, other))
    assert sorted(builders_word(stage.run, release)) == [WHEEL, SDIST]
    assert any(one.startswith(f"{name}: no build of this run has made it") for one in stage.told)


def test_the_stage_waits_for_a_builder_who_has_built_and_signs_a_moment_later(stage: Stage) -> None:
    asked: list[None] = []

    def journal() -> Sequence[Sealed]:
        asked.append(None)
        return stage.lines if len(asked) > 1 else without_word(stage.lines)

    assert sorted(builders_word(stage.with_journal(journal), stage.release)) == [WHEEL, SDIST]
    assert len(asked) == 2
    assert "Waits until ci-a has signed how it has built." in stage.told


def test_a_builder_who_says_nothing_holds_the_stage_up_and_is_named(stage: Stage) -> None:
    clock = TurnableClock()

    def journal() -> Sequence[Sealed]:
        clock.turn(timedelta(minutes=3))
        return without_word(stage.lines)

    run = replace(stage.run, clock=clock, journal=journal)
    with pytest.raises(Problem, match=r"ci-a has not said under signature how sealed-3\.1\.0") as caught:
        builders_word(run, stage.release)
    assert caught.value.code == "not-attested"


def test_a_word_about_other_bytes_stops_the_release(stage: Stage) -> None:
    bundles = {line.event.bundle.name: line.event.bundle for line in stage.lines if isinstance(line.event, Attested)}
    (wheels,) = [one for name, one in bundles.items() if name.endswith(f"{WHEEL}.sigstore.json")]
    (sdists,) = [one for name, one in bundles.items() if name.endswith(f"{SDIST}.sigstore.json")]
    swapped = {wheels.name: replace(sdists, name=wheels.name)}
    lines = tuple(
        replace(line, event=replace(line.event, bundle=swapped[line.event.bundle.name]))
        if isinstance(line.event, Attested) and line.event.bundle.name in swapped
        else line
        for line in stage.lines
    )
    with pytest.raises(Tampered, match="is about") as caught:
        builders_word(stage.with_journal(lambda: lines), stage.release)
    assert caught.value.code == "provenance"


def test_a_bundle_of_the_logs_second_version_is_none_that_an_index_shows(stage: Stage) -> None:
    bundle = json.loads(stage.puppet.sealers["ci-a"].statement(b'{"_type":"https://in-toto.io/Statement/v1"}'))
    entry = bundle["verificationMaterial"]["tlogEntries"][0]
    entry["kindVersion"]["version"] = "0.0.2"
    for name in ("integratedTime", "inclusionPromise"):
        del entry[name]
    with pytest.raises(Problem, match="an attestation"):
        attestation_of(json.dumps(bundle), WHEEL, "index")


def test_after_a_crash_the_same_attestations_are_sent_and_told(stage: Stage, tmp_path: Path) -> None:
    run = replace(stage.run, folder=tmp_path)
    kept = {WHEEL: f"[{builders_word(stage.run, stage.release)[WHEEL]}]"}
    assert attested_facts(run) == {}
    (tmp_path / "attestations.json").write_text(json.dumps(kept))
    assert attestations_for(run, _NO_DOOR, stage.release) == kept
    assert attested_facts(run) == {f"attested:{WHEEL}": marks(kept[WHEEL])}


def test_a_word_that_the_place_does_not_know_is_refused(stage: Stage) -> None:
    places = {**stage.run.places, "index": {"url": "https://index.example", "attest": "always"}}
    with pytest.raises(Problem, match="attest is 'always'; expected yes, provenance or no"):
        attestations_for(replace(stage.run, places=places), _NO_DOOR, stage.release)
    assert not is_shown(stage.run.pipeline, places)


def test_attestations_are_told_from_others_by_what_was_signed_and_not_by_their_spelling(stage: Stage) -> None:
    found = builders_word(stage.run, stage.release)
    text = f"[{found[WHEEL]}]"
    (again,) = [one.object() for one in parse_attestations(text)]
    assert marks(json.dumps([again], indent=2)) == marks(text)
    assert marks(text) != marks(f"[{found[SDIST]}]")
    assert marks(f"[{found[WHEEL]},{publish_attestation(stage.puppet.sealers['rm'], WHEEL, 'f' * 64, 'index')}]").count(",") == 1  # fmt: skip
