"""When a certificate that is going to expire is worth a word.

By itself, since C{butterfly-tls probe}, which some run every other second, loads nothing else.
"""

from __future__ import annotations

from typing import Final

EXPIRES_SOON: Final = 21
"""Days before its end at which a certificate is to be renewed."""
