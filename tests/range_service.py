"""A range service as Pwned Passwords runs one, on loopback, with the passwords that a test names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from customhouse.accounts.breached import hash_of
from receiver import Receiver, Reply, Request, receiver

PADDING = 20


@contextmanager
def range_service(breached: Mapping[str, int]) -> Iterator[Receiver]:
    """Answers ``/range/ABCDE`` with the rest of each hash that begins so, and padding lines whose count is 0."""
    hashes = {hash_of(password): times for password, times in breached.items()}

    def answer(request: Request) -> Reply:
        found = re.fullmatch(r"/range/([0-9A-F]{5})", request.path)
        if found is None:
            return Reply(400, b"The hash prefix was not in a valid format")
        lines = [f"{digest[5:]}:{times}" for digest, times in hashes.items() if digest.startswith(found[1])]
        if request.headers.get("add-padding") == "true":
            lines += [f"{number:035X}:0" for number in range(PADDING)]
        return Reply(200, "\r\n".join(sorted(lines)).encode(), {"content-type": "text/plain"})

    with receiver() as running:
        running.answer = answer
        yield running
