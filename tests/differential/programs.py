"""What stunnel says of a configuration file, and what we do: is it one to start with or not."""

from __future__ import annotations

import os
import subprocess
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from attrs import frozen

from appliance.config.build import DISK, build
from appliance.config.stunnelwords import stunnelForm
from appliance.section import settingsFor

STUNNEL: Final = "/usr/bin/stunnel4"

SERVES: Final = b"Accepting new connections"
SUCCEEDS: Final = b"Configuration successful"
AFTERWARDS: Final = (b"] failed", b"chroot: ", b"Cannot open log file", b"Cannot create pid file")
"""What stunnel says when it cannot start in spite of a configuration that it takes."""

DEADLINE: Final = 20.0
"""Seconds within which stunnel must have said what it has to say."""


@frozen
class Verdict:
    """Whether a program would start, and what it said.

    C{words} are what we say where we hold that stunnel says the same.
    """

    accepted: bool
    said: str
    words: tuple[str, ...] = ()


def stunnel(path: Path) -> Verdict:
    """Start stunnel on the file at C{path}, hear whether it serves, and end it."""
    process = subprocess.Popen(
        [STUNNEL, path.name],
        cwd=path.parent,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "LC_ALL": "C"},
    )
    assert process.stdout is not None
    alarm = threading.Timer(DEADLINE, process.kill)
    alarm.start()
    said = b""
    try:
        for line in process.stdout:
            said += line
            if SERVES in line:
                break
    finally:
        alarm.cancel()
        process.terminate()
        process.stdout.close()
        process.wait()
    accepted = SUCCEEDS in said and not any(word in said for word in AFTERWARDS)
    return Verdict(accepted, said.decode(errors="replace"))


def ours(path: Path) -> Verdict:
    """Read the file at C{path}, and make all that its sections need but their sockets."""
    config, problems = build(str(path), DISK)
    if config is not None:
        for section in config.sections:
            problems += settingsFor(section, datetime.now(UTC))[1]
    errors = [problem for problem in problems if problem.fatal]
    words = tuple(stunnelForm(problem).split("\n")[-1] for problem in errors if problem.said)
    return Verdict(not errors, "\n".join(map(str, errors)), words)
