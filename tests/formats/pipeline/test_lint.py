"""Each finding with a small pipeline that has it; the same pipeline without the change has none."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import pytest

from customhouse.formats.pipeline import rules
from customhouse.formats.pipeline.lint import lint
from customhouse.formats.pipeline.read import read_pipeline
from customhouse.formats.pipeline.resolve import resolve
from customhouse.formats.pipeline.rules.programs import shell_in
from customhouse.release.template_texts import TEMPLATES, template_text
from small_pipeline import SMALL, codes, spoiled

_STEP = '\n[[steps]]\nid = "{0}"\nactor = "rm"\nenv = "{1}"\nuses = "{2}"\n'
_TOOL = 'with = { tools = ["make sha256:' + "0" * 64 + '"] }\nchecks = ["tools-pinned"]\n'
_FORGE = 'in = ["commit", "tag"]\nafter = ["fetch-back"]'

_FINDINGS = {
    "an environment has the name of a service": ("service-name", SMALL.replace("desk = { kind", "room = { kind").replace('env = "desk"', 'env = "room"')),
    "steps wait for each other": (
        "cycle", spoiled(('in = ["frozen"]', 'in = ["frozen"]\nafter = ["build"]'), step="commit")),
    "a step takes what nobody makes": (
        "unproduced-input", spoiled(('out = ["frozen"]', ""), step="freeze")),
    "an artifact has two makers": (
        "made-twice", spoiled(('after = ["test"]', 'after = ["test"]\nout = ["dists"]'), step="stop")),
    "an artifact is made and never used": (
        "unused-artifact", spoiled(("[risks.tamper]", 'more = { type = "tree" }\n[risks.tamper]'))),
    "nobody says which commit a tag is of": (
        "tag-without-commit", spoiled((', points_to = "commit"', ""))),
    "a condition can never hold": (
        "when-never-differs", spoiled(('uses = "gate"', 'uses = "gate"\nwhen = "kind == feature"'), step="stop")),
    "an input is skipped in some releases": (
        "skipped-input", spoiled(('uses = "build.python"', 'uses = "build.python"\nwhen = "kind != security"'), step="build")),
    "the tag is pushed upstream before publication": (
        "tag-not-last", spoiled(('after = ["fetch-back"]', 'after = ["test"]'), step="push-last")),
    "people are told before publication": (
        "announced-early", SMALL + _STEP.format("announce", "index", "announce") + 'after = ["stop"]\n'),
    "the fork is upstream": (
        "upstream-early", spoiled(('env = "fork"', 'env = "upstream"'), step="push-fork")),
    "a program runs at the forge upstream before publication": (
        "upstream-early", SMALL + _STEP.format("push", "upstream", "exec") + 'run = ["git", "push"]\nafter = ["commit"]\n' + _TOOL),
    "strangers see it before a gate": (
        "public-before-gate", spoiled(('after = ["test"]', 'after = ["push-last"]'), ('after = ["stop"]', ""), step="stop")),
    "there is no way back before a gate": (
        "no-return-before-gate", spoiled(('uses = "index.stage"', 'uses = "index.stage"\nno_return = true'), step="stage")),
    "nobody is asked before strangers see it": (
        "nobody-asked", spoiled(('gate = { need = ["rm", "second"], ask = "Green light for {version}?", factor = "webauthn" }', ""))),
    "nobody is asked in some releases": (
        "nobody-asked", spoiled(('uses = "gate"', 'uses = "gate"\nwhen = "kind != security"'), step="stop")),
    "it is signed before it is tested": (
        "sign-before-test", spoiled(('after = ["test"]', 'after = ["stage"]'), step="stop")),
    "it is signed and never tested": (
        "sign-untested", spoiled(('uses = "test.install"', 'uses = "index.fetch_back"'), ('env = "ci"', 'env = "index"'), step="test")),
    "signatures are not verified": (
        "signatures-unchecked", spoiled((', "signatures-verify"', ""))),
    "a step may take months": (
        "timeout-too-long", spoiled(('uses = "gate"', 'uses = "gate"\ntimeout = "31d"'), step="stop")),
    "a failure goes on ahead": (
        "restart-ahead", spoiled(('uses = "test.install"', 'uses = "test.install"\non_fail = "restart:sign"'), step="test")),
    "a pushed tag is not watched": (
        "watch-missing", spoiled(('watch = ["tag"]', ""))),
    "a branch stays frozen": (
        "never-unfrozen", spoiled(("always = true", ""))),
    "nobody fetches it back": (
        "not-fetched-back", spoiled(('uses = "index.fetch_back"', 'uses = "gate"'), step="fetch-back")),
    "nobody looks whether an embargoed release leaked": (
        "embargo-unchecked", spoiled(('project = "sealed"', 'project = "sealed"\nembargoed = true'))),
    "a machine says yes": (
        "machine-approves", spoiled(('need = ["rm", "second"]', 'need = ["rm", "ci-a"]'))),
    "one person is two": (
        "quorum-overlap", spoiled(('identities = ["user:ravi"]', 'identities = ["user:ROSA"]'))),
    "two of three are one person": (
        "quorum-overlap", spoiled(('identities = ["user:tora"]', 'identities = ["user:ravi"]'), ('need = ["rm", "second"]', 'need = ["rm", "second", "third"]'))),
    "who acts says yes to himself": (
        "approves-himself", spoiled(('need = ["rm", "second"]', 'need = ["rm", "second"], quorum = 1'))),
    "nobody can tell who somebody is": (
        "quorum-unproven", spoiled(('identities = ["user:ravi"], ', ""))),
    "two actors have one identity": (
        "shared-identity", spoiled(("https://b.example#b", "https://a.example#a"))),
    "a fingerprint is cut short": (
        "identity-unclear", spoiled(('identities = ["user:tora"]', 'identities = ["gpg:ABCD1234"]'))),
    "somebody pushes who may not": (
        "not-a-writer", spoiled(('actor = "rm"', 'actor = "second"'), step="push-last")),
    "nobody says who signs": (
        "no-signing-identity", spoiled((', "oidc:https://index.example#rosa"', ""))),
    "a build has a network": (
        "build-network", spoiled(('ci = { kind = "ci", network = "none"', 'ci = { kind = "ci", network = "pinned"'))),
    "a rebuild has a network": (
        "build-network", spoiled(('ci-b = { kind = "ci", network = "none"', 'ci-b = { kind = "ci", network = "open"'))),
    "a build finds what was left": (
        "build-cache", spoiled((", cache = false", ""))),
    "a build room is kept": (
        "build-not-ephemeral", spoiled((", ephemeral = true", ""))),
    "a push is done at a desk": (
        "wrong-place", spoiled(('env = "fork"', 'env = "desk"'), step="push-fork")),
    "the rebuilder is the builder": (
        "rebuild-same", spoiled(('by = ["ci-b"]', 'by = ["ci-a"]'))),
    "both build in one place": (
        "rebuild-same", spoiled(('env = "ci-b"', 'env = "ci"'), step="build")),
    "builds are not compared": (
        "rebuild-unchecked", spoiled(('"rebuilds-agree", ', ""))),
    "nobody builds it again": (
        "no-rebuilder", spoiled(('rebuild = { by = ["ci-b"], env = "ci-b" }', ""))),
    "a file from a desk is published and nobody compares": (
        "unchecked-hand-over",
        spoiled(
            (", reproducible = true", ""), ('actor = "ci-a"\nenv = "ci"\nuses = "build.python"', 'actor = "rm"\nenv = "desk"\nuses = "external.hand_in"'),
            ('rebuild = { by = ["ci-b"], env = "ci-b" }\nchecks = ["rebuilds-agree", "tree-equals-source"]\nrisks = ["tamper"]\nwith = { requires = "build.txt" }', ""))),
    "a file from a place with a cache is published and nobody compares": (
        "unchecked-hand-over",
        spoiled(
            (", reproducible = true", ""), (", cache = false", ""),
            ('rebuild = { by = ["ci-b"], env = "ci-b" }\nchecks = ["rebuilds-agree", "tree-equals-source"]', ""))),
    "a parameter goes into a shell": (
        "shell-injection", SMALL + _STEP.format("make", "desk", "exec") + 'run = ["bash", "-ec", "make {version}"]\n' + _TOOL),
    "a shell reads a program": (
        "shell", SMALL + _STEP.format("make", "desk", "exec") + 'run = ["sh", "-c", "make"]\n' + _TOOL),
    "a pattern lets in what a shell reads": ("open-pattern", spoiled((r"'\d+\.\d+'", "'.+'"))),
    "a pattern lets in an option": ("open-pattern", spoiled((r"'\d+\.\d+'", r"'[\d.-]+'"))),
    "a tool is whatever is there": (
        "tools-unpinned", SMALL + _STEP.format("make", "desk", "exec") + 'run = ["make"]\n'),
    "the digests of tools are not compared": (
        "tools-unpinned", SMALL + _STEP.format("make", "desk", "exec") + 'run = ["make"]\n' + _TOOL.split("checks", maxsplit=1)[0]),
    "nothing stops a risk": ("risk-unmitigated", spoiled(('mitigations = ["rebuild:2"]', 'mitigations = ["rebuild:3"]'))),
    "a risk names nothing that stops it": ("risk-unmitigated", spoiled(('mitigations = ["rebuild:2"]', ""), ("[risks.tamper]", "[risks.tamper]\ntitle = 'x'"))),
    "one of two mitigations is not there": (
        "mitigation-missing", spoiled(('mitigations = ["rebuild:2"]', 'mitigations = ["rebuild:2", "check:complete"]'))),
    "a risk is at no step": ("risk-nowhere", spoiled(('risks = ["tamper"]', ""))),
}  # fmt: skip


def test_the_small_pipeline_has_no_finding() -> None:
    assert codes(SMALL) == []


@pytest.mark.parametrize("what", sorted(_FINDINGS))
def test_lint_finds_that(what: str) -> None:
    code, text = _FINDINGS[what]
    assert code in codes(text)


def test_every_finding_of_the_rules_has_such_a_pipeline() -> None:
    folder = Path(str(files(rules)))
    source = "".join(one.read_text() for one in sorted(folder.glob("*.py")))
    known = set(re.findall(r'(?:error|warning)\(\s*"([a-z-]+)"', source)) | {
        "public-before-gate",
        "no-return-before-gate",
    }
    assert {code for code, _ in _FINDINGS.values()} == known


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_every_template_lints_clean(name: str) -> None:
    assert lint(read_pipeline(template_text(name), where=name)) == []


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_a_template_lints_clean_when_it_is_filled_in(name: str) -> None:
    given = {"version": "3.13.6", "branch": "3.13", "case": "CH-1"}
    pipeline = read_pipeline(template_text(name))
    mine = {one.name: given[one.name] for one in pipeline.params if one.name in given}
    assert lint(resolve(pipeline, mine)) == []


def test_errors_come_before_warnings() -> None:
    text = spoiled((', "signatures-verify"', ""), ("always = true", ""))
    assert [one.level for one in lint(read_pipeline(text))] == ["error", "warning"]


def test_a_finding_names_place_and_next_step() -> None:
    (found,) = lint(read_pipeline(spoiled(('watch = ["tag"]', ""))))
    assert (found.place, found.step) == ("step push-fork", "push-fork")
    assert found.sentence == "From here on its tag could be moved, and moved back."
    assert found.next_step == 'Watch it: watch = ["tag"].'


def test_a_gate_of_one_alone_is_no_finding() -> None:
    assert codes(spoiled(('need = ["rm", "second"]', 'need = ["rm"]'))) == []


def test_makers_that_exclude_each_other_are_no_finding() -> None:
    other = _STEP.format("build-b", "ci", "build.python") + (
        'in = ["commit", "tag"]\nout = ["dists"]\nwhen = "kind == security"\n'
        'rebuild = { by = ["ci-b"], env = "ci-b" }\nchecks = ["rebuilds-agree"]\n'
    )
    text = spoiled(('uses = "build.python"', 'uses = "build.python"\nwhen = "kind != security"'), step="build")
    assert codes(text + other) == []


def test_files_of_some_releases_alone_are_no_finding() -> None:
    text = spoiled(
        ('names = ["sealed-{version}.tar.gz"]', 'names = ["sealed-{version}.tar.gz"], when = "kind != security"'),
        ('uses = "build.python"', 'uses = "build.python"\nwhen = "kind != security"'),
    )
    assert codes(text) == []


@pytest.mark.parametrize(
    ("argv", "reader"),
    [
        (("sh", "-c", "x"), "sh"), (("/bin/bash", "-ec", "x"), "bash"), (("env", "A=1", "sh", "-c", "x"), "sh"),
        (("python3", "-c", "x"), "python3"), (("python3.11", "-Ic", "x"), "python3.11"), (("perl", "-e", "x"), "perl"),
        (("ssh", "host", "x"), "ssh"), (("sudo", "su", "-c", "x"), "su"), (("cmd.exe", "/c", "x"), "cmd"),
        (("eval", "x"), "eval"), (("env", "python", "-c", "x"), "python"), (("timeout", "5", "bash", "-c", "x"), "bash"),
        (("awk", "x"), "awk"), (("xargs", "rm"), "xargs"),
        (("make", "dist"), ""), (("python3", "-m", "build"), ""), (("python3", "-I", "tool.py", "-c", "x"), ""),
        (("git", "-c", "a=b", "push"), ""), (("bash", "build.sh"), ""), (("tar", "-c", "x"), ""), ((), ""),
    ],
)  # fmt: skip
def test_a_shell_is_known_by_its_arguments(argv: tuple[str, ...], reader: str) -> None:
    assert shell_in(argv) == reader
