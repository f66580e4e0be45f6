"""Which code stands behind each word of the vocabulary. By import strings: a run loads only what it uses."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from customhouse.release.actions import Action, Check

_HERE = "customhouse.release."
ACTIONS = {
    "git.freeze": "git.freeze:Freeze",
    "git.unfreeze": "git.freeze:Unfreeze",
    "git.sync": "git.sync:Sync",
    "git.commit_and_tag": "git.commit_and_tag:CommitAndTag",
    "git.push": "git.push:Push",
    "git.push_last": "git.push_last:PushLast",
    "exec": "prepare.program:Program",
    "changelog.towncrier": "prepare.towncrier:Towncrier",
    "changelog.blurb": "prepare.blurb:Blurb",
    "version.bump": "prepare.bump:Bump",
    "announce": "announce.announce:Announce",
    "build.python": "building.python:BuildPython",
    "build.exec": "building.program:BuildProgram",
    "build.docs": "building.docs:BuildDocs",
    "build.sbom": "building.sbom:BuildSbom",
    "external.hand_in": "building.hand_in:HandIn",
    "test.install": "building.test_install:TestInstall",
    "test.exec": "building.test_program:TestProgram",
    "gate": "engine.gate:Ask",
    "index.stage": "ship.stage:Stage",
    "index.publish": "ship.publish:Publish",
    "index.fetch_back": "ship.fetch_back:FetchBack",
    "sign.all": "signing.sign_all:SignAll",
}
CHECKS = {
    "handover": "checks.handover:Handover",
    "complete": "checks.complete:Complete",
    "approvals-hold": "checks.approvals:ApprovalsHold",
    "branch-locked": "checks.branch:BranchLocked",
    "same-commit": "checks.branch:SameCommit",
    "clean-worktree": "checks.branch:CleanWorktree",
    "parent-is-frozen": "checks.branch:ParentIsFrozen",
    "paths-allowed": "checks.branch:PathsAllowed",
    "fast-forward": "checks.branch:FastForward",
    "tag-at-commit": "checks.tags:TagAtCommit",
    "tag-unmoved": "checks.tags:TagUnmoved",
    "version-everywhere": "checks.version:VersionEverywhere",
    "tree-equals-source": "checks.tree:TreeEqualsSource",
    "rebuilds-agree": "checks.rebuilds:RebuildsAgree",
    "sbom-describes": "checks.sbom:SbomDescribes",
    "tools-pinned": "checks.tools:ToolsPinned",
    "staged-as-built": "checks.staged:StagedAsBuilt",
    "tested-as-staged": "checks.staged:TestedAsStaged",
    "signed-as-tested": "checks.signed:SignedAsTested",
    "signatures-complete": "checks.signed:SignaturesComplete",
    "signatures-verify": "checks.signed:SignaturesVerify",
    "nothing-public": "checks.public:NothingPublic",
    "fetched-back": "checks.public:FetchedBack",
}


def action(name: str) -> Action:
    """A new instance; raises `KeyError`."""
    return cast("Action", _load(ACTIONS[name])())


def check(name: str) -> Check:
    """A new instance; raises `KeyError`."""
    return cast("Check", _load(CHECKS[name])())


def _load(where: str) -> type:
    module, name = where.split(":")
    return cast("type", getattr(import_module(_HERE + module), name))
