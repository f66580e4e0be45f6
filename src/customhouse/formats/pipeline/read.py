"""A pipeline's TOML to a `Pipeline`: read whole or refused whole, with the line and what was probably meant.

Reading is strict: a key that nobody knows, a value of the wrong type and a name of nothing refuse the file, since a
misspelt ``gate`` would be a gate that nobody passes. What is possible but unwise, `lint` finds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import timedelta
from typing import TypeVar, cast, get_args

from customhouse.formats.pipeline.graph import condition_of
from customhouse.formats.pipeline.model import (
    SCHEMA,
    Actor,
    Artifact,
    ArtifactType,
    Environment,
    EnvironmentKind,
    Factor,
    Gate,
    Network,
    Parameter,
    Pipeline,
    Rebuild,
    Risk,
    Step,
)  # fmt: skip
from customhouse.formats.pipeline.parameters import value_fault
from customhouse.formats.pipeline.patterns import BadPattern, read_pattern
from customhouse.formats.pipeline.place import BadPipeline, Place
from customhouse.formats.pipeline.placeholders import ARTIFACT, OWN, placeholder_fault
from customhouse.formats.pipeline.vocabulary import ACTIONS, CHECKS, MITIGATIONS
from customhouse.formats.pipeline.words import DURATION_EXAMPLE, duration_of
from customhouse.formats.toml_text.fault import shown, suggestion
from customhouse.formats.toml_text.lines import Lines
from customhouse.formats.toml_text.parse import parse_toml

LONGEST = 256 * 1024
"""Bytes of a pipeline."""
MOST_STEPS = 200
MOST_OTHERS = 200
"""Of parameters, actors, environments, artifacts and risks, each."""
MOST_LISTED = 200
"""Entries of one list."""
MOST_STARS = 2
"""Of one file name."""

_TOP = ("pipeline", "params", "actors", "environments", "artifacts", "risks", "steps")
_PIPELINE = ("schema", "version", "project", "tag", "title", "embargoed")
_PARAMETER = ("pattern", "title", "default")
_ACTOR = ("title", "machine", "identities", "factor", "expert")
_ENVIRONMENT = ("title", "kind", "network", "ephemeral", "cache", "writers")
_ARTIFACT = ("type", "title", "names", "version_in", "reproducible", "describes", "covers", "points_to", "when")
_FILES_ONLY = ("names", "version_in", "reproducible", "describes", "covers")
_RISK = ("title", "slsa", "attack", "mitigations")
_GATE = ("need", "quorum", "ask", "factor", "expires")
_REBUILD = ("by", "env", "agree")
_STEP = (
    "id", "n", "title", "actor", "env", "uses", "run", "in", "out", "after", "gate", "checks", "rebuild", "attest",
    "watch", "when", "timeout", "on_fail", "undo", "no_return", "always", "risks", "with",
)  # fmt: skip
_MUST_RUN = ("exec", "build.exec", "test.exec")
_KINDS = get_args(EnvironmentKind)
_NETWORKS = get_args(Network)
_TYPES = get_args(ArtifactType)
_FACTORS = get_args(Factor)
_ID = re.compile(r"[a-z][a-z0-9_-]{0,39}", re.ASCII)
_PARAMETER_NAME = re.compile(r"[a-z][a-z0-9_]{0,29}", re.ASCII)
_ID_RULE = "a small letter, then small letters, digits, '-' and '_', at most 40"
_PROJECT = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?", re.ASCII)
_NUMBER = re.compile(r"[A-Za-z0-9.]{1,6}", re.ASCII)
_IDENTITY = re.compile(
    r"(?:oidc:https?://[^\s#]+#\S+|gpg:[A-Za-z0-9]+|user:[A-Za-z0-9._-]+|key:[A-Za-z0-9]+)", re.ASCII
)
_IDENTITY_RULE = "oidc:ISSUER#SUBJECT, gpg:FINGERPRINT, user:NAME or key:HEX"
_Value = TypeVar("_Value")
Options = dict[str, str | int | bool | tuple[str, ...]]


def read_pipeline(text: str, *, where: str = "pipeline") -> Pipeline:
    """The pipeline; raises `Rejected` (a `BadPipeline` with ``line`` and ``key``) for anything that it cannot mean.

    ``where`` is what an error calls the text: a file's name.
    """
    document, lines = _parse(text, where)
    return _Reader(document, Place(lines, where=where)).read(text)


def _parse(text: str, where: str) -> tuple[dict[str, object], Lines]:
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > LONGEST:
        raise BadPipeline(where, 1, "", f"it has {size:,} bytes", f"at most {LONGEST:,}")
    return parse_toml(text, lambda line, why, accepted: BadPipeline(where, line, "", why, accepted))


class _Reader:
    """Reads the sections in an order in which each knows the names that it may use."""

    def __init__(self, document: dict[str, object], top: Place) -> None:
        self.document = document
        self.top = top
        self.params: tuple[Parameter, ...] = ()
        self.names: tuple[str, ...] = ()
        """What may stand in braces."""
        self.actors: tuple[str, ...] = ()
        self.environments: tuple[str, ...] = ()
        self.artifacts: tuple[str, ...] = ()
        self.tags: tuple[str, ...] = ()
        self.commits: tuple[str, ...] = ()
        self.risks: tuple[str, ...] = ()
        self.steps: tuple[str, ...] = ()

    def read(self, text: str) -> Pipeline:
        self.top.only(self.document, _TOP, "section")
        place = self.top.at("pipeline")
        head = self._head(place)
        self.params = tuple(
            self._parameter(name, table, here)
            for name, table, here in self._section("params", "parameter", _PARAMETER_NAME)
        )
        if not any(one.name == "version" for one in self.params):
            self.top.at("params").reject("the parameter 'version' is missing", r"version = { pattern = '\d+\.\d+' }")
        self.names = (*(one.name for one in self.params), *OWN)
        without_tag = tuple(one for one in self.names if one != "tag")
        tag = self._filled(head.get("tag", "v{version}"), place.at("tag"), '"v{version}"', without_tag)
        title = self._filled(head["title"], place.at("title"), '"Release of X"') if "title" in head else ""
        actors = tuple(self._actor(*one) for one in self._section("actors", "actor"))
        self.actors = tuple(one.id for one in actors)
        environments = tuple(self._environment(*one) for one in self._section("environments", "environment"))
        self.environments = tuple(one.id for one in environments)
        return Pipeline(
            schema=SCHEMA,
            version=place.at("version").number(head.get("version"), 1, 10**9),
            project=self._project(head.get("project"), place.at("project")),
            tag=tag, params=self.params, actors=actors, environments=environments,
            artifacts=self._artifacts(), risks=self._risks(), steps=self._steps(), title=title,
            embargoed=place.at("embargoed").flag(head.get("embargoed", False)),
            text=text,
        )  # fmt: skip

    def _head(self, place: Place) -> dict[str, object]:
        if "pipeline" not in self.document:
            self.top.reject("the section [pipeline] is missing", f"[pipeline] with {', '.join(_PIPELINE[:4])}")
        head = place.table(self.document["pipeline"], "[pipeline]")
        schema = head.get("schema")
        if schema != SCHEMA or isinstance(schema, bool):
            place.at("schema").reject(f"schema {shown(schema)} is not read here", f"schema = {SCHEMA}")
        place.only(head, _PIPELINE)
        return head

    @staticmethod
    def _project(value: object, place: Place) -> str:
        project = place.text(value, '"sealed"')
        if not _PROJECT.fullmatch(project):
            place.reject(f"{shown(project)} is no name of a project", "letters, digits, '.', '_' and '-'")
        return project

    def _section(
        self, name: str, what: str, rule: re.Pattern[str] = _ID
    ) -> Iterator[tuple[str, dict[str, object], Place]]:
        place = self.top.at(name)
        table = place.table(self.document.get(name, {}), f"[{name}]")
        if len(table) > MOST_OTHERS:
            place.reject(f"{len(table)} entries", f"at most {MOST_OTHERS}")
        for key, value in table.items():
            here = place.at(key).called(f"{what} {shown(key)}")
            if not rule.fullmatch(key):
                here.reject("it cannot be called so", _ID_RULE)
            yield key, here.table(value, f"[{name}.{key}]"), here

    def _filled(self, value: object, place: Place, example: str, known: Collection[str] | None = None) -> str:
        """A text in which only known names stand in braces."""
        text = place.text(value, example)
        self._check_braces(text, place, known)
        return text

    def _check_braces(self, text: str, place: Place, known: Collection[str] | None = None) -> None:
        names = self.names if known is None else known
        fault = placeholder_fault(text, names)
        if fault is not None:
            why, name = fault
            place.reject(why, suggestion(name, names) if name else "{version}, and no other braces")

    # Parameters, actors, environments

    def _parameter(self, name: str, table: dict[str, object], place: Place) -> Parameter:
        if name in (*OWN, ARTIFACT):
            place.reject(f"{{{name}}} has a meaning of its own", "another name")
        place.only(table, _PARAMETER)
        written = place.at("pattern").argument(table.get("pattern"), r"pattern = '\d+\.\d+'")
        try:
            pattern = read_pattern(written)
        except BadPattern as error:
            place.at("pattern").reject(f"{shown(written)} is no pattern: {error}", "a plain regular expression")
        default = None
        if "default" in table:
            default = place.at("default").text(table["default"], "a text")
            if fault := value_fault(default, pattern):
                place.at("default").reject(*fault)
        title = place.at("title").text(table["title"], '"Version"') if "title" in table else ""
        return Parameter(name, written, title, default)

    def _actor(self, name: str, table: dict[str, object], place: Place) -> Actor:
        place.only(table, _ACTOR)
        here = place.at("identities")
        identities = here.texts(table.get("identities", []), '["user:rosa"]')
        for number, one in enumerate(identities):
            if not _IDENTITY.fullmatch(one):
                here.at(number).reject(f"{shown(one)} is no identity", _IDENTITY_RULE)
        actor = Actor(
            name,
            title=place.at("title").text(table.get("title", name), '"Release manager"'),
            machine=place.at("machine").flag(table.get("machine", False)),
            identities=identities,
            factor=cast("Factor", place.at("factor").word(table.get("factor", "none"), _FACTORS)),
            expert=place.at("expert").flag(table.get("expert", False)),
        )
        if actor.machine and actor.expert:
            place.at("expert").reject("a machine cannot say that it is around", "a person")
        if actor.machine and actor.factor != "none":
            place.at("factor").reject("a machine has no second factor", "a person")
        return actor

    def _environment(self, name: str, table: dict[str, object], place: Place) -> Environment:
        place.only(table, _ENVIRONMENT)
        return Environment(
            name,
            title=place.at("title").text(table.get("title", name), '"Forge organisation"'),
            kind=cast("EnvironmentKind", place.at("kind").word(_given(table, "kind", place, _KINDS), _KINDS)),
            network=cast("Network", place.at("network").word(table.get("network", "open"), _NETWORKS)),
            ephemeral=place.at("ephemeral").flag(table.get("ephemeral", False)),
            cache=place.at("cache").flag(table.get("cache", True)),
            writers=place.at("writers").words(table.get("writers", []), self.actors, "actor"),
        )

    # Artifacts and risks

    def _artifacts(self) -> tuple[Artifact, ...]:
        section = list(self._section("artifacts", "artifact"))
        types = {
            name: place.at("type").word(_given(table, "type", place, _TYPES), _TYPES) for name, table, place in section
        }
        self.artifacts = tuple(types)
        self.tags = tuple(name for name, one in types.items() if one == "git-tag")
        self.commits = tuple(name for name, one in types.items() if one == "git-commit")
        return tuple(
            self._artifact(name, cast("ArtifactType", types[name]), table, place) for name, table, place in section
        )

    def _artifact(self, name: str, kind: ArtifactType, table: dict[str, object], place: Place) -> Artifact:
        place.only(table, _ARTIFACT)
        for key in _FILES_ONLY:
            if key in table and kind != "files":
                place.at(key).reject(f"only files have it, this is a {kind}", 'type = "files"')
        if "points_to" in table and kind != "git-tag":
            place.at("points_to").reject(f"only a tag has it, this is a {kind}", 'type = "git-tag"')
        files = tuple(one for one in self.artifacts if one != name)
        covers = place.at("covers").words(table.get("covers", []), files, "artifact")
        names = self._file_names(table.get("names"), place.at("names"), signs=bool(covers)) if kind == "files" else ()
        return Artifact(
            name, kind,
            title=self._optional("title", table, place),
            names=names,
            version_in=self._optional("version_in", table, place),
            reproducible=place.at("reproducible").flag(table.get("reproducible", False)),
            describes=self._reference("describes", table, place, files, "artifact"),
            covers=covers,
            points_to=self._reference("points_to", table, place, self.commits, "commit"),
            when=self._when(table, place),
        )  # fmt: skip

    def _file_names(self, value: object, place: Place, *, signs: bool) -> tuple[str, ...]:
        example = '["sealed-{version}.tar.gz"]'
        if value is None:
            place.reject("it is missing", example)
        names = place.texts(value, example)
        if not names or len(names) > MOST_LISTED:
            place.reject(f"{len(names)} names", f"from 1 to {MOST_LISTED}, like {example}")
        for number, name in enumerate(names):
            here = place.at(number)
            self._check_braces(name, here, (*self.names, ARTIFACT) if signs else self.names)
            if "/" in name or "\\" in name or name.startswith((".", "-")):
                here.reject(f"{shown(name)} is no file name", "a name without a folder, not beginning with '.' or '-'")
            if name.count("*") > MOST_STARS:
                here.reject(f"{shown(name)} has too many '*'", f"at most {MOST_STARS}")
        return names

    def _risks(self) -> tuple[Risk, ...]:
        found = []
        for name, table, place in self._section("risks", "risk"):
            place.only(table, _RISK)
            here = place.at("mitigations")
            mitigations = here.texts(table.get("mitigations", []), '["rebuild:2"]')
            for number, one in enumerate(mitigations):
                self._check_mitigation(one, here.at(number))
            slsa = ""
            if "slsa" in table:
                slsa = place.at("slsa").text(table["slsa"], '"E"')
                if not re.fullmatch(r"[A-I](?:/[A-I])*", slsa):
                    place.at("slsa").reject(f"{shown(slsa)} is no letter of SLSA's threats", "A to I, like E or C/D")
            title = place.at("title").text(table.get("title", name), '"The build machine changes what it builds"')
            attack = place.at("attack").text(table["attack"], '"SolarWinds (2020)"') if "attack" in table else ""
            found.append(Risk(name, title, slsa, attack, mitigations))
        self.risks = tuple(one.id for one in found)
        return tuple(found)

    @staticmethod
    def _check_mitigation(text: str, place: Place) -> None:
        word, colon, rest = text.partition(":")
        place.word(word, MITIGATIONS, "mitigation")
        choices = _MITIGATION_VALUES.get(word)
        if word == "embargo":
            if colon:
                place.reject(f"{shown(text)} says too much", "embargo")
        elif choices:
            place.word(rest, choices, f"{word}:")
        elif word == "check":
            place.word(rest, CHECKS, "check")
        elif word in {"quorum", "rebuild"} and not re.fullmatch(r"[1-9]\d?", rest):
            place.reject(f"{shown(rest)} is no number", f"{word}:2")

    # Steps

    def _steps(self) -> tuple[Step, ...]:
        place = self.top.at("steps")
        tables = place.list(self.document.get("steps", []), "[[steps]]")
        if not tables:
            self.top.at("steps").reject("there is no step", "[[steps]]")
        if len(tables) > MOST_STEPS:
            place.reject(f"{len(tables)} steps", f"at most {MOST_STEPS}")
        named: dict[str, tuple[dict[str, object], Place]] = {}
        for number, value in enumerate(tables):
            here = place.at(number).called(f"step {number + 1}")
            table = here.table(value, "[[steps]]")
            name = here.at("id").text(table.get("id"), '"build"')
            if not _ID.fullmatch(name):
                here.at("id").reject(f"{shown(name)} cannot be an id", _ID_RULE)
            if name in named:
                here.at("id").reject(f"there are two steps {shown(name)}", "each id once")
            named[name] = (table, here.called(f"step {shown(name)}"))
        self.steps = tuple(named)
        for risk, one in self._gates_of_risks():
            one.word(risk, self.steps, "step")
        steps = tuple(self._step(name, count, *one) for count, (name, one) in enumerate(named.items(), 1))
        numbers: dict[str, str] = {}
        for step in steps:
            if step.number in numbers:
                here = named[step.id][1].at("n")
                here.reject(f"{shown(step.number)} is the number of {shown(numbers[step.number])}", "each number once")
            numbers[step.number] = step.id
        return steps

    def _gates_of_risks(self) -> Iterator[tuple[str, Place]]:
        for _, table, place in self._section("risks", "risk"):
            for number, one in enumerate(cast("list[str]", table.get("mitigations", []))):
                word, _, rest = one.partition(":")
                if word == "gate":
                    yield rest, place.at("mitigations", number)

    def _step(self, name: str, count: int, table: dict[str, object], place: Place) -> Step:
        place.only(table, _STEP)
        uses = place.at("uses").word(_given(table, "uses", place, ACTIONS), ACTIONS, "action")
        number = place.at("n").text(table.get("n", str(count)), '"6a"')
        if not _NUMBER.fullmatch(number):
            place.at("n").reject(f"{shown(number)} is no number of a step", 'at most 6 letters and digits, like "6a"')
        return Step(
            id=name,
            number=number,
            title=self._filled(table.get("title", name), place.at("title"), '"Build"'),
            actor=place.at("actor").word(_given(table, "actor", place, self.actors), self.actors, "actor"),
            env=place.at("env").word(_given(table, "env", place, self.environments), self.environments, "environment"),
            uses=uses,
            run=self._run(uses, table, place.at("run")),
            inputs=place.at("in").words(table.get("in", []), self.artifacts, "artifact"),
            outputs=place.at("out").words(table.get("out", []), self.artifacts, "artifact"),
            after=place.at("after").words(table.get("after", []), self.steps, "step"),
            gate=self._if_given("gate", table, place, self._gate),
            checks=place.at("checks").words(table.get("checks", []), CHECKS, "check"),
            rebuild=self._if_given("rebuild", table, place, self._rebuild),
            attest=self._attest(table, place.at("attest")),
            watch=place.at("watch").words(table.get("watch", []), self.tags, "tag"),
            when=self._when(table, place),
            timeout=self._duration("timeout", table, place, timedelta(hours=1)),
            on_fail=self._on_fail(table, place.at("on_fail")),
            undo=place.at("undo").flag(table.get("undo", True)),
            no_return=place.at("no_return").flag(table.get("no_return", False)),
            always=place.at("always").flag(table.get("always", False)),
            risks=place.at("risks").words(table.get("risks", []), self.risks, "risk"),
            options=self._options(uses, table, place.at("with")),
        )

    def _run(self, uses: str, table: dict[str, object], place: Place) -> tuple[str, ...]:
        if "run" not in table:
            if uses in _MUST_RUN:
                place.reject(f"{uses} runs a program, and none is named", 'run = ["make", "dist"]')
            return ()
        if not ACTIONS[uses].runs:
            place.reject(f"{uses} runs no program of yours", ", ".join(_MUST_RUN))
        example = '["make", "dist"]: a list of arguments, since no shell reads it'
        argv = place.list(table["run"], example)
        if not argv or len(argv) > MOST_LISTED:
            place.reject(f"{len(argv)} arguments", f"from 1 to {MOST_LISTED}")
        for count, one in enumerate(argv):
            text = place.at(count).argument(one, example)
            self._check_braces(text, place.at(count))
            if count == 0 and (not text.strip() or text.startswith("-") or "{" in text):
                place.at(0).reject(f"{shown(text)} is no name of a program", "a name that is always the same")
        return tuple(cast("list[str]", argv))

    def _gate(self, table: dict[str, object], place: Place) -> Gate:
        place.only(table, _GATE)
        need = place.at("need").words(table.get("need", []), self.actors, "actor")
        if not need:
            place.at("need").reject("a gate that nobody must pass", 'need = ["rm"]')
        return Gate(
            need=need,
            quorum=place.at("quorum").number(table.get("quorum", len(need)), 1, len(need)),
            ask=self._filled(table.get("ask"), place.at("ask"), '"Green light for {version}?"'),
            factor=cast("Factor", place.at("factor").word(table.get("factor", "none"), _FACTORS)),
            expires=self._duration("expires", table, place, timedelta(hours=24)),
        )

    def _rebuild(self, table: dict[str, object], place: Place) -> Rebuild:
        place.only(table, _REBUILD)
        by = place.at("by").words(table.get("by", []), self.actors, "actor")
        if not by:
            place.at("by").reject("nobody builds it again", 'by = ["ci-b"]')
        env = place.at("env").word(_given(table, "env", place, self.environments), self.environments, "environment")
        return Rebuild(by, env, place.at("agree").number(table.get("agree", len(by) + 1), 2, len(by) + 1))

    def _attest(self, table: dict[str, object], place: Place) -> str:
        if "attest" not in table:
            return ""
        text = place.text(table["attest"], '"https://slsa.dev/provenance/v1"')
        if not re.fullmatch(r"https?://[^\s{}]+", text):
            place.reject(f"{shown(text)} is no type of a predicate", "an address, like https://slsa.dev/provenance/v1")
        return text

    def _on_fail(self, table: dict[str, object], place: Place) -> str:
        if "on_fail" not in table:
            return ""
        text = place.text(table["on_fail"], '"restart:prepare"')
        word, _, step = text.partition(":")
        if word != "restart":
            place.reject(f"{shown(text)} is not known", "restart:STEP, or nothing: then the run stops")
        place.word(step, self.steps, "step")
        return text

    def _options(self, uses: str, table: dict[str, object], place: Place) -> Options:
        given = place.table(table.get("with", {}), "with = { … }")
        known = ACTIONS[uses].options
        for key in given:
            if key not in known:
                accepted = suggestion(key, known) if known else "no 'with' at all"
                place.at(key).reject(f"{uses} has no option {shown(key)}", accepted)
        return {key: self._option(value, place.at(key)) for key, value in given.items()}

    def _option(self, value: object, place: Place) -> str | int | bool | tuple[str, ...]:
        if isinstance(value, bool):
            return value
        if isinstance(value, int):
            return place.number(value, -(2**53), 2**53)
        if isinstance(value, str):
            return self._filled(value, place, "a text")
        if isinstance(value, list):
            if len(value) > MOST_LISTED:
                place.reject(f"{len(value)} entries", f"at most {MOST_LISTED}")
            return tuple(self._filled(one, place.at(number), "a list of texts") for number, one in enumerate(value))
        return place.reject(f"{shown(value)} is no option", "a text, a number, true, false or a list of texts")

    # What several have

    def _optional(self, key: str, table: dict[str, object], place: Place) -> str:
        return self._filled(table[key], place.at(key), "a text") if key in table else ""

    @staticmethod
    def _reference(key: str, table: dict[str, object], place: Place, known: Collection[str], what: str) -> str:
        return place.at(key).word(table[key], known, what) if key in table else ""

    @staticmethod
    def _if_given(
        key: str, table: dict[str, object], place: Place, read: Callable[[dict[str, object], Place], _Value]
    ) -> _Value | None:
        if key not in table:
            return None
        here = place.at(key)
        return read(here.table(table[key], f"{key} = {{ … }}"), here)

    @staticmethod
    def _duration(key: str, table: dict[str, object], place: Place, otherwise: timedelta) -> timedelta:
        if key not in table:
            return otherwise
        text = place.at(key).text(table[key], DURATION_EXAMPLE)
        found = duration_of(text)
        if found is None:
            place.at(key).reject(f"{shown(text)} is no duration", DURATION_EXAMPLE)
        return found

    def _when(self, table: dict[str, object], place: Place) -> str:
        if "when" not in table:
            return ""
        here = place.at("when")
        text = here.text(table["when"], '"kind != security"')
        condition = condition_of(text)
        if condition is None:
            here.reject(f"{shown(text)} is no condition", "PARAMETER == VALUE or PARAMETER != VALUE")
        here.word(condition.parameter, [one.name for one in self.params], "parameter")
        return text


_MITIGATION_VALUES: Mapping[str, tuple[str, ...]] = {
    "factor": ("webauthn", "totp"),
    "env": ("ephemeral", "no-cache", "no-network", "ci"),
    "pin": ("commit",),
    "watch": ("tag",),
    "order": ("tag-last", "test-before-sign"),
    "tools": ("pinned",),
    "lock": ("hashes",),
    "sign": ("sigstore", "gpg"),
    "log": ("transparency",),
    "key": ("granted",),
}
"""What can follow the colon, where that is one of a few words."""


def _given(table: dict[str, object], key: str, place: Place, choices: Collection[str]) -> object:
    if key not in table:
        shortened = ", ".join(sorted(choices)) if choices else "declare it first"
        place.at(key).reject("it is missing", f"one of {shortened}" if choices else shortened)
    return table[key]
