"""Logging in with a public key (RFC 4252 7), and in no other way.

A key is its owner's: the login name must be the one that stands behind the key in the file. So
what is recorded of a session is recorded of a person.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from twisted.conch import interfaces
from twisted.conch.error import IgnoreAuthentication
from twisted.conch.ssh.common import NS, getNS
from twisted.conch.ssh.userauth import (
    MSG_USERAUTH_FAILURE,
    MSG_USERAUTH_PK_OK,
    MSG_USERAUTH_REQUEST,
    SSHUserAuthServer,
)
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred, fail, succeed

from appliance.console.ssh.keys import SIGNATURES, Authorized, KeyFileError, fingerprint

ATTEMPTS: Final = 10
"""Keys that a client may offer; an agent may have many."""

_LONGEST_NAME: Final = 64
"""Characters of a login name that are repeated."""

_CONNECTION: Final = b"ssh-connection"


class Login(SSHUserAuthServer):
    """Lets a client in by one of the keys that C{authorized} gives."""

    attemptsBeforeDisconnect = ATTEMPTS
    transport: Any

    def __init__(self, authorized: Callable[[], tuple[Authorized, ...]]) -> None:
        self._authorized = authorized

    def serviceStarted(self) -> None:
        """Begin; the connection has a time limit of its own."""
        self.authenticatedWith: list[bytes] = []
        self.supportedAuthentications = [b"publickey"]
        self.loginAttempts = 0
        self.user = self.nextService = b""
        self._cancelLoginTimeout: Any = None

    def ssh_USERAUTH_REQUEST(self, packet: bytes) -> Any:
        """Somebody wants to log in, to do what only sessions are for."""
        _, nextService, _, _ = getNS(packet, 3)
        if nextService != _CONNECTION:
            methods = NS(b",".join(self.supportedAuthentications))
            self.transport.sendPacket(MSG_USERAUTH_FAILURE, methods + b"\x00")
            return None
        return super().ssh_USERAUTH_REQUEST(packet)

    def auth_publickey(self, packet: bytes) -> Deferred[Any]:
        """Somebody shows a key, and perhaps a signature that proves that he has it."""
        signed = packet[:1] != b"\x00"
        algorithm, blob, rest = getNS(packet[1:], 2)
        name = (self.user or b"").decode("utf-8", "replace")[:_LONGEST_NAME]
        try:
            known = self._find(name, algorithm, blob)
        except (UnauthorizedLogin, KeyFileError) as error:
            return self._refuse(name, str(error))
        if not signed:
            # As said in RFC 4252 7: a signature is work for the client, which is spared it now.
            self.transport.sendPacket(MSG_USERAUTH_PK_OK, NS(algorithm) + NS(blob))
            return fail(IgnoreAuthentication())
        if not self._verify(known, algorithm, blob, rest):
            return self._refuse(name, "the signature is wrong")
        person = self.transport.factory.welcome(self.transport, name)
        return succeed((interfaces.IConchUser, person, lambda: None))

    def _refuse(self, name: str, why: str) -> Deferred[Any]:
        # The next key may be the right one: only the end of the connection tells.
        self.transport.denied = (name, why)
        return fail(UnauthorizedLogin(why))

    def _find(self, name: str, algorithm: bytes, blob: bytes) -> Authorized:
        shown = fingerprint(blob)
        for each in self._authorized():
            if each.blob == blob:
                if algorithm not in SIGNATURES[each.key.sshType()]:
                    raise UnauthorizedLogin(f"the key {shown} would sign by an old algorithm")
                if each.user != name:
                    raise UnauthorizedLogin(
                        f"the key {shown} is of {each.user}, who must log in under that name"
                    )
                return each
        raise UnauthorizedLogin(f"the key {shown} is not in manholeKeys")

    def _verify(self, known: Authorized, algorithm: bytes, blob: bytes, rest: bytes) -> bool:
        """True when what the client signed is this very login (RFC 4252 7)."""
        signature = getNS(rest)[0]
        if getNS(signature)[0] != algorithm:
            return False
        login = NS(self.transport.sessionID) + bytes((MSG_USERAUTH_REQUEST,)) + NS(self.user or b"")
        login += NS(_CONNECTION) + NS(b"publickey") + b"\x01" + NS(algorithm) + NS(blob)
        try:
            return bool(known.key.verify(signature, login))
        # What a damaged signature makes cryptography raise is not documented.
        except Exception:
            return False
