"""``customhouse view``, ``mirror`` and ``check`` as somebody types them: short lines, plain words, a next step."""

from __future__ import annotations

from pathlib import Path

import pytest

from command_line import Done, customhouse
from customhouse.cli.policy_explain import _project

pytestmark = pytest.mark.slow
COLUMNS = 80
LOAD = "customhouse advisory source add osv https://"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an index that has a view of PyPI, which nobody has asked for anything."""
    folder = tmp_path_factory.mktemp("house")
    done = run(folder, "view", "add", "dev", "--upstream", "pypi")
    assert (done.returncode, done.stderr) == (0, "")
    assert LOAD in done.stdout
    assert done.stdout.splitlines()[-1].startswith("pip install --index-url http://127.0.0.1:8417/view/dev/simple/")
    return folder


def run(folder: Path, *arguments: str) -> Done:
    return customhouse(*arguments, folder=folder)


def test_that_no_advisories_are_loaded_is_said_once_with_the_command(house: Path) -> None:
    for command in (("view", "show", "dev"), ("check",)):
        said = run(house, *command).stdout
        assert said.count(LOAD) == 1
        assert "no advisories are loaded" in " ".join(said.split())
    assert run(house, "check").returncode == 0


def test_lines_fit_a_terminal_but_for_what_is_to_be_copied(house: Path) -> None:
    for command in (
        ("view", "show", "dev"),
        ("view", "list"),
        ("mirror", "status"),
        ("view", "log", "dev"),
        ("--help",),
    ):
        lines = run(house, *command).stdout.splitlines()
        assert lines
        assert [one for one in lines if len(one) > COLUMNS and LOAD not in one] == []


def test_an_upstream_that_nobody_has_asked_says_what_asks_it(house: Path) -> None:
    said = run(house, "mirror", "status").stdout
    assert said.startswith("pypi  https://pypi.org/simple/\n  nobody has asked it for anything yet\n")


BAD = 'level = "balanced"\n[[rule]]\nname = "x"\nhide-if.agee = "< 7d"\n'


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("view add", "requires an argument"),
        ("view add A", "is no name of a view"),
        ("view add dev", "There is a view 'dev' already. Change it with `customhouse view set`."),
        ("view add x --upstream nope", "nobody has described an upstream 'nope'. Accepted: pypi"),
        ("view add x --policy bad.toml", "line 4, rule 'x', hide-if.agee: there is no signal 'agee'; did you mean 'age'?"),
        ("view add x --policy latin.toml", "it is no text in UTF-8"),
        ("view add x --policy .", "cannot be read"),
        ("view add x --policy loose", "Accepted: a file, or open, balanced, strict, curated"),
        ("view set dev", "nothing is to change"),
        ("view set nope --policy open", "See: customhouse view list"),
        ("view show nope", "See: customhouse view list"),
        ("view remove nope", "See: customhouse view list"),
        ("view log nope", "There is no such view"),
        ("view log dev --days 0", "--days: 0 days. Accepted: 1 to 3650"),
        ("view log dev --days 99999999", "--days: 99999999 days. Accepted: 1 to 3650"),
        ("view log dev --days x", "unable to convert"),
        ("policy simulate --policy strict --view dev --days 99999999", "--days: 99999999 days"),
        ("policy simulate --policy bad.toml --view dev", "did you mean 'age'?"),
        ("policy show nope", "neither a level nor a file"),
        ("policy check nope.toml", "No such file"),
        ("policy explain ../x --view dev", "is not a project name"),
        ("policy explain x", "it is not said where packages come from"),
        ("mirror prefetch nope.lock --view dev", "there is no such file"),
        ("mirror prefetch bad.toml --view nope", "neither its name nor its content"),
        ("mirror forget nope --reason x", "is no upstream's here"),
        ("name owner ///", "is not a project name"),
        ("name adopt nope --owner nobody --reason x", "There is no account"),
        ("name hand-over nope --upstream pypi --reason x", "is not hosted here"),
        ("amendment withdraw nope --reason x", "There is no such amendment."),
        ("verify nope.lock", "there is no such file"),
    ],
)  # fmt: skip
def test_what_is_typed_wrongly_is_answered_with_a_sentence_and_code_2(house: Path, arguments: str, said: str) -> None:
    (house / "bad.toml").write_text(BAD)
    (house / "latin.toml").write_bytes(b"\xff\xfe")
    done = run(house, *arguments.split())
    assert done.returncode == 2, done
    assert said in " ".join((done.stdout + done.stderr).split())
    assert "Traceback" not in done.stdout + done.stderr


def test_versions_of_which_the_same_is_said_stand_in_one_line() -> None:
    def one(version: str, verdict: str, reason: str) -> dict[str, object]:
        file = {"action": verdict, "rule": "cooldown", "reason": reason, "warnings": []}
        return {"version": version, "verdict": verdict, "let_in": 0, "files": [file]}

    told = {
        "project": "demo", "view": "dev", "origin": "pypi", "level": "balanced", "at": "2026-11-28T05:00:00Z",
        "versions": [one("5", "hide", "new"), *(one(str(number), "deny", "bad") for number in (4, 3, 2)), one("1", "deny", "worse")],
    }  # fmt: skip
    lines = list(_project(told, every=False))[1:]
    assert [line.split()[0] for line in lines] == ["5", "4", "and", "1"]
    assert lines[2].strip() == "and so 2 older ones, down to 2"
    assert [line.split()[0] for line in list(_project(told, every=True))[1:]] == ["5", "4", "3", "2", "1"]
