"""TLS handshakes in memory: a client of one's choice against a section's own context."""

from __future__ import annotations

from attrs import frozen
from OpenSSL import SSL

from appliance.config.model import TLSConfig, TLSVersion, Where
from appliance.tls.binding import setGroups
from appliance.tls.certificate import KeyPair
from appliance.tls.context import build
from appliance.tls.files import Material
from appliance.tls.pem import loadAuthorities
from appliance.tls.verify import Verdicts


@frozen
class Outcome:
    """How a handshake went, as the server saw it; no reasons: it succeeded."""

    reasons: tuple[str, ...]
    firstBytes: bytes
    verifyError: str | None


def section(tls: TLSConfig, pair: KeyPair) -> SSL.Connection:
    """The server's end of a connection to a section."""
    authorities = loadAuthorities(tls.caFile) if tls.caFile else ()
    material = Material(pair, authorities)
    connection = SSL.Connection(build("test", Where("test.conf"), tls, material), None)
    connection.set_app_data(Verdicts(tls=tls))
    connection.set_accept_state()
    return connection


def client(
    ciphers: str = "ALL:@SECLEVEL=0",
    *,
    minimum: TLSVersion = TLSVersion.TLSv1,
    maximum: TLSVersion = TLSVersion.TLSv1_3,
    pair: KeyPair | None = None,
    verify: bool = False,
    groups: str = "",
    serverName: str = "",
) -> SSL.Connection:
    """A client's end of a connection."""
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_min_proto_version(int(minimum))
    context.set_max_proto_version(int(maximum))
    context.set_cipher_list(ciphers.encode())
    if groups:
        setGroups(context, groups)
    if pair is not None:
        context.use_certificate(pair.certificate.chain[0])
        context.use_privatekey(pair.key)
    if verify:
        context.set_verify(SSL.VERIFY_PEER)
    connection = SSL.Connection(context, None)
    if serverName:
        connection.set_tlsext_host_name(serverName.encode())
    connection.set_connect_state()
    return connection


def greeting(peer: SSL.Connection) -> bytes:
    """The ClientHello of C{peer}."""
    _step(peer)
    return _output(peer)


def shake(server: SSL.Connection, peer: SSL.Connection) -> Outcome:
    """Let the two talk until the server is content or has failed."""
    heard = b""
    reasons: tuple[str, ...] = ()
    while not reasons:
        _step(peer)
        said = _output(peer)
        if not said:
            break
        heard += said
        reasons = say(server, said)
        answer = _output(server)
        if answer:
            peer.bio_write(answer)
    verdicts = server.get_app_data()
    assert isinstance(verdicts, Verdicts)
    return Outcome(reasons, heard, verdicts.error)


def say(server: SSL.Connection, data: bytes) -> tuple[str, ...]:
    """Give the server C{data}, and return the reasons of its failure, if it fails."""
    server.bio_write(data)
    return _step(server)


def _step(connection: SSL.Connection) -> tuple[str, ...]:
    try:
        connection.do_handshake()
    except SSL.WantReadError:
        pass
    except SSL.Error as error:
        return tuple(entry[2] for entry in error.args[0])
    return ()


def _output(connection: SSL.Connection) -> bytes:
    try:
        return connection.bio_read(1 << 17)
    except SSL.WantReadError:
        return b""
