"""Rules of programs: no shell reads what a stranger could have written, and tools are those that were looked at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from customhouse.formats.pipeline.facts import Facts
from customhouse.formats.pipeline.finding import Finding, error, warning
from customhouse.formats.pipeline.model import Pipeline, Step
from customhouse.formats.pipeline.parameters import HARMLESS
from customhouse.formats.pipeline.patterns import read_pattern
from customhouse.formats.pipeline.placeholders import names_in

_SHELLS = frozenset(("sh", "bash", "dash", "zsh", "ksh", "fish", "ash", "busybox", "cmd", "powershell", "pwsh", "su"))
_LANGUAGES = {"python": "c", "perl": "e", "ruby": "e", "node": "ep", "php": "r", "lua": "e", "awk": "", "gawk": ""}
_ALWAYS = frozenset(("eval", "ssh", "xargs", "parallel", "watch", "script"))
"""Programs that hand what they get to a shell, whatever the flags."""
_ASCII = tuple(map(chr, range(128)))


def program_rules(facts: Facts) -> Iterator[Finding]:
    """Findings about ``run``, tools and patterns."""
    yield from _patterns(facts.pipeline)
    for step in facts.pipeline.steps:
        yield from _shell(step)
        yield from _tools(step)


def _patterns(pipeline: Pipeline) -> Iterator[Finding]:
    for one in pipeline.params:
        pattern = read_pattern(one.pattern)
        bad = pattern.admits(letter for letter in _ASCII if letter not in HARMLESS)
        place = f"parameter {one.name}"
        if bad:
            shown = "".join(letter for letter in bad if letter.isprintable() and letter != " ")[:8] or "spaces"
            yield error(
                "open-pattern", place, f"Its pattern lets in what shells read as more than letters: {shown}",
                r"Name what is allowed: [A-Za-z0-9._-]+, or \d+\.\d+.",
            )  # fmt: skip
        if pattern.may_begin_with("-"):
            yield error(
                "open-pattern", place, "Its pattern lets in a value that begins with '-', as options do.",
                "Let the first letter be another: [A-Za-z0-9][A-Za-z0-9._-]*.",
            )  # fmt: skip


def _shell(step: Step) -> Iterator[Finding]:
    reader = shell_in(step.run)
    if not reader:
        return
    given = [name for argument in step.run for name in names_in(argument)]
    if given:
        yield error(
            "shell-injection", f"step {step.id}", f"{reader} reads {{{given[0]}}} as part of a program.",
            "Name the program and its arguments themselves, or put the program into a file of the source.",
        )  # fmt: skip
    else:
        yield warning(
            "shell", f"step {step.id}", f"{reader} reads a program from an argument.",
            "Name the program and its arguments themselves, or put the program into a file of the source.",
        )  # fmt: skip


def shell_in(argv: tuple[str, ...]) -> str:
    """The program among these arguments that reads one of them as a program; empty if there is none."""
    for number, argument in enumerate(argv):
        name = PurePosixPath(argument).name.lower().removesuffix(".exe")
        rest = argv[number + 1 :]
        flags = [one for one in rest if one.startswith(("-", "/"))]
        if name in _ALWAYS and number == _command_at(argv):
            return name
        if name in _SHELLS and any(
            _short(one, "c") or one.lower() in {"-command", "/c", "-encodedcommand"} for one in flags
        ):
            return name
        language = name.rstrip("0123456789.")
        if language in _LANGUAGES and number <= _command_at(argv) + 1:
            letters = _LANGUAGES[language]
            if (not letters and rest) or any(_short(one, letters) for one in _own_flags(rest)):
                return name
    return ""


def _command_at(argv: tuple[str, ...]) -> int:
    """Where the program stands, behind ``env A=B`` and the like."""
    for number, argument in enumerate(argv):
        name = PurePosixPath(argument).name
        if (
            name not in {"env", "sudo", "nice", "nohup", "timeout", "xvfb-run"}
            and "=" not in name
            and argument[:1] != "-"
        ):
            return number
    return 0


def _own_flags(rest: tuple[str, ...]) -> list[str]:
    """The flags of an interpreter: those before its script or module."""
    found = []
    for one in rest:
        if not one.startswith("-") or one == "-m":
            break
        found.append(one)
    return found


def _short(flag: str, letters: str) -> bool:
    """Whether one of these letters is among short flags: ``-ec`` has ``c``."""
    return flag.startswith("-") and not flag.startswith("--") and any(letter in flag[1:] for letter in letters)


def _tools(step: Step) -> Iterator[Finding]:
    if step.uses not in {"exec", "build.exec"}:
        return
    if not step.options.get("tools"):
        yield warning(
            "tools-unpinned", f"step {step.id}", f"It runs {step.run[0]} as it happens to be on the machine.",
            'Name it with its digest: with = { tools = ["…"] }, and check "tools-pinned".',
        )  # fmt: skip
    elif "tools-pinned" not in step.checks:
        yield warning(
            "tools-unpinned", f"step {step.id}", "It names digests of its tools, and nobody compares them.",
            'Add "tools-pinned" to its checks.',
        )  # fmt: skip
