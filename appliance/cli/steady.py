"""What pynetdicom needs to lose no answer: the threads of an association wait for each other.

All that is private in pynetdicom is touched here.
"""

from __future__ import annotations

import threading

from pynetdicom.association import Association

TICK = 0.1
"""Seconds from one look at whether the thread of an association lives to the next."""


class _Checkpoint(threading.Event):
    """Where the thread of C{association} halts while another one asks and waits for an answer.

    pynetdicom's own does not wait until that thread has halted, so that it takes the answer now
    and then, and the one that waits gets none.
    """

    def __init__(self, association: Association) -> None:
        super().__init__()
        self._association = association
        self._halted = threading.Event()
        self.set()

    def clear(self) -> None:
        """Return when the thread has halted, or has ended."""
        if self.is_set():
            self._halted.clear()
            super().clear()
            while not self._halted.wait(TICK) and self._association.is_alive():
                pass

    def wait(self, timeout: float | None = None) -> bool:
        """Halt, if told to."""
        if not self.is_set():
            self._halted.set()
        return super().wait(timeout)


def steady(association: Association) -> Association:
    """C{association}, over which something can be asked without losing the answer."""
    association._reactor_checkpoint = _Checkpoint(association)
    return association


def rouse(association: Association) -> None:
    """Let whoever waits for an answer over an association that is no more hear that.

    pynetdicom says it once, and its own thread may be the one that hears it.
    """
    if not association.is_alive():
        association.dimse.msg_queue.put((None, None))
