"""Today's uv and twine exchange tokens with this index as they do from GitHub Actions with PyPI.

twine 7 does so by itself only for PyPI, so its own exchange is called, and what it got is handed to it. They speak https and nothing else to an index when they exchange tokens, so a front end with a certificate stands before
the index. The service that issues the tokens of the builds is ours; what they read and send is up to them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from publishers import build, make_project, project_name
from venvs import UV, clean_environment, client, run

from build_service import BuildService, build_service
from customhouse.terms.clock import SystemClock
from receiver import Behaviour, Certificate, Receiver, Reply, Request, certificate_for, receiver
from trust.claims import GITHUB
from world import Server, running

pytestmark = pytest.mark.slow

OF_THE_HOP = ("transfer-encoding", "connection", "content-length", "content-encoding", "date", "server")


@contextmanager
def front_end(folder: Path, to: Callable[[], str]) -> Iterator[tuple[Receiver, Certificate]]:
    """https on loopback, passed on to the index behind it."""
    certificate = certificate_for(folder, "localhost")
    with receiver(tls=certificate.server) as front, httpx.Client(timeout=60) as behind:

        def pass_on(request: Request) -> Behaviour:
            headers = {
                name: value for name, value in request.headers.items() if name not in ("host", "accept-encoding")
            }
            answer = behind.request(request.method, to() + request.path, headers=headers, content=request.body)
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in OF_THE_HOP}
            return Reply(answer.status_code, answer.content, kept)

        front.answer = pass_on
        yield front, certificate


@contextmanager
def actions(service: BuildService) -> Iterator[dict[str, str]]:
    """What a job of GitHub Actions finds in its environment, with the address that makes its ID tokens."""
    with receiver() as endpoint:

        def answer(request: Request) -> Behaviour:
            assert request.headers["authorization"].lower() == "bearer a job's own"
            audience = httpx.URL(request.path).params["audience"]
            return Reply(200, json.dumps({"value": service.token(GITHUB, aud=audience)}).encode())

        endpoint.answer = answer
        yield {
            "GITHUB_ACTIONS": "true", "CI": "true", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "a job's own",
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"http://127.0.0.1:{endpoint.port}/token?version=1",
        }  # fmt: skip


@pytest.mark.parametrize("publisher", ["twine-7", "uv"])
def test_todays_publishers_exchange_a_token_and_publish(publisher: str, tmp_path: Path) -> None:
    project = make_project(publisher, tmp_path)
    files = [str(path) for path in build(project)]
    address: dict[str, str] = {}
    with (
        build_service(SystemClock()) as service, actions(service) as job,
        front_end(tmp_path, lambda: address["index"]) as (front, _),
    ):  # fmt: skip
        site = f"https://localhost:{front.port}"
        environment = {
            "CUSTOMHOUSE_URL": site, "CUSTOMHOUSE_OIDC_ISSUERS": json.dumps([service.setting()]),
            "CUSTOMHOUSE_PRIVATE_NETWORKS_ALLOWED": '["127.0.0.0/8"]',
        }  # fmt: skip
        with running(tmp_path / "data", environment=environment) as server:
            address["index"] = server.url
            trust(server, project_name(publisher))
            job |= {
                "REQUESTS_CA_BUNDLE": str(tmp_path / "certificate.pem"),
                "SSL_CERT_FILE": str(tmp_path / "certificate.pem"),
            }
            done = run(
                command(publisher, f"{site}/legacy/", files),
                cwd=project,
                environment=clean_environment(tmp_path / "home", **job),
            )
            assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:] + server.log()[-2000:]
            listed: Any = httpx.get(
                f"{server.url}/simple/{project_name(publisher)}/",
                headers={"accept": "application/vnd.pypi.simple.v1+json"},
            ).json()
            assert len(listed["files"]) == len(files)
            server.command("check")


def trust(server: Server, name: str) -> None:
    server.command("user", "add", "alice")
    server.command(
        "publisher", "add", name, "forge", "--pending-for", "alice", "--set", "owner=acme", "--set", "repository=demo",
        "--set", "workflow=release.yml",
    )  # fmt: skip


def command(publisher: str, upload_url: str, files: list[str]) -> list[str]:
    """As people call it in a workflow: no user, no password, no token."""
    if publisher == "uv":
        return [str(UV), "publish", "--publish-url", upload_url, "--trusted-publishing", "always", *files]
    return [str(client(publisher) / "bin" / "python"), "-c", EXCHANGE, upload_url, *files]


EXCHANGE = """
import sys
from twine.__main__ import main
from twine.auth import CredentialInput, Resolver

upload_url, *files = sys.argv[1:]
token = Resolver({"repository": upload_url}, CredentialInput("__token__")).make_trusted_publishing_token()
sys.argv = ["twine", "upload", "--non-interactive", "--disable-progress-bar", "--repository-url", upload_url,
            "-u", "__token__", "-p", token, *files]
sys.exit(main())
"""
