"""PEP 740: what the index shows beside each file. That this publisher has uploaded it, and how it was built.

The first is signed here, by the identity that uploads (the machine that runs the step), and says only that. The second
(SLSA provenance) was signed by the machine that built, as soon as it had built; here it is brought into PEP 740's form
and sent along, whoever carries it. That the release was tested and approved is what `sign.all` signs later, by another
identity. Only where the place of the index says so, ``attest = "yes"`` or ``"provenance"``: an index takes attestations
of trusted publishers alone, of builders whom the project has declared, and of Sigstores that it trusts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from customhouse.client.attested import fits
from customhouse.client.dists import Dist, Release
from customhouse.client.patience import Patience
from customhouse.client.upload_2 import Upload2
from customhouse.formats.attestations import parse_attestations, statement_bytes
from customhouse.formats.plain import plain
from customhouse.release.actions import Problem, StepRun, Tampered
from customhouse.release.events import Attested
from customhouse.release.evidence.statements.at_index import ATTEST, WORD
from customhouse.release.evidence.statements.history import history
from customhouse.release.evidence.statements.told import owed
from customhouse.release.signing.sealer import Sealer, SigstoreSealer
from customhouse.release.signing.trust_config import read_trust
from customhouse.release.store_folder import keep_durably
from customhouse.release.things import Thing
from customhouse.terms.errors import Rejected

SIGSTORE_TOKEN = "sigstore-token"  # noqa: S105 - a secret's name
BUILDERS_WORD = timedelta(minutes=2)
"""So long the stage waits for builders that have built, and have not said under signature how."""
_LOOK_SECONDS = 0.5
_PUBLISH = "yes"
_KEPT = "attestations.json"
FACT = "attested:"
"""What the facts of a stage begin with that tell of a file's attestations."""


def attestations_for(run: StepRun, door: Upload2, release: Release) -> dict[str, str]:
    """A JSON list with the attestations of each file, by file name; none where the place wants none.

    They are kept before they are sent: whoever takes the attempt up after a crash sends the same. Raises `Problem` if
    somebody does not sign, or has not signed in time.
    """
    kept = kept_attestations(run)
    if kept:
        return kept
    found = _signed(run, door, release)
    if found:
        keep_durably(run.folder / _KEPT, json.dumps(found))
    return found


def kept_attestations(run: StepRun) -> dict[str, str]:
    """What this attempt has signed and sent, or would have; empty if nothing."""
    try:
        return {str(name): str(text) for name, text in json.loads((run.folder / _KEPT).read_text("utf-8")).items()}
    except OSError:
        return {}


def attested_facts(run: StepRun) -> dict[str, str]:
    """For the journal: of each file, which attestations went along (`marks`), as ``attested:NAME``."""
    return {f"{FACT}{name}": marks(text) for name, text in kept_attestations(run).items()}


def marks(text: str) -> str:
    """What tells a list of attestations from another: SHA-256 of certificate, statement and signature of each, sorted.

    Not of their JSON, which an index writes anew. Raises `Rejected`.
    """
    return ",".join(
        sorted(
            hashlib.sha256(b"".join((one.certificate, one.statement_bytes, one.signature))).hexdigest()
            for one in parse_attestations(text)
        )
    )


def _signed(run: StepRun, door: Upload2, release: Release) -> dict[str, str]:
    wanted = run.place().get(ATTEST, "no")
    if wanted not in (_PUBLISH, WORD, "no"):
        raise Problem("bad-setting", f"{ATTEST} is {wanted!r}", f"yes, {WORD} or no", place=run.step.env)
    if wanted == "no":
        return {}
    built = builders_word(run, release) if wanted == WORD else {}
    trust = read_trust(run.place("sigstore"))
    # PEP 740 attestations hold entries of Rekor v1 alone (pypi-attestations 0.0.30 takes no other).
    sealer = SigstoreSealer(trust.config, lambda: run.secrets(SIGSTORE_TOKEN), rekor=1, clock=run.clock)
    return {
        one.filename: _list(
            publish_attestation(sealer, one.filename, one.sha256, door.wire.index.host), built.get(one.filename, "")
        )
        for one in release.dists
    }


def publish_attestation(sealer: Sealer, filename: str, sha256: str, place: str) -> str:
    """One attestation object (JSON), for the predicate of PyPI's publish attestation; raises `Problem`."""
    return attestation_of(sealer.statement(statement_bytes(filename, sha256)), filename, place)


def attestation_of(bundle: str, filename: str, place: str) -> str:
    """A Sigstore bundle of one statement as an attestation object (PEP 740, JSON).

    Raises `Problem` for a bundle that cannot be one, such as one with an entry of Rekor v2.
    """
    from pypi_attestations import Attestation  # noqa: PLC0415 - heavy, and seldom wanted
    from sigstore.models import Bundle  # noqa: PLC0415 - as above

    try:
        return Attestation.from_bundle(Bundle.from_json(bundle)).model_dump_json()
    except Exception as error:
        raise Problem("not-attested", f"{filename}: {plain(error, 200)}", "an attestation", place=place) from error


def builders_word(run: StepRun, release: Release) -> dict[str, str]:
    """By file name, the attestation object in which its builder says how it was built.

    Builders sign a moment after they have built, so it is waited for. What none of the run's builds has made (experts
    have handed it in) has none. Raises `Problem` if a builder says nothing, `Tampered` if he speaks of other bytes.
    """
    dists = {one.filename: one for one in release.dists}
    bundles = _bundles(run, dists)
    for name in sorted(dists.keys() - bundles.keys()):
        run.tell(f"{name}: no build of this run has made it, so nobody says here how it was built.")
    return {name: _of_builder(run, dists[name], bundle) for name, bundle in bundles.items()}


def _bundles(run: StepRun, dists: Mapping[str, Dist]) -> dict[str, Thing]:
    """The signed statements of files that go to the index, by their names."""
    patience = Patience(stop=run.children.stop, clock=run.clock)
    until, told = run.clock.now() + BUILDERS_WORD, False
    while True:
        found, missing = _said(run, dists)
        if not missing:
            return found
        name, speaker = next(iter(missing.items()))
        if run.clock.now() >= until:
            raise Problem(
                "not-attested", f"{speaker} has not said under signature how {name} was built",
                f"its provenance within {BUILDERS_WORD.seconds} s", place=run.step.env,
                next_step=f"See why on the machine of {speaker} (its secret {SIGSTORE_TOKEN}), and restart this step.",
            )  # fmt: skip
        if not told:
            run.tell(f"Waits until {speaker} has signed how it has built.")
            told = True
        patience.pause(_LOOK_SECONDS)


def _said(run: StepRun, dists: Mapping[str, Dist]) -> tuple[dict[str, Thing], dict[str, str]]:
    """What is said of these files in the builds that count, and who has yet to say it of which."""
    lines = run.journal() if run.journal is not None else ()
    told = history(run.pipeline, lines)
    signed = {one.event.bundle.name: one.event.bundle for one in told.attested if isinstance(one.event, Attested)}
    found, missing = {}, {}
    for one in owed(told):
        thing, counts = one.shown, getattr(one.line.event, "attempt", 0) == told.newest.get(one.step)
        if thing is None or not counts or thing.name not in dists:
            continue
        if one.name in signed:
            found[thing.name] = signed[one.name]
        else:
            missing[thing.name] = one.speaker
    return found, missing


def _of_builder(run: StepRun, dist: Dist, bundle: Thing) -> str:
    folder: Path = run.folder / "provenance"
    folder.mkdir(parents=True, exist_ok=True)
    made = attestation_of(run.store.fetch(bundle, folder).read_text(encoding="utf-8"), dist.filename, run.step.env)
    try:
        fits(_list(made), dist)
    except Rejected as rejected:
        raise Tampered(
            "provenance", f"{bundle.name}: {rejected.why}", rejected.accepted, place=run.step.env
        ) from rejected  # fmt: skip
    return made


def _list(*attestations: str) -> str:
    return json.dumps([json.loads(one) for one in attestations if one], separators=(",", ":"))
