"""Runs in a folder: who may say what at the machine, and what is refused before anything begins."""

from __future__ import annotations

import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from clock import TurnableClock
from customhouse.release.actions import Problem
from customhouse.release.engine.alone import Alone, speak
from customhouse.release.engine.folder import RunFolder, begin_run, find_run, unfinished
from customhouse.release.engine.forecast import forecast_in
from customhouse.release.engine.person import person_of
from customhouse.release.engine.places import read_params, read_places
from customhouse.release.engine.secrets import Secrets
from customhouse.release.events import Asked, Confirmed, Joined, Noted
from customhouse.release.machine_key import MachineKey, open_key
from customhouse.release.question import read_proof
from customhouse.terms.errors import Refused, Rejected
from toy_release import OTHER, PEOPLE, PIPELINE, START, VERSION, Crowd, Outside, ToyWords


def begun(tmp_path: Path, text: str = PIPELINE, version: str = "1.2.3") -> RunFolder:
    return begin_run(tmp_path / "runs", text, {"version": version}, {}, TurnableClock(START))


def alone(run: RunFolder, tmp_path: Path) -> Alone:
    toy = ToyWords(Outside(tmp_path / f"outside-{run.name}"))
    return Alone(run, clock=TurnableClock(START + timedelta(hours=1)), words=toy, answer=Crowd())


def edition(number: int, more: str = "") -> str:
    return PIPELINE.replace("version = 3\n", f"version = {number}\n") + more


def test_a_run_in_a_folder_is_released_and_tells_its_own_share(tmp_path: Path) -> None:
    run = begun(tmp_path)
    assert alone(run, tmp_path).conduct().status == "released"
    notes = [line.event.text for line in run.journal.read() if isinstance(line.event, Noted)]
    assert [note for note in notes if "own share" in note]
    assert set(forecast_in(tmp_path / "runs", "toy")) == set(run.state().steps)
    assert forecast_in(tmp_path / "runs", "toy", but=run.name) == {}


def test_a_definition_that_was_rolled_back_is_refused(tmp_path: Path) -> None:
    begun(tmp_path, edition(3))
    begun(tmp_path, edition(4), "1.2.4")
    for text, code in ((edition(3), "pipeline-rolled-back"), (edition(4, "# changed\n"), "pipeline-changed")):
        with pytest.raises(Refused) as refused:
            begun(tmp_path, text, "1.2.5")
        assert refused.value.code == code
    begun(tmp_path, edition(4), "1.2.5")


def test_a_run_that_was_not_finished_is_found_again(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    assert unfinished(runs, "toy", VERSION, rehearsal=False) is None
    run = begun(tmp_path)
    assert unfinished(runs, "toy", VERSION, rehearsal=False) == run
    assert unfinished(runs, "toy", {"version": "2.0.0"}, rehearsal=False) is None
    assert find_run(runs) == run
    with pytest.raises(Refused, match="no run 'toy-9'"):
        find_run(runs, "toy-9")
    begun(tmp_path, version="1.2.4")
    with pytest.raises(Refused, match="Name one"):
        find_run(runs)
    alone(run, tmp_path).conduct()
    assert unfinished(runs, "toy", VERSION, rehearsal=False) is None


def test_one_process_conducts_a_run(tmp_path: Path) -> None:
    run = begun(tmp_path)
    with run.conducting(), pytest.raises(Refused) as refused:
        alone(run, tmp_path).conduct()
    assert refused.value.code == "conducted-elsewhere"


def test_a_journal_with_another_engines_key_is_not_taken_up(tmp_path: Path) -> None:
    run = begun(tmp_path)
    (run.path / "engine.key").unlink()
    open_key(run.path / "engine.key")
    with pytest.raises(Rejected, match="another engine"):
        run.state()


def test_a_person_proves_himself_by_his_key(tmp_path: Path) -> None:
    run = begun(tmp_path)
    rm = person_of(run.state(), PEOPLE["rm"])
    state = speak(run, rm, lambda _state: [Confirmed("rm", "rm")], TurnableClock(START))
    assert state.confirmed == {"rm": "rm"}
    with pytest.raises(Refused, match="names no key:"):
        person_of(state, OTHER)
    with pytest.raises(Refused, match="windows"):
        person_of(state, PEOPLE["rm"], actor="windows")


def test_a_person_with_an_openpgp_key_proves_that_a_key_file_speaks_for_him(tmp_path: Path) -> None:
    home = Path("/tmp") / f"gpg-{tmp_path.name[-20:]}"  # noqa: S108 - a socket's path is short
    home.mkdir(mode=0o700)
    gpg = ["gpg", "--homedir", str(home), "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""]
    subprocess.run([*gpg, "--quick-generate-key", "Rosa <rosa@example.org>", "ed25519", "sign"], check=True)
    listed = subprocess.run([*gpg, "--with-colons", "-k"], check=True, capture_output=True, text=True).stdout
    fingerprint = next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr:"))
    try:
        text = PIPELINE.replace(f"key:{PEOPLE['rm'].public}", f"gpg:{fingerprint}").replace(
            '"gpg:ABCDEF0123456789ABCDEF0123456789ABCDEF01", ', ""
        )
        run = begun(tmp_path, text)
        rosa = person_of(run.state(), MachineKey.new(), gpg=fingerprint.lower(), home=str(home))
        state = speak(run, rosa, lambda _state: [Confirmed("rm", "rm")], TurnableClock(START))
        assert state.confirmed == {"rm": "rm"}
        joined = next(line.event for line in run.journal.read() if isinstance(line.event, Joined))
        assert "BEGIN PGP PUBLIC KEY" in joined.evidence
        asked = Asked("sign", 1, "0" * 64, "Sign?", ("rm",), 1, "none", START, ())
        proof = read_proof(rosa.yes(state, asked).proof)
        assert (proof["type"], proof["credential"]) == ("gpg", fingerprint)
        again = person_of(state, rosa.key, gpg=fingerprint, home=str(home))
        assert again.evidence == "", "it has said so already"
        with pytest.raises(Refused, match="gpg has not proved"):
            person_of(run.state(), MachineKey.new(), gpg=fingerprint, home=str(tmp_path))
    finally:
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)
        subprocess.run(["rm", "-rf", str(home)], check=True)


def test_alone_nobody_can_show_a_security_key(tmp_path: Path) -> None:
    text = PIPELINE.replace('title = "Release manager"', 'title = "Release manager"\nfactor = "webauthn"')
    run = begun(tmp_path, text)
    toy = ToyWords(Outside(tmp_path / "outside"))
    Alone(run, clock=TurnableClock(START), words=toy, answer=Crowd(silent=("macos", "windows"))).conduct()
    rm = person_of(run.state(), PEOPLE["rm"])
    for name in ("rm", "windows"):
        person = person_of(run.state(), PEOPLE[name])
        said = Confirmed(name, name)
        if name not in run.state().confirmed:
            speak(run, person, lambda _state, said=said: [said], TurnableClock(START))  # type: ignore[misc]
    waiting = Alone(run, clock=TurnableClock(START), words=toy, answer=None)
    state = waiting.conduct()
    asked = state.steps["stop"].asked
    assert asked is not None
    with pytest.raises(Refused) as refused:
        rm.yes(state, asked)
    assert refused.value.code == "needs-room"
    assert "customhouse release open" in str(refused.value)


@pytest.mark.parametrize(
    "places",
    [
        {"index": {"token": "x"}}, {"index": {"api_password": "x"}}, {"index": {"url": "https://rosa:pw@index.example/"}},
        {"fork": {"url": "https://token@github.com/acme/toy.git"}},
    ],
)  # fmt: skip
def test_places_hold_no_secrets(tmp_path: Path, places: dict[str, dict[str, str]]) -> None:
    with pytest.raises(Rejected) as rejected:
        begin_run(tmp_path / "runs", PIPELINE, VERSION, places, TurnableClock(START))
    assert rejected.value.code == "secret-in-places"


def test_places_are_read_from_a_file_and_flags_count_before_it(tmp_path: Path) -> None:
    file = tmp_path / "places.toml"
    file.write_text('[fork]\nurl = "./fork.git"\nadapter = "hook"\n[index]\nport = 1\nquiet = true\n')
    found = read_places(file, ["fork.adapter=github", "mail.to=a@b=c"])
    assert found == {
        "fork": {"url": str(tmp_path / "fork.git"), "adapter": "github"},
        "index": {"port": "1", "quiet": "true"},
        "mail": {"to": "a@b=c"},
    }
    for flag in ("fork", "fork.url", "fork=1", ".url=1"):
        with pytest.raises(Rejected):
            read_places(None, [flag])
    assert read_params(["version=1.2.3"]) == VERSION
    for flags in (["version"], ["=1"], ["a=1", "a=2"]):
        with pytest.raises(Rejected):
            read_params(flags)


def test_a_secret_comes_from_where_only_its_owner_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = Secrets(tmp_path)
    with pytest.raises(Problem, match="CUSTOMHOUSE_RELEASE_INDEX_TOKEN"):
        secrets("index-token")
    file = tmp_path / "index-token"
    file.write_text("from a file\n")
    file.chmod(0o644)
    with pytest.raises(Problem, match="chmod 600"):
        secrets("index-token")
    file.chmod(0o600)
    assert secrets("index-token") == "from a file"
    monkeypatch.setenv("CUSTOMHOUSE_RELEASE_INDEX_TOKEN", "from the environment")
    assert secrets("index-token") == "from the environment"
