"""One configuration file of the differential test, and the ways that the corpus makes them.

C{@1} to C{@4} in a text become free ports of 127.0.0.1, and C{@tmp} a directory. Nearly every text
has L{PREAMBLE} in it: it keeps stunnel in the foreground, off the system's log, and talkative.
"""

from __future__ import annotations

from attrs import frozen

PREAMBLE = "foreground = yes\npid =\nsyslog = no\ndebug = 7\n"

ENDS = "accept = 127.0.0.1:@1\nconnect = 127.0.0.1:@2\n"
PAIR = "cert = server_Cert.pem\nkey = server_key.pem\n"
CHAIN = "verifyChain = yes\nCAfile = ca.pem\n"


@frozen
class Case:
    """One configuration file, and what it is called in reports."""

    name: str
    text: str | bytes

    def at(self, ports: tuple[int, ...], directory: str) -> bytes:
        """The file with C{ports} and the C{directory} in it."""
        data = self.text if isinstance(self.text, bytes) else self.text.encode()
        data = data.replace(b"@tmp", directory.encode())
        for number, port in enumerate(ports, 1):
            data = data.replace(b"@%d" % number, b"%d" % port)
        return data


def process(name: str, *lines: str) -> Case:
    """C{lines} before the first section of a file that is right without them."""
    return Case(name, "".join(f"{line}\n" for line in lines) + PREAMBLE + "[a]\n" + ENDS + PAIR)


def server(name: str, *lines: str) -> Case:
    """C{lines} in a server section that is right without them."""
    return bare(name, ENDS + PAIR, *lines)


def client(name: str, *lines: str) -> Case:
    """C{lines} in a client section that is right without them."""
    return bare(name, "client = yes\n" + ENDS, *lines)


def bare(name: str, begin: str, *lines: str) -> Case:
    """A section of C{begin} and C{lines}."""
    return Case(name, PREAMBLE + "[a]\n" + begin + "".join(f"{line}\n" for line in lines))


def two(name: str, *lines: str, header: str = "[b]", first: str = ENDS + PAIR) -> Case:
    """A section of C{first} that is right, and a second one of C{lines}."""
    return Case(name, PREAMBLE + f"[a]\n{first}{header}\n" + "".join(f"{x}\n" for x in lines))


def inetd(name: str, *lines: str) -> Case:
    """C{lines} and no section."""
    return Case(name, PREAMBLE + "".join(f"{line}\n" for line in lines))
