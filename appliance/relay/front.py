"""The accepted leg's protocol."""

from __future__ import annotations

from appliance.relay.side import Side


class Front(Side):
    """Sits under the accepted socket's transport (TLS, unless the section dials TLS)."""

    def connectionMade(self) -> None:
        """The client is there."""
        self.join.accepted()

    def descriptor(self) -> int:
        """The socket's number, for the log; -1 where there is no socket."""
        handle = self.transport.getHandle()
        return handle.fileno() if hasattr(handle, "fileno") else -1
