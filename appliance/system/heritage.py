"""What a process finds that another has left to it: open sockets, and a word to send back.

Sockets come as systemd hands them over (C{LISTEN_PID}, C{LISTEN_FDS}, sd_listen_fds(3)), whether
from systemd itself or from a predecessor of ours. The latter leaves its will too: one line of JSON
with all that is in no file.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import socket
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from typing import Any, Final

from attrs import asdict, field, frozen
from twisted.internet.endpoints import _SystemdParser

FIRST: Final = 3
"""The descriptor of the first socket."""

WORD: Final = "BUTTERFLY_TLS_PREDECESSOR"
"""The variable with the descriptor of the socket to the predecessor."""

VARIABLES: Final = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")
"""Those of systemd, of which Twisted leaves some in the environment."""

PATIENCE: Final = 5.0
"""Seconds that the will may take; it is there before we are."""

LONGEST: Final = 1024 * 1024
"""Bytes of a will, and of an answer."""

Where = str | tuple[str, int]


@frozen
class Will:
    """What a predecessor knows that is in no file.

    C{passphrases} are those that a person has typed, by the file that each opens. C{drained} are
    sections, and backends of sections (C{"address:port"}), that get nobody new. Connections are
    numbered on from C{number}. C{pidFile} is where the number of the process stands.
    """

    passphrases: Mapping[str, bytes] = field(factory=dict, repr=False)
    drained: tuple[tuple[str, str], ...] = ()
    number: int = 0
    pidFile: str | None = None

    def dump(self) -> bytes:
        """The will as a line."""
        secrets = {name: base64.b64encode(x).decode() for name, x in self.passphrases.items()}
        return json.dumps(asdict(self) | {"passphrases": secrets}).encode() + b"\n"


def loadWill(line: bytes) -> Will:
    """What L{Will.dump} gave. Raises C{ValueError}."""
    facts = json.loads(line)
    secrets = {name: base64.b64decode(text) for name, text in facts["passphrases"].items()}
    drained = tuple((str(section), str(target)) for section, target in facts["drained"])
    return Will(secrets, drained, int(facts["number"]), facts["pidFile"])


class Heritage:
    """Open C{sockets}, each for one taker; C{word} is the socket to the predecessor, if any."""

    def __init__(
        self,
        sockets: Iterable[socket.socket] = (),
        word: socket.socket | None = None,
        will: Will | None = None,
    ) -> None:
        self._sockets = {(each.family, place(each)): each for each in sockets}
        self._word = word
        self.will = will
        """What the predecessor left; C{None} where there is none."""

    def claim(self, family: int, where: Where) -> socket.socket | None:
        """The socket that listens at C{where}, if it is here and nobody has it yet."""
        return self._sockets.pop((socket.AddressFamily(family), where), None)

    def leave(self) -> tuple[str, ...]:
        """Close what nobody wanted, and tell where that listened."""
        left = [
            where if isinstance(where, str) else f"{where[0]}:{where[1]}"
            for _, where in self._sockets
        ]
        for each in self._sockets.values():
            each.close()
        self._sockets.clear()
        return tuple(left)

    def serving(self, pid: int) -> None:
        """Tell the predecessor that the process C{pid} serves now."""
        self._tell({"serving": pid})

    def failed(self, why: str) -> None:
        """Tell the predecessor that nothing comes of it."""
        self._tell({"failed": why})

    def _tell(self, facts: Mapping[str, Any]) -> None:
        if self._word is not None:
            with contextlib.suppress(OSError):
                self._word.sendall(json.dumps(facts).encode() + b"\n")
            self._word.close()
            self._word = None


NOTHING: Final = Heritage()


def place(handle: socket.socket) -> Where:
    """Where C{handle} listens, as C{bind} takes it."""
    where = handle.getsockname()
    return where if isinstance(where, str) else (str(where[0]), int(where[1]))


def handedOver() -> Sequence[int]:
    """The descriptors that systemd, or a predecessor, has handed to this process.

    Twisted takes them out of the environment when it is imported.
    """
    return _SystemdParser._sddaemon.inheritedDescriptors()


def heritage(environment: MutableMapping[str, str], descriptors: Iterable[int]) -> Heritage:
    """What was left to this process; the C{environment} does not tell of it any more."""
    for name in VARIABLES:
        environment.pop(name, None)
    word = _wordOf(environment.pop(WORD, ""))
    sockets = filter(None, map(_adopted, descriptors))
    return Heritage(sockets, word, None if word is None else _read(word))


def _adopted(descriptor: int) -> socket.socket | None:
    try:
        os.set_inheritable(descriptor, False)
        return socket.socket(fileno=descriptor)
    except OSError:
        # Not a socket, or not there: whoever needs it opens one.
        return None


def _wordOf(text: str) -> socket.socket | None:
    return _adopted(int(text)) if text.isdecimal() else None


def _read(word: socket.socket) -> Will:
    word.settimeout(PATIENCE)
    try:
        with word.makefile("rb") as file:
            return loadWill(file.readline(LONGEST))
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return Will()
