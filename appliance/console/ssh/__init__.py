"""The console by SSH (RFC 4251 to 4254), on Twisted's conch: keys only, modern algorithms only."""

import warnings

with warnings.catch_warnings():
    # Twisted 24.11 names a cipher, which we do not offer, in a way that is deprecated.
    warnings.simplefilter("ignore")
    import twisted.conch.ssh.transport  # noqa: F401
