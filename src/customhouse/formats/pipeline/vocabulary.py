"""The words of a pipeline: actions, checks and mitigations by name. What each does, `release` implements.

This is a table of names, so that `lint` and the picture need nothing of what acts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Place = Literal["forge", "local", "ci", "store", "any"]


@dataclass(frozen=True, slots=True)
class ActionWord:
    """One action: what ``uses = "…"`` may name."""

    name: str
    does: str
    """As a sentence without its subject, for people."""
    where: Place
    options: tuple[str, ...] = ()
    """Keys of ``with``."""
    runs: bool = False
    """Whether it takes ``run``."""
    public: bool = False
    """Whether strangers see what it did: such a step comes after every gate, and is not taken back."""
    undoes: bool = False
    """Whether it can be taken back."""


@dataclass(frozen=True, slots=True)
class CheckWord:
    """One check: what ``checks = [ … ]`` may name."""

    name: str
    compares: str
    before: bool = False
    """Whether it is made before the step acts (and again after it)."""


def _actions(*words: ActionWord) -> dict[str, ActionWord]:
    return {word.name: word for word in words}


ACTIONS = _actions(
    ActionWord("git.freeze", "locks the branch and notes its commit", "forge", ("branch",), undoes=True),
    ActionWord("git.unfreeze", "unlocks the branch", "forge", ("branch",)),
    ActionWord("git.sync", "brings the fork to the frozen commit", "forge", ("branch",)),
    ActionWord("exec", "runs a program in the work tree", "any", ("tools", "produces"), runs=True),
    ActionWord("changelog.towncrier", "writes the changelog from news fragments", "local", ("config",)),
    ActionWord("changelog.blurb", "writes the changelog from blurbs", "local"),
    ActionWord("version.bump", "writes the version into the source", "local", ("files",)),
    ActionWord("git.commit_and_tag", "commits the release and signs its tag", "local", ("message", "paths", "key")),
    ActionWord("git.push", "pushes commit and tag to the fork, and nowhere else", "forge", ("branch",), undoes=True),
    ActionWord(
        "build.python",
        "builds sdist and wheels without a network",
        "ci",
        ("requires", "wheel", "sdist", "epoch", "pythons", "tools", "generated", "excluded"),
    ),
    ActionWord(
        "build.exec",
        "builds by a program without a network",
        "ci",
        ("produces", "epoch", "tools", "requires", "generated", "excluded", "repack"),
        runs=True,
    ),
    ActionWord("build.docs", "builds the documentation with Sphinx", "ci", ("source", "builder", "requires", "epoch")),
    ActionWord("build.sbom", "writes what is in it (SPDX and CycloneDX)", "ci", ("format",)),
    ActionWord("external.hand_in", "waits for an expert's files and his evidence", "any", ("evidence",)),
    ActionWord("index.stage", "uploads into a staged release of the index", "store", undoes=True),
    ActionWord(
        "test.install",
        "installs from the stage on each Python and tests",
        "ci",
        ("pythons", "requires", "optional"),
        runs=True,
    ),
    ActionWord("test.exec", "tests what was staged by a program", "ci", ("pythons", "requires"), runs=True),
    ActionWord("gate", "only asks", "any"),
    ActionWord("sign.all", "signs exactly what was tested", "any", ("how",)),
    ActionWord("index.publish", "publishes the staged release at once", "store", ("case",), public=True),
    ActionWord("index.fetch_back", "fetches what was published and compares", "store"),
    ActionWord("git.push_last", "pushes branch and tag upstream, atomically, last", "forge", ("branch",), public=True),
    ActionWord("announce", "tells people: mail, Atom, webhook", "any", ("mail", "atom", "webhook"), public=True),
)

CHECKS = {
    word.name: word
    for word in (
        CheckWord(
            "handover", "what comes in is what was made: name and digest of each file, none more, none less", True
        ),
        CheckWord("branch-locked", "nobody but the release can push to the branch", True),
        CheckWord("same-commit", "the fork's branch is at the frozen commit"),
        CheckWord("clean-worktree", "nothing is changed that is not committed"),
        CheckWord("parent-is-frozen", "the release's commit follows the frozen one"),
        CheckWord("paths-allowed", "the release's commit touches only the declared paths"),
        CheckWord("tag-at-commit", "the tag points to the commit on each remote that has it"),
        CheckWord("tag-unmoved", "no watched tag has moved, not even there and back", True),
        CheckWord("version-everywhere", "parameter, tag, file names and metadata say the same version"),
        CheckWord("tree-equals-source", "the source archive holds what the commit holds, and declared generated files"),
        CheckWord("rebuilds-agree", "the builders agree bit for bit"),
        CheckWord("complete", "every declared file is there, and no other"),
        CheckWord("sbom-describes", "the bill of materials names the digest of what it is of"),
        CheckWord("staged-as-built", "the stage holds what was built, and no other file"),
        CheckWord("tested-as-staged", "what was tested is what is staged", True),
        CheckWord("signed-as-tested", "what was signed is what was tested"),
        CheckWord("signatures-complete", "each file has each signature"),
        CheckWord("signatures-verify", "each signature verifies for the declared identity and issuer"),
        CheckWord("approvals-hold", "each approval is of this digest, by the right people, and not expired", True),
        CheckWord("nothing-public", "no ref, page, file or letter tells of it yet", True),
        CheckWord("fetched-back", "what strangers get is what was signed"),
        CheckWord("fast-forward", "the branch is still at the frozen commit", True),
        CheckWord("tools-pinned", "each tool is the one with the declared digest", True),
    )
}
"""`handover` is made at every hand-over, whether it is named or not."""

MITIGATIONS = {
    "check": "check:NAME, made by the step or one before it",
    "gate": "gate:STEP, people who said yes there",
    "quorum": "quorum:N, a gate of at least N people at the step or before it",
    "factor": "factor:webauthn, shown by everybody at a gate of the step or before it",
    "rebuild": "rebuild:N, at least N builds agree",
    "env": "env:ephemeral, env:no-cache, env:no-network or env:ci, of the step's environment",
    "pin": "pin:commit, the step works from the commit by its digest",
    "watch": "watch:tag, from this step or one before it",
    "order": "order:tag-last, upstream gets the tag after publication; order:test-before-sign",
    "tools": "tools:pinned, the step's tools are named with their digest",
    "lock": "lock:hashes, what a build needs is locked with hashes",
    "sign": "sign:sigstore or sign:gpg, at the step or after it",
    "log": "log:transparency, the journal's head is in a transparency log",
    "key": "key:granted, a key signs only what a person approved, once",
    "embargo": "embargo, nothing is public before publication",
}
"""How a mitigation is spelled, by its first word: what of the pipeline it stands for."""
