"""Whether the user that the process becomes can read the files of its sections again.

At the start they are read with all rights. Later, at a reload or when a certificate is renewed,
they are read as that user, maybe in another root.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from appliance.config.model import Config, Problem, Severity
from appliance.system.access import Identity, obstacle
from appliance.tls.footprint import named


def rereadProblems(config: Config, *, member: bool = True) -> Iterator[Problem]:
    """A warning for each file that can be read at the start alone.

    C{member} is as for L{Identity.of}.
    """
    process = config.process
    who = Identity.of(process.setuid, process.setgid, member=member)
    # Whoever stays who it is where it is has just tried.
    if who is None or (process.chroot is None and who.uid == os.geteuid()):
        return
    what = who.name if process.chroot is None else f"{who.name} within {process.chroot}"
    told: dict[str, str | None] = {}
    for section in config.sections:
        for each in named(section.tls):
            if each.path not in told:
                told[each.path] = why = obstacle(each.path, who, process.chroot or "/")
                if why is not None:
                    yield Problem(
                        Severity.WARNING,
                        each.where if each.where.path else section.where,
                        f"{each.path} can be read at the start only, not as the user {what}: {why}",
                        advice="a reload will be refused and a new file not be taken up; let that "
                        "user read it (chgrp, chmod), or put it where it may",
                        section=section.name,
                        option=each.option,
                    )
