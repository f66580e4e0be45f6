"""The tag's signature: by GPG or SSH as the pipeline says, verified at once, by the named key and no other."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from customhouse.release.actions import Problem, Tampered
from release_desk import ALL, Desk
from sealed_project import git

pytestmark = pytest.mark.slow


def keyring(home: Path, *people: str) -> list[str]:
    """A GPG home with a key for each, without passphrases; their fingerprints."""
    home.mkdir(mode=0o700)
    for person in people:
        gpg(home, "--batch", "--passphrase", "", "--quick-generate-key", person, "ed25519", "sign", "never")
    listed = gpg(home, "--list-keys", "--with-colons").splitlines()
    return [line.split(":")[9] for line in listed if line.startswith("fpr")]


def gpg(home: Path, *arguments: str) -> str:
    return subprocess.run(
        ["gpg", "--homedir", str(home), *arguments], check=True, capture_output=True, text=True
    ).stdout


@pytest.fixture(scope="module")
def ring(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, list[str]]]:
    home = tmp_path_factory.mktemp("g") / "h"
    yield home, keyring(home, "rosa@example.org", "ravi@example.org")
    subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)


def steps(key: str = "") -> str:
    """Up to the commit."""
    found = ALL[: ALL.index("push-fork")]
    return found.replace('after=["bump"]', f'after=["bump"] with={{key="{key}"}}') if key else found


@pytest.fixture(scope="module")
def signed(ring: tuple[Path, list[str]], tmp_path_factory: pytest.TempPathFactory) -> Desk:
    home, keys = ring
    desk = Desk(
        tmp_path_factory.mktemp("signed") / "desk", steps(), places={"gpg": {"home": str(home), "key": keys[0]}}
    )
    desk.go("freeze", "fork", "bump")
    desk.killed("commit")
    return desk


def test_the_tag_is_signed_by_the_named_key(signed: Desk, ring: tuple[Path, list[str]]) -> None:
    home, keys = ring
    text = git(signed.folder / "clone", "cat-file", "tag", "v1.1.0")
    assert "-----BEGIN PGP SIGNATURE-----" in text
    body, _, signature = text.partition("-----BEGIN")
    (signed.folder / "body").write_text(body)
    (signed.folder / "sig").write_text(f"-----BEGIN{signature}\n")
    said = gpg(home, "--status-fd", "1", "--verify", str(signed.folder / "sig"), str(signed.folder / "body"))
    assert f"VALIDSIG {keys[0]}" in said


def test_a_signed_tag_that_was_made_before_a_kill_is_the_tag(signed: Desk, ring: tuple[Path, list[str]]) -> None:
    tag = git(signed.folder / "clone", "rev-parse", "v1.1.0")
    made = signed.do("commit", begun=True)
    assert signed.state.steps["commit"].recovered
    assert made.outputs["tag"][0].digest == tag
    assert made.facts["signed_by"] == f"gpg:{ring[1][0]}"


def test_a_tag_that_somebody_else_signed_is_tampering(ring: tuple[Path, list[str]], tmp_path: Path) -> None:
    home, keys = ring
    desk = Desk(tmp_path / "desk", steps(), places={"gpg": {"home": str(home), "key": keys[0]}})
    desk.go("freeze", "fork", "bump")
    desk.killed("commit")
    clone = desk.folder / "clone"
    environment = {"GNUPGHOME": str(home), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    for name in ("AUTHOR", "COMMITTER"):
        environment |= {f"GIT_{name}_NAME": "Ravi", f"GIT_{name}_EMAIL": "ravi@example.org"}
    subprocess.run(["git", "-C", str(clone), "tag", "-f", "-s", "-u", keys[1], "-m", "x", "v1.1.0", "main"], env=environment,
                   check=True, capture_output=True)  # fmt: skip
    with pytest.raises(Tampered) as refused:
        desk.action("commit").probe(desk.run("commit"))
    assert refused.value.code == "bad-tag-signature"
    made = desk.action("commit").do(desk.run("commit"))
    assert made.facts["signed_by"] == f"gpg:{keys[0]}"


def test_an_ssh_key_signs_too(tmp_path: Path) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    desk = Desk(tmp_path / "desk", steps("ssh"), places={"ssh": {"key": str(key)}})
    desk.go("freeze", "fork", "bump", "commit")
    shown = subprocess.run(["ssh-keygen", "-lf", str(key)], check=True, capture_output=True, text=True).stdout.split()[
        1
    ]
    assert desk.state.steps["commit"].facts["signed_by"] == f"ssh:{shown}"


def test_a_key_that_is_not_there_stops_the_step_and_leaves_no_tag(ring: tuple[Path, list[str]], tmp_path: Path) -> None:
    home, _keys = ring
    desk = Desk(tmp_path / "desk", steps(), places={"gpg": {"home": str(home), "key": "A" * 40}})
    desk.go("freeze", "fork", "bump")
    with pytest.raises(Problem) as refused:
        desk.do("commit")
    assert refused.value.code == "not-signed"
    assert not git(desk.folder / "clone", "tag")


def test_a_short_key_id_is_no_key(ring: tuple[Path, list[str]], tmp_path: Path) -> None:
    home, keys = ring
    desk = Desk(tmp_path / "desk", steps(), places={"gpg": {"home": str(home), "key": keys[0][-16:]}})
    desk.go("freeze", "fork", "bump")
    with pytest.raises(Problem, match="no full fingerprint"):
        desk.do("commit")
