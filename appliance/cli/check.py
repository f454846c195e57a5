"""Check a configuration file, and whether the PACS behind each section answers a C-ECHO.

Every problem is listed with its file and line. Then each section shows its certificate, its TLS
versions, the TLS profile of DICOM that it keeps to and its backends. Nothing is bound or changed,
so a running appliance is not disturbed. The exit status is 0 when the appliance would start and
every backend is a living DICOM application (one that refuses our AE title lives), and 1 otherwise.
With --has-sections it is 3 for a file without any section, and nothing else is looked at.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import UTC, datetime
from getpass import getpass
from itertools import chain, repeat

from attrs import frozen

from appliance.cli.arguments import addOverlay, seconds
from appliance.cli.running import complete
from appliance.config.limitwords import limited
from appliance.config.model import Config, ConfigError, Problem, SectionConfig, TLSConfig
from appliance.config.profilerules import verdict
from appliance.config.source import Disk, Header, readSource
from appliance.console.service import shellProblems
from appliance.events import Events
from appliance.health.learnt import Learnt
from appliance.health.result import Result, State
from appliance.recording import auditProblems
from appliance.section import Settings, settingsFor
from appliance.section.checks import Asked, Checks
from appliance.section.reading import load
from appliance.section.rereading import rereadProblems
from appliance.tls.passphrase import Passphrases
from appliance.tls.profiles import offer

SUMMARY = "check a configuration file and the PACS behind it"

NOTHING = 3
"""The exit status for a file without a section; 1 is also that of a program that cannot start."""


def addArguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's arguments."""
    add = parser.add_argument
    add("config", metavar="CONFIG", help="the configuration file")
    addOverlay(parser)
    add("--offline", action="store_true", help="connect to nothing: check the files alone")
    add(
        "--has-sections",
        action="store_true",
        help="only say by the exit status whether there is anything to serve",
    )
    add(
        "--timeout",
        metavar="SECONDS",
        type=seconds,
        default=5.0,
        help="for each echo (default: %(default)s)",
    )


@frozen
class Answer:
    """What one backend of a section answered; C{name} is how C{connect} spells it."""

    section: str
    name: str
    result: Result


def run(arguments: argparse.Namespace) -> int:
    """Check, print what was found, and return the exit status."""
    if arguments.has_sections:
        return _hasSections(os.path.abspath(arguments.config))
    settings: list[Settings] = []
    try:
        config = load(os.path.abspath(arguments.config), arguments.overlay)
    except ConfigError as error:
        problems = list(error.problems)
    else:
        problems = list(config.warnings)
        settings = _settings(config, problems)
        problems += auditProblems(config.process)
        problems += shellProblems(config.process.console)
        problems += rereadProblems(config)
    for problem in problems:
        print(problem)
    answers: tuple[Answer, ...] = ()
    if settings and not arguments.offline:
        answers = complete(_askAll(settings, config.process.stateDirectory, arguments.timeout))
    for line in _tables(settings, answers):
        print(line)
    bad = sum(problem.fatal for problem in problems)
    dead = sum(not answer.result.lives for answer in answers)
    print(_verdict(bad, len(problems) - bad, dead), file=sys.stderr if bad or dead else sys.stdout)
    return 1 if bad or dead else 0


def _hasSections(path: str) -> int:
    """0 also for a file that cannot be read: whoever starts the appliance is to hear of that."""
    source = readSource(path, Disk())
    sections = any(isinstance(item, Header) for item in source.items)
    return 0 if sections or source.problems else NOTHING


def _settings(config: Config, problems: list[Problem]) -> list[Settings]:
    good = []
    passphrases = Passphrases(getpass if sys.stdin.isatty() else None)
    for section in config.sections:
        settings, found = settingsFor(section, datetime.now(UTC), passphrases)
        problems += found
        if settings is not None:
            good.append(settings)
    return good


def _verdict(errors: int, warnings: int, dead: int) -> str:
    if errors:
        return f"The appliance would not start: {errors} error(s), {warnings} warning(s)."
    if dead:
        return f"The configuration is good, but {dead} backend(s) do not answer."
    return f"All is well, with {warnings} warning(s)." if warnings else "All is well."


# --- asking the backends -------------------------------------------------------------------


async def _askAll(
    settings: Iterable[Settings], stateDirectory: str | None, timeout: float
) -> tuple[Answer, ...]:
    from twisted.internet import reactor

    learnt = Learnt(Events())
    learnt.keepIn(stateDirectory)
    answers: list[Answer] = []
    for each in settings:
        checks = Checks(reactor, each, learnt, timeout)
        for asked in checks.asked:
            answers += [answer async for answer in _ask(checks, asked, each.config.name)]
    return tuple(answers)


async def _ask(checks: Checks, asked: Asked, section: str) -> AsyncIterator[Answer]:
    name = asked.name
    targets = await asked.backend.targets()
    if not targets:
        unknown = Result(
            State.UNREACHABLE,
            "the name cannot be resolved",
            f"check it: getent hosts {name.rpartition(':')[0]}",
        )
        yield Answer(section, name, unknown)
    for target in targets:
        result = await checks.probe(target, asked.routed).ask()
        label = name if str(target) == name else f"{name} ({target})"
        yield Answer(section, label, result)


# --- showing -------------------------------------------------------------------------------


def _tables(settings: Iterable[Settings], answers: Iterable[Answer]) -> Iterator[str]:
    answers = tuple(answers)
    for each in settings:
        name = each.config.name
        yield f"[{name}]"
        rows = [*_facts(each), *_echoes(a for a in answers if a.section == name)]
        for title, text in rows:
            yield f"  {title:<12} {text}"


def _facts(settings: Settings) -> Iterator[tuple[str, str]]:
    config, certificate = settings.config, settings.certificate
    yield "accept", ", ".join(map(str, config.accept)) + ("" if config.client else ", with TLS")
    if certificate is not None:
        yield "certificate", certificate.subject
        yield "names", ", ".join(certificate.names) or "none"
        yield "expires", f"{certificate.notAfter:%Y-%m-%d} ({settings.daysLeft} days left)"
        yield "key", f"{certificate.keyText}, matches the certificate"
    yield "limits", limited(config.limits)
    yield "TLS", f"{_versions(config.tls)}, {_asks(config)}"
    titles = chain(("profile",), repeat(""))
    yield from zip(titles, verdict(offer(config.tls, certificate)).lines, strict=False)


def _versions(tls: TLSConfig) -> str:
    if tls.minimum == tls.maximum:
        return f"{tls.minimum.text} only"
    return f"{tls.minimum.text} to {tls.maximum.text}"


def _asks(config: SectionConfig) -> str:
    tls = config.tls
    peer = "server" if config.client else "client"
    keys = "a pre-shared key, or " if tls.pskSecrets else ""
    return keys + _asksCertificate(tls, peer)


def _asksCertificate(tls: TLSConfig, peer: str) -> str:
    if tls.verifyPeer:
        return f"only listed {peer} certificates"
    if tls.verifyChain or tls.verifyIfSent:
        whose = f"{peer} certificates of the authorities in {tls.caFile or tls.caPath}"
        return whose if tls.verifyChain else f"{whose}, or none"
    return f"any {peer} certificate" if tls.requireCert else f"no {peer} certificate asked for"


def _echoes(answers: Iterable[Answer]) -> Iterator[tuple[str, str]]:
    for answer in answers:
        result = answer.result
        milliseconds = f"{result.seconds * 1000:.1f} ms"
        yield "connect", f"{answer.name}: {result.state.value}, {result.text} ({milliseconds})"
        if result.advice:
            yield "", f"next: {result.advice}"
