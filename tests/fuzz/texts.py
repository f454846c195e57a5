"""Seeds that are words: configurations, requests to the control socket, what is typed, HTTP."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from appliance.console.wire import Request, dumpRequest
from tests.config.memory import GUIDE, PASTED, client, section
from tests.fuzz import config, control, http, ssh
from tests.fuzz.sshtarget import KEYS, LINES, ONCE

CONFIGS: Final = {
    "guide": GUIDE,
    "pasted": PASTED,
    "byteOrderMark": "\ufeff" + section(),
    "client": client("verifyChain = yes", "CAfile = ca.pem", "checkHost = cloud.example"),
    "dicom": section(
        *("dicom = yes", "allowCallingAET = CT01,US*", "allowCalledAET = PACS", "policy = enforce"),
        *("route = WORKLIST:10.0.0.9:104", "rewriteCalledAET = PACS", "denySOPClass = print"),
    ),
    "health": section("healthCheck = echo", "healthInterval = 5", "failover = leastconn"),
    "limits": section(
        *("maxConnections = 100", "maxConnectionsPerClient = 3", "handshakeRate = 5:60"),
        *("neverBan = 10.0.0.0/8", "denyFrom = 10.1.2.3", "banAfter = 5/60", "banFor = 60"),
    ),
    "names": section("include = conf.d")
    + "[b]\nsni = DICOM STORE:*.example\nconnect = 1\ncert = Butterfly_SCP_Cert.pem\n",
    "process": "debug = daemon.debug\noutput = log\nworkers = 2\npid = pid\nsetuid = nobody\n"
    "audit = 192.0.2.1:6514\nauditProtocol = tls\nauditCAfile = ca.pem\n"
    "journal = journal\nstatus = 9176\n" + section(),
    "program": "[a]\naccept = 1\nclient = yes\nexec = cat\nexecArgs = cat -u\npty = no\n",
    "proxy": section(
        "protocol = proxy", "proxyProtocolAccept = yes", "proxyProtocolFrom = 10.0.0.1"
    ),
    "socket": section("socket = l:SO_LINGER=1:60", "socket = r:TCP_NODELAY=1", "TIMEOUTidle = 5"),
    "tls": section(
        *("sslVersionMin = TLSv1.2", "ciphers = ECDHE+AESGCM:!aNULL", "curves = X25519:P-256"),
        *("options = NO_TICKET", "options = -NO_RENEGOTIATION", "tlsProfile = bcp195"),
        *("verify = 2", "CApath = cas", "CRLfile = ca.pem", "OCSP = http://192.0.2.1/"),
        *("config = MinProtocol:TLSv1.2", "PSKsecrets = psk.txt", "session = 5"),
    ),
    "wrong": "[a\naccept\nconnect = = 1\nTIMEOUTidle = -1\nsslVersion = SSL\naccpet =\n[a]\n[a]\n",
}

COMMANDS: Final = (
    *(("status",), ("sections",), ("backends",), ("associations",), ("certs",), ("check",)),
    *(("show", "7"), ("close", "7"), ("drain", "DICOM STORE"), ("undrain", "all"), ("reload",)),
    *(("drain", "dicom", "dmwl", "192.168.1.100:105"), ("level", "debug", "DICOM STORE")),
    *(("journal", "3"), ("echo", "DICOM STORE"), ("help", "close"), ("upgrade",), ("bans",)),
    *(("unban", "10.0.0.5"), ("top",), ("stats",)),
)

CONTROL: Final = {
    "all": b"".join(dumpRequest(Request(name, tuple(more))) for name, *more in COMMANDS),
    "unknown": dumpRequest(Request("statsu")),
    "twice": dumpRequest(Request("status")) * 2,
    "version": json.dumps({"v": 2, "command": "status"}).encode() + b"\n",
    "array": b"[1]\n",
    "nested": b"[" * 999 + b"\n",
    "open": b'{"v":1,"command":"status","arguments":[',
    "empty": b"\n\n",
}

TYPED: Final = {
    "status": ONCE + b"status --json",
    "quoted": ONCE + b"drain 'DICOM STORE' 192.168.1.100:104",
    "quote": ONCE + b'drain "DICOM',
    "commands": LINES + b"".join(" ".join(words).encode() + b"\n" for words in COMMANDS),
    "left": LINES + b"status\nexit\nreload\n",
    "unfinished": LINES + b"help",
    "keys": KEYS + b"stat\t\rdrain D\t\x1b[A\x1b[A\x1b[D\x1b[3~x\x7f\x17\x15\x0b\x01\x05\x03\r",
    "wide": KEYS + "drain Röntgen \u5fc3\u81df\r".encode() + b"\xff\xc3\x28\x1b[\x1b]0;x\x07\x0c",
    "leaves": KEYS + b"exit\r",
    "ends": KEYS + b"\x04",
}

WEB: Final = {
    "page": b"GET / HTTP/1.1\r\nHost: a\r\nAccept: text/html\r\n\r\n",
    "json": b"GET /status.json HTTP/1.0\r\n\r\n",
    "metrics": b"GET /metrics HTTP/1.1\r\nAccept: application/openmetrics-text\r\n\r\n",
    "ready": b"HEAD /readyz/DICOM%20STORE?backends=1 HTTP/1.1\r\nHost: a\r\n\r\n",
    "body": b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
    "chunks": b"GET /healthz HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "both": b"GET / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "pipelined": b"GET /healthz HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    "expect": b"GET / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n",
    "expectNone": b"GET / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n",
    "folded": b"GET / HTTP/1.1\r\nX: a\r\n b\r\n\r\n",
    "binary": b"GET /metrics HTTP/1.1\r\nAccept: a\xff\r\nX\xff: \xff\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
    "long": b"GET /" + b"x" * 3000 + b" HTTP/1.1\r\n\r\n",
}


def encoded(texts: dict[str, str]) -> dict[str, bytes]:
    """C{texts} as they are in files."""
    return {name: text.encode() for name, text in texts.items()}


SEEDS: Final[tuple[tuple[Path, dict[str, bytes]], ...]] = (
    (config.CORPUS, encoded(CONFIGS)),
    (control.CORPUS, CONTROL),
    (ssh.CORPUS, TYPED),
    (http.CORPUS, WEB),
)
"""Each corpus, and what is in it at first."""
