"""The options of a section that say whom to trust: authorities, revocation, names, OCSP."""

from __future__ import annotations

from typing import Any

from appliance.config import tlsvalues, values
from appliance.config.vocabulary import Option, PathKind, Repeat, Scope

_NO_AUTHORITIES = "No trusted certificates found"
_NO_REVOCATIONS = "Failed to load {} revocation lookup file"

CA_FILE = Option(
    "CAfile",
    Scope.SERVICE,
    "FILE",
    "none",
    "Certificates to trust: CAs for verifyChain, the peers' own for verifyPeer. An empty value "
    "means none.",
    values.orNothing(values.fileName),
    path=PathKind.FILE,
    absent=_NO_AUTHORITIES,
)
CA_PATH = Option(
    "CApath",
    Scope.SERVICE,
    "DIRECTORY",
    "none",
    "Like CAfile, with one certificate a file, each named by its hash as openssl rehash does. An "
    "empty value means none.",
    values.orNothing(values.fileName),
    path=PathKind.DIRECTORY,
    absent=_NO_AUTHORITIES,
)
CRL_FILE = Option(
    "CRLfile",
    Scope.SERVICE,
    "FILE",
    "none",
    "Lists of certificates that their CAs have called back. With one, the peer's CA must have a "
    "list in it that is not out of date. An empty value means none.",
    values.orNothing(values.fileName),
    path=PathKind.FILE,
    absent=_NO_REVOCATIONS,
)
CRL_PATH = Option(
    "CRLpath",
    Scope.SERVICE,
    "DIRECTORY",
    "none",
    "Like CRLfile, with one list a file, each named by its hash as openssl rehash does. An empty "
    "value means none.",
    values.orNothing(values.fileName),
    path=PathKind.DIRECTORY,
    absent=_NO_REVOCATIONS,
)
REQUIRE_CERT = Option(
    "requireCert",
    Scope.SERVICE,
    "yes or no",
    "no",
    "Whether a peer that shows no certificate is turned away. What the certificate says is checked "
    "only by verifyChain and verifyPeer.",
    values.yesNo,
)
VERIFY_CHAIN = Option(
    "verifyChain",
    Scope.SERVICE,
    "yes or no",
    "no",
    "Whether the peer must show a certificate that leads to a CA in CAfile or CApath.",
    values.yesNo,
)
VERIFY_PEER = Option(
    "verifyPeer",
    Scope.SERVICE,
    "yes or no",
    "no",
    "Whether the peer must show a certificate that is itself in CAfile or CApath.",
    values.yesNo,
)
VERIFY = Option(
    "verify",
    Scope.SERVICE,
    "0 to 4",
    "none",
    "The old way to write requireCert, verifyChain and verifyPeer: 0 asks for a certificate and "
    "checks nothing, 1 checks the chain of those who show one, 2 checks the chain, 3 the chain and "
    "the peer, 4 the peer alone. Where these options say more than the level, that holds too.",
    values.verifyLevel,
    complaint="Bad verify level",
)
CHECK_HOST = Option(
    "checkHost",
    Scope.SERVICE,
    "HOST",
    "any name will do",
    "A name that the peer's certificate must be for. With several, or with checkEmail and checkIP, "
    "one of them all is enough.",
    values.word("a host name"),
    Repeat.LIST,
)
CHECK_EMAIL = Option(
    "checkEmail",
    Scope.SERVICE,
    "ADDRESS",
    "any will do",
    "An e-mail address that the peer's certificate must be for; see checkHost.",
    values.word("an e-mail address"),
    Repeat.LIST,
)
CHECK_IP = Option(
    "checkIP",
    Scope.SERVICE,
    "IP",
    "any will do",
    "An IP address that the peer's certificate must be for; see checkHost.",
    tlsvalues.ipAddress,
    Repeat.LIST,
)
OCSP = Option(
    "OCSP",
    Scope.SERVICE,
    "URL",
    "none",
    "The OCSP responder that is asked whether the peer's certificate is still good.",
    tlsvalues.responder,
)
OCSP_AIA = Option(
    "OCSPaia",
    Scope.SERVICE,
    "yes or no",
    "no",
    "Whether to ask the OCSP responders that the certificates of the peer name themselves.",
    values.yesNo,
)
OCSP_FLAG = Option(
    "OCSPflag",
    Scope.SERVICE,
    "NAME",
    "none",
    "How to check who signed an OCSP answer: with NOVERIFY anybody whose certificate comes with it "
    "may have, with NOINTERN nobody but the CA itself. NOSIGS and NOCHECKS are refused, and the "
    "other flags of OpenSSL's change nothing.",
    tlsvalues.ocspFlag,
    Repeat.FLAGS,
    complaint="Illegal OCSP flag",
)
OCSP_NONCE = Option(
    "OCSPnonce",
    Scope.SERVICE,
    "yes or no",
    "no",
    "Whether an OCSP answer must repeat a number of ours, so that it cannot be an old one.",
    values.yesNo,
)
OCSP_REQUIRE = Option(
    "OCSPrequire",
    Scope.SERVICE,
    "yes or no",
    "yes",
    "Whether a peer is turned away when OCSP was to be asked and gave no answer that tells.",
    values.yesNo,
)
OCSP_STAPLING = Option(
    "ocspStapling",
    Scope.SERVICE,
    "yes or no",
    "yes",
    "Whether a server whose certificate names an OCSP responder gets an answer from there, now and "
    "then and in the background, to show it along with the certificate.",
    values.yesNo,
)
TIMEOUT_OCSP = Option(
    "TIMEOUTocsp",
    Scope.SERVICE,
    "SECONDS",
    "5",
    "How long to wait for an OCSP responder.",
    values.seconds,
    complaint="Illegal OCSP connect timeout",
)

OPTIONS: tuple[Option[Any], ...] = (
    *(CA_FILE, CA_PATH, CRL_FILE, CRL_PATH),
    *(REQUIRE_CERT, VERIFY_CHAIN, VERIFY_PEER, VERIFY, CHECK_HOST, CHECK_EMAIL, CHECK_IP),
    *(OCSP, OCSP_AIA, OCSP_FLAG, OCSP_NONCE, OCSP_REQUIRE, OCSP_STAPLING, TIMEOUT_OCSP),
)
