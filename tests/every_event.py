"""Every kind of event that any room has, found by loading all of it."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module

import customhouse
from customhouse.ledger.events import Event


def every_event() -> list[type[Event]]:
    """The event classes that have a kind of their own, by kind."""
    for module in pkgutil.walk_packages(customhouse.__path__, "customhouse."):
        if not module.name.endswith("__main__") and ".migrations" not in module.name:
            import_module(module.name)
    # A dataclass with slots is made twice; the later class of a name is the one that is used.
    named = {(event.__module__, event.__qualname__): event for event in _below(Event) if "kind" in vars(event)}
    found = sorted(named.values(), key=lambda event: event.kind)
    assert len({event.kind for event in found}) == len(found), "two events share a kind"
    return found


def _below(event: type[Event]) -> Iterator[type[Event]]:
    for one in event.__subclasses__():
        yield one
        yield from _below(one)
