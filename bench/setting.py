"""What a terminator is to serve, and what all of them have in common."""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from attrs import field, frozen

SUITES = {
    ("TLSv1.3", "rsa"): "TLS_AES_256_GCM_SHA384",
    ("TLSv1.3", "ecdsa"): "TLS_AES_256_GCM_SHA384",
    ("TLSv1.2", "rsa"): "ECDHE-RSA-AES256-GCM-SHA384",
    ("TLSv1.2", "ecdsa"): "ECDHE-ECDSA-AES256-GCM-SHA384",
}


@frozen
class Route:
    """A port where TLS is taken and the address where it goes as plain TCP."""

    name: str
    port: int
    backend: int
    extra: tuple[str, ...] = ()


@frozen
class Setting:
    """What a program is to serve. C{threads} are threads, workers or processes.

    C{certificate} and C{key} are files in the program's own directory.
    """

    host: str
    version: str
    kind: str
    routes: tuple[Route, ...]
    threads: int = 1
    certificate: str = "cert.pem"
    key: str = "key.pem"
    options: tuple[str, ...] = ()

    @property
    def suite(self) -> str:
        """The one cipher suite, in OpenSSL's spelling."""
        return SUITES[self.version, self.kind]


@frozen
class Terminator:
    """A program that takes TLS and passes on plain TCP."""

    name: ClassVar[str]
    package: ClassVar[str]
    reload: ClassVar[str] = "SIGHUP"
    binary: str = field(default="")

    def path(self) -> str | None:
        """Where the program is, C{None} where it is not installed."""
        search = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin"
        return shutil.which(self.binary or self.package, path=search)

    def version(self) -> str:
        """Its name, release and OpenSSL, as it says itself."""
        raise NotImplementedError

    def configure(self, setting: Setting, directory: Path) -> list[list[str]]:
        """Write the configuration into C{directory}; return the command lines to start."""
        raise NotImplementedError

    def said(self, *argv: str) -> str:
        """What it prints for C{argv}."""
        found = subprocess.run(
            [self.path() or self.package, *argv], capture_output=True, text=True, check=False
        )
        return found.stdout + found.stderr


def first(pattern: str, text: str) -> str:
    """The first group of C{pattern} in C{text}."""
    match = re.search(pattern, text)
    return match[1] if match else "unknown"


def files() -> int:
    """How many files a process may open at most."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def openssl(said: str) -> str:
    """The OpenSSL that a program says it runs with."""
    for how in ("[Rr]unning +with", "built with", "Compiled with"):
        found = first(rf"{how} (OpenSSL [0-9.a-z]+)", said)
        if found != "unknown":
            return found
    return "unknown"


def write(path: Path, lines: Sequence[str]) -> str:
    """Write C{lines} that are not empty, and return the path."""
    path.write_text("\n".join(line for line in lines if line) + "\n")
    return str(path)


def joined(setting: Setting, directory: Path) -> Path:
    """The key and the certificate in one file."""
    both = directory / "both.pem"
    parts = (setting.key, setting.certificate)
    both.write_text("".join((directory / part).read_text() for part in parts))
    both.chmod(0o600)
    return both


def makeKeys(directory: Path) -> None:
    """Write two pairs of each kind: C{rsa.pem}, C{rsa.key}, C{rsa2.pem} … C{ecdsa2.key}."""
    kinds = {"rsa": ["rsa:2048"], "ecdsa": ["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]}
    for kind, options in kinds.items():
        for suffix in ("", "2"):
            stem = directory / f"{kind}{suffix}"
            argv = ["openssl", "req", "-x509", "-nodes", "-days", "400", "-subj"]
            argv += [f"/CN=bench{suffix}", "-newkey", *options]
            argv += ["-keyout", f"{stem}.key", "-out", f"{stem}.pem"]
            subprocess.run(argv, check=True, capture_output=True)
            Path(f"{stem}.key").chmod(0o600)
