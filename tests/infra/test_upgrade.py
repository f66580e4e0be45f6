"""An installation of the first version, with a package in it, is brought up to date and loses nothing (P16)."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from starlette.testclient import TestClient

from conftest import Where, settings_for
from customhouse.accounts.tokens import CreateToken
from customhouse.app import open_app, prepare
from customhouse.infra.db import Database, database_url
from customhouse.infra.settings import Settings
from customhouse.ledger.chain import Entry, canonical, entry_hash
from customhouse.terms.digest import Digest
from customhouse.web.asgi import build
from customhouse.work import run_due_job, run_followers
from packages import Dist, wheel
from world import upload

JSON = {"accept": "application/vnd.pypi.simple.v1+json"}
AT = 1_790_000_000_000_000


def first_version(settings: Settings, dist: Dist) -> None:
    """The database as revision 0001 left it: alice's demo 1.0, its event, its page's serial."""
    database = Database(database_url(settings))
    body = canonical(
        {
            "version": "1.0",
            "filename": dist.filename,
            "sha256": dist.sha256,
            "size_bytes": len(dist.body),
            "token_id": "t",
        }
    )
    with database.write() as sql:
        config = Config()
        config.set_main_option("script_location", "customhouse.infra:migrations")
        config.attributes["connection"] = sql
        command.upgrade(config, "0001")
        head = sql.execute(sa.text("SELECT hash FROM ledger_head")).scalar_one()
        rows = {
            "account": {"id": 1, "name": "alice", "normalized": "alice", "created_at": AT},
            "name": {"normalized": "demo", "ultranormalized": "dem0", "state": "hosted", "claimed_at": AT},
            "project": {"id": 1, "normalized": "demo", "display": "Demo", "created_at": AT, "signals": "{}"},
            "project_role": {"project_id": 1, "account_id": 1, "role": "owner"},
            "release": {"id": 1, "project_id": 1, "version": "1.0", "created_at": AT},
            "file_name": {"key": "demo-1.0", "filename": dist.filename, "digest": dist.sha256, "claimed_at": AT},
            "file": {
                "id": 1, "project_id": 1, "release_id": 1, "filename": dist.filename, "kind": "bdist_wheel",
                "digest": dist.sha256, "md5": "0" * 32, "blake2b_256": "0" * 64, "size_bytes": len(dist.body),
                "uploaded_at": AT, "uploader_id": 1, "metadata_digest": "0" * 64, "metadata_size_bytes": 1,
                "metadata_served": False, "metadata": zlib.compress(dist.metadata.encode()), "signals": "[]",
            },
        }  # fmt: skip
        for table, values in rows.items():
            columns, holes = ", ".join(values), ", ".join(f":{name}" for name in values)
            sql.execute(sa.text(f"INSERT INTO {table} ({columns}) VALUES ({holes})"), values)  # noqa: S608 - ours
        entry = Entry(
            1, datetime.fromtimestamp(AT / 1_000_000, UTC), "file-uploaded", "user", "1", "alice", "demo", body, head
        )
        values = {
            "serial": 1, "at": AT, "kind": entry.kind, "actor_kind": "user", "actor_id": "1", "actor_name": "alice",
            "project": "demo", "body": body, "previous_hash": head, "hash": entry_hash(entry),
        }  # fmt: skip
        columns, holes = ", ".join(values), ", ".join(f":{name}" for name in values)
        sql.execute(sa.text(f"INSERT INTO ledger_event ({columns}) VALUES ({holes})"), values)  # noqa: S608 - ours
        sql.execute(sa.text("UPDATE ledger_head SET serial = 1, hash = :hash"), {"hash": values["hash"]})
        sql.execute(sa.text("INSERT INTO changed (name, serial) VALUES ('demo', 1)"))
        for table in ("account", "project", "release", "file"):
            if database.dialect == "postgresql":
                sql.execute(sa.text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), 1)"))
    database.close()


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_an_installation_of_the_first_version_loses_nothing(
    request: pytest.FixtureRequest, tmp_path: Path, database: str
) -> None:
    dist = wheel("Demo", headers={"Requires-Dist": "needle>=1; python_version > '3'"})
    settings = settings_for(Where(), tmp_path / "data", request)
    if database == "postgresql":
        settings = settings.model_copy(update={"database": request.getfixturevalue("postgres").empty_database()})
    settings.data.mkdir()
    first_version(settings, dist)
    prepare(settings)
    with open_app(settings) as app, TestClient(build(app), base_url="http://index.test") as client:
        stored = tmp_path / "stored"
        stored.write_bytes(dist.body)
        app.blobs.put(Digest(dist.sha256), stored)
        (file,) = client.get("/simple/demo/", headers=JSON).json()["files"]
        assert (file["filename"], file["yanked"]) == (dist.filename, False)
        assert client.get(f"/files/demo/{dist.filename}").content == dist.body
        with app.database.read() as sql:
            assert list(sql.execute(sa.text("SELECT name FROM requirement")).scalars()) == ["needle"]
        while run_followers(app):
            pass
        while run_due_job(app):
            pass
        assert "demo" in client.get("/search/?q=demo").text
        token = app.create_token(CreateToken("alice")).text
        assert upload(client, token, wheel("Demo", "2.0"), name="Demo", version="2.0").status == 200
        findings = [finding for checked in app.check() for finding in checked.findings]
        assert findings == []
