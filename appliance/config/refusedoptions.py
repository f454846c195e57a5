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
        complaint="FIPS support is not available",
    ),
    refused(
        "compression",
        Scope.GLOBAL,
        "deflate or zlib",
        "Compresses inside TLS.",
        "TLS does not compress, since that gives secrets away, and going on would send more bytes",
        complaint="Specified compression type is not available",
    ),
    refused(
        "pty",
        Scope.SERVICE,
        _YES_NO,
        "Whether the program in exec gets a terminal.",
        "programs have no terminal, and going on without it would leave one waiting that needs it",
        default="no",
        harmless=("no",),
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
        "those files are not read, and going on without it would let everybody in; allowFrom and "
        "denyFrom say the same here",
        default="no",
        harmless=("no",),
    ),
    refused("CAengine", Scope.SERVICE, "ID", "CAs that an engine holds.", _STORE),
    refused("CAstore", Scope.SERVICE, "URI", "CAs in a store of OpenSSL's.", _STORE),
)
