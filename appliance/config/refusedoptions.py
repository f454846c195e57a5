"""The options of stunnel's that this version has not, and that cannot be passed over in silence.

To go on without one of these would let in more than was asked for, or do something else.
"""

from __future__ import annotations

from appliance.config.vocabulary import Option, Scope, refused

_ENGINE = "OpenSSL has dropped engines, and going on without it would use other keys or none"
_PROVIDER = (
    "no OpenSSL provider can be loaded, and going on without it would use other keys or none"
)
_STORE = "CAs come from files only, and going on without it would not trust the right ones"
_REVOKED = "revocation is not checked, and going on without it would let revoked certificates in"
_PSK = "pre-shared keys are not in it, and going on without it would lock out those who use them"
_NAMES = "only names in checkHost are checked, and going on without it would let other peers in"

_YES_NO = "yes or no"

OPTIONS: tuple[Option[str], ...] = (
    refused("engine", Scope.GLOBAL, "auto or ID", "The OpenSSL engine to load.", _ENGINE),
    refused("engineCtrl", Scope.GLOBAL, "COMMAND[:VALUE]", "Commands the engine.", _ENGINE),
    refused("engineDefault", Scope.GLOBAL, "TASKS", "What the engine is to do.", _ENGINE),
    refused("engineId", Scope.SERVICE, "ID", "The engine that holds the key.", _ENGINE),
    refused("engineNum", Scope.SERVICE, "NUMBER", "The engine that holds the key.", _ENGINE),
    refused("provider", Scope.GLOBAL, "ID", "The OpenSSL provider to load.", _PROVIDER),
    refused(
        "providerParameter",
        Scope.GLOBAL,
        "ID:NAME=VALUE",
        "Sets a parameter of an OpenSSL provider.",
        _PROVIDER,
    ),
    refused(
        "fips",
        Scope.GLOBAL,
        _YES_NO,
        "Whether to use nothing but OpenSSL's FIPS provider.",
        "the FIPS provider cannot be loaded, and going on without it would break a promise",
        default="no",
        harmless=("no",),
    ),
    refused(
        "compression",
        Scope.GLOBAL,
        "deflate or zlib",
        "Compresses inside TLS.",
        "TLS does not compress, since that gives secrets away, and going on would send more bytes",
    ),
    refused(
        "exec",
        Scope.SERVICE,
        "PROGRAM",
        "A program to pass connections on to.",
        "connections go to addresses only, and without it there would be nowhere to pass them to",
    ),
    refused(
        "transparent",
        Scope.SERVICE,
        "none, source, destination or both",
        "Keeps the addresses of connections as though there were no proxy between.",
        "connections come from our own address, and going on without it would hide the peer's",
        harmless=("none", "no"),
    ),
    refused(
        "protocol",
        Scope.SERVICE,
        "NAME",
        "What to talk before TLS begins.",
        "TLS begins at once, and going on without it would fail with such a peer",
        harmless=("none",),
    ),
    refused(
        "redirect",
        Scope.SERVICE,
        "[HOST:]PORT",
        "Where to pass on those whose certificate does not satisfy.",
        "they are turned away, and going on without it would leave them nowhere to go",
    ),
    refused(
        "ident",
        Scope.SERVICE,
        "USER",
        "The user that the peer's IDENT server must name.",
        "IDENT is not asked, and going on without it would let other users in",
    ),
    refused(
        "libwrap",
        Scope.SERVICE,
        _YES_NO,
        "Whether /etc/hosts.allow and /etc/hosts.deny say who may connect.",
        "those files are not read, and going on without it would let everybody in",
        default="no",
        harmless=("no",),
    ),
    refused("CAengine", Scope.SERVICE, "ID", "CAs that an engine holds.", _STORE),
    refused("CAstore", Scope.SERVICE, "URI", "CAs in a store of OpenSSL's.", _STORE),
    refused("CRLfile", Scope.SERVICE, "FILE", "Revocation lists.", _REVOKED, harmless=("",)),
    refused(
        "CRLpath",
        Scope.SERVICE,
        "DIRECTORY",
        "A directory of revocation lists, each named by its hash.",
        _REVOKED,
        harmless=("",),
    ),
    refused("checkEmail", Scope.SERVICE, "ADDRESS", "The peer's e-mail address.", _NAMES),
    refused("checkIP", Scope.SERVICE, "IP", "The IP address in the peer's certificate.", _NAMES),
    refused("OCSP", Scope.SERVICE, "URL", "The OCSP responder to ask.", _REVOKED),
    refused(
        "OCSPaia",
        Scope.SERVICE,
        _YES_NO,
        "Whether to ask the OCSP responders that certificates name.",
        _REVOKED,
        default="no",
        harmless=("no",),
    ),
    refused("OCSPflag", Scope.SERVICE, "NAME", "How strictly to read OCSP answers.", _REVOKED),
    refused(
        "OCSPnonce",
        Scope.SERVICE,
        _YES_NO,
        "Whether OCSP answers must repeat a number of ours.",
        _REVOKED,
        default="no",
        harmless=("no",),
    ),
    refused(
        "OCSPrequire",
        Scope.SERVICE,
        _YES_NO,
        "Whether a peer that OCSP says nothing about is turned away.",
        _REVOKED,
        default="no",
        harmless=("no",),
    ),
    refused("PSKsecrets", Scope.SERVICE, "FILE", "Names and pre-shared keys.", _PSK),
    refused("PSKidentity", Scope.SERVICE, "NAME", "Which pre-shared key to use.", _PSK),
    refused(
        "config",
        Scope.SERVICE,
        "COMMAND[:VALUE]",
        "A command of OpenSSL's own configuration.",
        "those commands are not run, and going on without it would set TLS up in another way",
    ),
    refused(
        "sessionResume",
        Scope.SERVICE,
        _YES_NO,
        "Whether TLS sessions can be resumed.",
        "resumption cannot be turned off, and going on without it would resume sessions",
        default="yes",
        harmless=("yes",),
    ),
)
