"""What a section runs on, made ready from its configuration: all of a start that can fail here."""

from __future__ import annotations

import errno
import os
import socket
from datetime import datetime

from attrs import evolve, frozen
from OpenSSL import SSL

from appliance.backend.dialler import makeTransparent
from appliance.backend.resolve import isLiteral
from appliance.config.model import Problem, SectionConfig, Severity
from appliance.tls.certificate import Certificate
from appliance.tls.context import build
from appliance.tls.files import inspect


@frozen
class Settings:
    """A section's configuration, the context built from it, and facts to tell.

    C{local} are the addresses to dial from; none leaves the choice to the kernel.
    """

    config: SectionConfig
    context: SSL.Context
    certificate: Certificate | None
    daysLeft: int | None
    local: tuple[str, ...] = ()


def settingsFor(
    config: SectionConfig, now: datetime
) -> tuple[Settings | None, tuple[Problem, ...]]:
    """Read the section's files and build its context; C{None} when a problem is fatal.

    C{now} is an aware time, against which certificates are judged.
    """
    material, found = inspect(config.tls, now)
    local = _localAddresses(config.local)
    problems = (*found, *_sourceProblems(config, local))
    problems = tuple(evolve(problem, section=config.name) for problem in problems)
    if any(problem.fatal for problem in problems):
        return None, problems
    try:
        context = build(config.name, config.where, config.tls, material)
    except ValueError as error:
        return None, (*problems, error.args[0])
    certificate = None if material.pair is None else material.pair.certificate
    left = None if certificate is None else certificate.daysLeft(now)
    return Settings(config, context, certificate, left, local), problems


def _localAddresses(host: str | None) -> tuple[str, ...]:
    """The addresses of C{local}, of both families where it is a name; empty when unknown."""
    if host is None or isLiteral(host):
        return () if host is None else (host,)
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


def _sourceProblems(config: SectionConfig, local: tuple[str, ...]) -> list[Problem]:
    """Why connections cannot be dialled from the addresses that the section wants."""
    found = []
    if config.local is not None and not local:
        found.append(
            Problem(
                Severity.ERROR,
                config.where,
                f"cannot resolve {config.local!r}",
                advice="write an IP address of this machine",
                option="local",
            )
        )
    refusal = _refusesTransparent() if config.transparent else 0
    if refusal:
        found.append(
            Problem(
                Severity.ERROR,
                config.where,
                f"the kernel does not let us use the clients' addresses: {os.strerror(refusal)}",
                advice="it needs root or CAP_NET_ADMIN (systemd: AmbientCapabilities), also after "
                "setuid; or remove the line, and use protocol = proxy where the PACS can read it",
                option="transparent",
            )
        )
    return found


def _refusesTransparent() -> int:
    """The C{errno} with which the kernel refuses C{IP_TRANSPARENT} to us; 0 when it does not."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            makeTransparent(probe)
        except OSError as error:
            return error.errno or errno.EPERM
    return 0
