"""The files that the corpus names: certificates, keys, revocation lists, directories."""

from __future__ import annotations

import subprocess
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from appliance.tls.certificate import KeyPair
from appliance.tls.issue import certificatePEM, selfSigned
from tests import material as m


def write(home: Path) -> None:
    """Make them all in C{home}."""
    pair = m.server()
    cert, key = m.write(home, "server", pair)
    m.write(home, "client", m.client())
    old = selfSigned(pair.key, "old", ("old",), now=m.now() - timedelta(days=900), days=30)
    m.write(home, "old", old)
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505
    m.write(home, "weak", selfSigned(short, "weak", ("weak",), now=m.now()))
    authority = m.writeAuthority(home, "ca", m.ca())
    (home / "both.pem").write_bytes(key.read_bytes() + cert.read_bytes())
    (home / "both.pem").chmod(0o600)
    (home / "server.der").write_bytes(own(pair).public_bytes(serialization.Encoding.DER))
    (home / "server.p12").write_bytes(
        serialization.pkcs12.serialize_key_and_certificates(
            None, pair.key, own(pair), None, serialization.NoEncryption()
        )
    )
    (home / "encrypted.pem").write_bytes(
        pair.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    (home / "crl.pem").write_bytes(revocations(m.ca()))
    for name in ("cas", "empty.d", "options.d", "section.d", "bad.d", "windows.d", "globals.d"):
        (home / name).mkdir()
    (home / "cas" / "ca.pem").write_bytes(authority.read_bytes())
    subprocess.run(["openssl", "rehash", str(home / "cas")], check=True, timeout=20)
    (home / "options.d" / "a").write_text("TIMEOUTidle = 5\n")
    (home / "section.d" / "a").write_text("[a]\n")
    (home / "bad.d" / "a").write_text("hello\n")
    (home / "windows.d" / "a").write_bytes(b"\xef\xbb\xbfTIMEOUTidle = 5\r\n")
    (home / "globals.d" / "a").write_text("syslog = no\n")
    for name, text in {
        "psk": f"ward:{'0a' * 16}\nother:{'0b' * 16}\n",
        "pskshort": "ward:0a\n",
        "pskjunk": "hello\n",
    }.items():
        (home / name).touch(0o600)
        (home / name).write_text(text)


def own(pair: KeyPair) -> x509.Certificate:
    """The certificate of C{pair} as cryptography has it."""
    return x509.load_pem_x509_certificate(certificatePEM(pair.certificate))


def revocations(authority: KeyPair) -> bytes:
    """An empty list of what C{authority} has revoked."""
    now = m.now()
    crl = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(own(authority).subject)
        .last_update(now - timedelta(days=1))
        .next_update(now + timedelta(days=30))
        .sign(authority.key, hashes.SHA256())
    )
    return crl.public_bytes(serialization.Encoding.PEM)
