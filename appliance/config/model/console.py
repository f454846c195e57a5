"""How an administrator reaches the process while it runs."""

from __future__ import annotations

from typing import Final

from attrs import field, frozen

from appliance.config.model.addresses import Address
from appliance.config.model.problems import NOWHERE, Where

RUNTIME_CONTROL: Final = "$RUNTIME_DIRECTORY/control"
"""The control socket where nobody has said otherwise: in the directory that systemd gives."""


@frozen
class ConsoleConfig:
    """The control socket and the shell; C{None} is for what is not wanted.

    C{control} is a path, or L{RUNTIME_CONTROL} as it stands. C{keys} and C{hostKey} are there
    where C{manhole} is. The places are where the options were written.
    """

    control: str | None = RUNTIME_CONTROL
    group: str | None = None
    manhole: Address | None = None
    keys: str | None = None
    hostKey: str | None = None
    python: bool = False
    controlWhere: Where = field(default=NOWHERE, eq=False)
    manholeWhere: Where = field(default=NOWHERE, eq=False)
    keysWhere: Where = field(default=NOWHERE, eq=False)
    hostKeyWhere: Where = field(default=NOWHERE, eq=False)

    def __str__(self) -> str:
        facts = {
            "control": self.control or "no",
            "controlGroup": self.group,
            "manhole": self.manhole,
            "manholeKeys": self.keys,
            "manholeHostKey": self.hostKey,
            "manholePython": "yes" if self.python else None,
        }
        return ", ".join(f"{name} = {value}" for name, value in facts.items() if value)
