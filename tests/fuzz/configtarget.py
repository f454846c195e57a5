"""What must hold of any bytes as a configuration: it is usable, or why not is told, with its place.

An input is a file that stunnel might have been given, or somebody's first try at one of ours.
"""

from __future__ import annotations

from appliance.config.build import build, buildText
from appliance.config.files import Given
from appliance.config.migration import plan
from appliance.config.model import Config, Problem
from appliance.config.recommended import recommended
from appliance.config.rewriting import rewritten
from tests.config.memory import CONF, HOME, KEYS, Memory

DISK = Memory({**KEYS, f"{HOME}/conf.d/one.conf": b"debug = 6\n", f"{HOME}/psk.txt": b"a:0123"})
OURS, ABOVE = "/srv/new/butterfly-tls.conf", "/srv/new/overlay.conf"


def check(data: bytes) -> None:
    """Raise C{AssertionError} where something does not hold of C{data}."""
    for tolerant in (False, True):
        config, problems = buildText(CONF, data, HOME, DISK, tolerant)
        judged(config, problems)
        assert buildText(CONF, data, HOME, DISK, tolerant) == (config, problems)
    overlaid(data)
    migrated(data)


def judged(config: Config | None, problems: tuple[Problem, ...]) -> None:
    """There is a configuration or a reason, which people can be shown."""
    assert (config is None) is any(problem.fatal for problem in problems)
    for problem in problems:
        text = str(problem)
        assert all(line.isprintable() for line in text.split("\n")), repr(text)
        assert problem.found, text
        assert problem.where.path, text
    if config is not None:
        assert config.sections or config.inetd
        assert len({section.name for section in config.sections}) == len(config.sections)


def overlaid(data: bytes) -> None:
    """The same over a file that is right, and under one."""
    for below, above in ((GOOD, data), (data, GOOD)):
        files = Given(CONF, below, Given(ABOVE, above, DISK))
        judged(*build(CONF, files, overlay=ABOVE))


GOOD = b"""\
[DICOM STORE]
accept = 2761
connect = pacs:104
cert = Butterfly_SCP_Cert.pem
key = Butterfly_SCP_Key.pem
"""


def migrated(data: bytes) -> None:
    """What can be taken over comes to a file of ours that can be started with."""
    files = Given(CONF, data, DISK)
    found = plan((CONF,), files)
    if not found.possible:
        return
    new = rewritten(found, files).encode()
    overlay = recommended(found, "butterfly-tls.conf").encode()
    config, problems = build(OURS, Given(OURS, new, Given(ABOVE, overlay, DISK)), overlay=ABOVE)
    assert config is not None, [str(each) for each in problems if each.fatal]
