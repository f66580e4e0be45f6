"""CPython's source for releases: Debian's own copy of it, fetched by apt and imported into git as one commit.

apt verifies what it fetches against Debian's key, and the archive must have the digest below: Debian took
``Python-3.11.2.tgz`` as python.org had published it, byte for byte. It has no history, and no blurbs: a released archive
lacks ``Misc/NEWS.d``. So a few are sown, for a version that nobody will ever release.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

from command_line import customhouse
from sealed_project import commit_all, git

PACKAGE, SUITE = "python3.11", "bookworm"
ARCHIVE = "python3.11_3.11.2.orig.tar.gz"
SHA256 = "2411c74bda5bbcfcddaf4531f66d1adc73f247f529aee981b029513aefdbf849"
BRANCH = "3.11"
MADE_UP_VERSION = "3.11.99"
"""No branch of CPython has ever come to its hundredth release: nobody can take this for one of python.org."""
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
SECONDS = 180.0
BLURBS = {
    "Core and Builtins": "A made-up entry: the grammar is as it was.",
    "Library": "A made-up entry: :mod:`json` is as it was.",
    "Security": "A made-up entry, so that a section has its own.",
}
_SOURCES = """\
Types: deb-src
URIs: http://deb.debian.org/debian
Suites: {suite}
Components: main
Signed-By: {keyring}
"""


class NoDebian(Exception):
    """Debian's archive cannot be reached from here."""


def fetch_archive(folder: Path) -> Path:
    """The archive by apt, with folders and a list of sources of its own: nothing of this machine's apt is touched.

    Raises `NoDebian`; `ValueError` for another file than the one that is known.
    """
    if shutil.which("apt-get") is None or not KEYRING.exists():
        raise NoDebian("this machine has no apt, or not the keys of Debian's archive")
    for name in ("sources.d", "lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    (folder / "sources.d" / "source.sources").write_text(_SOURCES.format(suite=SUITE, keyring=KEYRING))
    options = [
        f"Dir::Etc::sourceparts={folder / 'sources.d'}", "Dir::Etc::sourcelist=/dev/null", "Acquire::Retries=2",
        f"Dir::State::lists={folder / 'lists'}", f"Dir::Cache={folder / 'cache'}", "Debug::NoLocking=1",
        "APT::Get::List-Cleanup=0", "APT::Update::Error-Mode=any",
    ]  # fmt: skip
    for words in (["update"], ["source", "--download-only", "--tar-only", PACKAGE]):
        command = ["apt-get", "--quiet", *(word for one in options for word in ("-o", one)), *words]
        try:
            done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True, timeout=SECONDS)
        except subprocess.TimeoutExpired as error:
            raise NoDebian(f"apt-get {words[0]} took more than {SECONDS:.0f} s") from error
        if done.returncode != 0:
            raise NoDebian(f"apt-get {words[0]}: {done.stderr.strip()[-500:]}")
    found = folder / ARCHIVE
    with found.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != SHA256:
        raise ValueError(f"{ARCHIVE} has SHA-256 {digest}, and not {SHA256}")
    return found


def import_source(archive: Path, folder: Path) -> Path:
    """The archive as a repository with one commit on the branch, before anybody has adopted a pipeline; its folder."""
    unpacked = folder / "unpacked"
    with tarfile.open(archive) as tar:
        tar.extractall(unpacked, filter="data")
    (top,) = unpacked.iterdir()
    git(top, "init", "--quiet", f"--initial-branch={BRANCH}")
    _sow(top)
    git(top, "add", "--all", "--force")
    commit_all(top, "Import CPython 3.11.2 from Debian's source package")
    return top


def _sow(top: Path) -> None:
    """Blurbs as contributors leave them, one for each section."""
    for number, (section, text) in enumerate(BLURBS.items(), 1):
        folder = top / "Misc" / "NEWS.d" / "next" / section.replace(" ", "_")
        folder.mkdir(parents=True)
        name = f"2026-01-0{number}-03-04-05.gh-issue-9900{number}.MadeUp{number}.rst"
        (folder / name).write_text(f"{text}\n")


def adopt(top: Path, told: dict[str, str]) -> str:
    """What a release manager does once: ``release new``, his own people and machines written in, and a commit.

    ``told`` are the words of the template that he writes over, and what he writes; returns the pipeline.
    """
    done = customhouse("release", "new", str(top), "--template", "cpython", environment=dict(os.environ))
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    (top / "places.toml").unlink()
    pipeline = top / "release.toml"
    text = pipeline.read_text("utf-8")
    for was, now in told.items():
        if was not in text:
            raise LookupError(f"the pipeline does not say {was}")
        text = text.replace(was, now)
    pipeline.write_text(text, "utf-8")
    commit_all(top, "Release by a pipeline")
    return text
