"""Keys and certificates for tests, made at run time; keys are made once per process."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from appliance.config.model import TLSConfig, Where
from appliance.tls.certificate import KeyPair, PrivateKey
from appliance.tls.files import Material
from appliance.tls.issue import (
    KeyType,
    authority,
    certificatePEM,
    issued,
    keyPEM,
    newKey,
    selfSigned,
)

WHERE = Where("butterfly-tls.conf", 1)


def now() -> datetime:
    """The present, as certificates want it."""
    return datetime.now(UTC)


@cache
def key(name: str, kind: KeyType = KeyType.RSA) -> PrivateKey:
    """The private key of C{name}, the same each time."""
    return newKey(kind, 2048)


@cache
def server(kind: KeyType = KeyType.RSA) -> KeyPair:
    """A self-signed server certificate for localhost."""
    names = ("localhost", "127.0.0.1")
    return selfSigned(key("server", kind), "localhost", names, now=now())


@cache
def ca(name: str = "Hospital CA") -> KeyPair:
    """An authority."""
    return authority(key(name), name, now=now())


@cache
def client(commonName: str = "modality", expired: bool = False, by: str = "Hospital CA") -> KeyPair:
    """A client's certificate, issued by the authority C{by}."""
    begin = now() - timedelta(days=40) if expired else now()
    return issued(ca(by), key(commonName), commonName, ("modality.example",), now=begin, days=30)


def material(pair: KeyPair | None = None, *authorities: KeyPair) -> Material:
    """What a section's files would hold."""
    return Material(pair, tuple(a.certificate.chain[0] for a in authorities))


def write(directory: Path, name: str, pair: KeyPair) -> tuple[Path, Path]:
    """Write C{NAME_Cert.pem} and C{NAME_key.pem} into C{directory}; the key is private."""
    cert, secret = directory / f"{name}_Cert.pem", directory / f"{name}_key.pem"
    cert.write_bytes(certificatePEM(pair.certificate))
    secret.touch(0o600)
    secret.write_bytes(keyPEM(pair.key))
    return cert, secret


def writeAuthority(directory: Path, name: str, pair: KeyPair) -> Path:
    """Write the certificate of an authority into C{directory}."""
    path = directory / f"{name}.pem"
    path.write_bytes(certificatePEM(pair.certificate))
    return path


def tlsConfig(**changes: object) -> TLSConfig:
    """A server's TLS configuration with C{changes}."""
    return TLSConfig(**changes)  # type: ignore[arg-type]
