"""How a section's backends are asked whether they are well: on the way that its clients take.

For the periodic checks and for C{butterfly-tls check} alike. Nothing here judges an answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.python.failure import Failure
from zope.interface import implementer

from appliance.backend.backend import Backend
from appliance.backend.dialler import Dialler, SourceError
from appliance.backend.resolve import Target, resolver
from appliance.backend.tunnel import TunnelError
from appliance.config.healthoptions import DICOM_PORTS
from appliance.config.model import (
    Address,
    Dicom,
    HealthCheck,
    InetAddress,
    SectionConfig,
)
from appliance.health.conversation import Wrapper
from appliance.health.echo import echo
from appliance.health.explain import NoWayError
from appliance.health.judge import Known, Limits
from appliance.health.learnt import Learnt
from appliance.health.plan import Place, Plan, Probe
from appliance.health.spelling import OPTIONS
from appliance.health.tcp import reach
from appliance.relay.proxyline import Hop, header, line
from appliance.section.called import Called
from appliance.section.dialling import diallerFor
from appliance.section.settings import Settings, serverName
from appliance.tls.creator import Creator
from appliance.tls.transport import TLSWireFactory

_LATER: Final = 1.0
"""Seconds that a dial may take beyond a check, so that it is always the check that ends in time."""


@frozen
class Asked:
    """An address that is asked; C{routed} is the AE title that clients go there by, if one."""

    backend: Backend
    name: str
    routed: str | None = None


class Checks:
    """The checks of a section with C{settings}, each for at most C{timeout} seconds.

    C{learnt} knows AE titles that nobody has set.
    """

    def __init__(
        self, reactor: Any, settings: Settings, learnt: Learnt, timeout: float | None = None
    ) -> None:
        self._reactor = reactor
        self._config = config = settings.config
        self._called = Called(config, learnt)
        self._timeout = config.health.timeout if timeout is None else timeout
        self._dialler = diallerFor(reactor, settings, self._timeout + _LATER)
        self._tls = _wrapper(settings) if config.client else None

    @property
    def asked(self) -> Iterator[Asked]:
        """All addresses that associations may go to: those of C{connect}, then those of routes."""
        for address in self._config.connect:
            yield Asked(self._backend(address), str(address))
        for rule in self._config.dicom.routes:
            for address in rule.addresses:
                yield Asked(self._backend(address), str(address), rule.called)

    def _backend(self, address: Address) -> Backend:
        return Backend(address, resolver(self._reactor), self._reactor, self._config.delay)

    def plan(self) -> Plan:
        """How the section is watched."""
        health = self._config.health
        places = [
            Place(asked.backend.targets, partial(self._periodic, asked.routed))
            for asked in self.asked
        ]
        # Who is not trusted goes to no PACS, but its state counts for the choice all the same.
        others = [Place(self._backend(each).targets, _unasked) for each in self._config.redirect]
        return Plan(
            (*places, *others),
            health.interval,
            Limits(health.rise, health.fall, health.interval * health.fall),
            self._called.learn,
            self._called.unlearn,
        )

    def _periodic(self, routed: str | None, target: Target) -> Probe | None:
        config, check = self._config, self._config.health.check
        # Who serves one connection and ends, as under inetd, has nobody to watch for.
        alone = not config.accept and config.slave is None
        if alone or config.exec is not None or check is HealthCheck.NONE:
            return None
        if check is HealthCheck.AUTO and not self._isPACS(target, routed):
            return None
        return self.probe(target, routed)

    def _isPACS(self, target: Target, routed: str | None) -> bool:
        """True when there is reason enough to take C{target} for a PACS, unasked."""
        if self._config.dicom.mode is Dicom.NO:
            return False
        _, known = self._called.title(str(target), routed)
        ports = [each.port for each in self._config.accept if isinstance(each, InetAddress)]
        return known is not Known.GUESSED or not {target.port, *ports}.isdisjoint(DICOM_PORTS)

    def probe(self, target: Target, routed: str | None = None) -> Probe:
        """The check of C{target}: an echo, unless the section is for something else."""
        config, clock = self._config, self._reactor
        there = _Endpoint(self._dialler, target)
        check, mode = config.health.check, config.dicom.mode
        common: dict[str, Any] = {"timeout": self._timeout, "tls": self._tls, "spelling": OPTIONS}
        if check is HealthCheck.TCP or (mode is Dicom.NO and check is not HealthCheck.ECHO):
            return Probe("tcp", Known.SET, partial(reach, clock, there, **common))
        called, known = self._called.title(str(target), routed)
        ask = partial(
            echo,
            clock,
            there,
            callingAET=config.callingAET,
            calledAET=called,
            # With TLS it is ahead of that.
            preface=b"" if config.client else _preface(config),
            **common,
        )
        return Probe("echo", known, ask)


def _unasked(_: object) -> None:
    """How a target is checked that is not."""


def _wrapper(settings: Settings) -> Wrapper:
    """TLS as the section's clients have it towards the backend."""
    creator = Creator(settings.context, serverName(settings.config), tls=settings.config.tls)
    ahead = _preface(settings.config)
    return lambda factory: TLSWireFactory(creator, True, factory, ahead)


def _preface(config: SectionConfig) -> bytes:
    """What a backend that expects a PROXY header is told: that we speak for ourselves."""
    if not config.proxySend:
        return b""
    return line(Hop()) if config.proxySend == 1 else header(Hop())


@implementer(IStreamClientEndpoint)
@frozen
class _Endpoint:
    """One target; what only a dialler knows is told in words."""

    dialler: Dialler
    target: Target

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """Connect a protocol of C{protocolFactory}."""
        dialling = self.dialler.endpoint(self.target).connect(protocolFactory)
        return dialling.addErrback(_inWords)


def _inWords(failure: Failure) -> Failure:
    if failure.check(SourceError, TunnelError):
        return Failure(NoWayError(str(failure.value)))
    return failure
