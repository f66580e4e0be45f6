"""A reference model of the index, driven by hypothesis against the real thing (after ShardStore, SOSP 2021).

Publish, yank, delete, restore, quarantine, transfer, statuses, closing and the clock, in any order, by anybody; after
each step every door is compared with the model, while readers in other threads make sure that no page is ever torn.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from starlette.testclient import TestClient

from clock import TurnableClock
from conftest import Where, prepared, settings_for
from customhouse.accounts.users import find_user
from customhouse.app import App, open_app
from customhouse.catalog import invitations
from customhouse.index.answer_invitation import Answer, answer_invitation
from customhouse.index.change_role import LeaveProject, leave_project
from customhouse.index.delete import Delete
from customhouse.index.invite import InviteToProject, invite_to_project
from customhouse.index.quarantine_by_hand import (
    LiftProject,
    LiftRelease,
    QuarantineProject,
    QuarantineRelease,
    order_project_lift,
    order_project_quarantine,
    order_release_lift,
    order_release_quarantine,
)
from customhouse.index.reopen import Reopen, reopen
from customhouse.index.restore import Restore, restore
from customhouse.index.set_status import SetStatus, set_status
from customhouse.index.transfer import OfferTransfer, offer_transfer
from customhouse.index.yank import Yank, yank
from customhouse.infra.walkers import Walkers
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import Actor
from customhouse.web.asgi import build
from customhouse.work import run_due_job
from packages import Dist, sdist, wheel
from reference_model import ModelIndex
from world import World

JSON = {"accept": "application/vnd.pypi.simple.v1+json"}
PEOPLE = ("alice", "bob", "carol")
NAMES = ("anvil", "bellows")
VERSIONS = ("1.0", "2.0")
NUMBERS = count()


@contextmanager
def new_world(where: Where, folder: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    """A fresh installation for each example."""
    clock = TurnableClock()
    made = prepared(settings_for(where, folder / str(next(NUMBERS)), request), request)
    walkers: Walkers = request.getfixturevalue("walkers")
    with (
        open_app(made, clock=clock, walkers=walkers) as app,
        TestClient(build(app), base_url="http://index.test") as client,
    ):
        yield World(app, clock, client)


class Readers:
    """People who read while others write: each page must be whole, whatever moment it is of."""

    def __init__(self, client: TestClient) -> None:
        self._client = client
        self._stop = threading.Event()
        self.faults: list[str] = []
        self._threads = [threading.Thread(target=self._read, args=(name,), daemon=True) for name in NAMES]
        for thread in self._threads:
            thread.start()

    def _read(self, name: str) -> None:
        while not self._stop.wait(0.005):
            answer = self._client.get(f"/simple/{name}/", headers=JSON)
            if answer.status_code == 404:
                continue
            page = answer.json()
            versions = {one["filename"].split("-")[1].removesuffix(".tar.gz") for one in page["files"]}
            if answer.status_code != 200 or not versions <= set(page["versions"]):
                self.faults.append(f"{name}: {answer.status_code} {page}")

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(10)


def machine(where: Where, folder: Path, request: pytest.FixtureRequest) -> type[RuleBasedStateMachine]:  # noqa: C901 - many short rules
    """The state machine on one kind of installation."""
    people = st.sampled_from(PEOPLE)

    class Index(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.context = new_world(where, folder, request)
            self.world = self.context.__enter__()
            self.app: App = self.world.app
            self.model = ModelIndex()
            self.refusal = ""
            self.readers = Readers(self.world.client)
            self.actors: dict[str, Actor] = {}
            for name in PEOPLE:
                self.world.user(name)
                with self.app.database.read() as sql:
                    self.actors[name] = find_user(sql, name).actor

        def teardown(self) -> None:
            self.readers.stop()
            try:
                assert self.readers.faults == []
                self.app.sweep()
                self.world.check()
            finally:
                self.context.__exit__(None, None, None)

        def now(self) -> Any:
            return self.world.clock.now()

        def agrees(self, expected: bool, deed: Any, command: Any) -> None:
            """The real index does it if the model does, and refuses if the model does."""
            assert self.done(partial(self.app.do, deed), command) is expected, (command, self.refusal)

        def done(self, deed: Any, command: Any) -> bool:
            """Whether it was done; what was said against it is kept."""
            self.refusal = ""
            try:
                deed(command)
            except (Refused, Rejected) as error:
                self.refusal = str(error)
            return not self.refusal

        def subject(self, data: st.DataObject) -> tuple[str, str, str]:
            """A project, or one of its releases, or one of its files."""
            project = data.draw(st.sampled_from(sorted(self.model.projects)))
            releases = self.model.projects[project].releases
            version = data.draw(st.sampled_from(["", *sorted(releases)]))
            name = data.draw(st.sampled_from(["", *sorted(releases[version].files)])) if version else ""
            return project, version, name

        @rule(
            who=people, name=st.sampled_from(NAMES), version=st.sampled_from(VERSIONS),
            kind=st.sampled_from(["wheel", "sdist", "other"]), variant=st.sampled_from([0, 0, 0, 1]),
        )  # fmt: skip
        def publish(self, who: str, name: str, version: str, kind: str, variant: int) -> None:
            dist = _dist(name, version, kind, variant)
            expected = self.model.upload(who, name, version, dist.filename, dist.body, self.now())
            answer = self.world.upload(dist, user=who, name=name, version=version)
            assert (answer.status == 200) is expected, (answer, who, dist.filename)
            assert answer.status < 500

        @precondition(lambda self: self.model.projects)
        @rule(who=people, data=st.data(), reason=st.sampled_from([None, "", "breaks"]))
        def yank(self, who: str, data: st.DataObject, reason: str | None) -> None:
            project, version, name = self.subject(data)
            if version:
                expected = self.model.yank(who, project, version, name, reason)
                wish = Yank(project, version, name, reason or "", undo=reason is None, by=self.actors[who])
                self.agrees(expected, yank, wish)

        @precondition(lambda self: self.model.projects)
        @rule(who=people, data=st.data())
        def delete(self, who: str, data: st.DataObject) -> None:
            project, version, name = self.subject(data)
            expected = self.model.delete(who, project, version, name, self.now())
            typed = name or (f"{project} {version}" if version else project)
            wish = Delete(project, "" if name else version, name, "", typed, by=self.actors[who])
            assert self.done(self.app.remove, wish) is expected, (wish, self.refusal)

        @precondition(lambda self: self.model.projects)
        @rule(who=people, data=st.data())
        def restore(self, who: str, data: st.DataObject) -> None:
            project, version, name = self.subject(data)
            expected = self.model.restore(who, project, version, name)
            self.agrees(expected, restore, Restore(project, "" if name else version, name, self.actors[who]))

        @precondition(lambda self: self.model.projects)
        @rule(data=st.data(), lift=st.booleans())
        def quarantine(self, data: st.DataObject, lift: bool) -> None:
            project, version, _ = self.subject(data)
            before = self.model.projects[project]
            if version and lift and not before.releases[version].quarantined:
                return
            expected = self.model.quarantine(project, version, lift=lift)
            if version:
                wish: Any = (LiftRelease if lift else QuarantineRelease)(project, version, "because")
                self.agrees(expected, order_release_lift if lift else order_release_quarantine, wish)
            else:
                wish = (LiftProject if lift else QuarantineProject)(project, "because")
                self.agrees(expected, order_project_lift if lift else order_project_quarantine, wish)

        @precondition(lambda self: self.model.projects)
        @rule(who=people, data=st.data(), status=st.sampled_from(["active", "archived", "deprecated"]))
        def set_status(self, who: str, data: st.DataObject, status: str) -> None:
            project, _, _ = self.subject(data)
            expected = self.model.set_status(who, project, status)
            self.agrees(expected, set_status, SetStatus(project, status, by=self.actors[who]))

        @precondition(lambda self: self.model.projects)
        @rule(who=people, data=st.data())
        def reopen(self, who: str, data: st.DataObject) -> None:
            project, version, _ = self.subject(data)
            if version:
                expected = self.model.reopen(who, project, version, self.now())
                self.agrees(expected, reopen, Reopen(project, version, self.actors[who]))

        @precondition(lambda self: any(one.deleted_at is None for one in self.model.projects.values()))
        @rule(data=st.data(), who=people)
        def invite_and_accept(self, data: st.DataObject, who: str) -> None:
            project = data.draw(st.sampled_from(sorted(self.living())))
            found = self.model.projects[project]
            if who not in found.people and found.status != "quarantined":
                self.app.do(invite_to_project, InviteToProject(project, who, "maintainer", by=self.actors[found.owner]))
                self.accept(who)
                found.maintainers.add(who)

        @precondition(lambda self: any(one.deleted_at is None for one in self.model.projects.values()))
        @rule(data=st.data())
        def leave(self, data: st.DataObject) -> None:
            project = data.draw(st.sampled_from(sorted(self.living())))
            found = self.model.projects[project]
            if found.maintainers and found.status != "quarantined":
                who = data.draw(st.sampled_from(sorted(found.maintainers)))
                self.app.do(leave_project, LeaveProject(project, self.actors[who]))
                found.maintainers.remove(who)

        @precondition(lambda self: any(one.deleted_at is None for one in self.model.projects.values()))
        @rule(data=st.data(), to=people)
        def transfer(self, data: st.DataObject, to: str) -> None:
            project = data.draw(st.sampled_from(sorted(self.living())))
            found = self.model.projects[project]
            if to != found.owner and found.status != "quarantined":
                self.app.do(offer_transfer, OfferTransfer(project, to, project, by=self.actors[found.owner]))
                self.accept(to)
                self.model.transfer(project, to)

        def living(self) -> list[str]:
            return [name for name, one in self.model.projects.items() if one.deleted_at is None]

        def accept(self, who: str) -> None:
            account_id = self.actors[who].account_id
            assert account_id is not None
            with self.app.database.read() as sql:
                waiting = invitations.open_for_account(sql, account_id, self.now())
            self.app.do(answer_invitation, Answer(str(waiting[-1].invitation.id), accept=True, by=self.actors[who]))

        @rule(days=st.sampled_from([1, 4, 15, 91]))
        def time_passes(self, days: int) -> None:
            self.world.clock.turn(timedelta(days=days))
            only = partial(run_due_job, self.app, only=("end-deleted-files",))
            while only():
                pass

        @invariant()
        def the_list_is_the_models(self) -> None:
            found = self.world.client.get("/simple/", headers=JSON).json()
            assert {one["name"] for one in found["projects"]} == self.model.names()

        @invariant()
        def every_page_is_the_models(self) -> None:
            for project in self.model.projects:
                answer = self.world.client.get(f"/simple/{project}/", headers=JSON)
                expected = self.model.page(project)
                if expected is None:
                    assert answer.status_code == 404
                    continue
                page = answer.json()
                assert {one["filename"]: one["yanked"] for one in page["files"]} == expected
                assert set(page["versions"]) == self.model.versions(project)
                html = self.world.client.get(f"/simple/{project}/", headers={"accept": "text/html"}).text
                assert html.count("<a ") == len(expected)

        @invariant()
        def every_address_answers_as_the_model_says(self) -> None:
            for project, found in self.model.projects.items():
                for version, release in found.releases.items():
                    for name, one in release.files.items():
                        expected = self.model.address(project, version, name, self.now())
                        answer = self.world.client.get(f"/files/{project}/{name}")
                        assert answer.status_code == expected, (name, answer.text[:200])
                        if expected == 200:
                            assert answer.content == one.body

    return Index


def _dist(name: str, version: str, kind: str, variant: int) -> Dist:
    if kind == "sdist":
        return sdist(name, version, headers={"Keywords": f"k{variant}"})
    return wheel(
        name, version, tag="py3-none-any" if kind == "wheel" else "cp311-none-any",
        files={f"{name}/__init__.py": f"variant = {variant}\n".encode()},
    )  # fmt: skip


def _run(
    request: pytest.FixtureRequest, folder: Path, database: str, examples: int, steps: int, *, shrink: bool = False
) -> None:
    run_state_machine_as_test(
        machine(Where(database), folder, request),
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, derandomize=True, database=None,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.generate, Phase.shrink) if shrink else (Phase.generate,),
        ),
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_the_index_does_what_the_model_does(request: pytest.FixtureRequest, tmp_path: Path, database: str) -> None:
    _run(request, tmp_path, database, examples=6, steps=30)


@pytest.mark.prove
@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_the_index_does_what_the_model_does_for_long(
    request: pytest.FixtureRequest, tmp_path: Path, database: str
) -> None:
    _run(request, tmp_path, database, examples=400, steps=60, shrink=True)
