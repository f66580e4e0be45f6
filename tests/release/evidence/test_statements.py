"""Statements are pure: the same lines give the same bytes, in the standard predicates, with SHA-256 subjects alone."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from customhouse.release.evidence.attest import attest, speakers_of
from customhouse.release.evidence.statements import uris
from customhouse.release.evidence.statements.history import history
from customhouse.release.evidence.statements.statement import read_statement
from customhouse.release.evidence.statements.told import kind_of, owed, verdict_owed
from customhouse.release.evidence.statements.verdict import level
from customhouse.terms.errors import Rejected
from released import COMMIT, RUN, TAG, Puppet

BASE = "https://index.example"


def statements(released: Puppet, kind: str) -> list[dict[str, Any]]:
    """Those of a predicate type, as they were signed, in order."""
    found = []
    for name, body in sorted(released.members().items()):
        if name.startswith("statements/"):
            payload = json.loads(base64.b64decode(json.loads(body)["dsseEnvelope"]["payload"]))
            if payload["predicateType"] == kind:
                found.append(payload)
    return found


def test_each_fact_is_said_in_the_predicate_that_fits(released: Puppet) -> None:
    found = {
        kind: len(statements(released, kind))
        for kind in (
            uris.PROVENANCE, uris.LINK, uris.TEST_RESULT, uris.RELEASE, uris.SIMPLE_RESULT, uris.VERDICT, uris.CYCLONEDX,
            uris.ref_state(BASE), uris.approval(BASE), uris.rebuild(BASE),
        )
    }  # fmt: skip
    assert list(found.values()) == [2, 3, 1, 1, 1, 1, 1, 2, 2, 1]


def test_subjects_have_sha256_and_nothing_else(released: Puppet) -> None:
    for name, body in released.members().items():
        if name.startswith("statements/"):
            payload = json.loads(base64.b64decode(json.loads(body)["dsseEnvelope"]["payload"]))
            assert payload["subject"], name
            assert all(set(one["digest"]) == {"sha256"} for one in payload["subject"]), name


def test_provenance_names_builder_commit_and_times(released: Puppet) -> None:
    again, first = statements(released, uris.PROVENANCE)
    builders = [one["predicate"]["runDetails"]["builder"]["id"] for one in (first, again)]
    assert builders == [f"{BASE}/builder/ci-b/ci-b", f"{BASE}/builder/ci-a/ci"]
    assert first["subject"] == again["subject"]
    definition = again["predicate"]["buildDefinition"]
    assert definition["buildType"] == f"{BASE}/build/python/v1"
    digests = [one["digest"] for one in definition["resolvedDependencies"]]
    assert digests == [{"gitCommit": COMMIT}, {"gitTag": TAG}]
    assert definition["resolvedDependencies"][0]["uri"] == "git+/srv/upstream.git"
    metadata = again["predicate"]["runDetails"]["metadata"]
    assert metadata["invocationId"] == f"{BASE}/run/{RUN}/build/1"
    assert metadata["startedOn"] < metadata["finishedOn"]


def test_an_approval_names_people_question_and_quorum(released: Puppet) -> None:
    stop, _sign = statements(released, uris.approval(BASE))
    predicate = stop["predicate"]
    assert [one["person"] for one in predicate["approvals"]] == ["user:rosa", "user:wim", "user:mara"]
    assert (predicate["quorum"], predicate["decision"]) == (3, "approved")
    assert {one["name"] for one in stop["subject"]} > set(released.bodies)


def test_a_release_has_a_purl_for_each_file(released: Puppet) -> None:
    (found,) = statements(released, uris.RELEASE)
    assert found["predicate"]["purl"] == "pkg:pypi/sealed@3.1.0"
    assert [one["uri"] for one in found["subject"]] == [
        "pkg:pypi/sealed@3.1.0?file_name=sealed-3.1.0-cp311-cp311-linux_x86_64.whl",
        "pkg:pypi/sealed@3.1.0?file_name=sealed-3.1.0.tar.gz",
    ]


def test_the_verdict_counts_on_all_the_others(released: Puppet) -> None:
    (found,) = statements(released, uris.VERDICT)
    assert found["predicate"]["verificationResult"] == "PASSED"
    assert found["predicate"]["verifiedLevels"] == ["SLSA_BUILD_LEVEL_3"]
    assert found["predicate"]["policy"]["digest"]["sha256"] == released.state.pipeline_sha256  # type: ignore[union-attr]
    assert len(found["predicate"]["inputAttestations"]) == 14


def test_the_same_lines_say_the_same(released: Puppet) -> None:
    assert released.state is not None
    one, other = (history(released.state.pipeline, released.lines) for _ in range(2))
    for first, second in zip(owed(one), owed(other), strict=True):
        assert first.name == second.name
        if "sbom" not in first.name.partition(".")[2].partition(".")[2]:
            assert first.make(released.body).to_bytes() == second.make(released.body).to_bytes()


def test_saying_it_twice_says_nothing_twice(released: Puppet) -> None:
    assert released.state is not None
    assert attest(released.state, released.lines, released.sealers["rm"], released.store) == []


def test_what_a_crash_left_unsaid_is_said_later(tmp_path_factory: pytest.TempPathFactory) -> None:
    run = Puppet(tmp_path_factory.mktemp("late"), sigstore=False).release()
    assert run.state is not None
    said = attest(run.state, run.lines, run.sealers["rm"], run.store)
    assert len(said) == 14
    assert len({one.bundle.name for one in said}) == 14
    assert verdict_owed(history(run.state.pipeline, run.lines)) is not None


def test_each_machine_speaks_for_itself_and_the_publisher_for_who_has_no_identity(released: Puppet) -> None:
    assert released.state is not None
    pipeline = released.state.pipeline
    assert speakers_of(pipeline, "ci-a") == {"ci-a"}
    assert speakers_of(pipeline, "rm") == {"rm", "engine", "windows", "macos"}


def test_without_an_address_uris_belong_to_nobody() -> None:
    assert uris.base_of({}) == "urn:x-customhouse"
    assert uris.ref_state("urn:x-customhouse") == "urn:x-customhouse:attestation:ref-state:v1"
    assert (
        uris.base_of({"index": {"url": "https://i.example"}, "evidence": {"base": "https://e.example/x"}})
        == "https://e.example/x"
    )


def test_a_step_may_say_what_is_said_of_it() -> None:
    assert kind_of("exec", "") == "link"
    assert kind_of("exec", uris.TEST_RESULT) == "test-result"
    assert kind_of("exec", "provenance") == "provenance"
    assert kind_of("announce", "") == ""


def test_a_pipeline_has_the_level_of_its_weakest_build(released: Puppet) -> None:
    assert released.state is not None
    assert level(released.state.pipeline) == 3


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"[]", b"{}", b'{"_type": "https://in-toto.io/Statement/v0.1", "subject": [], "predicateType": "x", "predicate": {}}',
        b'{"_type": "https://in-toto.io/Statement/v1", "subject": [{"name": "a", "digest": {"sha1": "b"}}], "predicateType": "x", "predicate": {}}',
    ],
)  # fmt: skip
def test_what_is_no_statement_is_refused(raw: bytes) -> None:
    with pytest.raises(Rejected):
        read_statement(raw, "statements/x")
