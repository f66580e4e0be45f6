"""Whose certificates count when we ask somebody over TLS: those that this system trusts, wherever it keeps them.

On Windows and macOS that is the system's own store, which `truststore` asks. On Linux it is a file or a folder that
OpenSSL knows; ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` name others, also for pip, uv and curl. `truststore` would read
that file again for each connection, 25 ms each; here it is read once for each context, so a certificate that is added
counts after a restart. Where OpenSSL was built for another distribution and knows no file that is there (Pythons that
uv and others bring along), `truststore` knows where the distributions keep theirs.
"""

from __future__ import annotations

import ssl
import sys
from functools import cache
from pathlib import Path


def system_trust() -> ssl.SSLContext:
    """A new context for clients: certificates and host names are verified. Reading the store takes some 30 ms."""
    if sys.platform.startswith("linux") and _openssl_knows_some():
        return ssl.create_default_context()
    import truststore  # noqa: PLC0415 - 10 ms that most systems need not

    return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@cache
def shared_system_trust() -> ssl.SSLContext:
    """The same, one for this process: for whoever makes no agreement of his own with it about protocols (ALPN)."""
    return system_trust()


def _openssl_knows_some() -> bool:
    known = ssl.get_default_verify_paths()
    # Both are None where nothing is there, whatever their types say.
    return bool(known.cafile) or bool(known.capath and any(Path(known.capath).glob("*.[0-9]")))
