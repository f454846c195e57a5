"""How each program is configured and started; all with the same key, version and cipher."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from attrs import frozen

from bench.processes import ROOT
from bench.setting import Setting, Terminator, files, first, joined, openssl, write


class Stunnel(Terminator):
    """One thread for each connection, always; a core is all it gets."""

    name = "stunnel"
    package = "stunnel4"

    def version(self) -> str:
        """See L{Terminator.version}."""
        said = self.said("-version")
        return f"stunnel {first(r'stunnel ([0-9.]+)', said)}, {openssl(said)}"

    def configure(self, setting: Setting, directory: Path) -> list[list[str]]:
        """See L{Terminator.configure}."""
        which = "ciphersuites" if setting.version == "TLSv1.3" else "ciphers"
        lines = ["foreground = yes", "pid =", "syslog = no", "debug = 4"]
        for route in setting.routes:
            lines += [
                f"[{route.name}]",
                f"accept = {setting.host}:{route.port}",
                f"connect = {setting.host}:{route.backend}",
                f"cert = {directory / setting.certificate}",
                f"key = {directory / setting.key}",
                f"sslVersion = {setting.version}",
                f"{which} = {setting.suite}",
            ]
        return [[self.path() or "stunnel4", write(directory / "stunnel.conf", lines)]]


class HAProxy(Terminator):
    """A master and one worker with C{threads} threads."""

    name = "haproxy"
    package = "haproxy"
    reload = "SIGUSR2"

    def version(self) -> str:
        """See L{Terminator.version}."""
        said = self.said("-vv")
        openssl = first(r"Running on OpenSSL version : (OpenSSL [0-9.a-z]+)", said)
        return f"HAProxy {first(r'version ([0-9.]+)', said)}, {openssl}"

    def configure(self, setting: Setting, directory: Path) -> list[list[str]]:
        """See L{Terminator.configure}."""
        both = joined(setting, directory)
        which = "ciphersuites" if setting.version == "TLSv1.3" else "ciphers"
        tls = (
            f"ssl crt {both} ssl-min-ver {setting.version} ssl-max-ver {setting.version} "
            f"{which} {setting.suite}"
        )
        lines = [
            "global",
            f"  nbthread {setting.threads}",
            f"  maxconn {(files() - 100 - 2 * len(setting.routes)) // 2}",
            "  stats timeout 1s",
            "defaults",
            "  mode tcp",
            "  timeout connect 10s",
            "  timeout client 1h",
            "  timeout server 1h",
        ]
        for route in setting.routes:
            lines += [
                f"listen {route.name}",
                f"  bind {setting.host}:{route.port} {tls}",
                f"  server backend {setting.host}:{route.backend}",
            ]
        return [[self.path() or "haproxy", "-W", "-f", write(directory / "haproxy.cfg", lines)]]


class Nginx(Terminator):
    """A master and C{threads} workers; the stream module."""

    name = "nginx"
    package = "nginx"

    def version(self) -> str:
        """See L{Terminator.version}."""
        said = self.said("-V")
        return f"nginx {first(r'nginx/([0-9.]+)', said)}, {openssl(said)}"

    def configure(self, setting: Setting, directory: Path) -> list[list[str]]:
        """See L{Terminator.configure}."""
        if setting.version == "TLSv1.3":
            cipher = f"ssl_conf_command Ciphersuites {setting.suite};"
        else:
            cipher = f"ssl_ciphers {setting.suite};"
        module = Path("/usr/lib/nginx/modules/ngx_stream_module.so")
        lines = [
            f"load_module {module};" if module.exists() else "",
            "daemon off;",
            "user root;" if os.geteuid() == 0 else "",
            f"worker_processes {setting.threads};",
            f"pid {directory}/nginx.pid;",
            "error_log stderr warn;",
            f"events {{ worker_connections {files() - 10}; }}",
            "stream {",
            f"  ssl_certificate {directory / setting.certificate};",
            f"  ssl_certificate_key {directory / setting.key};",
            f"  ssl_protocols {setting.version};",
            f"  {cipher}",
            "  proxy_timeout 1h;",
        ]
        for route in setting.routes:
            lines.append(
                f"  server {{ listen {setting.host}:{route.port} ssl; "
                f"proxy_pass {setting.host}:{route.backend}; }}"
            )
        conf = write(directory / "nginx.conf", [*lines, "}"])
        return [[self.path() or "nginx", "-p", str(directory), "-e", "stderr", "-c", conf]]


class Hitch(Terminator):
    """A master and C{threads} workers; one backend only, so each backend has a process tree."""

    name = "hitch"
    package = "hitch"

    def version(self) -> str:
        """See L{Terminator.version}."""
        binary = Path(self.path() or "").read_bytes() if self.path() else b""
        linked = "the system's OpenSSL" if b"libssl.so" in binary else "unknown"
        return f"hitch {first(r'hitch ([0-9.]+)', self.said('-V'))}, {linked}"

    def configure(self, setting: Setting, directory: Path) -> list[list[str]]:
        """See L{Terminator.configure}."""
        both = joined(setting, directory)
        which = "ciphersuites" if setting.version == "TLSv1.3" else "ciphers"
        commands = []
        for backend in dict.fromkeys(route.backend for route in setting.routes):
            lines = [
                f'frontend = {{ host = "{setting.host}" port = "{route.port}" }}'
                for route in setting.routes
                if route.backend == backend
            ]
            lines += [
                f'backend = "[{setting.host}]:{backend}"',
                f'pem-file = "{both}"',
                f"tls-protos = {setting.version}",
                f'{which} = "{setting.suite}"',
                f"workers = {setting.threads}",
                "backlog = 4096",
                "daemon = off",
                'user = "root"' if os.geteuid() == 0 else "",
                "quiet = on",
            ]
            conf = write(directory / f"hitch-{backend}.conf", lines)
            commands.append([self.path() or "hitch", f"--config={conf}"])
        return commands


@frozen
class Ours(Terminator):
    """C{twistd butterfly-tls} of the interpreter whose C{twistd} is C{binary}."""

    name = "ours"
    package = "twistd"
    tree: str = str(ROOT)

    def path(self) -> str | None:
        """See L{Terminator.path}."""
        return shutil.which(self.binary or str(ROOT / ".venv" / "bin" / "twistd"))

    def python(self, code: str) -> str:
        """What the interpreter of C{twistd} prints for C{code}."""
        twistd = self.path()
        if twistd is None:
            return ""
        interpreter = Path(twistd).read_text(errors="replace").partition("\n")[0]
        argv = [*interpreter.removeprefix("#!").split(), "-c", code]
        return subprocess.run(
            argv, capture_output=True, text=True, check=False, cwd=self.tree
        ).stdout.strip()

    def version(self) -> str:
        """See L{Terminator.version}."""
        return self.python(
            "import appliance, platform, twisted, OpenSSL; from OpenSSL import SSL; print("
            "f'Butterfly-TLS {appliance.__version__}, Python {platform.python_version()}, '"
            "f'Twisted {twisted.__version__}, pyOpenSSL {OpenSSL.__version__}, '"
            "+ ' '.join(SSL.OpenSSL_version(0).decode().split()[:2]))"
        )

    def has(self, option: str) -> bool:
        """True when the configuration has an option of that name that is not refused."""
        return "yes" in self.python(
            "from appliance.config import options, refusedoptions, ignoredoptions as i; "
            f"o = options.find({option!r}); "
            "print('yes' if o and o not in refusedoptions.OPTIONS + i.OPTIONS else 'no')"
        )

    def configure(self, setting: Setting, directory: Path) -> list[list[str]]:
        """See L{Terminator.configure}."""
        which = "ciphersuites" if setting.version == "TLSv1.3" else "ciphers"
        lines = ["debug = warning", *setting.options]
        if setting.threads > 1 and self.has("workers"):
            lines.append(f"workers = {setting.threads}")
        for route in setting.routes:
            lines += [
                f"[{route.name}]",
                f"accept = {setting.host}:{route.port}",
                f"connect = {setting.host}:{route.backend}",
                f"cert = {setting.certificate}",
                f"key = {setting.key}",
                f"sslVersion = {setting.version}",
                f"{which} = {setting.suite}",
                *route.extra,
            ]
        conf = write(directory / "butterfly-tls.conf", lines)
        command = [self.path() or "twistd", "-n", "--pidfile=", "butterfly-tls", "-c", conf]
        # With compiled modules, as installed ones are.
        clean = ["env", "-u", "PYTHONDONTWRITEBYTECODE"]
        return [[*clean, f"PYTHONPATH={self.tree}", *command]]


@frozen
class Before(Ours):
    """Ours from another tree, to compare a change with what was before it."""

    name = "before"


ALL: tuple[type[Terminator], ...] = (Ours, Stunnel, HAProxy, Nginx, Hitch)
NAMES = tuple(each.name for each in ALL)
