"""A section on loopback sockets between a client of the test and a PACS of the test."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from OpenSSL import SSL
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from appliance import events as e
from appliance.config.model import InetAddress, SectionConfig, Timeouts, TLSConfig
from appliance.section import Section, Settings
from appliance.system.sockets import listen
from appliance.tls.certificate import KeyPair
from appliance.tls.context import build
from appliance.tls.creator import Creator
from appliance.tls.transport import TLSWireFactory
from tests import material as m
from tests import wires
from tests.tls.test_transport import HalfRecorder, One


class PACS(HalfRecorder):
    """What the PACS of a test hears, and what it answers with."""


class SectionCase(TestCase):
    """Makes sections, PACS and clients; everything is ended with the test."""

    timeout = 5

    def setUp(self) -> None:
        self.heard: list[e.Event] = []
        self._defects: list[BaseException] = []
        self._waiting: list[tuple[Callable[[e.Event], bool], Deferred[e.Event]]] = []
        self.events = e.Events(onError=self._defects.append)
        self.events.subscribe(self._hear)

    def directory(self) -> Path:
        """A fresh directory that goes with the test."""
        fresh = TemporaryDirectory()
        self.addCleanup(fresh.cleanup)
        return Path(fresh.name)

    def _hear(self, event: e.Event) -> None:
        self.heard.append(event)
        for entry in tuple(self._waiting):
            if entry[0](event):
                self._waiting.remove(entry)
                entry[1].callback(event)

    def event(self, kind: type[e.Event], number: int = 1) -> Deferred[Any]:
        """The event of C{kind} with that number: one that was, or one to come."""
        waiting: Deferred[Any] = Deferred()
        if len(self.of(kind)) >= number:
            waiting.callback(self.of(kind)[number - 1])
        else:
            self._waiting.append((lambda _: len(self.of(kind)) >= number, waiting))
        return waiting

    def of(self, kind: type[e.Event]) -> list[Any]:
        """The events of C{kind} so far."""
        return [event for event in self.heard if isinstance(event, kind)]

    # --- the PACS --------------------------------------------------------------------------

    def pacs(
        self, protocol: HalfRecorder | None = None, context: SSL.Context | None = None
    ) -> PACS:
        """A PACS that waits for one connection; its port is in C{self.pacsPort}."""
        pacs = protocol or PACS()
        built = One(pacs)
        self.addCleanup(built.end)
        factory: Any = built
        if context is not None:
            factory = TLSWireFactory(Creator(context), False, built)
        self.pacsPort = wires.listen(self, factory)
        return pacs  # type: ignore[return-value]

    # --- the section -----------------------------------------------------------------------

    def section(
        self,
        tls: TLSConfig | None = None,
        pair: KeyPair | None = None,
        authorities: tuple[KeyPair, ...] = (),
        connect: int | None = None,
        listens: bool = True,
        **changes: Any,
    ) -> Section:
        """A section in front of the PACS; it serves at C{self.port} when it C{listens}."""
        tls = tls or TLSConfig()
        client = tls.client
        material = m.material(None if client else (pair or m.server()), *authorities)
        behind = self.pacsPort if connect is None else connect
        facts: dict[str, Any] = {
            "name": "DICOM STORE",
            "connect": (InetAddress("127.0.0.1", behind),) if behind else (),
            "timeouts": Timeouts(),
        }
        config = SectionConfig(
            where=m.WHERE,
            accept=(InetAddress("127.0.0.1", 0),),
            tls=tls,
            client=client,
            **(facts | changes),
        )
        context = build(config.name, config.where, tls, material)
        certificate = None if material.pair is None else material.pair.certificate
        section = Section(
            reactor, Settings(config, context, certificate, 30), self.events, map(str, count())
        )
        if listens:
            listener = listen(*self._place())
            self.port = int(listener.address.rpartition(":")[2])
            section.listenAt([listener])
        section.privilegedStartService()
        section.startService()
        self.addCleanup(section.stopService)
        return section

    @staticmethod
    def _place() -> Any:
        import socket

        return socket.AF_INET, ("127.0.0.1", 0)

    # --- the client ------------------------------------------------------------------------

    async def client(
        self,
        protocol: HalfRecorder | None = None,
        pair: KeyPair | None = None,
        plain: bool = False,
        sni: str | None = None,
        **tls: Any,
    ) -> Any:
        """A client that is connected to the section, its handshake perhaps still to come."""
        client = protocol or HalfRecorder()
        built = One(client)
        self.addCleanup(built.end)
        factory: Any = built
        if not plain:
            config = m.tlsConfig(client=True, **tls)
            context = build("client", m.WHERE, config, m.material(pair))
            factory = TLSWireFactory(Creator(context, sni), True, built)
        await wires.connect(self.port, factory)
        return client
