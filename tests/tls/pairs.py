"""Whole handshakes in memory between two sections' creators, tickets and all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cryptography import x509
from OpenSSL import SSL
from twisted.internet.address import IPv4Address

from appliance.config.model import TLSConfig
from appliance.tls.certificate import KeyPair
from appliance.tls.context import build
from appliance.tls.creator import Creator
from appliance.tls.files import Material
from appliance.tls.peer import describe
from appliance.tls.psk import Secrets
from appliance.tls.revocation import RevocationList, Revocations
from appliance.tls.verify import verdicts
from tests import material as m


def creator(
    tls: TLSConfig,
    pair: KeyPair | None = None,
    *authorities: KeyPair,
    name: str = "test",
    keys: dict[bytes, bytes] | None = None,
    crls: tuple[x509.CertificateRevocationList, ...] = (),
    directory: tuple[x509.Certificate, ...] = (),
    serverName: str | None = None,
) -> Creator:
    """What a section with these files makes its connections with."""
    material = Material(
        pair,
        tuple(each.certificate.chain[0] for each in authorities),
        directory,
        Revocations(tuple(RevocationList("test.crl", crl) for crl in crls)),
        Secrets(keys, next(iter(keys))) if keys else None,
    )
    context = build(name, m.WHERE, tls, material)
    certificate = None if pair is None else pair.certificate
    return Creator(context, serverName, tls=tls, certificate=certificate, section=name)


class Wire:
    """As much of a TLS leg as a creator looks at."""

    def __init__(self, port: int = 2762) -> None:
        self.transport = self
        self._port = port

    def getPeer(self) -> IPv4Address:
        """The address that was dialled."""
        return IPv4Address("TCP", "192.0.2.1", self._port)


class Meeting:
    """One connection between two creators, as far as it comes; C{error} is what the server saw.

    Afterwards C{word} has gone from one to the other and back, so that tickets have arrived.
    """

    def __init__(
        self, server: Creator, client: Creator, *, session: SSL.Session | None = None, port: int = 1
    ) -> None:
        self.here = client.clientConnectionForTLS(Wire(port))
        if session is not None:
            self.here.set_session(session)
        self.here.set_connect_state()
        self.there = server.serverConnectionForTLS(None)
        self.error: str | None = None
        self.heard: str | None = None
        self._step(self.here)
        hello = self.here.bio_read(1 << 16)
        if server.chooser is not None:
            self.there = server.chooser(hello) or self.there
        self.there.set_accept_state()
        self.there.bio_write(hello)
        self._talk()

    def _talk(self) -> None:
        for _ in range(8):
            self.error = self.error or self._step(self.there)
            self._carry(self.there, self.here)
            self.heard = self.heard or self._step(self.here)
            self._carry(self.here, self.there)
        if self.error is None and self.heard is None:
            self.error = self._say(self.here, self.there)
            self.heard = self._say(self.there, self.here)

    def _step(self, end: SSL.Connection) -> str | None:
        try:
            end.do_handshake()
        except SSL.WantReadError:
            pass
        except SSL.Error as error:
            return "; ".join(str(entry[2]) for entry in error.args[0])
        return None

    def _carry(self, one: SSL.Connection, other: SSL.Connection) -> None:
        try:
            other.bio_write(one.bio_read(1 << 17))
        except SSL.WantReadError:
            pass

    def _say(self, one: SSL.Connection, other: SSL.Connection) -> str | None:
        one.send(b"word")
        self._carry(one, other)
        try:
            other.recv(100)
        except SSL.WantReadError:
            pass
        except SSL.Error as error:
            return str(error)
        return None

    @property
    def ok(self) -> bool:
        """True when both ends are content."""
        return self.error is None and self.heard is None

    @property
    def session(self) -> SSL.Session:
        """What the client may come again with."""
        session = self.here.get_session()
        assert session is not None
        return session

    @property
    def verdict(self) -> str | None:
        """Why the server rejected the client's chain."""
        record = verdicts(self.there)
        assert record is not None
        return record.error

    @property
    def peer(self) -> Any:
        """The client, as the server describes it."""
        return describe(self.there)


def trusting(directory: Path, *authorities: KeyPair, **more: Any) -> TLSConfig:
    """A server that checks the chain of its clients."""
    path = m.writeAuthority(directory, "ca", authorities[0])
    return m.tlsConfig(verifyChain=True, caFile=str(path), **more)
