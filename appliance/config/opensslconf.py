"""The C{config} option: commands of OpenSSL's own configuration, as far as our options reach.

Source: SSL_CONF_cmd(3), "Supported configuration file commands". OpenSSL itself is not asked: each
command sets the field of the model that our own option of that kind sets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from attrs import evolve, frozen

from appliance.config import values
from appliance.config.model import About, TLSConfig, TLSVersion
from appliance.config.sslops import SSL_OPS
from appliance.config.values import UnfitError
from appliance.config.wording import anyOf, nearest

OPTION_NAMES: Final[dict[str, tuple[str, bool]]] = {
    "SessionTicket": ("NO_TICKET", False),
    "Compression": ("NO_COMPRESSION", False),
    "EmptyFragments": ("DONT_INSERT_EMPTY_FRAGMENTS", False),
    "Bugs": ("ALL", True),
    "DHSingle": ("SINGLE_DH_USE", True),
    "ECDHSingle": ("SINGLE_ECDH_USE", True),
    "ServerPreference": ("CIPHER_SERVER_PREFERENCE", True),
    "PrioritizeChaCha": ("PRIORITIZE_CHACHA", True),
    "NoResumptionOnRenegotiation": ("NO_SESSION_RESUMPTION_ON_RENEGOTIATION", True),
    "NoRenegotiation": ("NO_RENEGOTIATION", True),
    "UnsafeLegacyRenegotiation": ("ALLOW_UNSAFE_LEGACY_RENEGOTIATION", True),
    "UnsafeLegacyServerConnect": ("LEGACY_SERVER_CONNECT", True),
    "EncryptThenMac": ("NO_ENCRYPT_THEN_MAC", False),
    "ExtendedMasterSecret": ("NO_EXTENDED_MASTER_SECRET", False),
    "AllowNoDHEKEX": ("ALLOW_NO_DHE_KEX", True),
    "MiddleboxCompat": ("ENABLE_MIDDLEBOX_COMPAT", True),
    "AntiReplay": ("NO_ANTI_REPLAY", False),
    "CANames": ("DISABLE_TLSEXT_CA_NAMES", False),
    "KTLS": ("ENABLE_KTLS", True),
}
"""Names in an C{Options} command: the flag of each, and whether to have it is to set that flag."""

_FAILED: Final = "SSL_CONF_cmd: bad value"


@frozen
class Command:
    """One command, ready for the model: the fields it sets, and flags to set and to clear."""

    fields: dict[str, Any]
    on: int = 0
    off: int = 0


def opensslCommand(value: str) -> Command:
    """The command in C{COMMAND:VALUE}; its name may be in any case of letters."""
    name, _, argument = value.partition(":")
    name, argument = name.strip(), argument.strip()
    known = {known.lower(): known for known in KNOWN}.get(name.lower())
    if known is None:
        near = nearest(name, KNOWN, 3) or list(KNOWN)
        says = (
            "" if name.lower() in OTHERS else f'OpenSSL config command "{name}" was not recognised'
        )
        raise UnfitError(f"{anyOf(near)} for the command", says, About.CONTEXT)
    if not argument:
        says = f'OpenSSL config command "{known}" requires a parameter'
        raise UnfitError(f"a value after {known}:", says, About.CONTEXT)
    try:
        return KNOWN[known](argument)
    except ValueError as error:
        raise UnfitError(f"for {known} {error}", _FAILED, About.CONTEXT) from None


def apply(config: TLSConfig, commands: Iterable[Command]) -> TLSConfig:
    """C{config} as the C{commands} would have it, which beat what is in it."""
    for command in commands:
        config = evolve(
            config,
            options=(config.options | command.on) & ~command.off,
            clearOptions=(config.clearOptions | command.off) & ~command.on,
            **command.fields,
        )
    return config


def _version(field: str, default: TLSVersion) -> Callable[[str], Command]:
    parse = values.version(all_=default)

    def command(value: str) -> Command:
        return Command({field: default if value.lower() == "none" else parse(value)})

    return command


def _text(field: str) -> Callable[[str], Command]:
    return lambda value: Command({field: value})


def _options(value: str) -> Command:
    known = {name.lower(): flag for name, flag in OPTION_NAMES.items()}
    on = off = 0
    for word in value.split(","):
        wanted = not word.strip().startswith("-")
        name = word.strip().lstrip("+-").lower()
        if name not in known:
            near = nearest(name, OPTION_NAMES, 3) or ["SessionTicket", "ServerPreference"]
            raise ValueError(f"{anyOf(near)}, with commas between them")
        flag, positive = known[name]
        if wanted is positive:
            on, off = on | SSL_OPS[flag], off & ~SSL_OPS[flag]
        else:
            on, off = on & ~SSL_OPS[flag], off | SSL_OPS[flag]
    return Command({}, on, off)


KNOWN: Final[dict[str, Callable[[str], Command]]] = {
    "MinProtocol": _version("minimum", TLSVersion.TLSv1),
    "MaxProtocol": _version("maximum", TLSVersion.TLSv1_3),
    "CipherString": _text("ciphers"),
    "Ciphersuites": _text("ciphersuites"),
    "Groups": _text("curves"),
    "Curves": _text("curves"),
    "SignatureAlgorithms": _text("signatureAlgorithms"),
    "Options": _options,
}
"""The commands that can be followed, by their names."""

OTHERS: Final = frozenset(
    {
        *("protocol", "clientsignaturealgorithms", "certificate", "privatekey", "chaincafile"),
        *("chaincapath", "verifycafile", "verifycapath", "requestcafile", "clientcafile"),
        *("clientcapath", "serverinfofile", "dhparameters", "recordpadding", "numtickets"),
        *("verifymode", "ecdhparameters", "clientcastore", "requestcapath", "requestcastore"),
        *("chaincastore", "verifycastore"),
    }
)
"""The other commands of OpenSSL's, in lower case; stunnel would run them."""
