"""What ``customhouse policy simulate`` does: ask the index, drive uv, and say what was found."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

from customhouse.cli.audit_surroundings import ProgressLine, write_whole
from customhouse.cli.exit_codes import FINDINGS, FINE, PARTIAL
from customhouse.cli.place import chosen_place
from customhouse.client.address import Index
from customhouse.client.credentials import Sources, find_credential
from customhouse.client.patience import Patience
from customhouse.client.problem import Declined
from customhouse.client.wire import Wire
from customhouse.consume.policy.exceptions_toml import exceptions_toml
from customhouse.consume.policy.model import Decided, Delayed, Newest, Report, Verdict, Wanted
from customhouse.consume.policy.pages import AskedPages
from customhouse.consume.policy.simulate import Simulation
from customhouse.consume.policy.stopped import attacks_stopped
from customhouse.consume.policy.targets import beside, read_targets
from customhouse.consume.policy.write.json_report import json_report
from customhouse.consume.policy.write.markdown import markdown
from customhouse.consume.policy.write.table import exceptions_of, table
from customhouse.consume.wire import Wire as Asking
from customhouse.formats.plain import plain
from customhouse.formats.policy.level_texts import LEVELS, level_text
from customhouse.formats.policy.read import read_policy
from customhouse.terms.clock import SystemClock
from customhouse.terms.errors import Refused, Rejected, Unavailable

ANY = ("*",)
"""Every name may be internal."""


@dataclass(frozen=True, slots=True)
class Flags:
    """What the flags of `policy_simulate.simulate` say."""

    targets: Sequence[str]
    policy: str
    view: str
    index: str
    days: int
    as_of: str
    form: str
    exceptions: Path | None
    token: str
    python: str
    allow_http: bool
    data: Path | None


def run(flags: Flags) -> tuple[int, str]:
    """The exit code and what to write."""
    now = SystemClock().now()
    text = policy_text(flags.policy)
    # A fault in the policy is told here, with its line, before anybody is asked. What is internal the index knows.
    read_policy(text, now=now, internal=ANY)
    as_of = moment(flags.as_of)
    if flags.targets:
        report = _of_targets(flags, text, as_of, now)
    else:
        from customhouse.cli.policy_simulate_log import of_log  # noqa: PLC0415 - it needs the server's database

        report = of_log(flags.view, text, flags.policy, flags.days, flags.data)
    if flags.exceptions is not None:
        write_whole(flags.exceptions, exceptions_toml(exceptions_of(report), now))
    written = {"json": json_report, "markdown": markdown}.get(flags.form, table)(report, now)
    return (FINDINGS if report.breaks else PARTIAL if report.partial else FINE), written


def policy_text(policy: str) -> str:
    """The TOML of a level by its name, or of a file. Raises `Rejected`."""
    if policy in LEVELS:
        return level_text(policy)
    try:
        return Path(policy).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "it is no text in UTF-8"
        accepted = f"a file, or {', '.join(LEVELS)}"
        raise Rejected("bad-policy-file", plain(policy, 200), f"cannot be read: {why}", accepted) from error


def moment(text: str) -> datetime | None:
    """A moment, or the end of a day, in UTC if it names no zone; None for an empty text. Raises `Rejected`."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
        found += timedelta(days=1 if len(text) == len("2024-12-05") else 0)
        return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Rejected("bad-moment", "--as-of", f"{plain(text, 40)!r} is no moment", "2024-12-05") from error


def _of_targets(flags: Flags, text: str, as_of: datetime | None, now: datetime) -> Report:
    place = chosen_place(flags.view, flags.index or os.environ.get("CUSTOMHOUSE_INDEX", ""))
    if not place.view:
        raise Rejected("no-view", "--view", f"{plain(place.simple, 100)} is no view", "--view NAME --index URL")
    targets = [(name, one) for name in flags.targets for one in read_targets([name], flags.python)]
    with ProgressLine() as line, _server(place.base, flags) as wire, _asking() as asking:
        server = _Server(wire, place.view, as_of)
        try:
            simulation = Simulation(
                server.make(text), lambda address: AskedPages(asking, address), lambda more: server.make(text + more),
                now, python=flags.python, progress=line.show,
            )  # fmt: skip
            outcomes = tuple(simulation.run(target, beside(name)) for name, target in targets)
        finally:
            server.end()
    names = sorted(simulation.newest)
    return Report(
        place.view, flags.policy, as_of, outcomes,
        newest=tuple(simulation.newest[name] for name in names),
        delayed=tuple(simulation.delayed[key] for key in sorted(simulation.delayed)),
        attacks=attacks_stopped(text, now), waits=tuple(simulation.waits), gaps=tuple(simulation.gaps),
    )  # fmt: skip


@contextmanager
def _server(base: str, flags: Flags) -> Iterator[Wire]:
    wire = Wire(Index.parse(base, allow_http=flags.allow_http), Patience())
    try:
        wire.credential = find_credential(
            Sources(flags.token.strip(), os.environ, None, handed=False, pypirc=Path.home() / ".pypirc"), wire
        )
        yield wire
    except Declined as declined:
        if declined.status >= HTTPStatus.INTERNAL_SERVER_ERROR or declined.status == HTTPStatus.TOO_MANY_REQUESTS:
            raise Unavailable(wire.index.host, str(declined)) from declined
        raise Refused(declined.code or "declined", f"The index says no: {declined}") from declined
    finally:
        wire.close()


@contextmanager
def _asking() -> Iterator[Asking]:
    asking = Asking()
    try:
        yield asking
    finally:
        asking.close()


@dataclass
class _Server:
    """The index, and the candidates that it keeps for us."""

    wire: Wire
    view: str
    as_of: datetime | None
    made: list[_Candidate] = field(default_factory=list)

    def make(self, policy: str) -> _Candidate:
        """A candidate for this policy."""
        body = {"policy": policy} | ({"as_of": self.as_of.isoformat()} if self.as_of is not None else {})
        said = self.ask("", body)
        simple, token = said.get("simple"), said.get("candidate")
        if not isinstance(simple, str) or not isinstance(token, str) or not simple.endswith(f"~{token}/simple/"):
            raise Unavailable(self.wire.index.host, "its answer names no candidate")
        self.made.append(found := _Candidate(self, self.wire.index.checked(simple, "candidate"), token))
        return found

    def ask(self, path: str, body: Mapping[str, object]) -> dict[str, Any]:
        """Post something to the candidates of the view."""
        url = f"{self.wire.index.base}/api/views/{self.view}/candidates{path}"
        headers = {"Content-Type": "application/json"}
        answer = self.wire.ask("POST", url, headers=headers, body=json.dumps(dict(body)).encode())
        return answer.json(self.wire.index.host)

    def end(self) -> None:
        """Have all of them forgotten; what is left ends within an hour anyway."""
        for one in self.made:
            try:
                self.ask(f"/{one.token}/end", {"end": True})
            except (Declined, Unavailable):
                return


@dataclass(frozen=True)
class _Candidate:
    """One of them (`consume.policy.model.Candidate`)."""

    server: _Server
    simple: str
    token: str

    def address(self, spared: Sequence[str] = (), *, everything: bool = False) -> str:
        """The simple repository that it makes."""
        more = ".*" if everything else "".join(f".{name}" for name in spared)
        return self.simple.replace(f"~{self.token}/", f"~{self.token}{more}/")

    def decide(self, wanted: Sequence[Wanted], *, rules: bool = False) -> Decided:
        """What it says of these."""
        lines = [f"{one.name}=={one.version} {one.filename}".rstrip() for one in wanted]
        said = self.server.ask(f"/{self.token}/decide", {"wanted": lines, "rules": rules})
        try:
            return _decided(said)
        except (KeyError, TypeError, ValueError) as error:
            raise Unavailable(self.server.wire.index.host, "its decisions cannot be read") from error


def _decided(said: dict[str, Any]) -> Decided:
    return Decided(
        verdicts=tuple(_verdict(one) for one in said["verdicts"]),
        newest=tuple(Newest(*(str(one[key]) for key in ("name", "there", "today", "candidate")))
                     for one in said["newest"]),
        delayed=tuple(
            Delayed(str(one["name"]), str(one["version"]), tuple(map(str, one["advisories"])),
                    None if one["days"] is None else float(one["days"]), str(one["rule"]))
            for one in said["delayed"]
        ),
        waits=tuple(float(one) for one in said["waits"] if one is not None),
        left=tuple(map(str, said["left"])),
        failed=tuple((str(one["name"]), str(one["why"])) for one in said["failed"]),
    )  # fmt: skip


def _verdict(one: dict[str, Any]) -> Verdict:
    changes = one.get("changes_at")
    return Verdict(
        str(one["name"]), str(one["version"]), str(one.get("filename", "")), found=one["found"] is True,
        action=str(one.get("action", "unknown")), rule=str(one.get("rule", "")),
        rules=tuple(map(str, one.get("rules", ()))), reason=str(one.get("reason", "")),
        today=str(one.get("today", "")), changes_at=datetime.fromisoformat(changes) if changes else None,
        vulnerabilities=tuple(map(str, one.get("vulnerabilities", ()))), never=str(one.get("never", "")),
    )  # fmt: skip
