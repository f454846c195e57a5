"""What is measured: each module drives one kind of load through every program in turn."""

from __future__ import annotations
