"""The options of the process that say how an administrator reaches it while it runs."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from appliance.config import machine, values
from appliance.config.model import RUNTIME_CONTROL, Address, InetAddress
from appliance.config.vocabulary import Option, PathKind, Scope

LOOPBACK = "127.0.0.1"


def _socket(value: str) -> str | None:
    """The path of a unix socket, or none."""
    if value.lower() == "no":
        return None
    try:
        if value.startswith("/"):
            return str(values.address(value))
    except ValueError as error:
        raise ValueError(f"no, or {error}") from None
    raise ValueError("no, or the whole path of a unix socket")


def _manhole(value: str) -> Address:
    """Where the shell listens; a bare port is for this machine alone."""
    address = values.address(value)
    if isinstance(address, InetAddress) and not address.host:
        return evolve(address, host=LOOPBACK)
    return address


CONTROL = Option(
    "control",
    Scope.GLOBAL,
    "/PATH or no",
    f"{RUNTIME_CONTROL} where systemd gives that directory, else none",
    "The unix socket that butterfly-tls status, reload, drain, close, top and probe talk to. Its "
    "owner and its group may use it, and nobody else.",
    _socket,
)
GROUP = Option(
    "controlGroup",
    Scope.GLOBAL,
    "GROUP",
    "the group that the process has in the end",
    "The group, by name or number, whose members may use the socket in control.",
    machine.group,
)
MANHOLE = Option(
    "manhole",
    Scope.GLOBAL,
    "[HOST:]PORT or /PATH",
    "no shell",
    "Where administrators log in with SSH, to a shell with the commands of the appliance and no "
    "others. A bare port is for this machine alone. It needs manholeKeys and manholeHostKey.",
    _manhole,
)
KEYS = Option(
    "manholeKeys",
    Scope.GLOBAL,
    "FILE",
    "none",
    "Who may log in: public keys as in OpenSSH's authorized_keys, a line each. The login name is "
    "the comment after the key, up to an @. The file is read at each login.",
    values.fileName,
    path=PathKind.FILE,
)
HOST_KEY = Option(
    "manholeHostKey",
    Scope.GLOBAL,
    "FILE",
    "none",
    "The private key by which administrators know the appliance; butterfly-tls hostkey makes it.",
    values.fileName,
    path=PathKind.FILE,
)
PYTHON = Option(
    "manholePython",
    Scope.GLOBAL,
    "yes or no",
    "no",
    "Whether those who log in may ask for a Python prompt within the running process, where they "
    "can do whatever the process can.",
    values.yesNo,
)

OPTIONS: tuple[Option[Any], ...] = (CONTROL, GROUP, MANHOLE, KEYS, HOST_KEY, PYTHON)
