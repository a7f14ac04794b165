"""What a TLS connection of bine's has agreed on, in the words of the module ssl."""

from __future__ import annotations

import os
import ssl
from typing import Any, Literal, overload

__all__ = ("TLSSession",)

_NAMES = {"CN": "commonName", "O": "organizationName", "OU": "organizationalUnitName", "C": "countryName",
          "L": "localityName", "ST": "stateOrProvinceName"}


class TLSSession:
    """What ``transport.get_extra_info("ssl_object")`` gives for a connection that was made with a bine.TLSContext."""

    def __init__(self, cipher: tuple[str, str, int], alpn: str | None, server_name: str | None, chain: list[str], resumed: int) -> None:
        self._cipher = cipher
        self._alpn = alpn
        self._chain = chain
        self.server_hostname = server_name
        self.session_reused = bool(resumed)

    def version(self) -> str:
        """"TLSv1.3"."""
        return self._cipher[1]

    def cipher(self) -> tuple[str, str, int]:
        """Name, protocol, secret bits."""
        return self._cipher

    def compression(self) -> None:
        """None: there is none."""

    def selected_alpn_protocol(self) -> str | None:
        """What both speak, None when that was not asked."""
        return self._alpn

    @overload
    def getpeercert(self, binary_form: Literal[False] = False) -> dict[str, Any] | None: ...
    @overload
    def getpeercert(self, binary_form: Literal[True]) -> bytes | None: ...
    def getpeercert(self, binary_form: bool = False) -> dict[str, Any] | bytes | None:
        """The other side's certificate: a dict of what it says, or DER. None when it has shown none."""
        if not self._chain:
            return None
        der = ssl.PEM_cert_to_DER_cert(self._chain[0])
        return der if binary_form else _decoded(self._chain[0])

    def peer_chain(self) -> list[str]:
        """All the certificates that the other side has shown, as PEM."""
        return list(self._chain)


def _decoded(pem: str) -> dict[str, Any]:
    # The module decodes files only, so it is given one that is in memory.
    with open(os.memfd_create("certificate"), "w") as file:
        file.write(pem)
        file.flush()
        return ssl._ssl._test_decode_cert(f"/proc/self/fd/{file.fileno()}")  # type: ignore[attr-defined,no-any-return]
