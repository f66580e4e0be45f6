"""The link in a letter that opens the veto of one person against one change, and nothing else.

It names the change and the account, and its last part derives from the server's key, so it is written when the letter
is. It works as long as the veto does: whoever may not veto any more finds that out on its page.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

from customhouse.accounts.tokens import ServerKey
from customhouse.terms.errors import Refused

_LINK = re.compile(r"(\d{1,15})\.(\d{1,15})\.([A-Za-z0-9_-]{43})", re.ASCII)


def veto_text(key: ServerKey, change_id: int, account_id: int) -> str:
    """What stands in the letter after ``/veto/``."""
    mac = hmac.digest(key.secret, f"veto\0{change_id}\0{account_id}".encode(), hashlib.sha256)
    return f"{change_id}.{account_id}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def of_veto_text(key: ServerKey, text: str) -> tuple[int, int]:
    """The change and the account that a link names; raises the same `Refused` (404) for every wrong one."""
    match = _LINK.fullmatch(text)
    if match is None or not hmac.compare_digest(veto_text(key, int(match[1]), int(match[2])), text):
        raise Refused("dead-link", "This link is not whole.", "Copy all of it from the letter.", status=404)
    return int(match[1]), int(match[2])
