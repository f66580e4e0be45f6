"""Taking mail in by LMTP (RFC 2033) or SMTP (RFC 5321), from the operator's own mail server alone.

It relays nothing and asks nobody who he is. A letter is acknowledged when it is kept, with 4xx when it cannot be kept
now, and with 5xx when it never will be, so that the server before us keeps it, or says so to whoever wrote it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session

from customhouse.formats.mail_message import LARGEST_BYTES
from customhouse.terms.errors import CustomhouseError, Refused, Rejected, TooMany, Unavailable

log = logging.getLogger("customhouse.mail")

Deliver = Callable[[bytes, str, Sequence[str]], None]
"""Takes a letter, its envelope's sender (empty for a bounce) and its recipients."""
COMMAND_SECONDS = 60.0
MOST_RECIPIENTS = 20


class _Desk:
    """What aiosmtpd calls; its names."""

    def __init__(self, ours: Callable[[str], bool], deliver: Deliver, *, each: bool) -> None:
        self._ours = ours
        self._deliver = deliver
        self._each = each

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if not self._ours(address):
            return "550 5.1.1 No such mailbox here"
        if len(envelope.rcpt_tos) >= MOST_RECIPIENTS:
            return "452 4.5.3 Too many recipients"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - as above
        raw = envelope.content if isinstance(envelope.content, bytes) else b""
        sender, recipients = envelope.mail_from or "", list(envelope.rcpt_tos)
        # A database is asked and files are written: not in the loop that listens.
        answer = await asyncio.get_running_loop().run_in_executor(None, self._taken, raw, sender, recipients)
        # RFC 2033, section 4.2: one answer for each recipient. All of them are one mailbox.
        return "\r\n".join([answer] * max(1, len(recipients))) if self._each else answer

    def _taken(self, raw: bytes, sender: str, recipients: Sequence[str]) -> str:
        try:
            self._deliver(raw, sender, recipients)
        except (TooMany, Unavailable) as error:
            return f"451 4.3.0 {_line(error)}"
        except (Refused, Rejected) as error:
            return f"550 5.7.1 {_line(error)}"
        except Exception:
            log.exception("a letter could not be taken")
            return "451 4.3.0 It cannot be taken now"
        return "250 2.0.0 Taken"


class _Listener(Controller):
    """A controller whose servers speak LMTP."""

    def factory(self) -> SMTP:
        """One connection."""
        return LMTP(self.handler, **self.SMTP_kwargs)


@contextmanager
def mail_listener(protocol: str, host: str, port: int, ours: Callable[[str], bool], deliver: Deliver) -> Iterator[int]:
    """Listen until the end of the block; gives the port. Raises `Unavailable` if nobody can listen there."""
    lmtp = protocol == "lmtp"
    kind: Any = _Listener if lmtp else Controller
    controller = kind(
        _Desk(ours, deliver, each=lmtp), hostname=host, port=port, data_size_limit=LARGEST_BYTES,
        timeout=COMMAND_SECONDS, ready_timeout=10.0,
    )  # fmt: skip
    try:
        controller.start()
    except (OSError, TimeoutError) as error:
        raise Unavailable(f"{protocol}://{host}:{port}", f"nobody can listen there: {error}") from error
    try:
        log.info("mail is taken in at %s://%s:%d", protocol, host, controller.port)
        yield int(controller.port)
    finally:
        controller.stop()


def _line(error: CustomhouseError) -> str:
    text = " ".join(str(error).split())
    return text.encode("ascii", errors="replace").decode()[:300]
