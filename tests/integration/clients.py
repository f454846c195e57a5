"""Clients on pynetdicom that keep account of what they say and hear.

It needs pynetdicom, and so does every module that imports it.
"""

from __future__ import annotations

import ssl
from typing import Any

from pydicom.uid import UID
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.presentation import build_role

from appliance.cli.steady import steady
from tests.integration.archive import TITLE
from tests.integration.truth import Accounts, Stand


def anyServer() -> ssl.SSLContext:
    """A client's context that trusts whoever is there."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


class Client:
    """A client of pynetdicom's that calls itself C{title}, at the stand's port for TLS.

    C{accounts} is its own count. It proposes what it is given: pairs of SOP classes and transfer
    syntaxes; with C{accepts} it is the provider of these classes, too.
    """

    def __init__(self, title: str, *proposals: tuple[UID, UID], accepts: bool = False) -> None:
        self.title = title
        self.accounts = Accounts()
        self._sockets: list[Any] = []
        self._entity = AE(title)
        self._entity.acse_timeout = self._entity.dimse_timeout = 20
        for kind, syntax in proposals:
            self._entity.add_requested_context(kind, syntax)
        roles = {kind for kind, _ in proposals} if accepts else set()
        self._roles = [build_role(kind, scu_role=True, scp_role=True) for kind in roles]

    def associate(self, stand: Stand, maximum: int = 16382, called: str = TITLE) -> Association:
        """Ask for an association; it may have been refused."""
        handlers = [
            *self.accounts.handlers,
            (evt.EVT_C_STORE, lambda _: 0xB007),
            (evt.EVT_N_EVENT_REPORT, lambda _: (0x0000, None)),
            (evt.EVT_CONN_OPEN, self._opened),
            (evt.EVT_CONN_CLOSE, self._closed),
        ]
        return steady(
            self._entity.associate(
                "127.0.0.1",
                stand.port,
                ae_title=called,
                max_pdu=maximum,
                ext_neg=list(self._roles),
                evt_handlers=handlers,
                tls_args=(anyServer(), None),
            )
        )

    def _opened(self, event: Any) -> None:
        self._sockets.append(event.assoc.dul.socket.socket)

    def _closed(self, _: Any) -> None:
        # pynetdicom leaves it open where it can no longer be shut down.
        while self._sockets:
            self._sockets.pop().close()
