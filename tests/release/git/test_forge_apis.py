"""GitHub and GitLab: a branch is locked for one run, said to be locked by the forge itself, and put back as it was."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path

import pytest

from customhouse.release.actions import Problem
from customhouse.release.git.forges.github import GitHub, repository_of
from customhouse.release.git.forges.gitlab import GitLab, project_of
from forge_simulators import HubSimulator, LabSimulator, as_read, github, gitlab
from release_desk import Desk, refs

MAIN, TAG = "refs/heads/main", "refs/tags/v1.1.0"
APP = "Integration:77"
PROTECTION = as_read({
    "required_status_checks": {"strict": True, "checks": [{"context": "ci", "app_id": 5}]},
    "enforce_admins": False,
    "required_pull_request_reviews": {
        "dismiss_stale_reviews": True, "require_code_owner_reviews": False, "required_approving_review_count": 2,
        "require_last_push_approval": True,
        "dismissal_restrictions": {"users": ["rosa"], "teams": [], "apps": []},
    },
    "restrictions": {"users": ["rosa"], "teams": ["core"], "apps": []},
    "required_linear_history": True,
})  # fmt: skip


@pytest.fixture
def hub() -> Iterator[HubSimulator]:
    with github() as found:
        yield found


@pytest.fixture
def lab() -> Iterator[LabSimulator]:
    with gitlab() as found:
        found.protect("main", [{"access_level": 40}], [{"access_level": 30}])
        yield found


def test_a_ruleset_locks_branch_and_tag_for_everybody_but_the_release(hub: HubSimulator) -> None:
    forge = GitHub(hub.api(), "o/sealed", APP)
    forge.lock([MAIN, TAG], "r1", forge.before([MAIN, TAG]))
    for ref in (MAIN, TAG):
        assert not hub.may_push(ref)
        assert hub.may_push(ref, actor_type="Integration", actor_id=77)
        assert (forge.protection(ref).locked, forge.protection(ref).by) == (True, "r1")


def test_locking_twice_makes_one_lock_and_unlocking_twice_takes_one_away(hub: HubSimulator) -> None:
    forge = GitHub(hub.api(), "o/sealed", APP)
    hub.rulesets[100] = {"id": 100, "name": "core", "target": "branch", "enforcement": "active", "bypass_actors": [],
                         "conditions": {"ref_name": {"include": ["refs/heads/docs"], "exclude": []}}, "rules": []}  # fmt: skip
    there = copy.deepcopy(hub.rulesets)
    for _again in range(2):
        forge.lock([MAIN, TAG], "r1", "{}")
    assert len(hub.rulesets) == 3
    assert [forge.unlock([MAIN, TAG], "r1", "{}") for _again in range(2)] == [True, False]
    assert hub.rulesets == there


def test_a_ruleset_that_somebody_switched_off_is_no_lock(hub: HubSimulator) -> None:
    forge = GitHub(hub.api(), "o/sealed", APP)
    forge.lock([MAIN], "r1", "{}")
    for one in hub.rulesets.values():
        one["enforcement"] = "disabled"
    assert not forge.protection(MAIN).locked


@pytest.mark.parametrize("before", [None, PROTECTION], ids=["without protection", "with protection"])
def test_classic_protection_is_put_back_field_by_field(hub: HubSimulator, before: dict[str, object] | None) -> None:
    if before is not None:
        hub.protections["main"] = copy.deepcopy(before)
    there = copy.deepcopy(hub.protections)
    forge = GitHub(hub.api(), "o/sealed", classic=True)
    was = forge.before([MAIN])
    forge.lock([MAIN], "r1", was)
    assert forge.protection(MAIN).locked
    assert not hub.may_push(MAIN)
    if before is not None:
        assert hub.protections["main"]["restrictions"] == PROTECTION["restrictions"]
    assert forge.unlock([MAIN], "r1", was)
    assert hub.protections == there
    assert not forge.unlock([MAIN], "r1", was)


def test_a_move_between_two_looks_is_in_githubs_activities(hub: HubSimulator) -> None:
    forge = GitHub(hub.api(), "o/sealed")
    hub.moved(TAG, "0" * 40, "a" * 40, "rosa")
    log = forge.log([TAG, MAIN], "")
    assert log is not None
    assert log.changes == ()
    hub.moved(TAG, "a" * 40, "b" * 40)
    hub.moved(TAG, "b" * 40, "a" * 40)
    later = forge.log([TAG, MAIN], log.cursor)
    assert later is not None
    assert [(one.new[:1], one.who) for one in later.changes] == [("b", "mallory"), ("a", "mallory")]


def test_a_token_that_may_not_is_told_so_and_is_in_no_message(hub: HubSimulator) -> None:
    with pytest.raises(Problem) as refused:
        GitHub(hub.api("wrong-secret"), "o/sealed").before([MAIN])
    assert refused.value.code == "forge-refused"
    assert "administer" in str(refused.value)
    assert "wrong-secret" not in str(refused.value)
    assert "wrong-secret" not in repr(hub.api("wrong-secret"))


@pytest.mark.parametrize("premium", [True, False], ids=["in place", "written anew"])
def test_gitlab_lets_nobody_push_and_puts_back_who_could(premium: bool) -> None:
    with gitlab(premium=premium) as lab:
        lab.protect("main", [{"access_level": 40}, {"user_id": 9}], [{"access_level": 30}])
        lab.protect("ma*", [{"access_level": 30}], [{"access_level": 30}])
        forge = GitLab(lab.api(), "group/sealed")
        was = forge.before([MAIN])
        forge.lock([MAIN], "r1", was)
        assert forge.protection(MAIN).locked
        assert lab.levels("main") == lab.levels("ma*") == [{"access_level": 0}]
        assert forge.unlock([MAIN], "r1", was)
        assert forge.before([MAIN]) == was
        assert not forge.unlock([MAIN], "r1", was)
        assert (lab.unprotected == 0) is premium


def test_gitlab_is_locked_only_if_every_protection_that_matches_is(lab: LabSimulator) -> None:
    forge = GitLab(lab.api(), "group/sealed")
    forge.lock([MAIN], "r1", forge.before([MAIN]))
    lab.protect("m*", [{"access_level": 30}], [{"access_level": 30}])
    said = forge.protection(MAIN)
    assert (said.locked, said.how) == (False, "the protection 'm*' lets people push")


def test_a_gitlab_branch_without_protection_gets_one_for_the_release_alone() -> None:
    with gitlab() as lab:
        forge = GitLab(lab.api(), "group/sealed", allow="user:7")
        was = forge.before([MAIN, TAG])
        forge.lock([MAIN, TAG], "r1", was)
        assert [one["user_id"] for one in lab.levels("main")] == [7]
        assert forge.unlock([MAIN, TAG], "r1", was)
        assert lab.branches == {}


def test_a_move_between_two_looks_is_in_gitlabs_events(lab: LabSimulator) -> None:
    forge = GitLab(lab.api(), "group/sealed")
    lab.moved("tag", "v1.1.0", None, "a" * 40)
    log = forge.log([TAG], "")
    assert log is not None
    lab.moved("tag", "v1.1.0", "a" * 40, None)
    later = forge.log([TAG], log.cursor)
    assert later is not None
    assert [(one.old[:1], one.new) for one in later.changes] == [("a", "")]


@pytest.mark.slow
@pytest.mark.parametrize("lock", ["ruleset", "branch"])
def test_a_freeze_that_was_killed_puts_back_what_was_there_before_it(
    hub: HubSimulator, tmp_path: Path, lock: str
) -> None:
    place = {"adapter": "github", "api": f"http://127.0.0.1:{hub.web.port}", "repository": "o/sealed", "lock": lock}
    upstream = {"url": str(tmp_path / "desk" / "upstream.git"), **place}
    hub.protections["main"] = copy.deepcopy(PROTECTION)
    desk = Desk(tmp_path / "desk", places={"upstream": upstream}, secrets={"github-token": "a-token-of-the-forge"})
    desk.killed("freeze")
    desk.do("freeze", begun=True)
    assert desk.state.steps["freeze"].recovered
    assert desk.state.artifacts["frozen"][0].digest == refs(desk.upstream)["refs/heads/main"]
    desk.action("freeze").undo(desk.run("freeze"))
    assert (hub.protections["main"], hub.rulesets) == (PROTECTION, {})


@pytest.mark.parametrize(("url", "found"), [
    ("https://github.com/o/sealed.git", "o/sealed"), ("git@github.com:o/sealed.git", "o/sealed"),
    ("ssh://git@github.com/o/sealed", "o/sealed"), ("https://gitlab.com/group/sub/sealed.git", "group/sub/sealed"),
])  # fmt: skip
def test_a_repository_is_read_from_its_address(url: str, found: str) -> None:
    assert (project_of(url) if "gitlab" in url else repository_of(url)) == found
