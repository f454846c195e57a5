"""A file system in memory, and the guide's configuration to put into it."""

from __future__ import annotations

from attrs import frozen

from appliance.config.build import build
from appliance.config.model import Config, Problem

HOME = "/etc/butterfly-tls"
CONF = f"{HOME}/stunnel.conf"

GUIDE = """\
;********************************* Example TLS server mode services
sslVersion = TLSv1.2

[DICOM STORE]
accept = 2761
connect = 192.168.1.100:104
cert = Butterfly_SCP_Cert.pem
key = Butterfly_SCP_Key.pem

[DICOM DMWL]
accept = 2762
connect = 192.168.1.100:105
cert = Butterfly_SCP_Cert.pem
key = Butterfly_SCP_Key.pem
"""

PASTED = (
    "sslVersion = TLSv1.2 [DICOM STORE] accept = 2761 connect = 192.168.1.100:104 "
    "cert = Butterfly_SCP_Cert.pem key = Butterfly_SCP_Key.pem"
)

KEYS = {
    f"{HOME}/Butterfly_SCP_Cert.pem": b"",
    f"{HOME}/Butterfly_SCP_Key.pem": b"",
    f"{HOME}/ca.pem": b"",
    f"{HOME}/cas/0a1b2c3d.0": b"",
}


@frozen
class Memory:
    """Files by their absolute paths; a directory is there as long as a file is in it."""

    content: dict[str, bytes]

    def read(self, path: str) -> bytes:
        """See L{appliance.config.source.Files.read}."""
        if path not in self.content:
            raise FileNotFoundError(2, "No such file or directory")
        return self.content[path]

    def names(self, directory: str) -> list[str]:
        """See L{appliance.config.source.Files.names}."""
        inside = directory.rstrip("/") + "/"
        names = {
            path[len(inside) :].split("/")[0] for path in self.content if path.startswith(inside)
        }
        if not names:
            raise FileNotFoundError(2, "No such file or directory")
        return sorted(names, reverse=True)

    def exists(self, path: str) -> bool:
        """See L{appliance.config.source.Files.exists}."""
        return path in self.content or any(
            other.startswith(path.rstrip("/") + "/") for other in self.content
        )

    def isFile(self, path: str) -> bool:
        """See L{appliance.config.source.Files.isFile}."""
        return path in self.content


def files(text: str | bytes, **others: str) -> Memory:
    """The keys, C{text} as the configuration file, and C{others} beside it by their names."""
    data = text if isinstance(text, bytes) else text.encode()
    more = {f"{HOME}/{name}": content.encode() for name, content in others.items()}
    return Memory({**KEYS, CONF: data, **more})


def built(text: str | bytes, **others: str) -> Config:
    """The configuration that C{text} stands for; fails on any problem at all."""
    config, problems = build(CONF, files(text, **others))
    assert config is not None, "\n".join(map(str, problems))
    assert problems == (), "\n".join(map(str, problems))
    return config


def problems(text: str | bytes, **others: str) -> tuple[Problem, ...]:
    """What there is to say about C{text}."""
    return build(CONF, files(text, **others))[1]


def section(*lines: str, header: str = "[DICOM STORE]") -> str:
    """The text of a section that is right, followed by further C{lines}."""
    usual = ("accept = 2761", "connect = pacs:104", "cert = Butterfly_SCP_Cert.pem")
    return "\n".join((header, *usual, *lines)) + "\n"


def client(*lines: str) -> str:
    """The text of a client section, followed by further C{lines}."""
    usual = ("[out]", "client = yes", "accept = 127.0.0.1:104", "connect = cloud.example:2762")
    return "\n".join((*usual, *lines)) + "\n"
