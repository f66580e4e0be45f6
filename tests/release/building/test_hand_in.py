"""What experts hand in: names, commit, digests and signature must be right, or nothing is taken."""

from __future__ import annotations

import base64
import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from building import BUILD, NOW, Bench
from customhouse.formats.pipeline.model import Actor, Artifact
from customhouse.release.actions import Outcome, Problem, StepRun
from customhouse.release.building import hand_in
from customhouse.release.building.hand_in import HandIn, accept
from customhouse.release.events import Attested
from customhouse.release.signing.gpg import sign_detached, verify_detached
from customhouse.release.signing.sealer import SigstoreSealer
from sealed_project import commit_all, git
from shipping import SUBJECT, Harbour, gpg_home, new_key
from signed_evidence import LINK, SLSA, envelope, statement

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
EXPERT = Actor("windows", "Windows RM", identities=(f"key:{KEY.public_key().public_bytes_raw().hex()}",))
WIN = (Artifact("commit", "git-commit"), Artifact("win", "files", names=("demo-1.0.0.exe", "demo-1.0.0.zip")))
STEP = replace(BUILD, id="win", uses="external.hand_in", actor="windows", outputs=("win",), rebuild=None, options={})


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    git(folder, "init", "--quiet")
    (folder / "file").write_text("x")
    commit_all(folder, "first")
    return folder


@pytest.fixture
def run(repository: Path, tmp_path: Path) -> StepRun:
    folder = tmp_path / "place"
    folder.mkdir()
    bench = Bench(tmp_path / "run", repository, git(repository, "rev-parse", "HEAD"), {"ci": {"folder": str(folder)}})
    return as_expert(bench.run(STEP, artifacts=WIN))


def as_expert(run: StepRun) -> StepRun:
    whole = replace(run.pipeline, actors=(*run.pipeline.actors, EXPERT))
    return replace(run, pipeline=whole, state=replace(run.state, pipeline=whole))


def place(run: StepRun) -> Path:
    return Path(run.places["ci"]["folder"])


def lay(run: StepRun, *, names: tuple[str, ...] = ("demo-1.0.0.exe", "demo-1.0.0.zip"), commit: str = "",
        kind: str = SLSA, key: Ed25519PrivateKey = KEY) -> list[Path]:  # fmt: skip
    paths = [place(run) / name for name in names]
    for path in paths:
        path.write_bytes(path.name.encode())
    (place(run) / "windows.dsse.json").write_text(envelope(statement(paths, commit or run.commit(), kind), key))
    return paths


def refused(run: StepRun) -> str:
    with pytest.raises(Problem) as caught:
        accept(run, place(run))
    return caught.value.code


def test_files_with_signed_evidence_of_the_commit_are_taken(run: StepRun) -> None:
    lay(run)
    made = HandIn().do(run)
    assert [one.name for one in made.outputs["win"]] == ["demo-1.0.0.exe", "demo-1.0.0.zip"]
    assert made.facts["commit"] == run.commit()
    (event,) = made.events
    assert isinstance(event, Attested)
    assert (event.predicate_type, event.subjects) == (SLSA, made.outputs["win"])
    assert run.store.has(event.bundle.digest)
    assert HandIn().probe(run) == made
    for path in place(run).iterdir():
        path.unlink()
    assert HandIn().probe(run) == Outcome(made.outputs, made.facts)


def test_he_is_waited_for(run: StepRun) -> None:
    timer = threading.Timer(0.3, lay, [run])
    timer.start()
    assert HandIn().do(run).outputs["win"]
    timer.join()


def test_what_does_not_come_in_time_is_asked_for_by_name(run: StepRun) -> None:
    (place(run) / "demo-1.0.0.exe").write_bytes(b"")
    soon = replace(run, step=replace(run.step, timeout=NOW - NOW))
    with pytest.raises(Problem, match=r"there is demo-1.0.0.exe in .* expected demo-1.0.0.exe, demo-1.0.0.zip"):
        HandIn().do(soon)


def test_where_nobody_waits_what_is_missing_is_told_at_once(run: StepRun) -> None:
    now = replace(run, places={"ci": {"folder": str(place(run)), "wait": "no"}})
    with pytest.raises(Problem, match="there is nothing in") as caught:
        HandIn().do(now)
    assert caught.value.code == "not-handed-in"


def test_evidence_of_another_commit_is_refused(run: StepRun) -> None:
    lay(run, commit="f" * 40)
    assert refused(run) == "other-commit"


def test_files_without_evidence_are_refused(run: StepRun) -> None:
    lay(run)
    (place(run) / "windows.dsse.json").unlink()
    assert refused(run) == "no-evidence"


def test_a_file_that_was_changed_after_it_was_signed_for_is_refused(run: StepRun) -> None:
    lay(run)[0].write_bytes(b"another")
    assert refused(run) == "other-file"


def test_a_file_that_nobody_has_signed_for_is_refused(run: StepRun) -> None:
    paths = lay(run)
    (place(run) / "windows.dsse.json").write_text(envelope(statement(paths[:1], run.commit()), KEY))
    assert refused(run) == "no-evidence"


def test_somebody_elses_signature_is_refused(run: StepRun) -> None:
    lay(run, key=Ed25519PrivateKey.from_private_bytes(bytes(32)))
    assert refused(run) == "bad-evidence"


def test_a_changed_statement_is_refused(run: StepRun) -> None:
    lay(run)
    path = place(run) / "windows.dsse.json"
    body = json.loads(path.read_text())
    body["payload"] = base64.b64encode(base64.b64decode(body["payload"]).replace(b"exe", b"EXE")).decode()
    path.write_text(json.dumps(body))
    assert refused(run) == "bad-evidence"


@pytest.mark.parametrize("name", ["demo-1.0.1.exe", "evil.dll", "README"])
def test_a_file_of_another_name_is_refused(name: str, run: StepRun) -> None:
    lay(run, names=("demo-1.0.0.exe", "demo-1.0.0.zip", name))
    assert refused(run) == "undeclared-file"


def test_a_link_is_refused(run: StepRun) -> None:
    paths = lay(run)
    paths[0].unlink()
    paths[0].symlink_to("/etc/passwd")
    assert refused(run) == "undeclared-file"


def test_evidence_of_another_kind_than_was_asked_for_is_refused(run: StepRun) -> None:
    lay(run, kind=LINK)
    assert refused(run) == "bad-evidence"
    wants_link = replace(run, step=replace(run.step, options={"evidence": "link"}))
    assert accept(wants_link, place(run)).outputs["win"]


@pytest.mark.parametrize(
    "body", ["", "[]", "{}", '{"payload": 3}', '{"payload": "=", "payloadType": "", "signatures": []}']
)
def test_no_envelope_is_told_as_such(body: str, run: StepRun) -> None:
    lay(run)
    (place(run) / "windows.dsse.json").write_text(body)
    assert refused(run) == "bad-evidence"


@pytest.mark.slow
def test_a_statement_signed_by_gpg_is_taken_from_its_declared_key_alone(run: StepRun) -> None:
    with gpg_home() as home:
        expert = replace(EXPERT, identities=(f"gpg:{home.fingerprint}",))
        whole = replace(run.pipeline, actors=(*run.pipeline.actors[:-1], expert))
        places = {**run.places, "gpg": {"home": str(home.path)}}
        mine = replace(run, pipeline=whole, state=replace(run.state, pipeline=whole), places=places)
        paths = lay(mine)
        (place(mine) / "windows.dsse.json").unlink()
        said = place(mine) / "windows.intoto.json"
        said.write_bytes(statement(paths, mine.commit()))
        assert refused(mine) == "no-evidence"
        signature = said.with_name("windows.intoto.json.asc")
        signature.write_text(sign_detached(mine.children, home.path, home.fingerprint, said))
        assert accept(mine, place(mine)).facts["evidence.windows.intoto.json"] == f"gpg:{home.fingerprint}"
        signature.write_text(sign_detached(mine.children, home.path, new_key(home.path), said))
        assert refused(mine) == "other-key"


@pytest.mark.slow
def test_a_statement_that_is_exchanged_after_its_signature_was_verified_is_not_believed(
    run: StepRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever can write into the folder has an old statement of the expert, and one that he would like."""
    with gpg_home() as home:
        expert = replace(EXPERT, identities=(f"gpg:{home.fingerprint}",))
        whole = replace(run.pipeline, actors=(*run.pipeline.actors[:-1], expert))
        places = {**run.places, "gpg": {"home": str(home.path)}}
        mine = replace(run, pipeline=whole, state=replace(run.state, pipeline=whole), places=places)
        paths = lay(mine)
        (place(mine) / "windows.dsse.json").unlink()
        said = place(mine) / "windows.intoto.json"
        said.write_bytes(statement(paths, "0" * 40))
        said.with_name("windows.intoto.json.asc").write_text(
            sign_detached(mine.children, home.path, home.fingerprint, said)
        )

        def then_exchanged(*what: Any, **more: Any) -> None:
            verify_detached(*what, **more)
            said.write_bytes(statement(paths, mine.commit()))

        monkeypatch.setattr(hand_in, "verify_detached", then_exchanged)
        assert refused(mine) == "other-commit"


@pytest.mark.slow
def test_a_statement_in_a_sigstore_bundle_is_taken_from_the_declared_identity_alone(
    run: StepRun, harbour: Harbour
) -> None:
    places = {**run.places, "sigstore": {"trust_config": str(harbour.trust_config)}}
    sealer = SigstoreSealer(harbour.trust_config.read_text(), harbour.sigstore_token())

    def with_identity(name: str) -> StepRun:
        whole = replace(run.pipeline, actors=(*run.pipeline.actors[:-1], replace(EXPERT, identities=(name,))))
        return replace(run, pipeline=whole, state=replace(run.state, pipeline=whole), places=places)

    mine = with_identity(f"oidc:{harbour.issuer.url}#{SUBJECT}")
    paths = lay(mine)
    (place(mine) / "windows.dsse.json").unlink()
    (place(mine) / "windows.sigstore.json").write_text(sealer.statement(statement(paths, mine.commit())))
    assert accept(mine, place(mine)).facts["evidence.windows.sigstore.json"].endswith(f"#{SUBJECT}")
    assert refused(with_identity(f"oidc:{harbour.issuer.url}#somebody")) == "wrong-identity"
    assert refused(with_identity(f"oidc:https://accounts.example#{SUBJECT}")) == "wrong-issuer"
