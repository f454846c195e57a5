"""Ask a DICOM application whether it is alive (C-ECHO), with or without TLS, and time each step.

Without --tls or --plain, the ports 2761 and 2762 are asked with TLS and all others without. Without
--ca the server's certificate is shown but not verified. The exit status is 0 when the echo was
answered with success.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final, cast

from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.endpoints import HostnameEndpoint, TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint

from appliance.cli.arguments import hostAndPort, seconds, title
from appliance.cli.caller import Caller, buildContext
from appliance.cli.running import complete
from appliance.dicom.items import PDUError
from appliance.health.echo import echo
from appliance.health.result import TLS, Result, State
from appliance.tls.certificate import MALFORMED, Certificate
from appliance.tls.pem import FileError

SUMMARY = "ask a PACS whether it is alive (C-ECHO)"

TLS_PORTS: Final = (2761, 2762)

_ATTEMPT_DELAY: Final = 0.1
"""Seconds before the next address of a name is tried too; RFC 8305 8 allows no less."""

_GREEN: Final = "\x1b[1;32m"
_RED: Final = "\x1b[1;31m"
_NORMAL: Final = "\x1b[0m"


def addArguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's arguments."""
    add = parser.add_argument
    add("address", metavar="HOST:PORT", type=hostAndPort, help="whom to ask")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--tls", action="store_true", default=None, help="use TLS")
    mode.add_argument("--plain", dest="tls", action="store_false", help="use no TLS")
    add("--calling", metavar="AET", type=title, default="BUTTERFLYTLS", help="our AE title")
    add("--called", metavar="AET", type=title, default="ANY-SCP", help="the peer's AE title")
    add("--timeout", metavar="SECONDS", type=seconds, default=10.0, help="for all (default: 10)")
    add("--ca", metavar="FILE", help="trust this authority or server certificate, and no other")
    add("--cert", metavar="FILE", help="our own certificate, for a peer that asks for one")
    add("--key", metavar="FILE", help="its private key (default: in the --cert file)")
    add("--name", metavar="HOST", help="the name in the peer's certificate (default: HOST)")
    add("--insecure", action="store_true", help="only tell what --ca finds wrong, and go on")


def run(arguments: argparse.Namespace) -> int:
    """Ask, print what came of it, and return the exit status."""
    host, port = arguments.address
    encrypted = port in TLS_PORTS if arguments.tls is None else arguments.tls
    caller = None
    try:
        if encrypted:
            caller = Caller(
                buildContext(arguments.ca, arguments.cert, arguments.key),
                arguments.name or host,
                verifies=arguments.ca is not None,
                lenient=arguments.insecure,
            )
    except FileError as error:
        return _complain(error.found, error.expected and f"expected {error.expected}", error.advice)
    except UnicodeError:
        return _complain(f"{arguments.name or host!r} is not a host name", "check the spelling")
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    how = "with TLS" if encrypted else "without TLS"
    if arguments.tls is None:
        how += f", as is usual on this port ({'--plain' if encrypted else '--tls'} to change)"
    print(f"{arguments.calling} asks {arguments.called} at {where} {how}", flush=True)
    try:
        result = complete(_ask(arguments, caller))
    except PDUError as error:
        return _complain(f"--calling or --called: {error}")
    for line in report(result, caller, datetime.now(UTC), colour=sys.stdout.isatty()):
        print(line)
    return 0 if result.alive else 1


def _complain(*phrases: str) -> int:
    print("butterfly-tls echo:", "; ".join(filter(None, phrases)), file=sys.stderr)
    return 1


async def _ask(arguments: argparse.Namespace, caller: Caller | None) -> Result:
    from twisted.internet import reactor

    host, port = arguments.address
    return await echo(
        cast(IReactorTime, reactor),
        _endpoint(reactor, host, port, arguments.timeout),
        callingAET=arguments.calling,
        calledAET=arguments.called,
        timeout=arguments.timeout,
        tls=None if caller is None else caller.wrap,
    )


def _endpoint(reactor: Any, host: str, port: int, timeout: float) -> IStreamClientEndpoint:
    if isIPAddress(host):
        return TCP4ClientEndpoint(reactor, host, port, timeout)
    if isIPv6Address(host):
        return TCP6ClientEndpoint(reactor, host, port, timeout)
    return HostnameEndpoint(reactor, host, port, timeout, attemptDelay=_ATTEMPT_DELAY)


def report(result: Result, caller: Caller | None, now: datetime, *, colour: bool) -> list[str]:
    """What came of it, line by line."""
    lines = [
        f"  {step.name:<12} {step.seconds * 1000:9.1f} ms  {step.text if step.ok else 'failed'}"
        for step in result.steps
    ]
    text, advice = result.text, result.advice
    if caller is not None:
        lines += [f"  {name:<12} {value}" for name, value in _shown(result, caller, now)]
        if result.state is State.TLS_FAILURE and caller.trouble:
            text = f"the peer's certificate is not trusted: {caller.trouble}"
            advice = "check the authority (--ca) and the name (--name); --insecure goes on"
    word = result.state.value
    if colour:
        word = f"{_GREEN if result.alive else _RED}{word}{_NORMAL}"
    return [*lines, f"{word}: {text}", *([f"next: {advice}"] if advice else [])]


def _shown(result: Result, caller: Caller, now: datetime) -> Iterator[tuple[str, str]]:
    """What TLS showed: protocol and certificate, each as far as the handshake came."""
    connection = caller.connection
    if connection is not None and any(step.name == TLS and step.ok for step in result.steps):
        version, cipher = connection.get_protocol_version_name(), connection.get_cipher_name()
        yield "protocol", f"{version}, {cipher}"
    if caller.certificate is None:
        return
    try:
        certificate = Certificate.of([caller.certificate.to_cryptography()])
    except MALFORMED:
        yield "certificate", "cannot be parsed"
        return
    days = certificate.daysLeft(now)
    left = f"{days} days left" if days >= 0 else "expired"
    yield "certificate", certificate.subject
    yield "expires", f"{certificate.notAfter:%Y-%m-%d} ({left})"
    yield "fingerprint", f"SHA-256 {certificate.fingerprint}"
    yield "trust", caller.trust
