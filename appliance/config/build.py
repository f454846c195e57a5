"""The whole way from a configuration file to the frozen values that describe it.

Text to items (C{source}), items to settings by the option table (C{settings}), settings to the
model (here), and the model judged as a whole (C{rules}). Every problem is collected on the way.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import reduce
from operator import or_
from typing import Final

from attrs import evolve

from appliance.config import processoptions as process
from appliance.config import relayoptions as relay
from appliance.config import tlsoptions as tls
from appliance.config.model import (
    Config,
    ConfigError,
    GlobalConfig,
    Problem,
    SectionConfig,
    SocketOption,
    Timeouts,
    TLSConfig,
    Where,
)
from appliance.config.paths import Surroundings
from appliance.config.rules import check
from appliance.config.settings import Settings, fold
from appliance.config.source import Disk, Files, Header, Source, readSource
from appliance.config.sslops import SSL_OPS
from appliance.config.values import Debug
from appliance.config.wording import Place

DISK: Final = Disk()


def load(path: str, files: Files = DISK) -> Config:
    """The configuration in the file at C{path}, with its warnings.

    Raises L{ConfigError}, with all problems, when there is one that stops the start.
    """
    config, problems = build(path, files)
    if config is None:
        raise ConfigError(problems)
    return config


def build(path: str, files: Files) -> tuple[Config | None, tuple[Problem, ...]]:
    """The configuration in the file at C{path}, unless it is unusable, and all its problems.

    Problems come in the order of the files and their lines.
    """
    path = os.path.abspath(path)
    source = readSource(path, files)
    folded = fold(path, source.items, Surroundings(os.path.dirname(path), files))
    subjects = [(sectionConfig(settings), settings) for settings in folded.sections]
    problems = _ordered(
        source, [*source.problems, *folded.problems, *_nothing(path, source), *check(subjects)]
    )
    if any(problem.fatal for problem in problems):
        return None, problems
    sections = tuple(section for section, _ in subjects)
    config = Config(path, globalConfig(folded.process), sections, source.files, problems)
    return config, problems


def globalConfig(settings: Settings) -> GlobalConfig:
    """What C{settings} say about the process."""
    config = GlobalConfig(
        **settings.arguments(
            output=process.OUTPUT,
            appendLog=process.LOG,
            syslog=process.SYSLOG,
            foreground=process.FOREGROUND,
            pid=process.PID,
            setuid=process.SETUID,
            setgid=process.SETGID,
            chroot=process.CHROOT,
            service=process.SERVICE,
        )
    )
    debug = settings.last(process.DEBUG) or Debug(config.debug)
    return evolve(config, debug=debug.level, facility=debug.facility or config.facility)


def sectionConfig(settings: Settings) -> SectionConfig:
    """What C{settings} say about one section, complete or not."""
    config = SectionConfig(
        name=settings.section or "",
        where=settings.where,
        accept=settings.all(relay.ACCEPT),
        connect=settings.all(relay.CONNECT),
        tls=tlsConfig(settings),
        timeouts=Timeouts(
            **settings.arguments(
                busy=relay.TIMEOUT_BUSY,
                connect=relay.TIMEOUT_CONNECT,
                idle=relay.TIMEOUT_IDLE,
                close=relay.TIMEOUT_CLOSE,
            )
        ),
        socketOptions=_lastOfEach(settings.all(relay.SOCKET)),
        **settings.arguments(
            client=relay.CLIENT,
            failover=relay.FAILOVER,
            delay=relay.DELAY,
            retry=relay.RETRY,
            local=relay.LOCAL,
            callingAET=relay.CALLING_AET,
            calledAET=relay.CALLED_AET,
        ),
    )
    debug = settings.last(process.DEBUG) or Debug(config.debug)
    return evolve(config, debug=debug.level)


def tlsConfig(settings: Settings) -> TLSConfig:
    """What C{settings} say about the TLS context of one section."""
    level = settings.last(tls.VERIFY) or 0
    flags = {flag.name: flag.on for flag in settings.all(tls.FLAGS)}
    return TLSConfig(
        cert=settings.last(tls.CERT),
        key=settings.last(tls.KEY) or settings.last(tls.CERT),
        certWhere=settings.place(tls.CERT).where,
        keyWhere=settings.place(tls.KEY if settings.wrote(tls.KEY) else tls.CERT).where,
        requireCert=settings.last(tls.REQUIRE_CERT) or level >= 2,
        verifyChain=settings.last(tls.VERIFY_CHAIN) or level in (1, 2, 3),
        verifyPeer=settings.last(tls.VERIFY_PEER) or level in (3, 4),
        checkHost=settings.all(tls.CHECK_HOST),
        options=_allOf(name for name, on in flags.items() if on),
        clearOptions=_allOf(name for name, on in flags.items() if not on),
        **settings.arguments(
            client=relay.CLIENT,
            caFile=tls.CA_FILE,
            caPath=tls.CA_PATH,
            ciphers=tls.CIPHERS,
            ciphersuites=tls.CIPHERSUITES,
            curves=tls.CURVES,
            sni=tls.SNI,
            minimum=tls.SSL_VERSION_MIN,
            maximum=tls.SSL_VERSION_MAX,
            securityLevel=tls.SECURITY_LEVEL,
            keyPermissions=tls.KEY_PERMISSIONS,
        ),
    )


def _allOf(names: Iterable[str]) -> int:
    return reduce(or_, (SSL_OPS[name] for name in names), 0)


def _lastOfEach(options: tuple[SocketOption, ...]) -> tuple[SocketOption, ...]:
    return tuple({(option.role, option.name): option for option in options}.values())


def _nothing(path: str, source: Source) -> list[Problem]:
    """The error about a file without sections, unless what was misread explains that already."""
    if source.problems or any(isinstance(item, Header) for item in source.items):
        return []
    return [
        Place(Where(path)).error(
            "nothing to serve, since there is no [section]",
            "a [section] with accept, connect and cert",
            'begin one with a line like "[DICOM STORE]"',
        )
    ]


def _ordered(source: Source, problems: list[Problem]) -> tuple[Problem, ...]:
    order = {path: number for number, path in enumerate(source.files)}

    def place(problem: Problem) -> tuple[int, int]:
        return order.get(problem.where.path, 0), problem.where.line

    return tuple(sorted(problems, key=place))
