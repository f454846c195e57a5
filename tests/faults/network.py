"""A network of our own, in which packets are lost, late or few, or do not come at all.

It is a network namespace for the thread of the test and for all that it starts meanwhile; it is
gone with the last of them. Nothing outside hears of it, and nothing has to be cleaned up.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.peers import program

CLONE_NEWNET: Final = 0x40000000

_libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def isolated() -> Iterator[None]:
    """Be in a network with nothing in it but loopback. Skips the test where that is not allowed."""
    if os.geteuid() != 0:
        pytest.skip("a network namespace needs root")
    command = program("ip")
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        if _libc.unshare(CLONE_NEWNET):
            why = os.strerror(ctypes.get_errno())
            pytest.skip(f"this machine lets nobody make a network namespace: {why}")
        try:
            subprocess.run([command, "link", "set", "lo", "up"], check=True)
            yield
        finally:
            if _libc.setns(before, CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "there is no way back")
    finally:
        os.close(before)


def setting(name: str, value: int) -> None:
    """Set a C{sysctl} of this network alone, such as C{net/ipv4/tcp_retries2}."""
    Path("/proc/thread-self/root/proc/sys", name).write_text(f"{value}\n")


# --- what can be done to packets ----------------------------------------------------------------


def tc(*words: object) -> bool:
    """Let the kernel treat all packets so; false where it does not know how."""
    command = [program("tc"), "qdisc", "replace", "dev", "lo", "root", *map(str, words)]
    return not subprocess.run(command, capture_output=True, check=False).returncode


def netem(*words: object) -> None:
    """The same by netem; skips the test where the kernel has none."""
    if not tc("netem", *words):
        pytest.skip("this kernel has no netem (CONFIG_NET_SCH_NETEM)")


def filtered(*words: object, undo: bool = False) -> None:
    """Drop the packets that come in and that C{iptables} describes with C{words}, or no more."""
    rule = ["-D" if undo else "-A", "INPUT", *map(str, words), "-j", "DROP"]
    subprocess.run([program("iptables"), "-w", *rule], check=True)


def lose(percent: float) -> None:
    """Lose so many of all packets, by chance."""
    chance = ("-m", "statistic", "--mode", "random", "--probability", f"{percent / 100:.3f}")
    filtered(*chance)


@contextmanager
def parted(port: int) -> Iterator[None]:
    """Let no packet through to or from C{port}: not even the end of a connection."""
    rules = [("-p", "tcp", end, port) for end in ("--dport", "--sport")]
    for rule in rules:
        filtered(*rule)
    try:
        yield
    finally:
        for rule in rules:
            filtered(*rule, undo=True)
