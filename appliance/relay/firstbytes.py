"""Recognises a leg that speaks another language than its port is for, by its first bytes."""

from __future__ import annotations

from appliance.relay.proxyline import SIGNATURE

TLS_HANDSHAKE = b"\x16\x03"
TLS_ALERT = b"\x15\x03"
PROXY_HEADERS = (b"PROXY ", SIGNATURE[:6])


def misplaced(accepted: bool, head: bytes) -> tuple[str, str] | None:
    """What is wrong with the plain leg whose first bytes are C{head}, and what to do.

    C{accepted} tells the leg that was accepted from the one that was dialled. C{None}: nothing.
    """
    if accepted and head.startswith(TLS_HANDSHAKE):
        advice = (
            "this section (client = yes) adds the TLS itself: switch TLS off at the sender, "
            "or send to a section without 'client = yes'"
        )
        return "speaks TLS on a port for plain DICOM", advice
    if accepted and head.startswith(PROXY_HEADERS):
        advice = (
            "write proxyProtocolAccept = yes for this section, or have the load balancer send none"
        )
        return "sends a PROXY header, and none is expected", advice
    if not accepted and head.startswith((TLS_ALERT, TLS_HANDSHAKE)):
        return (
            "the backend speaks TLS on the port that 'connect' names",
            "point 'connect' at the PACS's plain DICOM port",
        )
    return None
