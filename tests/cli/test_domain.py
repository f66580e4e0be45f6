"""Operators look at mail domains at the command line, and decide about those that wait."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from command_line import customhouse
from dns_simulator import DnsSimulator, dns_simulator
from rdap_simulator import RdapSimulator, rdap_simulator

pytestmark = pytest.mark.slow


@pytest.fixture
def outside() -> Iterator[tuple[DnsSimulator, RdapSimulator]]:
    with dns_simulator() as names, rdap_simulator() as registry:
        registry.register("ctx.example", at=datetime(2020, 1, 1, tzinfo=UTC), years=40)
        names.zone("ctx.example", MX=["10 mx.ctx.example."], NS=["ns1.host.example."])
        yield names, registry


def test_domains_are_listed_checked_spared_given_up_and_vouched_for(
    tmp_path: Path, outside: tuple[DnsSimulator, RdapSimulator]
) -> None:
    names, registry = outside
    kept = {key: value for key, value in os.environ.items() if not key.startswith("CUSTOMHOUSE_")}
    environment = kept | {"COLUMNS": "160", "CUSTOMHOUSE_DOMAIN_UNVERIFY_PER_DAY": "0"}
    environment |= names.environment | registry.environment

    def run(*arguments: str, code: int = 0) -> str:
        done = customhouse(*arguments, folder=tmp_path, environment=environment)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    run("user", "add", "alice", "--email", "alice@ctx.example")
    assert "nothing is wrong" in run("domain", "check", "ctx.example")
    names.behaviour = "servfail"
    assert "not everything was answered" in run("domain", "check", "ctx.example")
    names.behaviour = "normal"
    registry.domains["ctx.example"].statuses = ["redemption period"]
    assert "lost (redemption)" in run("domain", "check", "ctx.example", code=1)
    assert "waiting" in run("domain", "list")
    assert "spared for 30 days" in run("domain", "spare", "ctx.example", "--reason", "They have paid.")
    assert "does not wait" in run("domain", "release", "ctx.example", "--reason", "Again.", code=2)
    assert "was not given up" in run("domain", "vouch", "alice", "--reason", "I know her.", code=2)
    assert "no mail domain" in run("domain", "check", "../etc", code=2)
