"""The names of stunnel's options: what is not here is an option of our own.

Source: the manual of stunnel 5.75, with the names that Windows alone has. Older names, which are
aliases in the table, and what the options mean are not here.
"""

from __future__ import annotations

from typing import Final

_PROCESS: Final = """
foreground syslog debug output log pid setuid setgid chroot service include fips compression engine
engineCtrl engineDefault provider providerParameter setEnv EGD RNDbytes RNDfile RNDoverwrite
iconActive iconError iconIdle taskbar
"""
_CONNECTIONS: Final = """
accept connect client failover delay retry exec execArgs pty local transparent socket protocol
protocolAuthentication protocolDomain protocolHeader protocolHost protocolPassword protocolUsername
redirect sni ident libwrap reset logId stack TIMEOUTbusy TIMEOUTconnect TIMEOUTidle TIMEOUTclose
"""
_TLS: Final = """
cert key CAfile CApath CAstore CAengine CRLfile CRLpath verifyChain verifyPeer verify requireCert
checkHost checkEmail checkIP OCSP OCSPaia OCSPflag OCSPnonce OCSPrequire TIMEOUTocsp PSKsecrets
PSKidentity sslVersion sslVersionMin sslVersionMax ciphers ciphersuites curves securityLevel options
config renegotiation sessionResume sessionCacheSize sessionCacheTimeout sessiond ticketKeySecret
ticketMacSecret engineId engineNum
"""

NAMES: Final = frozenset((_PROCESS + _CONNECTIONS + _TLS).split())
