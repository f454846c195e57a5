"""Frozen values as JSON and back: what the supervisor and its workers say to each other.

Only the classes of L{appliance.events} and L{appliance.config.model} can come out of a message,
never code, and what does not fit is refused. It knows nothing of sockets.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from enum import Enum
from types import ModuleType
from typing import Any, Final

import attrs

from appliance import events
from appliance.config import model

CLASS: Final = "_"
BYTES: Final = "_bytes"

MAX_MESSAGE: Final = 16 * 1024 * 1024
"""Bytes of one message: a configuration of a thousand sections has about two million."""


class CodecError(ValueError):
    """A message that nobody of ours can have sent."""


def _classes(module: ModuleType) -> Iterator[tuple[str, type]]:
    for name, each in vars(module).items():
        if isinstance(each, type) and (attrs.has(each) or issubclass(each, Enum)):
            yield name, each


_KNOWN: Final[dict[str, type]] = dict([*_classes(events), *_classes(model)])


def dump(value: Any) -> bytes:
    """C{value} (frozen values, enums, tuples, dicts, bytes and what JSON has) as one message."""
    return json.dumps(_plain(value), separators=(",", ":")).encode()


def load(message: bytes) -> Any:
    """The value in C{message}; lists come back as tuples. Raises L{CodecError}."""
    try:
        return _value(json.loads(message))
    except (ValueError, TypeError, KeyError) as error:
        raise CodecError(str(error)) from None


def _plain(value: Any) -> Any:
    # Enums first: an IntEnum is an int too.
    if isinstance(value, Enum):
        return {CLASS: type(value).__name__, "name": value.name}
    if isinstance(value, bytes):
        return {BYTES: b64encode(value).decode("ascii")}
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if attrs.has(type(value)):
        fields = {f.name: _plain(getattr(value, f.name)) for f in attrs.fields(type(value))}
        return {CLASS: type(value).__name__, **fields}
    return value


def _value(plain: Any) -> Any:
    if isinstance(plain, list):
        return tuple(_value(each) for each in plain)
    if not isinstance(plain, dict):
        return plain
    if BYTES in plain:
        return b64decode(plain[BYTES], validate=True)
    fields = {key: _value(each) for key, each in plain.items() if key != CLASS}
    if CLASS not in plain:
        return fields
    kind = _KNOWN[plain[CLASS]]
    return kind[fields["name"]] if issubclass(kind, Enum) else kind(**fields)
