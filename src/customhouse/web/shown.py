"""Who sends an Authorization header, for noting who fetched a file: by the server's key alone, without the database."""

from __future__ import annotations

from customhouse.infra.count_spool import Who
from customhouse.terms.errors import CustomhouseError


def who_shows(secret: bytes) -> Who:
    """Tells the id of the API token in a header, if it was made with this key, and be it revoked.

    What is none of ours is nobody: somebody else's password is not ours to keep, not even in part.
    """

    def who(header: bytes) -> str:
        from customhouse.accounts.server_key import ServerKey  # noqa: PLC0415 - the read path starts without all this
        from customhouse.accounts.tokens import read_token  # noqa: PLC0415 - as above
        from customhouse.web.credentials import token_of  # noqa: PLC0415 - as above

        try:
            return read_token(ServerKey(secret), token_of(header.decode("latin-1"))).id
        except CustomhouseError:
            return ""

    return who
