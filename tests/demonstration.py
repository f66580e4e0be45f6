"""The demonstration release: a C extension project, two builders, three approvers, both signatures, tag last.

Everybody meets at a running Customhouse with its private Sigstore. Each machine is a process of its own (`customhouse
release join`) with a home, a key and an identity of its own; people decide in the browser, with security keys in
software. The same world serves `make demo`, the benchmark, the tests and the proof with separate users of the system.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import secrets
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from html import unescape
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Any, ClassVar, Protocol
from urllib.parse import parse_qs, urlsplit

import httpx2 as httpx

from authenticator import Authenticator
from build_service import BuildService, build_service
from customhouse.accounts.links import SetPassword, set_password
from customhouse.accounts.tokens import CreateToken
from customhouse.accounts.users import AddUser, add_user, find_user
from customhouse.app import App
from customhouse.catalog.tables import project_role
from customhouse.index.new_project import CreateProject, new_project
from customhouse.index.publishing.add import AddPublisher, add_publisher
from customhouse.infra.db import insert_new
from customhouse.release.codec import read_line
from customhouse.release.sealed import Sealed
from customhouse.release.sealing import verify_lines
from customhouse.release.template_texts import template_text
from customhouse.terms.clock import SystemClock
from customhouse.trust.described import describe
from customhouse.trust.issuers import PublisherIssuer
from person import Person, hashed_password
from sealed_project import NEXT_VERSION, SealedProject, write_sealed_project
from servers import MORTAL
from shipping import GpgHome, gpg_home

PEOPLE = {"rm": "rosa", "reviewer": "ravi", "tester": "tora"}
"""Account by actor."""
BUILDERS = ("ci-a", "ci-b")
UPLOADER = "ci-b"
_STAGED_BY = """title = "Upload into a staged release"
actor = "{actor}\""""
PATIENCE_SECONDS = 300.0
AFRESH_SECONDS = 100.0
"""ID tokens of the build service end after five minutes; on a busy machine a release takes longer."""
POLL_SECONDS = 0.1
ENDED = ("released", "abandoned", "stopped")
Tell = Callable[[str], None]


class Host(Protocol):
    """A Customhouse that runs, under a name that security keys know (not a bare address)."""

    @property
    def url(self) -> str:
        """Its address."""
        ...

    def opened(self) -> AbstractContextManager[App]:
        """Its data, in this process."""
        ...


@dataclass
class Approver:
    """Somebody in front of a browser, with a security key in hand."""

    name: str
    person: Person
    key: Authenticator
    token: str
    sits: threading.Lock = field(default_factory=threading.Lock)
    """Nobody does two things at once in one browser."""

    def decide(self, run: str, step: str, what: str = "approve", **fields: str) -> httpx.Response:
        """Look at the page of the run, read what is asked, and touch the key."""
        page = f"/release/run/{run}/"
        shown = self.person.get(page).raise_for_status().text
        found = re.search(rf'data-about="({re.escape(run)}:{re.escape(step)}:{what}:[0-9a-f]{{64}})"', shown)
        if found is None:
            raise LookupError(f"{self.name} is not asked at {step}")
        about = unescape(found[1])
        options = self.person.client.get(
            "/account/keys/options/", params={"purpose": "release", "about": about},
            headers={"accept": "application/json"},
        )  # fmt: skip
        answer = self.key.get(options.raise_for_status().json())
        sent = self.person.post(f"{page}{what}/", step=step, question=about.rpartition(":")[2], answer=answer, **fields)
        self.person.csrf = ""
        return sent

    def prove(self) -> None:
        """Touch the key once more: a session that is older than fifteen minutes signs nothing."""
        options = self.person.client.get(
            "/account/keys/options/", params={"purpose": "again"}, headers={"accept": "application/json"}
        )
        answer = self.key.get(options.raise_for_status().json())
        _must(self.person.post("/account/again/", answer=answer, next="/account/"))
        self.person.csrf = ""


@dataclass
class Machine:
    """One actor's process."""

    actor: str
    home: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """What it has said."""
        path = self.home / "log.txt"
        return path.read_text(errors="replace") if path.exists() else ""


@dataclass
class Together:
    """People and machines around one release at a server, before it is opened. What is released, a kind of it says."""

    accounts: ClassVar[Mapping[str, str]] = PEOPLE
    name: ClassVar[str] = ""
    """The project's, on the index."""
    patience_seconds: ClassVar[float] = PATIENCE_SECONDS
    program: ClassVar[Sequence[str]] = ("-m", "customhouse")
    """What a machine runs, as arguments of Python."""

    host: Host
    folder: Path
    builds: BuildService
    gpg: GpgHome
    people: dict[str, Approver] = field(default_factory=dict)
    machines: dict[str, Machine] = field(default_factory=dict)
    run: str = ""
    version: str = NEXT_VERSION
    fresh_at: float = field(default_factory=time.monotonic)
    """When machines got their ID tokens last."""

    @property
    def upstream(self) -> Path:
        """The bare repository of everybody."""
        return self.folder / "upstream.git"

    @property
    def fork(self) -> Path:
        """The release manager's."""
        return self.folder / "fork.git"

    @property
    def feed(self) -> Path:
        """Where releases are announced."""
        return self.folder / "releases.atom"

    @property
    def page(self) -> str:
        """Of the run, for a browser."""
        return f"{self.host.url}/release/run/{self.run}/"

    # Before.

    def furnish(self, source: Path) -> None:
        """Accounts with keys, the project on the index, and two bare repositories of ``source``."""
        with self.host.opened() as app:
            tokens = {name: _account(app, name) for name in self.accounts.values()}
            _found(app, self.name, list(self.accounts.values()))
        for actor, name in self.accounts.items():
            self.people[actor] = _with_key(self.host.url, name, tokens[name])
        for path in (self.upstream, self.fork):
            _git("clone", "--quiet", "--bare", str(source), str(path))

    def pipeline(self) -> str:
        """The text of the pipeline, for these people and machines."""
        raise NotImplementedError

    def identity_of(self, account: str) -> str:
        """How a pipeline names an account of the server as one who signs."""
        return f"oidc:{self.host.url}/sigstore/oidc#{self.host.url}/user/{account}"

    def everybody(self) -> dict[str, str]:
        """Who stands here for the release manager and the builders of the templates."""
        return {
            "oidc:https://index.example#rosa": self.identity_of("rosa"),
            "gpg:0123456789ABCDEF0123456789ABCDEF01234567": f"gpg:{self.gpg.fingerprint}",
            "oidc:https://ci-a.example#builder-a": f"oidc:{self.builds.url}#builder-a",
            "oidc:https://ci-b.example#builder-b": f"oidc:{self.builds.url}#builder-b",
        }

    def params(self) -> dict[str, str]:
        """What the run is told."""
        return {"version": self.version, "branch": "main"}

    def places(self) -> dict[str, dict[str, str]]:
        """Where things are."""
        return {
            "upstream": {"url": str(self.upstream), "adapter": "hook"},
            "fork": {"url": str(self.fork), "adapter": "hook"},
            "sigstore": {"trust_config": f"{self.host.url}/sigstore/trust_config.json"},
            "gpg": {"key": self.gpg.fingerprint},
            "atom": {"path": str(self.feed)},
        }

    # The release.

    def open(self, text: str = "") -> str:
        """Open the run as the release manager; returns its id."""
        document = {
            "pipeline": text or self.pipeline(), "params": self.params(), "places": self.places(),
        }  # fmt: skip
        answer = httpx.post(
            f"{self.host.url}/api/release/runs", json=document, headers=_bearer(self.people["rm"].token), timeout=30
        )
        if answer.status_code != httpx.codes.CREATED:
            raise RuntimeError(answer.text)
        self.run = str(answer.json()["run"])
        return self.run

    def start(self, actor: str, *, wrap: Sequence[str] = (), **environment: str) -> Machine:
        """A machine of this actor joins, and works until the run is over."""
        machine = self.machines.setdefault(actor, Machine(actor, self.folder / f"home-{actor}"))
        machine.home.mkdir(mode=0o700, exist_ok=True)
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        env = kept | {"HOME": str(machine.home)} | self.secrets(machine) | environment
        command = [
            *MORTAL, *wrap, sys.executable, *self.program, "release", "join", self.page, "--actor", actor,
            "--folder", str(machine.home / "work"), *self.identity(machine), *self.own_places(actor),
        ]  # fmt: skip
        with (machine.home / "log.txt").open("ab") as log:
            machine.process = subprocess.Popen(command, env=env, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        return machine

    def secrets(self, machine: Machine) -> dict[str, str]:
        """What this machine alone knows, in files that nobody else may read; ID tokens are fresh each time."""
        if machine.actor in self.accounts:
            person = self.people[machine.actor]
            with person.sits:
                person.prove()
                known = {"index-token": person.token, "sigstore-token": signing_token(person.person, self.host.url)}
        else:
            known = {"sigstore-token": self.builds.token({"sub": _subject(machine.actor)}, aud="sigstore")}
        return {
            f"CUSTOMHOUSE_RELEASE_{name.upper().replace('-', '_')}_FILE": str(_private(machine.home / name, text))
            for name, text in known.items()
        }

    def identity(self, machine: Machine) -> list[str]:
        """How it shows who it is: a person's machine by his token, a builder by an ID token."""
        if machine.actor in self.accounts:
            path = _private(machine.home / "token", self.people[machine.actor].token)
            return ["--token", path.read_text()]
        token = self.builds.token({"sub": _subject(machine.actor)}, aud=_audience(self.host.url))
        return ["--identity-token", str(_private(machine.home / "identity", token))]

    def own_places(self, actor: str) -> list[str]:
        """What only this machine knows of places."""
        return ["--place", f"gpg.home={self.gpg.path}"] if actor == "rm" else []

    def status(self) -> dict[str, Any]:
        """Where the run stands."""
        answer = httpx.get(
            f"{self.host.url}/api/release/runs/{self.run}", headers=_bearer(self.people["rm"].token), timeout=30
        )
        found: dict[str, Any] = answer.raise_for_status().json()
        return found

    def confirm(self) -> None:
        """Every expert says that he is around."""
        for one in self.people.values():
            answer = one.person.post(f"/release/run/{self.run}/around/")
            if answer.status_code != httpx.codes.SEE_OTHER:
                raise RuntimeError(answer.text)

    def release(
        self, tell: Tell = lambda _text: None, *, until: Callable[[dict[str, Any]], bool] | None = None
    ) -> dict[str, Any]:
        """Open the run, start every machine, and have people answer whatever they are asked; returns its end."""
        if not self.run:
            self.open()
        for actor in ("rm", *BUILDERS):
            self.start(actor)
        self.confirm()
        return self.watch(tell, until=until)

    def watch(
        self, tell: Tell = lambda _text: None, *, until: Callable[[dict[str, Any]], bool] | None = None
    ) -> dict[str, Any]:
        """Answer what people are asked until the run is over, or ``until`` holds."""
        asked, done, deadline = set[tuple[str, str]](), set[str](), time.monotonic() + self.patience_seconds
        needed = {
            step["id"]: step["gate"]["need"] for step in tomllib.loads(self.pipeline())["steps"] if "gate" in step
        }
        while time.monotonic() < deadline:
            found = self.status()
            for step, one in found["steps"].items():
                if one["status"] == "done" and step not in done:
                    done.add(step)
                    tell(step)
            if found["status"] in ENDED or (until is not None and until(found)):
                return found
            self.meanwhile(found)
            for step, ask in found["asks"].items():
                for actor in needed[step]:
                    if (actor, ask["question"]) not in asked:
                        asked.add((actor, ask["question"]))
                        self.people[actor].decide(self.run, step)
            self._somebody_works()
            threading.Event().wait(POLL_SECONDS)
        raise TimeoutError(f"the release does not end: {json.dumps(self.status())}\n{self.logs()}")

    def _somebody_works(self) -> None:
        """Raises when every machine has given up: nobody waits for a run that can only stand still."""
        processes = [one.process for one in self.machines.values() if one.process is not None]
        if processes and all((one.poll() or 0) > 0 for one in processes):
            raise ChildProcessError(f"every machine has given up\n{self.logs()}")

    def meanwhile(self, found: dict[str, Any]) -> None:
        """What else happens while the run stands as ``found`` says: machines get ID tokens, before theirs end."""
        del found
        if time.monotonic() - self.fresh_at > AFRESH_SECONDS:
            self.fresh_at = time.monotonic()
            for machine in self.machines.values():
                self.secrets(machine)

    def read_journal(self) -> list[Sealed]:
        """The journal, verified."""
        answer = httpx.get(
            f"{self.host.url}/api/release/runs/{self.run}/lines?after=-1", headers=_bearer(self.people["rm"].token),
            timeout=60,
        )  # fmt: skip
        lines = [read_line(line) for line in answer.raise_for_status().text.splitlines()]
        verify_lines(lines)
        return lines

    def logs(self) -> str:
        """What machines have said last."""
        return "\n".join(f"[{name}] {one.log[-1500:]}" for name, one in self.machines.items())

    def end(self) -> None:
        """End every machine, and close every browser."""
        self.leave()
        self.end_machines()

    def end_machines(self) -> None:
        """End every machine; people stay, for other runs."""
        for machine in self.machines.values():
            if machine.process is not None and machine.process.poll() is None:
                machine.process.kill()
                machine.process.wait(10)

    def leave(self) -> None:
        """Everybody closes his browser."""
        for one in self.people.values():
            one.person.client.close()


@dataclass
class Demonstration(Together):
    """The release of a C extension. Builder A builds, and says at the index how; builder B uploads.

    B, who has built the same again, is a trusted publisher of the project; A publishes nothing there and only attests.
    """

    name: ClassVar[str] = "sealed"
    project: SealedProject = field(kw_only=True)
    attested: bool = field(default=True, kw_only=True)
    """Where not, the release manager's machine uploads, and the index shows nothing of who has built."""

    def furnish(self, source: Path) -> None:
        """Besides, an owner says who uploads and who attests."""
        super().furnish(source)
        with self.host.opened() as app:
            _let_builders(app, self.name, next(iter(self.accounts.values())), self.builds.url)

    def secrets(self, machine: Machine) -> dict[str, str]:
        """Builder B shows itself at the index, too."""
        known = super().secrets(machine)
        if machine.actor != UPLOADER or not self.attested:
            return known
        token = self.builds.token({"sub": _subject(machine.actor)}, aud=_audience(self.host.url))
        name = "CUSTOMHOUSE_RELEASE_INDEX_IDENTITY_FILE"
        return {**known, name: str(_private(machine.home / "index-identity", token))}

    def pipeline(self) -> str:
        """The template ``compiled-library``, for these people and machines."""
        told = self.everybody()
        if self.attested:
            told |= {_STAGED_BY.format(actor="rm"): _STAGED_BY.format(actor=UPLOADER)}
        return told_anew(template_text("compiled-library"), told)

    def places(self) -> dict[str, dict[str, str]]:
        """Where things are."""
        builder = {"wheelhouse": str(self.project.wheelhouse)}
        index = {"url": self.host.url, "project": self.name} | ({"attest": "provenance"} if self.attested else {})
        return {**super().places(), "desk": {}, "ci": builder, "ci-b": builder, "index": index}


def told_anew(text: str, told: Mapping[str, str]) -> str:
    """A template in which other words stand for some; raises `LookupError` if it does not hold them."""
    for was, now in told.items():
        if was not in text:
            raise LookupError(f"the template does not say {was}")
        text = text.replace(was, now)
    return text


@contextmanager
def demonstration(host: Host, folder: Path, builds: BuildService) -> Iterator[Demonstration]:
    """The world, furnished. The server must know the build service (`settings_for_builders`)."""
    folder.mkdir(parents=True, exist_ok=True)
    with gpg_home() as home:
        project = write_sealed_project(folder / "sealed", folder / "wheelhouse")
        made = Demonstration(host, folder, builds, home, project=project)
        made.furnish(project.folder)
        try:
            yield made
        finally:
            made.end()


def settings_for_builders(builds: BuildService, allowed: Sequence[str] = ()) -> dict[str, str]:
    """What the server must be told: its Sigstore runs, and who vouches for builders. ``allowed``: other networks."""
    return {
        "CUSTOMHOUSE_SIGSTORE": "true",
        "CUSTOMHOUSE_SIGSTORE_ISSUERS": json.dumps(["forge"]),
        "CUSTOMHOUSE_OIDC_ISSUERS": json.dumps([builds.setting("custom", claims=["sub"], build_service=True)]),
        "CUSTOMHOUSE_PRIVATE_NETWORKS_ALLOWED": json.dumps(["127.0.0.0/8", *allowed]),
    }


@contextmanager
def builders() -> Iterator[BuildService]:
    """The build service that vouches for both builders."""
    with build_service(SystemClock()) as service:
        yield service


def signing_token(person: Person, url: str) -> str:
    """An ID token by which somebody signs as himself (authorization code, PKCE), as a program of his would get it."""
    verifier = secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {
        "response_type": "code", "client_id": "sigstore", "scope": "openid email", "state": secrets.token_urlsafe(8),
        "redirect_uri": "http://localhost:1/auth/callback", "code_challenge": challenge, "code_challenge_method": "S256",
    }  # fmt: skip
    answer = person.client.get("/sigstore/oidc/auth", params=asked, follow_redirects=False)
    page = answer.headers["location"]
    person.get(page)
    given = person.post(urlsplit(page).path)
    person.csrf = ""
    back = given.headers["refresh"].partition("url=")[2]
    code = parse_qs(urlsplit(back).query)["code"][0]
    form = {
        "grant_type": "authorization_code", "code": code, "code_verifier": verifier, "client_id": "sigstore",
        "redirect_uri": asked["redirect_uri"],
    }  # fmt: skip
    return str(httpx.post(f"{url}/sigstore/oidc/token", data=form, timeout=30).raise_for_status().json()["id_token"])


def _account(app: App, name: str) -> str:
    app.do(add_user, AddUser(name, f"{name}@example.org"))
    with app.database.read() as sql:
        user = find_user(sql, name)
    app.do(partial(set_password, app.key), SetPassword(hashed_password(), user=user))
    return app.create_token(CreateToken(name)).text


def _found(app: App, project: str, people: Sequence[str]) -> None:
    with app.database.read() as sql:
        owner, *others = (find_user(sql, name) for name in people)
    new_project(app.deeds, CreateProject(project, owner.actor))
    with app.database.write() as sql:
        number = sql.exec_driver_sql(f"SELECT id FROM project WHERE normalized = '{project}'").scalar_one()  # noqa: S608 - our own word
        for other in others:
            insert_new(sql, project_role, project_id=number, account_id=other.id, role="maintainer")


def _let_builders(app: App, project: str, owner: str, issuer: str) -> None:
    """Builder B may upload; builder A may say how files were built, and nothing else."""
    with app.database.read() as sql:
        by = find_user(sql, owner).actor
    # As the server is told: see `settings_for_builders`.
    forge = PublisherIssuer("forge", "custom", "Forge", issuer, claims=("sub",))
    for builder in BUILDERS:
        rules = {} if builder == UPLOADER else {"attests_only": "true"}
        app.do(add_publisher, AddPublisher(project, describe(forge, {"sub": _subject(builder)}, rules), by=by))


def _audience(url: str) -> str:
    return str(httpx.get(f"{url}/_/oidc/audience", timeout=30).json()["audience"])


def _with_key(url: str, name: str, token: str) -> Approver:
    """Sign in, keep recovery codes, add a security key."""
    # Browsers take localhost for a secure place; Python's cookie jar has to be told.
    jar = CookieJar(DefaultCookiePolicy(secure_protocols=("https", "http")))
    person = Person(httpx.Client(base_url=url, timeout=60, cookies=jar))
    _must(person.sign_in(name))
    page = person.post("/account/two-factor/codes/").text
    found = re.search(r'aria-label="Recovery codes">(.*?)</pre>', page, re.DOTALL)
    if found is None:
        raise LookupError(page)
    _must(person.post("/account/two-factor/codes/kept/", code=found[1].split()[-1]))
    key = Authenticator(url, urlsplit(url).hostname or "")
    person.get("/account/two-factor/")
    asked = person.client.get("/account/keys/options/?purpose=add-key", headers={"accept": "application/json"})
    answer = key.create(asked.raise_for_status().json())
    _must(person.post("/account/two-factor/key/", answer=answer, purpose="add-key", label="a key"))
    person.csrf = ""
    return Approver(name, person, key, token)


def _must(answer: httpx.Response) -> None:
    if answer.status_code != httpx.codes.SEE_OTHER:
        raise RuntimeError(f"{answer.request.url}: {answer.status_code}\n{answer.text[:3000]}")


def _private(path: Path, text: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(text)
    return path


def _subject(actor: str) -> str:
    return actor.replace("ci-", "builder-")


def _bearer(token: str) -> Mapping[str, str]:
    return {"authorization": f"Bearer {token}"}


def _git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], check=True, capture_output=True)
