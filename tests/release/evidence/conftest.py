"""One run for all tests of evidence: whoever changes something changes a copy of the bundle's members."""

from __future__ import annotations

import pytest

from released import Puppet


@pytest.fixture(scope="session")
def released(tmp_path_factory: pytest.TempPathFactory) -> Puppet:
    """A release by people with security keys, at a room, with two builders."""
    return Puppet(tmp_path_factory.mktemp("released"), factor="webauthn").release()


@pytest.fixture(scope="session")
def members(released: Puppet) -> dict[str, bytes]:
    return released.members()


@pytest.fixture(scope="session")
def bundle(released: Puppet) -> bytes:
    return released.bundle()
