"""Strangers who ask a server all the time while something else happens, each in a thread of his own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial

import httpx2 as httpx

Look = Callable[[threading.Event], None]
"""What one of them does until it is over."""
Ask = Callable[[httpx.Client], bool]
"""Whether something is there."""


@contextmanager
def meanwhile(*looks: Look) -> Iterator[None]:
    """All of them look until the end of the block. Raises what one of them has raised."""
    over = threading.Event()
    with ThreadPoolExecutor(len(looks)) as pool:
        looking = [pool.submit(look, over) for look in looks]
        try:
            yield
        finally:
            over.set()
    for one in looking:
        one.result()


@dataclass
class Onlooker:
    """He asks for two things in turn, as fast as he can: one thread begins with one, another with the other."""

    url: str
    one: Ask
    other: Ask
    pairs: set[tuple[bool, bool]] = field(default_factory=set)
    """Whether what was asked first was there, and then whether what was asked next was."""

    def watching(self) -> AbstractContextManager[None]:
        """Until the end of the block."""
        return meanwhile(partial(self._watch, self.one, self.other), partial(self._watch, self.other, self.one))

    def _watch(self, first: Ask, second: Ask, over: threading.Event) -> None:
        with httpx.Client(base_url=self.url, timeout=30) as client:
            while not over.is_set():
                self.pairs.add((first(client), second(client)))
