"""The whole way from a configuration file to the frozen values that describe it.

Text to items (C{source}), a second file's over the first's (C{overlay}), items to settings by the
option table (C{settings}), settings to the model (here), and the model judged as a whole
(C{rules}). Every problem is collected on the way.
"""

from __future__ import annotations

import os
from typing import Final

from attrs import evolve

from appliance.config import auditoptions as audit
from appliance.config import dicomoptions as dicom
from appliance.config import healthoptions as health
from appliance.config import limitoptions as limit
from appliance.config import processoptions as process
from appliance.config import protocoloptions as protocol
from appliance.config import relayoptions as relay
from appliance.config import statusoptions as status
from appliance.config.auditbuild import auditConfig, checkAudit
from appliance.config.consolerules import checkConsole, consoleConfig
from appliance.config.files import Disk, Files, Given
from appliance.config.model import (
    Config,
    ConfigError,
    ConnectConfig,
    DicomConfig,
    GlobalConfig,
    HealthConfig,
    LimitsConfig,
    Preface,
    Problem,
    SectionConfig,
    SocketOption,
    StatusConfig,
    Timeouts,
    Where,
)
from appliance.config.overlay import overlaid
from appliance.config.rules import check, checkInetd
from appliance.config.sections import apart
from appliance.config.settings import Settings, fold
from appliance.config.source import Header, Source, readSource
from appliance.config.tlsbuild import nameRule, tlsConfig
from appliance.config.values import Debug
from appliance.config.wording import Place

DISK: Final = Disk()


def load(
    path: str, files: Files = DISK, tolerant: bool = False, overlay: str | None = None
) -> Config:
    """The configuration in the file at C{path}, with C{overlay} laid over it, and its warnings.

    Raises L{ConfigError}, with all problems, when there is one that stops the start.
    """
    path = os.path.abspath(path)
    return _orRaise(_build(path, os.path.dirname(path), files, tolerant, overlay))


def loadText(
    name: str, data: bytes, directory: str, files: Files = DISK, tolerant: bool = False
) -> Config:
    """The configuration in C{data}; see L{buildText}. Raises L{ConfigError}."""
    return _orRaise(_build(name, directory, Given(name, data, files), tolerant))


def build(
    path: str, files: Files, tolerant: bool = False, overlay: str | None = None
) -> tuple[Config | None, tuple[Problem, ...]]:
    """The configuration in the file at C{path}, unless it is unusable, and all its problems.

    The file at C{overlay} is laid over it, see L{appliance.config.overlay}.

    Problems come in the order of the files and their lines. C{tolerant} takes what stunnel takes
    though it is mostly a mistake: two sections of one name, of which the second gets another, and
    a file without sections, which is for the one connection that inetd hands over.
    """
    path = os.path.abspath(path)
    return _build(path, os.path.dirname(path), files, tolerant, overlay)[:2]


def buildText(
    name: str, data: bytes, directory: str, files: Files, tolerant: bool = False
) -> tuple[Config | None, tuple[Problem, ...]]:
    """Like L{build} from C{data} that was read elsewhere, such as from a descriptor.

    C{name} is what it goes by in problems, and C{directory}, which is absolute, where the files
    are looked up that it names.
    """
    return _build(name, directory, Given(name, data, files), tolerant)[:2]


Built = tuple[Config | None, tuple[Problem, ...], tuple[SectionConfig, ...]]
"""The configuration if it is usable, all its problems, and its sections, usable or not."""


def _orRaise(built: Built) -> Config:
    config, problems, sections = built
    if config is None:
        raise ConfigError(problems, sections)
    return config


def _build(
    path: str, directory: str, files: Files, tolerant: bool, overlay: str | None = None
) -> Built:
    source = readSource(path, files, directory)
    if overlay is not None:
        overlay = os.path.abspath(overlay)
        source = overlaid(source, readSource(overlay, files))
    folded = fold(path, source.items, files)
    subjects = [(sectionConfig(settings), settings) for settings in folded.sections]
    problems = [*source.problems, *folded.problems, *checkConsole(folded.process)]
    problems += checkAudit(folded.process)
    whole = globalConfig(folded.process)
    inetd = None
    if subjects:
        if tolerant:
            subjects, renamed = apart(subjects)
            problems += renamed
        problems += check(subjects)
    elif tolerant and not source.problems:
        inetd = evolve(sectionConfig(folded.process), name=whole.service)
        problems += checkInetd(inetd, folded.process)
    else:
        problems += _nothing(path, source)
    found = _ordered(source, problems)
    sections = tuple(section for section, _ in subjects)
    if any(problem.fatal for problem in found):
        return None, found, sections
    config = Config(path, whole, sections, source.files, found, inetd, overlay)
    return config, found, sections


def globalConfig(settings: Settings) -> GlobalConfig:
    """What C{settings} say about the process."""
    config = GlobalConfig(
        **settings.arguments(
            output=process.OUTPUT,
            appendLog=process.LOG,
            syslog=process.SYSLOG,
            logFormat=process.LOG_FORMAT,
            foreground=process.FOREGROUND,
            pid=process.PID,
            setuid=process.SETUID,
            setgid=process.SETGID,
            chroot=process.CHROOT,
            service=process.SERVICE,
            workers=process.WORKERS,
            drainDelay=process.DRAIN_DELAY,
            drainTimeout=process.DRAIN_TIMEOUT,
            stateDirectory=audit.STATE_DIRECTORY,
            journal=audit.JOURNAL,
        ),
        audit=auditConfig(settings),
        status=statusConfig(settings),
        environment=settings.all(process.SET_ENV),
        console=consoleConfig(settings),
    )
    debug = settings.last(process.DEBUG) or Debug(config.debug)
    return evolve(config, debug=debug.level, facility=debug.facility or config.facility)


def statusConfig(settings: Settings) -> StatusConfig | None:
    """Where the status is told, if it is."""
    last = next(reversed(settings.located(status.STATUS)), None)
    return None if last is None else StatusConfig(*last)


def sectionConfig(settings: Settings) -> SectionConfig:
    """What C{settings} say about one section, complete or not."""
    program = settings.last(relay.EXEC)
    own = settings.section is not None
    renamed = settings.last(process.SERVICE) if own else None
    config = SectionConfig(
        name=renamed or settings.section or "",
        where=settings.where,
        accept=settings.all(relay.ACCEPT),
        connect=settings.all(relay.CONNECT),
        tls=tlsConfig(settings),
        slave=nameRule(settings),
        redirect=settings.all(relay.REDIRECT),
        exec=program,
        execArgs=() if program is None else settings.last(relay.EXEC_ARGS) or (program,),
        protocol=settings.last(protocol.PROTOCOL),
        proxySend=proxySend(settings),
        proxyFrom=_flat(settings.all(protocol.PROXY_FROM)),
        proxyRequest=proxyRequest(settings),
        setuid=settings.last(process.SETUID) if own else None,
        setgid=settings.last(process.SETGID) if own else None,
        timeouts=Timeouts(
            **settings.arguments(
                busy=relay.TIMEOUT_BUSY,
                connect=relay.TIMEOUT_CONNECT,
                idle=relay.TIMEOUT_IDLE,
                close=relay.TIMEOUT_CLOSE,
            )
        ),
        socketOptions=_lastOfEach(settings.all(relay.SOCKET)),
        dicom=dicomConfig(settings),
        health=healthConfig(settings),
        limits=limitsConfig(settings),
        **settings.arguments(
            client=relay.CLIENT,
            failover=relay.FAILOVER,
            delay=relay.DELAY,
            retry=relay.RETRY,
            local=relay.LOCAL,
            transparent=relay.TRANSPARENT,
            reset=relay.RESET,
            logId=relay.LOG_ID,
            proxyAccept=protocol.PROXY_ACCEPT,
            callingAET=relay.CALLING_AET,
            calledAET=relay.CALLED_AET,
        ),
    )
    debug = settings.last(process.DEBUG) or Debug(config.debug)
    return evolve(config, debug=debug.level)


def dicomConfig(settings: Settings) -> DicomConfig:
    """What a section does with associations."""
    return DicomConfig(
        **settings.arguments(mode=dicom.DICOM, enforced=dicom.POLICY),
        allowCalling=_flat(settings.all(dicom.ALLOW_CALLING)),
        allowCalled=_flat(settings.all(dicom.ALLOW_CALLED)),
        allowClasses=_flat(settings.all(dicom.ALLOW_CLASS)),
        denyClasses=_flat(settings.all(dicom.DENY_CLASS)),
        certificates=settings.all(dicom.CERTIFICATE_AET),
        routes=settings.all(dicom.ROUTE),
        rewriteCalling=settings.all(dicom.REWRITE_CALLING),
        rewriteCalled=settings.all(dicom.REWRITE_CALLED),
    )


def healthConfig(settings: Settings) -> HealthConfig:
    """How a section's backends are watched."""
    return HealthConfig(
        **settings.arguments(
            check=health.CHECK,
            interval=health.INTERVAL,
            timeout=health.TIMEOUT,
            rise=health.RISE,
            fall=health.FALL,
            hook=health.HOOK,
        )
    )


def limitsConfig(settings: Settings) -> LimitsConfig:
    """How many connections a section takes, of whom, and how fast."""
    return LimitsConfig(
        **settings.arguments(
            connections=limit.MAX_CONNECTIONS,
            perClient=limit.MAX_PER_CLIENT,
            rate=limit.HANDSHAKE_RATE,
            ban=limit.BAN_AFTER,
            banFor=limit.BAN_FOR,
        ),
        allow=_flat(settings.all(limit.ALLOW_FROM)),
        deny=_flat(settings.all(limit.DENY_FROM)),
        neverBan=_flat(settings.all(limit.NEVER_BAN)),
    )


def _flat(lists: tuple[tuple[str, ...], ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each for values in lists for each in values))


def proxySend(settings: Settings) -> int:
    """The version of the PROXY header that backends hear first; 0 for none."""
    version = settings.last(protocol.PROXY_SEND)
    if version is None:
        return int(settings.last(protocol.PROTOCOL) is Preface.PROXY)
    return version


def proxyRequest(settings: Settings) -> ConnectConfig | None:
    """What to ask a web proxy for, where there is one."""
    host = settings.last(protocol.PROTOCOL_HOST)
    if settings.last(protocol.PROTOCOL) is not Preface.CONNECT or host is None:
        return None
    return ConnectConfig(
        host,
        settings.last(protocol.PROTOCOL_USERNAME),
        settings.last(protocol.PROTOCOL_PASSWORD),
        settings.all(protocol.PROTOCOL_HEADER),
    )


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
