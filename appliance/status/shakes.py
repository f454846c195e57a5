"""TLS handshakes, counted by what was negotiated and by why they failed."""

from __future__ import annotations

from collections import Counter
from typing import Final

from attrs import define, field

from appliance.events import HandshakeFailed, Handshaken
from appliance.status.document import Handshakes

MOST: Final = 64
"""Kinds that are counted apart."""

OTHER: Final = "other"


@define
class Shakes:
    """The handshakes since the start."""

    _done: dict[tuple[str, str, str], Counter[bool]] = field(factory=dict, init=False)
    """By version, cipher and group; then by whether a session was resumed."""
    _failed: Counter[str] = field(factory=Counter, init=False)

    def done(self, event: Handshaken) -> None:
        """A handshake has ended well."""
        peer = event.peer
        key = (peer.version, peer.cipher, peer.group)
        if key not in self._done and len(self._done) >= MOST:
            key = (OTHER, OTHER, OTHER)
        self._done.setdefault(key, Counter())[peer.resumed] += 1

    def failed(self, event: HandshakeFailed) -> None:
        """A handshake has failed."""
        full = event.kind not in self._failed and len(self._failed) >= MOST
        self._failed[OTHER if full else event.kind] += 1

    def read(self) -> tuple[tuple[Handshakes, ...], dict[str, int]]:
        """Those that ended well, the most frequent first, and those that failed."""
        done = [
            Handshakes(*key, full=counts[False], resumed=counts[True])
            for key, counts in self._done.items()
        ]
        done.sort(key=lambda each: -(each.full + each.resumed))
        return tuple(done), dict(self._failed.most_common())
