"""Puts the keepers of records together as the configuration asks: the journal, the audit trail."""

from appliance.recording.collector import auditProblems
from appliance.recording.records import Owner, Records, recordsFor

__all__ = ["Owner", "Records", "auditProblems", "recordsFor"]
