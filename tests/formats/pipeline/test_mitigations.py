"""A mitigation counts only where something of the pipeline is really there."""

from __future__ import annotations

import pytest

from customhouse.formats.pipeline.facts import Facts
from customhouse.formats.pipeline.mitigations import judge, missing, unmitigated
from customhouse.formats.pipeline.read import read_pipeline
from customhouse.release.template_texts import template_text
from small_pipeline import SMALL, small, spoiled

_WORKS = [
    ("build", "check:rebuilds-agree"), ("stage", "check:tree-equals-source"), ("build", "check:handover"),
    ("build", "gate:stop"), ("stop", "gate:stop"), ("publish", "gate:stop"), ("publish", "quorum:2"),
    ("publish", "factor:webauthn"), ("build", "rebuild:2"), ("publish", "rebuild:2"), ("build", "env:ephemeral"),
    ("build", "env:no-cache"), ("build", "env:no-network"), ("build", "env:ci"), ("build", "pin:commit"),
    ("push-fork", "watch:tag"), ("publish", "watch:tag"), ("push-fork", "order:tag-last"), ("sign", "order:test-before-sign"),
    ("build", "lock:hashes"), ("build", "sign:sigstore"), ("sign", "sign:sigstore"), ("build", "log:transparency"),
    ("sign", "key:granted"),
]  # fmt: skip
_MISSING = [
    ("commit", "check:rebuilds-agree", "neither it nor a step before it checks"), ("freeze", "check:handover", "nothing is handed over"),
    ("build", "gate:test", "nobody is asked at test"), ("push-last", "gate:push-last", "nobody is asked"),
    ("build", "quorum:2", "no gate up to here asks 2 people"), ("publish", "quorum:3", "no gate up to here asks 3 people"),
    ("build", "factor:webauthn", "no gate up to here"), ("build", "rebuild:3", "no 3 builds must agree"),
    ("commit", "rebuild:2", "no 2 builds must agree"), ("commit", "env:ephemeral", "is not ephemeral"),
    ("commit", "env:no-cache", "keeps a cache"), ("commit", "env:no-network", "has network open"), ("commit", "env:ci", "is local"),
    ("stage", "pin:commit", "it takes no commit"), ("commit", "watch:tag", "no tag is watched"), ("build", "tools:pinned", "names no tools"),
    ("stage", "lock:hashes", "names no file of locked requirements"), ("build", "sign:gpg", "nothing is signed by gpg"),
    ("publish", "sign:sigstore", "from here on"), ("build", "key:granted", "signs nothing by a key of ours"),
    ("publish", "embargo", "the pipeline is not embargoed"),
]  # fmt: skip


@pytest.mark.parametrize(("step", "mitigation"), _WORKS)
def test_a_mitigation_works_where_it_is_there(step: str, mitigation: str) -> None:
    pipeline = small()
    assert missing(Facts(pipeline), pipeline.step(step), mitigation) == ""


@pytest.mark.parametrize(("step", "mitigation", "why"), _MISSING)
def test_a_mitigation_that_is_only_claimed_does_not(step: str, mitigation: str, why: str) -> None:
    pipeline = small()
    assert why in missing(Facts(pipeline), pipeline.step(step), mitigation)


def test_one_person_with_two_accounts_is_no_quorum_of_two() -> None:
    pipeline = read_pipeline(spoiled(('identities = ["user:ravi"]', 'identities = ["user:rosa"]')))
    assert "asks 2 people" in missing(Facts(pipeline), pipeline.step("publish"), "quorum:2")


def test_a_builder_who_rebuilds_himself_is_no_rebuild() -> None:
    pipeline = read_pipeline(spoiled(('by = ["ci-b"]', 'by = ["ci-a"]')))
    assert missing(Facts(pipeline), pipeline.step("build"), "rebuild:2")


def test_a_tag_that_does_not_wait_for_publication_is_not_last() -> None:
    pipeline = read_pipeline(spoiled(('after = ["fetch-back"]', 'after = ["test"]'), step="push-last"))
    assert "push-last does not wait" in missing(Facts(pipeline), pipeline.step("push-fork"), "order:tag-last")


def test_a_signature_that_does_not_wait_for_tests_is_not_after_them() -> None:
    pipeline = read_pipeline(spoiled(('after = ["test"]', 'after = ["stage"]'), step="stop"))
    assert "sign does not wait" in missing(Facts(pipeline), pipeline.step("sign"), "order:test-before-sign")


def test_an_embargo_is_one_only_if_somebody_looks() -> None:
    embargoed = ('project = "sealed"', 'project = "sealed"\nembargoed = true')
    without = read_pipeline(spoiled(embargoed))
    assert "nothing-public" in missing(Facts(without), without.step("publish"), "embargo")
    looked = read_pipeline(
        spoiled(embargoed, ('uses = "index.publish"', 'uses = "index.publish"\nchecks = ["nothing-public"]'))
    )
    assert missing(Facts(looked), looked.step("publish"), "embargo") == ""


def test_every_mitigation_of_the_cpython_template_works() -> None:
    pipeline = read_pipeline(template_text("cpython"))
    assert [one for one in judge(pipeline) if one.missing] == []
    assert unmitigated(pipeline) == set()


def test_a_risk_is_open_only_where_nothing_of_it_works() -> None:
    assert unmitigated(read_pipeline(SMALL)) == set()
    text = spoiled(('mitigations = ["rebuild:2"]', 'mitigations = ["rebuild:3", "gate:freeze"]'))
    assert unmitigated(read_pipeline(text)) == {("tamper", "build")}
