"""Every call into pyOpenSSL's private binding, each with its reason; nothing else may make one.

pyOpenSSL keeps the cffi library as C{SSL._lib}. Calls that are missing in a supported release
(pyOpenSSL 25.0 on cryptography 43 to the newest) have a fallback or an honest refusal here.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, cast

from OpenSSL import SSL, crypto

_lib: Any = SSL._lib  # type: ignore[attr-defined]
_ffi: Any = SSL._ffi  # type: ignore[attr-defined]


class Scratch:
    """One buffer that every connection of the process decrypts into and encrypts from.

    The reactor runs one callback at a time, so what is in the buffer is used up before the next
    connection needs it; nobody may keep a view of it beyond the call that received it.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        store = bytearray(size)
        self.view = memoryview(store)
        self.address = _ffi.from_buffer("char[]", store)


class Outcome(Enum):
    """Why L{decrypt} stopped."""

    FULL = "full"
    """The scratch buffer has no room for another record; there may be more."""
    WANT = "want"
    """All that was received has been decrypted."""
    END = "end"
    """The peer sent close_notify."""


_RECORD = 16384


def decrypt(connection: SSL.Connection, scratch: Scratch) -> tuple[int, Outcome | SSL.Error]:
    """Decrypt what C{connection} holds into C{scratch}, one C{SSL_read} per record.

    C{Connection.recv} makes a bytes object per record, C{recv_into} copies each twice; this does
    neither. Returns the number of bytes and why it stopped; an error comes with the bytes that
    were good before it.
    """
    ssl = connection._ssl
    read = _lib.SSL_read
    address, size = scratch.address, scratch.size
    filled = 0
    while size - filled >= _RECORD:
        got = read(ssl, address + filled, size - filled)
        if got > 0:
            filled += got
            continue
        error = _lib.SSL_get_error(ssl, got)
        if error == _lib.SSL_ERROR_WANT_READ:
            return filled, Outcome.WANT
        if error == _lib.SSL_ERROR_ZERO_RETURN:
            return filled, Outcome.END
        try:
            connection._raise_ssl_error(ssl, got)
        except SSL.Error as problem:
            return filled, problem
        return filled, Outcome.WANT
    return filled, Outcome.FULL


def feed(connection: SSL.Connection, data: Any) -> None:
    """Hand C{connection} the ciphertext C{data} (any buffer) of its peer; never fails.

    C{Connection.bio_write} looks at what it is given and at what comes of it; memory takes all.
    """
    _lib.BIO_write(connection._into_ssl, _ffi.from_buffer(data), len(data))


def shakeHands(connection: SSL.Connection) -> bool:
    """Go on with the handshake; false while the peer has yet to say more. Raises L{SSL.Error}.

    C{Connection.do_handshake} raises an exception at each of these steps.
    """
    done = _lib.SSL_do_handshake(connection._ssl)
    return done > 0 or _wants(connection, done)


def encrypt(connection: SSL.Connection, data: Any) -> bool:
    """Encrypt C{data} (any buffer); false when a peer that renegotiates must be heard first.

    Raises L{SSL.Error}. C{Connection.send} does the same with twice the calls.
    """
    done = _lib.SSL_write(connection._ssl, _ffi.from_buffer(data), len(data))
    return done > 0 or _wants(connection, done)


def _wants(connection: SSL.Connection, outcome: int) -> bool:
    """False where OpenSSL waits for the peer; raises L{SSL.Error} for anything else."""
    if _lib.SSL_get_error(connection._ssl, outcome) != _lib.SSL_ERROR_WANT_READ:
        connection._raise_ssl_error(connection._ssl, outcome)
    return False


def drain(connection: SSL.Connection, scratch: Scratch) -> int:
    """Move ciphertext from C{connection} into C{scratch}; returns bytes, 0 when there is none.

    C{Connection.bio_read} allocates a buffer of the full size asked for and copies out of it.
    """
    got: int = _lib.BIO_read(connection._from_ssl, scratch.address, scratch.size)
    return got if got > 0 else 0


def tune(connection: SSL.Connection) -> None:
    """Let one C{send} encrypt all it is given, and an idle connection keep no buffers.

    pyOpenSSL asks for one record at a time (SSL_MODE_ENABLE_PARTIAL_WRITE), and OpenSSL by itself
    keeps 32 KiB of record buffers for each connection that has ever said anything.
    """
    _lib.SSL_clear_mode(connection._ssl, _lib.SSL_MODE_ENABLE_PARTIAL_WRITE)
    _lib.SSL_set_mode(connection._ssl, _lib.SSL_MODE_RELEASE_BUFFERS)


def wasResumed(connection: SSL.Connection) -> bool:
    """True when the handshake took up an earlier session; pyOpenSSL has no public call."""
    return bool(_lib.SSL_session_reused(connection._ssl))


def groupName(connection: SSL.Connection) -> str:
    """The negotiated group, C{"unknown"} where neither pyOpenSSL nor the binding has a call."""
    public = getattr(connection, "get_group_name", None)
    name = public() if public is not None else None
    return name if isinstance(name, str) and name else "unknown"


def setGroups(context: SSL.Context, groups: str | None) -> None:
    """Limit C{context} to the colon-separated C{groups} (option C{curves}).

    C{None} changes nothing. Raises C{ValueError} with words when the library knows no such group,
    or when this binding can set one group only (cryptography 43) and C{groups} has more.
    """
    if groups is None:
        return
    setter = getattr(_lib, "SSL_CTX_set1_curves_list", None)
    if setter is not None:
        accepted = setter(context._context, groups.encode("ascii", "replace")) == 1
        _lib.ERR_clear_error()
        if not accepted:
            raise ValueError(f"OpenSSL knows no such group in {groups!r}")
        return
    if ":" in groups:
        raise ValueError(
            f"{groups!r} lists several groups, and this cryptography release can set only one"
        )
    nids = {"P-256": "prime256v1", "P-384": "secp384r1", "P-521": "secp521r1"}
    name = nids.get(groups, groups)
    nid = _lib.OBJ_txt2nid(name.encode("ascii", "replace"))
    key = _lib.EC_KEY_new_by_curve_name(nid) if nid else _ffi.NULL
    _lib.ERR_clear_error()
    if key == _ffi.NULL:
        raise ValueError(f"OpenSSL knows no such group in {groups!r}, as a single one")
    _lib.SSL_CTX_set_tmp_ecdh(context._context, _ffi.gc(key, _lib.EC_KEY_free))


def setCiphersuites(context: SSL.Context, suites: str | None) -> None:
    """Set the TLS 1.3 suites (option C{ciphersuites}); public only from pyOpenSSL 26.

    C{None} changes nothing. Raises C{ValueError} when OpenSSL accepts none of them.
    """
    if suites is None:
        return
    accepted = _lib.SSL_CTX_set_ciphersuites(context._context, suites.encode("ascii", "replace"))
    _lib.ERR_clear_error()
    if accepted != 1:
        raise ValueError(f"OpenSSL accepts no TLS 1.3 suite in {suites!r}")


def setSignatureAlgorithms(context: SSL.Context, algorithms: str | None) -> None:
    """Limit C{context} to the colon-separated signature C{algorithms}; there is no public call.

    C{None} changes nothing. Raises C{ValueError} with words when the library knows no such
    algorithm, or when this binding has no call for it.
    """
    if algorithms is None:
        return
    setter = _call("SSL_CTX_set1_sigalgs_list", "signature algorithms cannot be chosen")
    accepted = setter(context._context, algorithms.encode("ascii", "replace"))
    _lib.ERR_clear_error()
    if accepted != 1:
        raise ValueError(f"OpenSSL knows no such signature algorithm in {algorithms!r}")


def setDH(context: SSL.Context, parameters: bytes) -> None:
    """Let a server's C{context} use the PEM encoded C{parameters} of DHE (PKCS #3).

    pyOpenSSL reads them from a file only. Where the binding lacks the calls, as it may once nobody
    has DHE any more, nothing is changed. Raises C{ValueError} when OpenSSL refuses them.
    """
    setter = getattr(_lib, "SSL_CTX_set_tmp_dh", None)
    reader = getattr(_lib, "PEM_read_bio_DHparams", None)
    if setter is None or reader is None:
        return
    bio = _ffi.gc(_lib.BIO_new_mem_buf(parameters, len(parameters)), _lib.BIO_free)
    found = reader(bio, _ffi.NULL, _ffi.NULL, _ffi.NULL)
    accepted = found != _ffi.NULL and setter(context._context, _ffi.gc(found, _lib.DH_free)) == 1
    _lib.ERR_clear_error()
    if not accepted:
        raise ValueError("OpenSSL refuses the Diffie-Hellman parameters")


def _call(name: str, otherwise: str) -> Any:
    """The library's function C{name}; raises C{ValueError} with words where a release lacks it."""
    function = getattr(_lib, name, None)
    if function is None:
        raise ValueError(f"{otherwise} with this release of cryptography, which lacks {name}")
    return function


Verifier = Callable[[SSL.Connection, crypto.X509, int, int], int]
"""C{(connection, certificate, error, depth) -> error}: 0 accepts, any other X509 error rejects."""


def setVerifier(
    context: SSL.Context, mode: int, verifier: Verifier, forgives: bool = False
) -> None:
    """Ask for the peer's certificate and let C{verifier} judge each one of its chain.

    pyOpenSSL's own wrapper cannot set the error of a rejection, so the peer would hear
    C{internal_error} where OpenSSL itself says C{unknown_ca} or C{certificate_expired}; and it
    forgets the error of a certificate that is let through. With C{forgives} a rejection does not
    end the handshake; its error stays with the session, see L{verifyResult}. An exception in
    C{verifier} does end it, and is logged by cffi's error hook.
    """

    def judge(ok: int, store: Any) -> int:
        x509 = _lib.X509_STORE_CTX_get_current_cert(store)
        _lib.X509_up_ref(x509)
        certificate = crypto.X509._from_raw_x509_ptr(x509)
        index = _lib.SSL_get_ex_data_X509_STORE_CTX_idx()
        ssl = _lib.X509_STORE_CTX_get_ex_data(store, index)
        connection = SSL.Connection._reverse_mapping[ssl]
        # OpenSSL leaves an earlier error in place when it comes to a certificate that is good.
        error = 0 if ok else _lib.X509_STORE_CTX_get_error(store)
        verdict = verifier(
            connection, certificate, error, _lib.X509_STORE_CTX_get_error_depth(store)
        )
        _lib.X509_STORE_CTX_set_error(store, verdict)
        return int(verdict == 0 or forgives)

    callback = _ffi.callback("int (*)(int, X509_STORE_CTX *)", judge, error=0)
    # pyOpenSSL's own slot for it: the context and its connections keep the callback alive.
    context._verify_callback = callback
    _lib.SSL_CTX_set_verify(context._context, mode, callback)


def verifyErrorText(error: int) -> str:
    """OpenSSL's own words for an X509 verification error."""
    text = _lib.X509_verify_cert_error_string(error)
    return cast(bytes, _ffi.string(text)).decode("ascii", "replace")


def verifyResult(connection: SSL.Connection) -> int:
    """The X509 error that the peer's chain ended with, 0 for none; there is no public call.

    OpenSSL keeps it in the session, in a ticket too, so that it holds when that is resumed. It
    is also 0 where the peer showed no certificate at all.
    """
    return cast(int, _lib.SSL_get_verify_result(connection._ssl))


FindKey = Callable[[SSL.Connection, bytes], bytes | None]
"""C{(connection, identity) -> key}: C{None} when there is no such identity."""


def setPSKServer(context: SSL.Context, find: FindKey) -> None:
    """Serve clients that have a pre-shared key (RFC 4279, RFC 8446 2.2); no public call.

    With TLS 1.3 OpenSSL asks for every identity a client offers, and tickets of ours look like
    identities to it. Those with a NUL in them are none: here they would end at that. Raises
    C{ValueError} with words where the binding lacks it.
    """
    setter = _call("SSL_CTX_set_psk_server_callback", "pre-shared keys cannot be used")
    whole: bytes | None = None

    def look(_ssl: Any, identity: Any, size: int, session: Any) -> int:
        # Called for the same identity just before the other, and with TLS 1.3 alone.
        nonlocal whole
        whole = bytes(_ffi.buffer(identity, size))
        session[0] = _ffi.NULL
        return 1

    def answer(ssl: Any, identity: Any, buffer: Any, size: int) -> int:
        nonlocal whole
        text, asked, whole = _ffi.string(identity), whole, None
        if asked is not None and asked != text:
            return 0
        key = find(SSL.Connection._reverse_mapping[ssl], text)
        if key is None or len(key) > size:
            return 0
        _ffi.memmove(buffer, key, len(key))
        return len(key)

    _keep(
        context,
        setter,
        "unsigned int (*)(SSL *, const char *, unsigned char *, unsigned int)",
        answer,
    )
    _keep(
        context,
        _call("SSL_CTX_set_psk_find_session_callback", "pre-shared keys cannot be used"),
        "int (*)(SSL *, const unsigned char *, size_t, SSL_SESSION **)",
        look,
    )


def setPSKClient(
    context: SSL.Context, identity: bytes, key: bytes, offered: Callable[[SSL.Connection], None]
) -> None:
    """Offer a server the pre-shared C{key} under its C{identity}; there is no public call.

    C{offered} hears of each connection that does. Raises C{ValueError} with words where the
    binding lacks it.
    """
    setter = _call("SSL_CTX_set_psk_client_callback", "pre-shared keys cannot be used")
    name = identity + b"\0"

    def offer(ssl: Any, _hint: Any, who: Any, whoSize: int, buffer: Any, size: int) -> int:
        if len(name) > whoSize or len(key) > size:
            return 0
        offered(SSL.Connection._reverse_mapping[ssl])
        _ffi.memmove(who, name, len(name))
        _ffi.memmove(buffer, key, len(key))
        return len(key)

    _keep(
        context,
        setter,
        "unsigned int (*)(SSL *, const char *, char *, unsigned int, unsigned char *,"
        " unsigned int)",
        offer,
    )


def _keep(context: SSL.Context, setter: Any, kind: str, function: Callable[..., int]) -> None:
    callback = _ffi.callback(kind, function, error=0)
    # Every connection keeps its context alive, and with it the callback that OpenSSL points to.
    kept = context.__dict__.setdefault("_butterflyPSK", [])
    kept.append(callback)
    setter(context._context, callback)
