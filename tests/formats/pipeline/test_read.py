"""Pipelines are read strictly: what is misspelt is refused with its line, its key and what was probably meant."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from customhouse.formats.pipeline.model import Gate, Parameter, Rebuild
from customhouse.formats.pipeline.place import BadPipeline
from customhouse.formats.pipeline.read import LONGEST, MOST_STEPS, read_pipeline
from customhouse.terms.errors import Rejected
from small_pipeline import SMALL, small, spoiled


def _refused(text: str, where: str = "pipeline") -> str:
    with pytest.raises(BadPipeline) as caught:
        read_pipeline(text, where=where)
    assert isinstance(caught.value, Rejected)
    assert 1 <= caught.value.line <= text.count("\n") + 1
    return str(caught.value)


def test_a_pipeline_is_read_whole() -> None:
    pipeline = small()
    assert (pipeline.project, pipeline.tag, pipeline.version) == ("sealed", "v{version}", 1)
    assert [one.id for one in pipeline.steps][:4] == ["freeze", "commit", "push-fork", "build"]
    build = pipeline.step("build")
    assert (build.number, build.inputs, build.outputs) == ("4", ("commit", "tag"), ("dists",))
    assert build.rebuild == Rebuild(("ci-b",), "ci-b", 2)
    assert build.options == {"requires": "build.txt"}
    assert pipeline.params[1] == Parameter("branch", "main", "", "main")
    assert pipeline.text == SMALL


def test_a_quorum_is_everybody_where_nothing_is_said() -> None:
    gate = small().step("stop").gate
    assert gate == Gate(("rm", "second"), 2, "Green light for {version}?", "webauthn", timedelta(hours=24))


@pytest.mark.parametrize(("written", "length"), [("30m", 1800), ("24h", 86_400), ("7d", 604_800)])
def test_durations_are_minutes_hours_and_days(written: str, length: int) -> None:
    text = spoiled(('uses = "gate"', f'uses = "gate"\ntimeout = "{written}"'))
    assert read_pipeline(text).step("stop").timeout.total_seconds() == length


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('watch = ["tag"]', 'wacth = ["tag"]', "line 58, step 'push-fork', wacth: there is no key 'wacth'; did you mean 'watch'?"),
        ('"rebuilds-agree"', '"rebuild-agrees"', "line 69, step 'build', checks[0]: there is no check 'rebuild-agrees'; did you mean 'rebuilds-agree'?"),
        ('uses = "build.python"', 'uses = "build.pyhton"', "step 'build', uses: there is no action 'build.pyhton'; did you mean 'build.python'?"),
        ('"rebuild:2"', '"rebuilt:2"', "risk 'tamper', mitigations[0]: there is no mitigation 'rebuilt'; did you mean 'rebuild'?"),
        ('"rebuild:2"', '"rebuild:some"', "'some' is no number. Accepted: rebuild:2"),
        ('"rebuild:2"', '"gate:stopp"', "there is no step 'stopp'; did you mean 'stop'?"),
        ('"rebuild:2"', '"env:cold"', "there is no env: 'cold'"),
        ('after = ["push-fork"]', 'after = ["push-frok"]', "there is no step 'push-frok'; did you mean 'push-fork'?"),
        ('out = ["frozen"]', 'out = ["forzen"]', "there is no artifact 'forzen'; did you mean 'frozen'?"),
        ('need = ["rm", "second"]', 'need = ["rm", "secnod"]', "there is no actor 'secnod'; did you mean 'second'?"),
        ('need = ["rm", "second"]', "need = []", "a gate that nobody must pass"),
        ('need = ["rm", "second"]', 'need = ["rm", "second"], quorum = 3', "3 is no number that fits here. Accepted: from 1 to 2"),
        ('need = ["rm", "second"]', 'need = ["rm", "second"], quorum = true', "True is no number that fits here"),
        ('env = "fork"', 'env = "frok"', "there is no environment 'frok'; did you mean 'fork'?"),
        ('kind = "store"', 'kind = "shop"', "environment 'index', kind: 'shop' is not known"),
        ('risks = ["tamper"]', 'risks = ["tampre"]', "there is no risk 'tampre'; did you mean 'tamper'?"),
        ('id = "commit"', 'id = "freeze"', "there are two steps 'freeze'"),
        ('id = "commit"', 'id = "commit"\nn = "1"', "step 'commit', n: '1' is the number of 'freeze'"),
        ('watch = ["tag"]', 'watch = ["dists"]', "there is no tag 'dists'"),
        ('points_to = "commit"', 'points_to = "dists"', "there is no commit 'dists'"),
        ("schema = 1", "schema = 2", "schema 2 is not read here. Accepted: schema = 1"),
        ("schema = 1", "schema = true", "schema True is not read here"),
        ("version = 1", "version = 0", "pipeline.version: 0 is no number that fits here"),
        ("version = { pattern", "verison = { pattern", "the parameter 'version' is missing"),
        (r"'\d+\.\d+'", r"'(\d+'", "is no pattern: a '(' without its ')'"),
        ("branch = { pattern = ", "tag = { pattern = ", "{tag} has a meaning of its own"),
        ('default = "main"', 'default = "mian"', "does not match the parameter's pattern"),
        ('"sealed-{version}.tar.gz"', '"sealed-{verison}.tar.gz"', "nothing is called {verison}; did you mean 'version'?"),
        ('"sealed-{version}.tar.gz"', '"sealed-{artifact}.tar.gz"', "nothing is called {artifact}"),
        ('"sealed-{version}.tar.gz"', '"sealed-{{version}}.tar.gz"', "a '{' that is not around a name"),
        ('"sealed-{version}.tar.gz"', '"../sealed.tar.gz"', "is no file name"),
        ('"sealed-{version}.tar.gz"', '"*-*-*"', "has too many '*'"),
        ('ask = "Green', 'ask = "Gre\\u202een', "holds a character that does not print"),
        ("user:rosa", "rosa", "'rosa' is no identity. Accepted: oidc:ISSUER#SUBJECT"),
        ("ci-a = { machine = true", "ci-a = { machine = true, expert = true", "a machine cannot say that it is around"),
        ('uses = "gate"', 'uses = "gate"\nrun = ["make"]', "gate runs no program of yours"),
        ('uses = "gate"', 'uses = "exec"', "exec runs a program, and none is named"),
        ('uses = "test.install"', 'uses = "test.install"\nrun = "make test"', "a list of arguments, since no shell reads it"),
        ('uses = "test.install"', 'uses = "test.install"\nrun = ["{version}"]', "is no name of a program"),
        ('uses = "test.install"', 'uses = "test.install"\nrun = []', "0 arguments"),
        ('uses = "gate"', 'uses = "gate"\nwhen = "kind is bugfix"', "is no condition"),
        ('uses = "gate"', 'uses = "gate"\nwhen = "sort == bugfix"', "there is no parameter 'sort'"),
        ('uses = "gate"', 'uses = "gate"\ntimeout = "soon"', "'soon' is no duration. Accepted: a number and m, h or d"),
        ('uses = "gate"', 'uses = "gate"\non_fail = "retry"', "'retry' is not known"),
        ('uses = "gate"', 'uses = "gate"\nattest = "slsa"', "'slsa' is no type of a predicate"),
        ('with = { requires = "build.txt" }', 'with = { require = "build.txt" }', "build.python has no option 'require'; did you mean 'requires'?"),
        ('with = { requires = "build.txt" }', "with = { requires = 1.5 }", "1.5 is no option"),
        ('by = ["ci-b"]', "by = []", "nobody builds it again"),
        ("always = true", 'always = "yes"', "'yes' is neither true nor false"),
        ('in = ["frozen"]', 'in = ["frozen", "frozen"]', "'frozen' is given twice"),
        ('in = ["frozen"]', 'in = "frozen"', "'frozen' is no list"),
        ('mitigations = ["rebuild:2"]', 'slsa = "Z"', "'Z' is no letter of SLSA's threats"),
        ("[actors]", '[actors]\n"Big Boss" = {}', "it cannot be called so"),
        ("[risks.tamper]", "[risk.tamper]", "there is no section 'risk'; did you mean 'risks'?"),
        ('project = "sealed"', 'project = "../sealed"', "is no name of a project"),
        ('{ type = "git-commit" }', '{ type = "git-commit", names = ["x"] }', "only files have it, this is a git-commit"),
    ],
)  # fmt: skip
def test_what_means_nothing_is_refused_with_its_place(old: str, new: str, said: str) -> None:
    assert said in _refused(spoiled((old, new)))


def test_a_file_is_called_by_its_name() -> None:
    assert _refused("[pipelin]", "release.toml").startswith("release.toml, line 1, pipelin: there is no section")


def test_toml_that_is_none_is_refused_with_its_line() -> None:
    assert _refused("[pipeline]\nschema = = 1\n").startswith("pipeline, line 2: this is no TOML")


def test_keys_nested_without_sense_are_refused_before_they_are_read() -> None:
    assert "nested more than" in _refused("a" + ".a" * 5000 + " = 1")


def test_lists_nested_without_sense_are_refused() -> None:
    assert "no TOML that can be read" in _refused("a = " + "[" * 5000 + "]" * 5000)


def test_a_text_is_bounded() -> None:
    assert "at most 262,144" in _refused(SMALL + "#" * LONGEST)


def test_steps_are_bounded() -> None:
    text = SMALL + "".join(
        f'\n[[steps]]\nid = "more-{one}"\nactor = "rm"\nenv = "index"\nuses = "gate"\n' for one in range(MOST_STEPS)
    )
    assert "at most 200" in _refused(text)


def test_a_pipeline_without_steps_is_refused() -> None:
    assert "there is no step" in _refused(SMALL.split("[[steps]]")[0])


def test_lines_of_windows_are_counted_alike() -> None:
    assert "line 58, step 'push-fork', wacth" in _refused(spoiled(("watch", "wacth")).replace("\n", "\r\n"))


def test_the_reference_of_the_decision_is_not_our_schema() -> None:
    # The PoC writes parameters inside of [pipeline]: it is refused with a place, and not half understood.
    text = '[pipeline]\nschema = 1\nproject = "x"\nparams = { version = "1" }\n'
    assert "pipeline.params: there is no key 'params'" in _refused(text)


def test_texts_of_templates_have_no_places_of_machines() -> None:
    folder = Path(__file__).parents[3] / "src" / "customhouse" / "release" / "templates"
    texts = {one.name: one.read_text() for one in folder.iterdir() if one.is_file()}
    assert len(texts) > 4
    assert not [name for name, text in texts.items() if "/work/" in text or "/tmp/" in text]  # noqa: S108
