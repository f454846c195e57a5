"""The options about what is said before the data, to the PACS or to a proxy on the way."""

from __future__ import annotations

import re
from typing import Any, Final

from appliance.config import networks, values
from appliance.config.model import About, Preface
from appliance.config.values import UnfitError
from appliance.config.vocabulary import Option, Repeat, Scope

STUNNELS: Final = (
    *("capwin", "capwinctrl", "cifs", "imap", "ldap", "nntp", "pgsql", "pop3", "smtp", "socks"),
)
"""Other protocols of stunnel's: in each both sides talk in the clear before they agree on TLS."""

UNKNOWN: Final = "Protocol not supported"


def protocol(value: str) -> Preface:
    """One of the protocols that can be spoken."""
    name = value.lower()
    expected = "proxy or connect"
    if name in STUNNELS:
        raise UnfitError(f"{expected}, since TLS begins at once, and {name} would talk before it")
    try:
        return Preface(name)
    except ValueError:
        raise UnfitError(expected, UNKNOWN, About.SECTION) from None


def target(value: str) -> str:
    """A host and a port, of which only the proxy has to know where they are."""
    if not re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^\s:/\[\]]+):[0-9]{1,5}", value):
        raise ValueError("a host, a colon and the number of a port")
    return value


def header(value: str) -> str:
    """A header of HTTP (RFC 9110 section 5)."""
    if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+:.*", value) or not value.isprintable():
        raise ValueError("a name, a colon and a value")
    return value


def authentication(value: str) -> str:
    """How to log in to a web proxy."""
    name = value.lower()
    if name == "ntlm":
        raise UnfitError("basic, since ntlm rests on MD4 and RC4, which protect no password")
    if name != "basic":
        raise ValueError("basic")
    return name


PROTOCOL = Option(
    "protocol",
    Scope.SERVICE,
    "proxy or connect",
    "none",
    "With proxy, which is for client = no, the PACS is told first where each connection comes from "
    "(the PROXY protocol, version 1). With connect, which is for client = yes, what is in connect "
    "is a web proxy that is asked for a way to protocolHost.",
    protocol,
)
PROXY_SEND = Option(
    "proxyProtocolSend",
    Scope.SERVICE,
    "no, v1 or v2",
    "no, or v1 with protocol = proxy",
    "The version of the PROXY protocol in which a backend is told first, ahead of the data and of "
    "TLS, where each connection comes from. With client = no, v2 also tells the TLS version, the "
    "cipher, the server name asked for and the common name of the client's certificate.",
    values.choice({"no": 0, "v1": 1, "v2": 2}),
)
PROXY_ACCEPT = Option(
    "proxyProtocolAccept",
    Scope.SERVICE,
    "yes or no",
    "no",
    "Whether connections begin with a header of the PROXY protocol, version 1 or 2, ahead of TLS, "
    "in which a load balancer says for whom it connects. That is the client for the log, the "
    "journal, limits and backends then. The header must be there within 10 seconds, or TIMEOUTbusy "
    "if that is less.",
    values.yesNo,
)
PROXY_FROM = Option(
    "proxyProtocolFrom",
    Scope.SERVICE,
    networks.SYNTAX,
    "all must",
    "Whose connections begin with that header, and must: addresses and networks of load balancers. "
    "Those who connect from elsewhere are clients themselves. Needs proxyProtocolAccept = yes.",
    networks.networks,
    Repeat.LIST,
)
PROTOCOL_HOST = Option(
    "protocolHost",
    Scope.SERVICE,
    "HOST:PORT",
    "none; protocol = connect needs one",
    "What a web proxy is asked for.",
    target,
)
PROTOCOL_HEADER = Option(
    "protocolHeader",
    Scope.SERVICE,
    "NAME: VALUE",
    "none",
    "A header to send along to a web proxy.",
    header,
    Repeat.LIST,
)
PROTOCOL_USERNAME = Option(
    "protocolUsername",
    Scope.SERVICE,
    "NAME",
    "nobody logs in",
    "The user to log in as at a web proxy.",
    values.text("a user name"),
)
PROTOCOL_PASSWORD = Option(
    "protocolPassword",
    Scope.SERVICE,
    "PASSWORD",
    "none",
    "The password to log in with at a web proxy. It goes there in the clear.",
    str,
    secret=True,
)
PROTOCOL_AUTHENTICATION = Option(
    "protocolAuthentication",
    Scope.SERVICE,
    "basic",
    "basic",
    "How to log in at a web proxy.",
    authentication,
)

OF_CONNECT: tuple[Option[Any], ...] = (
    *(PROTOCOL_HOST, PROTOCOL_HEADER),
    *(PROTOCOL_USERNAME, PROTOCOL_PASSWORD, PROTOCOL_AUTHENTICATION),
)
"""Those that mean nothing without C{protocol = connect}."""

OPTIONS: tuple[Option[Any], ...] = (
    *(PROXY_ACCEPT, PROXY_FROM, PROXY_SEND),
    *(PROTOCOL, *OF_CONNECT),
)
