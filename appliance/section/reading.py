"""Reads a configuration, and when it cannot be used lets OpenSSL have its say as well.

What OpenSSL thinks of ciphers or groups does not depend on what else is wrong, so that people hear
of everything in one go. Nothing here opens a certificate or a key.
"""

from __future__ import annotations

from itertools import chain

from appliance.config import build
from appliance.config.model import Config, ConfigError
from appliance.tls.profiles import objections


def load(path: str, overlay: str | None = None) -> Config:
    """The configuration in the file at C{path}, with C{overlay} laid over it.

    As with twistd's C{--pidfile=}, an empty name is no overlay: a unit has a place for one.
    Raises L{ConfigError} with all problems.
    """
    try:
        return build.load(path, overlay=overlay or None)
    except ConfigError as error:
        more = (objections(each.name, each.where, each.tls) for each in error.sections)
        raise ConfigError((*error.problems, *chain.from_iterable(more))) from None
