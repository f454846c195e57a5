"""Where the process tells how it is."""

from __future__ import annotations

from attrs import field, frozen

from appliance.config.model.addresses import Address
from appliance.config.model.problems import NOWHERE, Where


@frozen
class StatusConfig:
    """The C{address} at which the status is told; C{where} that was written, for messages."""

    address: Address
    where: Where = field(default=NOWHERE, eq=False)

    def __str__(self) -> str:
        return str(self.address)
