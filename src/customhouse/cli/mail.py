"""``customhouse mail``: letters to the disclosure desk, from the operator's mail server."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path

from cyclopts import App

from customhouse.app import App as Parts
from customhouse.app import open_app, prepare
from customhouse.cli.options import read_settings
from customhouse.formats.mail_message import LARGEST_BYTES
from customhouse.infra.logs import configure_logs
from customhouse.terms.errors import Refused, Rejected, TooMany, Unavailable
from customhouse.work import mail_desk, taking_mail

TAKEN, BAD_LETTER, NO_MAILBOX, TRY_LATER, NOT_ALLOWED = 0, 65, 67, 75, 77
"""What mail servers understand of a command that they pipe letters to (sysexits.h): only 75 lets them try again."""

app = App(
    name="mail", help="Letters to the disclosure desk.",
    help_epilogue="deliver ends as mail servers expect it: 0: taken; 65: no letter; 67: no such mailbox; 75: later;"
    " 77: refused.",
)  # fmt: skip


@app.command
def deliver(*, to: str = "", sender: str | None = None, data: Path | None = None) -> int:
    """Take one letter from standard input: for a mail server that pipes to a command.

    Args:
        to: The envelope's recipient; without it the letter's own headers say it.
        sender: The envelope's sender; "" for a bounce.
        data: The data folder (default ./customhouse-data).
    """
    settings = read_settings(data=data)
    raw = sys.stdin.buffer.read(LARGEST_BYTES + 1)
    try:
        prepare(settings)
        with open_app(settings) as parts:
            outcome = mail_desk(parts).take(raw, sender=sender, recipients=(to,) if to else ())
    except (TooMany, Unavailable) as error:
        return _end(TRY_LATER, error)
    except Rejected as error:
        return _end(BAD_LETTER, error)
    except Refused as error:
        return _end(NO_MAILBOX if error.code in ("not-for-us", "dead-address") else NOT_ALLOWED, error)
    print(outcome)
    return TAKEN


@app.command
def listen(*, data: Path | None = None) -> None:
    """Take letters by LMTP or SMTP, as the setting mail_in says, until Ctrl-C. `customhouse work` does so too.

    Args:
        data: The data folder (default ./customhouse-data).
    """
    settings = read_settings(data=data)
    if not settings.mail_in:
        raise Rejected("no-mail-in", "mail_in", "is empty", "lmtp://127.0.0.1:8424")
    configure_logs(settings.log_level)
    prepare(settings)
    over = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: over.set())
    with open_app(settings) as parts, taking_mail(parts):
        _say(parts)
        over.wait()


def _say(parts: Parts) -> None:
    print(f"Letters to {parts.settings.security_address} are taken at {parts.settings.mail_in}", file=sys.stderr)


def _end(code: int, error: Exception) -> int:
    print(f"customhouse: {error}", file=sys.stderr)
    return code
