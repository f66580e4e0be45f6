"""Verifying what builds attest of their files, before anything of them is stored or counts as completed (PEP 740).

Only a trusted publisher attests: its own identity, and nobody else's, must have signed. How files were built may be
signed by a builder instead, whom an owner has declared: a publisher of the project that only attests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import Connection

from customhouse.catalog.queries import find_project
from customhouse.catalog.staged import StagedFile
from customhouse.formats.filenames import parse_filename
from customhouse.infra.db import Database
from customhouse.terms.clock import Clock
from customhouse.trust import minted
from customhouse.trust.attestations import to_json
from customhouse.trust.issuers import PublisherIssuer
from customhouse.trust.providers.known import PROVIDERS
from customhouse.trust.publishers import builders_of, find_publisher
from customhouse.trust.roots import Root
from customhouse.trust.signer_identity import SignerIdentity
from customhouse.trust.verify import Builder, Verified, verify_attestations


@dataclass(frozen=True, slots=True)
class Attesting:
    """The roots that this index trusts, and the issuers whose machines publish here."""

    database: Database
    clock: Clock
    roots: Sequence[Root]
    issuers: Sequence[PublisherIssuer]

    def verify(
        self, text: str, filename: str, sha256: str, publisher_id: int | None, token_id: str
    ) -> tuple[Verified, ...]:
        """Verify the attestations that came with a file; raises `Rejected` naming which, and why.

        Call it outside of transactions: it takes milliseconds for each.
        """
        with self.database.read() as sql:
            identity = self._signer(sql, publisher_id, token_id)
            builders = self._builders(sql, filename) if identity is not None else []
        return verify_attestations(
            text, filename, sha256, identity, self.roots, self.clock.now(), builders=builders
        )  # fmt: skip

    def verify_staged(self, file: StagedFile, sha256: str) -> list[dict[str, Any]] | None:
        """The same for a file of a session, as its row keeps it; None if nothing was attested of it."""
        if file.attestations is None:
            return None
        return to_json(self.verify(file.attestations, file.filename, sha256, file.publisher_id, file.token_id))

    def _builders(self, sql: Connection, filename: str) -> list[Builder]:
        """Those of the file's project. One that comes to be by this file has none yet."""
        found = find_project(sql, parse_filename(filename).name)
        known = {one.url: one for one in self.issuers}
        builders = []
        for one in builders_of(sql, found.id) if found is not None else ():
            issuer = known.get(one.issuer)
            if issuer is not None:
                identity = PROVIDERS[issuer.kind].signer(issuer, one.settings, one.learned, {})
                builders += [Builder(one.id, issuer, identity)] if identity is not None else []
        return builders

    def _signer(self, sql: Connection, publisher_id: int | None, token_id: str) -> SignerIdentity | None:
        """Who must have signed; None if it is nobody whose signature means anything here."""
        if publisher_id is None:
            return None
        publisher = find_publisher(sql, publisher_id)
        issuer = next((one for one in self.issuers if one.url == publisher.issuer), None)
        if issuer is None:
            return None
        claims = minted.claims_of(sql, token_id)
        return PROVIDERS[issuer.kind].signer(issuer, publisher.settings, publisher.learned, claims)
