"""What a section runs on, made ready from its configuration: all of a start that can fail here."""

from __future__ import annotations

import errno
import os
import socket
from datetime import datetime

from attrs import evolve, field, frozen
from cryptography import x509
from OpenSSL import SSL

from appliance.backend.dialler import makeTransparent
from appliance.backend.resolve import isLiteral
from appliance.config.model import Address, InetAddress, Problem, SectionConfig, Severity
from appliance.tls.certificate import Certificate
from appliance.tls.context import build
from appliance.tls.files import Material, inspect
from appliance.tls.footprint import Footprint
from appliance.tls.passphrase import Passphrases
from appliance.tls.profiles import objections
from appliance.tls.staple import Staple


@frozen
class Settings:
    """A section's configuration, the context built from it, and facts to tell.

    C{local} are the addresses to dial from; none leaves the choice to the kernel. C{authorities}
    are the trusted certificates, C{staple} is what a server shows along with its own. All of it
    was made from the C{material} in files that were found as in C{footprint}.
    """

    config: SectionConfig
    context: SSL.Context
    certificate: Certificate | None
    daysLeft: int | None
    local: tuple[str, ...] = ()
    authorities: tuple[x509.Certificate, ...] = ()
    staple: Staple | None = None
    material: Material = field(factory=Material, repr=False)
    footprint: Footprint = field(factory=Footprint)


def settingsFor(
    config: SectionConfig, now: datetime, passphrases: Passphrases | None = None
) -> tuple[Settings | None, tuple[Problem, ...]]:
    """Read the section's files and build its context; C{None} when a problem is fatal.

    C{now} is an aware time, against which certificates are judged; C{passphrases} open encrypted
    keys.
    """
    # First, so that a change while we read is one that comes later.
    footprint = Footprint.of(config.tls)
    material, found = inspect(config.tls, now, passphrases)
    local = _localAddresses(config.local)
    problems = (*found, *_sourceProblems(config, local))
    problems = tuple(
        evolve(
            problem,
            section=config.name,
            where=problem.where if problem.where.path else config.where,
        )
        for problem in problems
    )
    certificate = None if material.pair is None else material.pair.certificate
    problems += objections(config.name, config.where, config.tls, certificate)
    if any(problem.fatal for problem in problems):
        return None, problems
    chain = () if certificate is None else certificate.chain
    staple = Staple.of(config.tls, chain, material.known)
    try:
        context = build(config.name, config.where, config.tls, material, staple)
    except ValueError as error:
        return None, (*problems, *error.args)
    left = None if certificate is None else certificate.daysLeft(now)
    more = (local, material.known, staple, material, footprint)
    return Settings(config, context, certificate, left, *more), problems


def serverName(config: SectionConfig) -> str | None:
    """The name that a client's section asks servers for (RFC 6066 3); C{None} for none.

    Without the option C{sni} it is the host that is connected to, unless that is an IP address.
    """
    if not config.client or config.tls.sni is not None:
        return config.tls.sni or None
    if config.proxyRequest is not None:
        host = config.proxyRequest.host.rpartition(":")[0] or config.proxyRequest.host
    else:
        first = next(iter(destinations(config)), None)
        host = first.host or "localhost" if isinstance(first, InetAddress) else ""
    return None if not host or isLiteral(host.strip("[]")) else host


def destinations(config: SectionConfig) -> tuple[Address, ...]:
    """Where connections are passed on to: the addresses of C{connect}, then those of routes."""
    routed = (address for rule in config.dicom.routes for address in rule.addresses)
    return (*config.connect, *routed)


def destinationsText(config: SectionConfig) -> str:
    """The same in words, each route with its AE title."""
    routes = (
        f"{' and '.join(map(str, rule.addresses))} for {rule.called}"
        for rule in config.dicom.routes
    )
    return ", ".join((*map(str, config.connect), *routes)) or f"{config.exec}"


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
