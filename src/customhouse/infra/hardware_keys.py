"""Keys that never leave a hardware module (PKCS #11): ECDSA over P-256, used like any other private key.

``python-pkcs11`` is loaded where a module is opened and nowhere else (``pip install customhouse[hsm]``). Sessions of a
module are not for several threads at once, so each signature has its turn.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from customhouse.terms.errors import Unavailable

_SCALAR_BYTES = 32


@dataclass
class HardwareModule:
    """One token of a module, opened when it is first needed."""

    library: Path
    token: str
    pin: str = field(repr=False)
    _session: Any = None
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def make(self, label: str) -> ec.EllipticCurvePrivateKey:
        """Make a key pair in the module; raises `Unavailable`."""
        return self._do(lambda session: _make(session, label), label)

    def find(self, label: str) -> ec.EllipticCurvePrivateKey:
        """The key with this label; raises `Unavailable`."""
        return self._do(lambda session: _find(session, label), label)

    def _do(self, work: Callable[[Any], tuple[Any, bytes]], label: str) -> ec.EllipticCurvePrivateKey:
        try:
            with self._lock:
                private, point = work(self._open())
        except Exception as error:  # the library has an error of its own for each code of the standard
            raise Unavailable(
                "The hardware module", f"key {label!r}: {type(error).__name__} {error}".strip()
            ) from error
        return HardwareKey(ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point), self._signs(private))

    def _open(self) -> Any:
        if self._session is None:
            import pkcs11  # noqa: PLC0415 - an extra, for whoever has such a module

            self._session = (
                pkcs11.lib(str(self.library)).get_token(token_label=self.token).open(rw=True, user_pin=self.pin)
            )
        return self._session

    def _signs(self, private: Any) -> Callable[[bytes], bytes]:
        def sign(digest: bytes) -> bytes:
            from pkcs11 import Mechanism  # noqa: PLC0415 - as above

            try:
                with self._lock:
                    raw = bytes(private.sign(digest, mechanism=Mechanism.ECDSA))
            except Exception as error:
                raise Unavailable("The hardware module", f"it does not sign: {type(error).__name__}") from error
            numbers = (int.from_bytes(raw[:_SCALAR_BYTES]), int.from_bytes(raw[_SCALAR_BYTES:]))
            return utils.encode_dss_signature(*numbers)

        return sign


@cache
def hardware_module(library: Path, token: str, pin: str) -> HardwareModule:
    """The one of this process: a program signs in to a token once (PKCS #11, 5.6)."""
    return HardwareModule(library, token, pin)


class HardwareKey(ec.EllipticCurvePrivateKey):
    """A private key that is used and never seen."""

    def __init__(self, public: ec.EllipticCurvePublicKey, sign: Callable[[bytes], bytes]) -> None:
        self._public = public
        self._sign = sign

    def sign(self, data: Any, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        """ECDSA with SHA-256, DER; raises `Unavailable` if the module is away."""
        if isinstance(signature_algorithm.algorithm, utils.Prehashed):
            return self._sign(bytes(data))
        if not isinstance(signature_algorithm.algorithm, hashes.SHA256):
            raise TypeError("keys in hardware sign SHA-256 here")
        digest = hashes.Hash(hashes.SHA256())
        digest.update(data)
        return self._sign(digest.finalize())

    def public_key(self) -> ec.EllipticCurvePublicKey:
        """The public half."""
        return self._public

    @property
    def curve(self) -> ec.EllipticCurve:
        """P-256."""
        return self._public.curve

    @property
    def key_size(self) -> int:
        """In bits."""
        return self._public.key_size

    def exchange(self, *_: object, **_more: object) -> bytes:
        """Never."""
        raise TypeError("this key signs, and does nothing else")

    def private_numbers(self) -> ec.EllipticCurvePrivateNumbers:
        """Never."""
        raise TypeError("this key never leaves its module")

    def private_bytes(self, *_: object, **_more: object) -> bytes:
        """Never."""
        raise TypeError("this key never leaves its module")

    def __copy__(self) -> HardwareKey:
        return self

    def __deepcopy__(self, _memo: dict[Any, Any]) -> HardwareKey:
        return self


def _make(session: Any, label: str) -> tuple[Any, bytes]:
    from pkcs11 import Attribute, KeyType  # noqa: PLC0415 - as above
    from pkcs11.util.ec import encode_named_curve_parameters  # noqa: PLC0415 - as above

    parameters = session.create_domain_parameters(
        KeyType.EC, {Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")}, local=True
    )
    public, private = parameters.generate_keypair(store=True, label=label)
    return private, _point(public)


def _find(session: Any, label: str) -> tuple[Any, bytes]:
    from pkcs11 import KeyType, ObjectClass  # noqa: PLC0415 - as above

    private = session.get_key(key_type=KeyType.EC, object_class=ObjectClass.PRIVATE_KEY, label=label)
    public = session.get_key(key_type=KeyType.EC, object_class=ObjectClass.PUBLIC_KEY, label=label)
    return private, _point(public)


def _point(public: Any) -> bytes:
    from pkcs11 import Attribute  # noqa: PLC0415 - as above

    # CKA_EC_POINT is the DER of an octet string: two bytes before the 65 of an uncompressed point.
    found = bytes(public[Attribute.EC_POINT])
    return found[2:] if found[:1] == b"\x04" and len(found) == 2 * _SCALAR_BYTES + 3 else found
