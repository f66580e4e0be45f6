"""What experts hand in is verified by what they signed, and by nothing that the journal says for them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from customhouse.release.events import Attested, StepDone
from customhouse.release.evidence.bundle import read_bundle
from customhouse.release.evidence.points.case import Finding
from customhouse.release.evidence.verify import verify_bundle
from customhouse.release.things import Things
from released import COMMIT, VERSION, Puppet

SLSA = "https://slsa.dev/provenance/v1"
STEP = """
[[steps]]
id = "build-win"
n = "3b"
title = "Windows installer, handed in"
actor = "windows"
env = "desk"
uses = "external.hand_in"
in = ["commit", "tag"]
out = ["win"]
"""
INSTALLER = f"sealed-{VERSION}.exe"


@dataclass
class WithExpert(Puppet):
    """A run in which the Windows expert hands in one file."""

    signer: str = "wim"
    commit: str = COMMIT
    of: bytes = b"an installer"
    evidence: str = "build-win.wim.sigstore.json"

    @property
    def pipeline(self) -> str:
        text = super().pipeline.replace('"user:wim", ', f'"user:wim", "oidc:{self.issuer}#wim", ')
        return text.replace("\nsbom = {", f'\nwin = {{ type = "files", names = ["{INSTALLER}"] }}\nsbom = {{') + STEP

    def made(self, name: str) -> tuple[dict[str, Things], dict[str, str]]:
        if name == "build-win":
            return {"win": (self.put(INSTALLER, b"an installer"),)}, {"commit": COMMIT}
        return super().made(name)

    def speak(self, who: str, event: Any) -> None:
        if isinstance(event, StepDone) and event.step == "build-win":
            payload = {
                "_type": "https://in-toto.io/Statement/v1",
                "subject": [{"name": INSTALLER, "digest": {"sha256": hashlib.sha256(self.of).hexdigest()}}],
                "predicateType": SLSA,
                "predicate": {
                    "buildDefinition": {"resolvedDependencies": [{"digest": {"gitCommit": self.commit}}]},
                    "runDetails": {"builder": {"id": "https://builds.example/wim"}},
                },
            }
            sealed = self.notary.sealer(self.signer).statement(json.dumps(payload).encode())
            kept = self.put(self.evidence, sealed.encode())
            super().speak(who, Attested("build-win", SLSA, kept, event.outputs["win"]))
        super().speak(who, event)

    def attest(self) -> None:
        """The expert signs for himself, too."""
        self.sealers.setdefault("windows", self.notary.sealer("wim"))
        from customhouse.release.evidence.attest import attest  # noqa: PLC0415 - the base has its own way

        assert self.state is not None
        for event in attest(self.state, self.lines, self.sealers["windows"], self.store, speakers={"windows"}):
            self.say(event)
        super().attest()


def told(run: WithExpert) -> list[Finding]:
    """What point 4 says of the installer."""
    report = verify_bundle(read_bundle(run.bundle()), run.brought())
    return [one for one in report.points[3].findings if "build-win" in one.text or INSTALLER in one.text]


def test_files_that_their_expert_signed_for_verify(tmp_path: Path) -> None:
    run = WithExpert(tmp_path)
    run.release()
    report = verify_bundle(read_bundle(run.bundle()), run.brought())
    assert [one for point in report.points for one in point.findings if one.sign == "fails"] == []
    assert [(one.sign, one.text) for one in told(run)] == [
        ("holds", "build-win: 1 file, in statements that windows has signed")
    ]


def test_somebody_elses_signature_is_not_the_experts(tmp_path: Path) -> None:
    run = WithExpert(tmp_path, signer="rosa")
    run.release()
    (fault,) = told(run)
    assert (fault.sign, "and not by windows" in fault.text) == ("fails", True)


def test_evidence_of_another_file_is_told(tmp_path: Path) -> None:
    run = WithExpert(tmp_path, of=b"another installer")
    run.release()
    (fault,) = told(run)
    assert (fault.sign, "is of another sealed-3.1.0.exe" in fault.text) == ("fails", True)


def test_evidence_of_another_commit_is_told(tmp_path: Path) -> None:
    run = WithExpert(tmp_path, commit="d" * 40)
    run.release()
    (fault,) = told(run)
    assert (fault.sign, "another commit than was released" in fault.text) == ("fails", True)


def test_evidence_that_a_bundle_cannot_verify_is_not_called_good(tmp_path: Path) -> None:
    run = WithExpert(tmp_path, evidence="build-win.wim.dsse.json")
    run.release()
    (finding,) = told(run)
    assert (finding.sign, "no signed statement of sealed-3.1.0.exe" in finding.text) == ("unknown", True)
