"""What must hold of any first bytes: one kind of error, a wait that ends, and no matter how cut.

An input is what a load balancer says, with whatever follows its header.
"""

from __future__ import annotations

from appliance.relay.proxyline import LONGEST, Decoder, Hop, ProxyLineError, header, line, undressed

PIECES = (1, 7, 16)
"""Bytes: as little as there is, shorter than any part of a header, and just the first part."""

Found = tuple[Hop, bytes] | str | None
"""The header and what follows it, or a refusal, or that more is needed."""


def decoded(data: bytes, piece: int) -> Found:
    """What comes of C{data} in pieces; at which of them it is refused does not matter."""
    decoder = Decoder()
    for at in range(0, len(data), piece):
        try:
            found = decoder.feed(data[at : at + piece])
        except ProxyLineError:
            return "refused"
        if found is not None:
            return found[0], found[1] + data[at + piece :]
    return None


def check(data: bytes) -> None:
    """Raise C{AssertionError} where something does not hold of C{data}."""
    found = decoded(data, len(data) or 1)
    for piece in PIECES:
        assert decoded(data, piece) == found, f"cuts of {piece} make a difference"
    if found is None:
        assert len(data) < LONGEST, "it waits for ever"
    elif isinstance(found, tuple):
        hop, rest = found
        assert data.endswith(rest)
        assert len(data) - len(rest) <= LONGEST
        again(hop)


def again(hop: Hop) -> None:
    """What was read can be written, and reads the same; IPv4 in IPv6's clothes comes undressed."""
    assert (hop.source is None) is (hop.destination is None)
    if hop.source is None or hop.destination is None:
        plain = Hop(tlvs=hop.tlvs)
    else:
        ends = [(undressed(host), port) for host, port in (hop.source, hop.destination)]
        mixed = len({":" in host for host, _ in ends}) > 1
        plain = Hop(tlvs=hop.tlvs) if mixed else Hop(ends[0], ends[1], hop.tlvs)
    assert Decoder().feed(header(hop)) == (plain, b"")
    assert Decoder().feed(line(hop)) == (Hop(plain.source, plain.destination), b"")
