"""What a section needs from the machine, found out before anything changes."""

from __future__ import annotations

import errno
import socket
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from appliance.config.model import (
    ConnectConfig,
    DicomConfig,
    InetAddress,
    RouteRule,
    SectionConfig,
    TLSConfig,
    UnixAddress,
)
from appliance.section import settings as module
from appliance.section.settings import Settings, destinationsText, serverName, settingsFor
from tests import material as m

CONFIG = SectionConfig("DICOM STORE", m.WHERE, (), (), TLSConfig(client=True), client=True)


class SourceTests(SynchronousTestCase):
    """From where backends are dialled."""

    def settings(self, **changes: Any) -> Settings:
        """The settings for a section without problems."""
        settings, problems = settingsFor(evolve(CONFIG, **changes), m.now())
        self.assertEqual([str(p) for p in problems if p.fatal], [])
        assert settings is not None
        return settings

    def problem(self, **changes: Any) -> str:
        """The one problem of a section that cannot start."""
        settings, problems = settingsFor(evolve(CONFIG, **changes), m.now())
        self.assertIsNone(settings)
        (problem,) = [problem for problem in problems if problem.fatal]
        self.assertEqual(problem.section, "DICOM STORE")
        return str(problem)

    def test_address(self) -> None:
        """An address is itself."""
        self.assertEqual(self.settings(local="192.0.2.1").local, ("192.0.2.1",))
        self.assertEqual(self.settings().local, ())

    def test_name(self) -> None:
        """A name is resolved, to addresses of both families."""
        self.assertIn("127.0.0.1", self.settings(local="localhost").local)

    def test_unknownName(self) -> None:
        """A name that is not known stops the start."""

        def unknown(*_: Any, **__: Any) -> None:
            raise socket.gaierror(socket.EAI_NONAME, "x")

        self.patch(module.socket, "getaddrinfo", unknown)
        self.assertIn("local: cannot resolve 'here'", self.problem(local="here"))

    def test_transparent(self) -> None:
        """So does a kernel that does not lend us clients' addresses, with what would help."""

        def refuse(_: socket.socket) -> None:
            raise PermissionError(errno.EPERM, "x")

        self.patch(module, "makeTransparent", refuse)
        text = self.problem(transparent=True)
        self.assertIn("transparent: the kernel does not let us", text)
        self.assertIn("CAP_NET_ADMIN", text)

    def test_transparentIsAllowed(self) -> None:
        """Where the kernel allows it there is nothing to say."""
        self.patch(module, "makeTransparent", lambda _: None)
        self.settings(transparent=True)


class ServerNameTests(SynchronousTestCase):
    """Which name a server is asked for."""

    def test_hostOfTheFirst(self) -> None:
        """By itself it is the host of the first backend; addresses and paths are no names."""
        for address, name in (
            (InetAddress("pacs.example", 104), "pacs.example"),
            (InetAddress("192.0.2.1", 104), None),
            (InetAddress("2001:db8::1", 104), None),
            (InetAddress("", 104), "localhost"),
            (UnixAddress("/run/pacs"), None),
        ):
            with self.subTest(address=str(address)):
                config = evolve(CONFIG, connect=(address, InetAddress("other.example", 1)))
                self.assertEqual(serverName(config), name)

    def test_routed(self) -> None:
        """Where there are only routes it is the host of the first of those."""
        routes = (RouteRule("PACS", (InetAddress("pacs.example", 104),)),)
        config = evolve(CONFIG, dicom=DicomConfig(routes=routes))
        self.assertEqual(serverName(config), "pacs.example")

    def test_behindAProxy(self) -> None:
        """Through a proxy it is the host that the proxy is asked for."""
        first = (InetAddress("proxy.example", 3128),)
        for host, name in (("pacs.example:104", "pacs.example"), ("[2001:db8::1]:104", None)):
            config = evolve(CONFIG, connect=first, proxyRequest=ConnectConfig(host))
            self.assertEqual(serverName(config), name)

    def test_written(self) -> None:
        """What the option says goes first; empty means none at all."""
        first = (InetAddress("pacs.example", 104),)
        for written, name in (("other.example", "other.example"), ("", None)):
            config = evolve(CONFIG, connect=first, tls=TLSConfig(client=True, sni=written))
            self.assertEqual(serverName(config), name)

    def test_servers(self) -> None:
        """A server asks for nobody."""
        config = evolve(CONFIG, client=False, connect=(InetAddress("pacs.example", 104),))
        self.assertIsNone(serverName(config))


class DestinationTests(SynchronousTestCase):
    """L{destinationsText}."""

    def test_each(self) -> None:
        """Addresses, routes with their titles, or a program."""
        one, two = InetAddress("10.0.0.1", 104), InetAddress("10.0.0.2", 104)
        routes = (RouteRule("PACS1", (one, two)), RouteRule("PACS2", (two,)))
        routed = "10.0.0.1:104 and 10.0.0.2:104 for PACS1, 10.0.0.2:104 for PACS2"
        for changes, expected in (
            ({"connect": (one, two)}, "10.0.0.1:104, 10.0.0.2:104"),
            ({"dicom": DicomConfig(routes=routes)}, routed),
            ({"connect": (one,), "dicom": DicomConfig(routes=routes)}, f"10.0.0.1:104, {routed}"),
            ({"exec": "/bin/cat"}, "/bin/cat"),
        ):
            config: SectionConfig = evolve(CONFIG, **changes)
            self.assertEqual(destinationsText(config), expected)
