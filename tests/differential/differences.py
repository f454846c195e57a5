"""Where we deliberately differ from Debian's stunnel 5.68 over whether to start, and why.

The documentation's page on differences is made from this table, and the differential test holds
both programs to it.
"""

from __future__ import annotations

from typing import Final

from attrs import frozen


@frozen
class Difference:
    """One kind of configuration file, what we do about it, and the cases that show it."""

    what: str
    accepted: bool
    why: str
    cases: tuple[str, ...]


NEWER = "stunnel 5.75 has this too; Debian's 5.68 is older."
GONE_PROTOCOLS = "Both sides would talk in the clear first. DICOM begins with TLS."

NEWER_WORDS: Final = (
    *("CAstore", "The configured protocol is not supported", "Illegal retry delay"),
    *("Illegal OCSP connect timeout", '"OCSPrequire = x": The argument needs'),
)
"""Parts of messages that stunnel 5.75 words like this, and Debian's 5.68 does not have."""

OTHER_WORDS: Final = {
    "byte order mark in the middle": "it is made visible",
    "UTF-16": "what it is counts for more than where the first line ends",
    "ticketKeySecret = xy": "a secret is not repeated",
    "short ticket key": "a secret is not repeated",
    "include of a bad file": "the path of the file is whole",
    "include of globals in a section": "the path of the file is whole",
    "fips = yes, before sections": "stunnel tells it once OpenSSL has failed",
    "fips = x, before sections": "it is told as what it asks for",
    "compression = deflate, before sections": "stunnel tells it once OpenSSL has failed",
    "debug = daemon., before sections": "stunnel's own log has no level to tell it at",
}
"""Cases that both refuse, in other words, and why."""

DIFFERENCES: Final = (
    # --- we start, Debian's stunnel does not --------------------------------------------------
    Difference(
        "`retry` in milliseconds",
        True,
        NEWER,
        ("retry = 500",),
    ),
    Difference(
        "`OCSPrequire`, `TIMEOUTocsp`, `setEnv`",
        True,
        NEWER,
        (
            "OCSPrequire = no, verifying",
            "TIMEOUTocsp = 5, verifying",
            "setEnv = A=B, before sections",
        ),
    ),
    Difference("a certificate in a DER file", True, NEWER, ("DER",)),
    Difference(
        "Windows' own options, such as `taskbar` and the icons",
        True,
        "A file that was written on Windows works here; a warning says that they do nothing.",
        (
            "taskbar = no, before sections",
            "taskbar = yes, before sections",
            "iconActive = x.ico, before sections",
        ),
    ),
    Difference(
        "`options = NO_TLSv1.1`, with a dot",
        True,
        "It can only mean `NO_TLSv1_1`.",
        ("options = NO_TLSv1.1",),
    ),
    Difference(
        "a section with `sni` before the section it serves names of",
        True,
        "The order of sections means nothing.",
        ("slave before its primary",),
    ),
    Difference(
        "`CApath` alone, with nothing in it yet",
        True,
        "The directory is looked into when a peer comes, and may be filled by then.",
        ("chain with an empty directory",),
    ),
    Difference(
        "`verify = 2` and `verifyChain = no` in one section",
        True,
        "The stricter of the two holds, in whatever order they stand.",
        ("level and then no chain",),
    ),
    # --- stunnel starts, we do not ------------------------------------------------------------
    Difference(
        "two sections of one name",
        False,
        "Names tell sections apart in the log and on a reload. `butterfly-tls stunnel` takes them.",
        ("two sections of one name",),
    ),
    Difference(
        "a file without sections, for inetd",
        False,
        "A daemon has no connection to begin with. `butterfly-tls stunnel` serves it.",
        ("inetd", "inetd with exec"),
    ),
    Difference(
        "a section without a name, `[]`",
        False,
        "Nobody could tell in the log which one it is.",
        ("header without name", "service = "),
    ),
    Difference(
        "one port twice in a section",
        False,
        "The second one could never be had; stunnel starts without it.",
        ("one port twice in a section",),
    ),
    Difference(
        "a section that connects to its own port",
        False,
        "The first connection would call itself until nothing is left.",
        ("connects to itself",),
    ),
    Difference(
        "times below nought",
        False,
        "No time is negative; stunnel takes them without a word.",
        (
            *("TIMEOUTidle = -1", "TIMEOUTbusy = -1", "TIMEOUTconnect = -1", "TIMEOUTclose = -1"),
            "session = -5",
        ),
    ),
    Difference(
        "`sslVersion = SSLv3`",
        False,
        "OpenSSL has no SSLv3 any more; stunnel starts, and turns everybody away.",
        ("sslVersion = SSLv3", "sslVersionMin = SSLv3"),
    ),
    Difference(
        "a version that `options` takes away again",
        False,
        "No version of TLS is left to speak.",
        ("no version left",),
    ),
    Difference(
        "`SO_LINGER` with one number",
        False,
        "It may be meant as on or as seconds. Written in full it is taken.",
        ("socket = l:SO_LINGER=60",),
    ),
    Difference(
        "addresses without a port that can be used",
        False,
        "Ports end at 65535 and names of services must be known; stunnel takes the rest of a "
        "division, or starts and connects nobody.",
        (
            *("connect = localhost", "connect = 127.0.0.1:nosuch", "connect = 70000"),
            *("connect = 0", "connect = ", "connect = a b:104"),
        ),
    ),
    Difference(
        "protocols that talk before TLS: `smtp`, `imap`, `socks` and the like",
        False,
        GONE_PROTOCOLS,
        ("protocol = smtp", "protocol = imap, client", "SOCKS server"),
    ),
    Difference(
        "`protocol = connect` in a server section",
        False,
        "Whoever comes in could name any host to be connected to.",
        ("protocol = connect", "web proxy of a server"),
    ),
    Difference(
        "`protocol = connect` without `protocolHost`",
        False,
        "The web proxy would not know where to connect to.",
        ("web proxy to nowhere",),
    ),
    Difference(
        "`protocolAuthentication` other than `basic`",
        False,
        "NTLM no longer protects a password; other words mean nothing to a web proxy.",
        (
            *("protocolAuthentication = ntlm, client", "protocolAuthentication = x, client"),
            "web proxy with NTLM",
        ),
    ),
    Difference(
        "`protocolHost` without port, `protocolHeader` without colon",
        False,
        "A web proxy could not read them.",
        (
            *("protocolHost = cloud.example, client", "protocolHeader = X, client"),
            "protocolHeader = , client",
        ),
    ),
    Difference(
        "`OCSPflag` with flags that trust more than asked",
        False,
        "With `NOSIGS` anybody could say that a certificate is good.",
        ("OCSPflag = NOSIGS",),
    ),
    Difference(
        "`OCSP` or `OCSPaia` without `verifyChain`",
        False,
        "stunnel 5.75 refuses it too: nothing was asked of a certificate that nobody verified.",
        (
            *("OCSP without verification", "OCSP with the peer alone"),
            "OCSP of what certificates name, without verification",
        ),
    ),
    Difference(
        "an `OCSP` address that is not `http://`",
        False,
        "There would be nobody to ask.",
        ("OCSP = https://127.0.0.1:@3/, verifying", "OCSP = junk, verifying"),
    ),
    Difference(
        "`checkHost`, `checkEmail`, `checkIP` with what can never fit",
        False,
        "No certificate has such a name.",
        (
            *("checkHost = a b, verifying", "checkHost = , verifying"),
            *("checkEmail = , verifying", "checkIP = junk, verifying"),
        ),
    ),
    Difference(
        "files and directories that are not there",
        False,
        "stunnel goes on without a `CApath` or `CRLpath`, and looks for a `CAfile` only where "
        "something is verified; a slip would pass unseen.",
        (
            *("CRLpath = nix.d, verifying", "CApath = nix.d, verifying"),
            "missing authorities without verification",
        ),
    ),
    Difference(
        "an expired certificate of our own",
        False,
        "Peers would turn it away one by one.",
        ("expired certificate",),
    ),
    Difference(
        "`exec` without a program",
        False,
        "Every connection would fail.",
        ("accept and no program",),
    ),
    Difference(
        "`sni` beside `accept` without anywhere to go",
        False,
        "stunnel counts two endpoints, though both are for coming in.",
        ("slave with a port and no target",),
    ),
    Difference(
        "`sni` with a section that is itself without a port",
        False,
        "Nobody can ask that section for a name.",
        ("slave of a slave",),
    ),
    Difference(
        "`config` with other commands than those of ours",
        False,
        "They reach what the appliance decides itself, such as who is verified.",
        ("config = VerifyMode:Require", "config = Protocol:ALL,-TLSv1"),
    ),
    Difference(
        "`transparent = destination`",
        False,
        "Connections go where `connect` says, which a PACS needs.",
        ("transparent destination",),
    ),
    Difference(
        "`libwrap = yes`, `ident`",
        False,
        "Who may connect is not looked up there, and going on would let everybody in.",
        ("libwrap = yes", "ident = bob"),
    ),
    Difference(
        "`pty = yes`",
        False,
        "Programs get no terminal.",
        ("pty = yes",),
    ),
    Difference(
        "engines: `engine`, `CAengine`",
        False,
        "OpenSSL has dropped them, and with them would go the keys or the trust they hold.",
        ("engine = dynamic, before sections", "CAengine = x"),
    ),
)
