"""Cases of one option each: values that are right and values that are not, of all of the manual."""

from __future__ import annotations

from collections.abc import Iterator

from tests.differential.case import CHAIN, Case, client, process, server

KEY16 = "00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff"

YES_NO = ("yes", "No", "true", "1", "", "yes no")
SECONDS = ("0", "1", "86400", "-1", "x", "", "1.5", "5s")
LEVELS = ("7", "debug", "NOTICE", "8", "-1", "loud", "")
VERSIONS = ("TLSv1.2", "tlsv1.3", "all", "SSLv3", "SSLv2", "TLSv1.4", "1.2", "")
ADDRESSES = (
    *("127.0.0.1:@3", "localhost:@3", "@3", "/run/x.sock", "127.0.0.1:http", "::1:@3"),
    *("localhost", "127.0.0.1:nosuch", "70000", "0", "", "a b:104", "[::1]:@3"),
)

SERVICE = {
    "client": ("no", "NO", "maybe", "1"),
    "failover": ("rr", "PRIO", "x", ""),
    "delay": ("yes", "x"),
    "reset": ("no", "x"),
    "retry": ("yes", "no", "x", "500"),
    "renegotiation": ("yes", "no", "x"),
    "sessionResume": ("yes", "no", "x"),
    "requireCert": ("yes", "no", "x"),
    "verifyChain": ("no", "x"),
    "verifyPeer": ("no", "x"),
    "OCSPaia": ("no", "x"),
    "OCSPnonce": ("yes", "no", "x"),
    "libwrap": ("no", "yes", "x"),
    "pty": ("no", "yes"),
    "TIMEOUTidle": SECONDS,
    "TIMEOUTbusy": SECONDS[2:5],
    "TIMEOUTconnect": SECONDS[2:5],
    "TIMEOUTclose": ("0", *SECONDS[3:5]),
    "session": ("300", "0", "-5", "x", ""),
    "sessionCacheTimeout": ("300", "x"),
    "sessionCacheSize": ("1000", "x", ""),
    "stack": ("65536", "x"),
    "debug": LEVELS,
    "logId": ("sequential", "UNIQUE", "thread", "process", "x", ""),
    "sslVersion": VERSIONS,
    "sslVersionMin": VERSIONS[:4],
    "sslVersionMax": VERSIONS[:3],
    "options": ("NO_TICKET", "no_sslv3", "-NO_TLSv1", "ALL", "SSL_OP_ALL", "NO_TLSv1.1", "X", ""),
    "securityLevel": ("0", "1", "2", "6", "-1", "x", ""),
    "ciphers": ("HIGH:!aNULL", "ECDHE-RSA-AES256-GCM-SHA384", "NONSENSE", ""),
    "ciphersuites": ("TLS_AES_128_GCM_SHA256", "NONSENSE", "X:TLS_AES_128_GCM_SHA256"),
    "curves": ("P-256", "X25519:P-384", "nonsense"),
    "curve": ("P-256",),
    "socket": (
        *("l:TCP_NODELAY=1", "r:SO_KEEPALIVE=yes", "a:SO_REUSEADDR=no", "l:SO_LINGER=1:60"),
        *("l:TCP_KEEPIDLE=60", "r:SO_RCVTIMEO=5:0", "a:SO_BINDTODEVICE=lo", "l:SO_LINGER=60"),
        *("x", "l:SO_KEEPALIVE", "x:SO_KEEPALIVE=1", "l:SO_KEEPALIVE=2", "l:so_keepalive=1"),
        *("l:TCP_NODELAY=x", "l:SO_RCVBUF=x", "SO_KEEPALIVE=1", ""),
    ),
    "local": ("127.0.0.1", "localhost", "no such host", ""),
    "transparent": ("none", "no", "source", "yes", "nonsense", ""),
    "setuid": ("root", "0", "nobody-at-all", ""),
    "setgid": ("root", "0", "nobody-at-all"),
    "service": ("renamed", "re named", ""),
    "exec": ("/bin/true",),
    "execArgs": ("true -v",),
    "protocol": ("proxy", "PROXY", "smtp", "connect", "nonsense", "none", ""),
    "protocolUsername": ("me",),
    "verify": ("0", "5", "-1", "x", "1"),
    "OCSPflag": ("NOVERIFY", "noverify", "NOTIME", "NOSIGS", "X"),
    "connect": ADDRESSES,
    "accept": ("127.0.0.1:@3", "localhost:@3", "@tmp/x.sock"),
    "config": (
        *("MinProtocol:TLSv1.2", "maxprotocol:TLSv1.3", "CipherString:HIGH", "Curves:P-256"),
        *("Groups:X25519:P-256", "SignatureAlgorithms:RSA+SHA256:RSA-PSS+SHA256"),
        *("Ciphersuites:TLS_AES_128_GCM_SHA256", "Options:-SessionTicket,ServerPreference"),
        *("Junk:1", "MinProtocol:TLSv9", "MinProtocol", "CipherString:NONSENSE", "Options:Junk"),
        *("VerifyMode:Require", "Protocol:ALL,-TLSv1", "CipherString=HIGH", "Groups:nonsense"),
        *("SignatureAlgorithms:nonsense", ""),
    ),
    "ticketKeySecret": (KEY16, "xy"),
    "engineNum": ("1",),
    "sessiond": ("127.0.0.1:@3",),
    "ident": ("bob",),
    "CAstore": ("file:/ca",),
    "CAengine": ("x",),
}

PROCESS = {
    "foreground": ("yes", "quiet", "no", "maybe"),
    "syslog": ("no", "x"),
    "debug": ("info", "local3.info", "daemon.7", "9", "x.info", "daemon.", "daemon.x"),
    "log": ("append", "OVERWRITE", "x", ""),
    "output": ("@tmp/x.log", "x.log"),
    "pid": ("", "@tmp/x.pid"),
    "service": ("x",),
    "setuid": ("nobody-at-all",),
    "setgid": ("nobody-at-all",),
    "chroot": ("/no/such/directory",),
    "fips": ("no", "yes", "x"),
    "compression": ("deflate", "x"),
    "EGD": ("/x",),
    "RNDfile": ("/x",),
    "RNDbytes": ("64", "x"),
    "RNDoverwrite": ("yes", "x"),
    "engine": ("dynamic", "nosuch"),
    "setEnv": ("A=B", "A"),
    "provider": ("legacy",),
    "taskbar": ("no", "yes"),
    "iconActive": ("x.ico",),
}

CHECKED = {
    "checkHost": ("a.example", "*.example", "a b", ""),
    "checkEmail": ("a@b.example", "junk", ""),
    "checkIP": ("10.0.0.1", "::1", "junk"),
    "OCSP": ("http://127.0.0.1:@3/", "https://127.0.0.1:@3/", "junk"),
    "OCSPaia": ("yes",),
    "OCSPrequire": ("no", "x"),
    "TIMEOUTocsp": ("5", "x"),
    "redirect": ADDRESSES[:1],
    "CRLfile": ("crl.pem", "nix.pem", "ca.pem", ""),
    "CRLpath": ("cas", "nix.d", ""),
    "CApath": ("cas", "nix.d", ""),
    "CAfile": ("ca.pem", "nix.pem", "server_key.pem", ""),
    "verifyPeer": ("yes",),
    "requireCert": ("yes",),
}

ASKING = {
    "sni": ("cloud.example", ""),
    "protocol": ("proxy", "nonsense", "imap"),
    "protocolAuthentication": ("basic", "ntlm", "x"),
    "protocolHost": ("cloud.example:443", "cloud.example"),
    "protocolHeader": ("X-A: 1", "X", ""),
    "protocolDomain": ("x",),
    "key": ("client_key.pem",),
    "cert": ("client_Cert.pem",),
    "PSKsecrets": ("psk", "nix", ""),
    "PSKidentity": ("ward",),
    "verifyChain": ("yes",),
    "verify": ("0", "1", "2", "3", "4"),
}


def cases() -> Iterator[Case]:
    """A case for each value, named after the option and the value."""
    for option, values in SERVICE.items():
        yield from (server(f"{option} = {value}", f"{option} = {value}") for value in values)
    for option, values in PROCESS.items():
        for value in values:
            yield process(f"{option} = {value}, before sections", f"{option} = {value}")
    for option, values in CHECKED.items():
        for value in values:
            name = f"{option} = {value}, verifying"
            yield server(name, *CHAIN.splitlines(), f"{option} = {value}")
    for option, values in ASKING.items():
        for value in values:
            yield client(f"{option} = {value}, client", f"{option} = {value}")


CASES = tuple(cases())
