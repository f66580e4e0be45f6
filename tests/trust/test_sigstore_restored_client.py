"""A running server whose database comes back from a backup, as unmodified clients and its operator see it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import httpx2 as httpx
import pytest

from command_line import customhouse
from customhouse.cli.sigstore_watch import look
from customhouse.release.actions import Problem
from customhouse.release.signing.sealer import SigstoreSealer
from private_sigstore import RunningSigstore, running_sigstore

pytestmark = pytest.mark.prove


def sealer(sigstore: RunningSigstore) -> SigstoreSealer:
    return SigstoreSealer(sigstore.get("/trust_config.json").text, sigstore.token)


def test_a_restored_server_signs_nothing_until_its_operator_has_started_a_new_log(tmp_path: Path) -> None:
    body, state = tmp_path / "file", tmp_path / "monitor"
    body.write_bytes(b"a file")
    with running_sigstore(tmp_path) as sigstore:
        data, database = sigstore.server.data, sigstore.server.data / "customhouse.sqlite3"
        environment = {
            "CUSTOMHOUSE_SIGSTORE": "true",
            "CUSTOMHOUSE_DATA": str(data),
            "CUSTOMHOUSE_URL": sigstore.server.url,
        }
        kept = sqlite3.connect(":memory:")
        with sqlite3.connect(database) as live:
            live.backup(kept)
        before = sealer(sigstore).file(body)
        sigstore.verify(body.read_bytes(), before)
        assert look(sigstore.base, state, "", ()) == 0
        sigstore.server.stop()
        for leftover in data.glob("customhouse.sqlite3*"):
            leftover.unlink()
        with sqlite3.connect(database) as fresh:
            kept.backup(fresh)
        fresh.close()
        sigstore.server.start()

        with pytest.raises(Problem, match="log-rolled-back"):
            sealer(sigstore).file(body)
        told = customhouse("sigstore", "restored", environment=environment)
        assert told.returncode == 1, told.stderr
        assert "shown last       1 entries" in told.stdout
        assert max(map(len, told.stdout.splitlines())) <= 80
        assert customhouse("sigstore", "restored", "--same-log", "7", environment=environment).returncode != 0
        done = customhouse("sigstore", "restored", "--new-log", environment=environment)
        assert done.returncode == 0, done.stderr
        assert "/sigstore/log-2 from now on" in done.stdout
        sigstore.server.stop()
        sigstore.server.start()
        assert customhouse("sigstore", "restored", environment=environment).returncode == 0

        after = sealer(sigstore).file(body)
        for bundle in (before, after):
            sigstore.verify(body.read_bytes(), bundle)
        # Who followed the old log is told, and follows the new one when he is given its key.
        assert look(sigstore.base, state, "", ()) == 1
        key = customhouse("sigstore", "trust", "--key", environment=environment).stdout.strip()
        assert "/sigstore/log-2+" in key
        assert look(sigstore.base, state, key, ()) == 0
        with sigstore.signer(1) as signer:
            assert "log-2" in signer.sign_artifact(body.read_bytes()).to_json()
        assert httpx.get(f"{sigstore.server.url}/trust/sigstore/").status_code == 200
