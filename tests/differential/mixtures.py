"""Cases of many options at once, drawn from what is right; some with one line that is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from tests.differential.case import CHAIN, ENDS, PAIR, Case, bare

RIGHT = (
    *("TIMEOUTidle = 60", "TIMEOUTbusy = 30", "TIMEOUTclose = 0", "TIMEOUTconnect = 5"),
    *("sslVersionMin = TLSv1.2", "sslVersionMax = TLSv1.3", "ciphers = HIGH:!aNULL"),
    *("ciphersuites = TLS_AES_128_GCM_SHA256", "curves = P-256:X25519", "securityLevel = 2"),
    *("options = NO_TICKET", "options = -NO_COMPRESSION", "config = Groups:P-256"),
    *("failover = rr", "delay = no", "reset = no", "logId = unique", "debug = info"),
    *("socket = l:SO_KEEPALIVE=1", "socket = r:TCP_KEEPIDLE=60", "socket = l:TCP_NODELAY=1"),
    *("sessionResume = no", "sessionCacheTimeout = 60", "sessionCacheSize = 10", "stack = 65536"),
    *("connect = 127.0.0.1:@3", "connect = localhost:@4", "local = 127.0.0.1", "retry = no"),
    *("requireCert = yes", "transparent = none", "libwrap = no", "include = empty.d"),
)
VERIFYING = (
    *("checkHost = a.example", "checkIP = 127.0.0.1", "checkEmail = a@b.example"),
    *("CRLfile = crl.pem", "CApath = cas", "OCSPnonce = no"),
)
WRONG = (
    *("TIMEOUTidle = soon", "sslVersion = TLSv1.4", "ciphers = NONSENSE", "curves = nonsense"),
    *("options = NONSENSE", "config = Nonsense:1", "failover = both", "client = perhaps"),
    *("socket = l:NONSENSE=1", "debug = 8", "verify = 7", "key = client_key.pem", "cert = nix.pem"),
    *("foo = bar", "nonsense", "[b]", "pid = /x", "logId = x", "exec = /bin/true", "protocol = x"),
    *("sni = nobody:x", "include = nix.d", "CRLfile = nix.pem", "securityLevel = 7"),
)


def cases(count: int, seed: int) -> Iterator[Case]:
    """C{count} cases, the same for the same C{seed}."""
    random = Random(seed)  # noqa: S311
    for number in range(count):
        lines = random.sample(RIGHT, random.randint(2, 10))
        verifying = random.random() < 0.5
        if verifying:
            lines += random.sample(VERIFYING, random.randint(0, 4))
        wrong = ""
        if random.random() < 0.6:
            wrong = random.choice(WRONG)
            lines.append(wrong)
        random.shuffle(lines)
        begin = ENDS + PAIR + (CHAIN if verifying else "")
        name = f"mixture {number}" + (f" with {wrong}" if wrong else "")
        yield bare(name, begin, *lines)


CASES = tuple(cases(80, seed=20260101))
