"""Cases about options together: endpoints, verification, names, files, protocols."""

from __future__ import annotations

from tests.differential.case import CHAIN, ENDS, PAIR, bare, client, server, two

ACCEPT, CONNECT = ENDS.splitlines()
SLAVE = (CONNECT, *PAIR.splitlines())
WEAK = ("cert = weak_Cert.pem", "key = weak_key.pem")
TICKET = "00112233445566778899aabbccddeeff"
GATE = ("protocol = connect", "protocolHost = cloud.example:443")

CASES = (
    # Endpoints.
    bare("accept alone", f"{ACCEPT}\n{PAIR}"),
    bare("connect alone", f"{CONNECT}\n{PAIR}"),
    bare("no endpoint", PAIR),
    server("connect and exec", "exec = /bin/true"),
    bare("accept and exec", f"{ACCEPT}\n{PAIR}", "exec = /bin/true", "execArgs = true -v"),
    bare("accept and a program on PATH", f"{ACCEPT}\n{PAIR}", "exec = true"),
    bare("accept and a missing program", f"{ACCEPT}\n{PAIR}", "exec = /no/such/program"),
    bare("accept and no program", f"{ACCEPT}\n{PAIR}", "exec ="),
    bare("exec and connect", f"{CONNECT}\n{PAIR}", "exec = /bin/true", "retry = yes"),
    bare("exec and connect, client", f"client = yes\n{CONNECT}\n", "exec = /bin/true"),
    bare("exec alone", PAIR, "exec = /bin/true"),
    server("several connects", "connect = 127.0.0.1:@3", "connect = localhost:@4", "failover = rr"),
    server("unix sockets", "connect = /run/pacs.sock"),
    bare("transparent destination", f"{ACCEPT}\n{PAIR}", "transparent = destination"),
    server("transparent both", "transparent = both"),
    # Names of servers.
    two("slave", "sni = a:b.example", *SLAVE),
    two("slave of a wildcard", "sni = a:*.example", *SLAVE),
    two("slave with a port", "sni = a:b.example", "accept = 127.0.0.1:@3", *SLAVE),
    two("slave with a port and no target", "sni = a:b", "accept = 127.0.0.1:@3", *SLAVE[1:]),
    two("slave without colon", "sni = a", *SLAVE),
    two("slave without anything", "sni =", *SLAVE),
    two("slave of nobody", "sni = c:b.example", *SLAVE),
    two("slave of another case", "sni = A:b.example", *SLAVE),
    two("slave of a client", "sni = a:b.example", *SLAVE, first="client = yes\n" + ENDS),
    two("slave of two, the second one right", "sni = c:b", "sni = a:b", *SLAVE),
    two("slave with an odd pattern", "sni = a:b.*.example", *SLAVE),
    two("slave without pattern", "sni = a:", *SLAVE),
    two("slave with exec", "sni = a:b.example", "exec = /bin/true", *SLAVE[1:]),
    two("client slave", "sni = a:b.example", "client = yes", CONNECT),
    two("slave of a slave", *("sni = a:b", *SLAVE, "[c]", "sni = b:c", *SLAVE)),
    server("slave of itself", "sni = a:b.example"),
    two("slave before its primary", ACCEPT, *SLAVE, first=f"sni = b:x\n{CONNECT}\n{PAIR}"),
    two("slave by a renamed section", "sni = x:b", *SLAVE, first=f"service = x\n{ENDS}{PAIR}"),
    two("slave by its old name", "sni = a:b", *SLAVE, first=f"service = x\n{ENDS}{PAIR}"),
    # Certificates and keys.
    bare("no certificate", ENDS),
    bare("empty certificate", ENDS, "cert ="),
    bare("missing certificate", ENDS, "cert = nix.pem"),
    bare("missing key", ENDS, "cert = server_Cert.pem", "key = nix.pem"),
    bare("key of another", ENDS, "cert = server_Cert.pem", "key = client_key.pem"),
    bare("key for a certificate", ENDS, "cert = server_key.pem", "key = server_Cert.pem"),
    bare("certificate without key", ENDS, "cert = server_Cert.pem"),
    bare("both in one file", ENDS, "cert = both.pem"),
    bare("PKCS#12", ENDS, "cert = server.p12"),
    bare("DER", ENDS, "cert = server.der", "key = server_key.pem"),
    bare("encrypted key", ENDS, "cert = server_Cert.pem", "key = encrypted.pem"),
    bare("short key", ENDS, *WEAK),
    bare("short key, low level", ENDS, "securityLevel = 1", *WEAK),
    bare("expired certificate", ENDS, "cert = old_Cert.pem", "key = old_key.pem"),
    bare("a directory for a certificate", ENDS, "cert = cas"),
    bare("key in a token", ENDS, "cert = server_Cert.pem", "key = pkcs11:token=x"),
    server("high level for the key", "securityLevel = 4"),
    # Pre-shared keys.
    bare("shared keys", ENDS, "ciphers = PSK", "PSKsecrets = psk"),
    bare("shared keys and a name", ENDS, "PSKsecrets = psk", "PSKidentity = ward"),
    bare("missing shared keys", ENDS, "PSKsecrets = nix"),
    bare("shared key too short", ENDS, "PSKsecrets = pskshort"),
    bare("shared keys without names", ENDS, "PSKsecrets = pskjunk"),
    bare("no shared keys", ENDS, "PSKsecrets = /dev/null"),
    client("shared keys, client", "PSKsecrets = psk"),
    client("shared key of an unknown name", "PSKsecrets = psk", "PSKidentity = nobody"),
    # Verification.
    server("chain without authorities", "verifyChain = yes"),
    server("peer without authorities", "verifyPeer = yes"),
    *(server(f"level {level} without authorities", f"verify = {level}") for level in range(5)),
    *(server(f"level {n} with authorities", f"verify = {n}", "CAfile = ca.pem") for n in range(5)),
    server("chain with a directory", "verifyChain = yes", "CApath = cas"),
    server("chain with both", *CHAIN.splitlines(), "CApath = cas"),
    server("chain with an empty directory", "verifyChain = yes", "CApath = empty.d"),
    server("authorities without verification", "CAfile = ca.pem"),
    server("missing authorities without verification", "CAfile = nix.pem"),
    server("empty authorities", "verifyChain = yes", "CAfile = /dev/null"),
    server("authorities taken back", "CAfile = ca.pem", "CAfile =", "verifyChain = yes"),
    server(
        "level and then no chain",
        "CAfile = ca.pem",
        "verify = 2",
        "verifyChain = no",
        "checkHost = a",
    ),
    server("host without verification", "checkHost = a.example"),
    server("address without verification", "checkIP = 10.0.0.1"),
    server("e-mail without verification", "checkEmail = a@b.example"),
    server("host with the peer", "verifyPeer = yes", "CAfile = ca.pem", "checkHost = a.example"),
    server("host with level 1", "verify = 1", "CAfile = ca.pem", "checkHost = a.example"),
    server("revocation without verification", "CRLfile = crl.pem"),
    server("missing revocation without verification", "CRLfile = nix.pem"),
    server("OCSP without verification", "OCSP = http://127.0.0.1:@3/"),
    server("OCSP of what certificates name, without verification", "OCSPaia = yes"),
    server("OCSP with the peer alone", "verifyPeer = yes", "CAfile = ca.pem", "OCSPaia = yes"),
    server("redirect without verification", "redirect = 127.0.0.1:@3"),
    server("redirect with level 1", "verify = 1", "CAfile = ca.pem", "redirect = 127.0.0.1:@3"),
    client("redirect, client", *CHAIN.splitlines(), "redirect = 127.0.0.1:@3"),
    client("verifying client", *CHAIN.splitlines(), "checkHost = a.example", "checkIP = ::1"),
    # Versions and protocols.
    server("versions the wrong way round", "sslVersionMin = TLSv1.3", "sslVersionMax = TLSv1.2"),
    server("no version left", "sslVersion = TLSv1.2", "options = NO_TLSv1_2"),
    server("old versions", "sslVersion = TLSv1", "securityLevel = 0"),
    server("one ticket key", f"ticketKeySecret = {TICKET}"),
    server("both ticket keys", f"ticketKeySecret = {TICKET}", f"ticketMacSecret = {TICKET}"),
    server(
        "long ticket keys", f"ticketKeySecret = {TICKET * 2}", f"ticketMacSecret = {TICKET * 2}"
    ),
    server("short ticket key", "ticketKeySecret = 0011", f"ticketMacSecret = {TICKET}"),
    client("web proxy", *GATE),
    client("web proxy with a password", *GATE, "protocolUsername = a", "protocolPassword = b"),
    client("web proxy with NTLM", *GATE, "protocolAuthentication = ntlm", "protocolDomain = x"),
    client("web proxy to nowhere", "protocol = connect"),
    server("web proxy of a server", *GATE),
    bare("SOCKS server", f"{ACCEPT}\n{PAIR}", "protocol = socks"),
    server(
        "PROXY with redirect", *CHAIN.splitlines(), "protocol = proxy", "redirect = 127.0.0.1:@3"
    ),
    # Whole files.
    server(
        "everything that a hospital writes",
        *CHAIN.splitlines(),
        *("sslVersion = TLSv1.2", "ciphers = ECDHE+AESGCM", "options = NO_TICKET"),
        *("TIMEOUTidle = 3600", "TIMEOUTclose = 0", "socket = l:SO_KEEPALIVE=1", "retry = no"),
        *("connect = 127.0.0.1:@3", "failover = prio", "requireCert = yes", "debug = 5"),
    ),
)
