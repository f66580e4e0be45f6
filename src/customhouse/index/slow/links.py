"""The link in a letter that opens the veto of one person against one change, and nothing else.

It names the change and the account, and its last part derives from the server's key, so it is written when the letter
is. It works as long as the veto does: whoever may not veto any more finds that out on its page.
"""

from __future__ import annotations

from customhouse.accounts.server_key import ServerKey
from customhouse.terms.errors import Refused

_STAMP = "veto"


def veto_text(key: ServerKey, change_id: int, account_id: int) -> str:
    """What stands in the letter after ``/veto/``."""
    return key.stamp(_STAMP, f"{change_id}.{account_id}")


def of_veto_text(key: ServerKey, text: str) -> tuple[int, int]:
    """The change and the account that a link names; raises the same `Refused` (404) for every wrong one."""
    named = key.stamped(_STAMP, text)
    if named is None:
        raise Refused("dead-link", "This link is not whole.", "Copy all of it from the letter.", status=404)
    change_id, account_id = map(int, named.split("."))
    return change_id, account_id
