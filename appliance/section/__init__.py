"""One C{[section]} at work."""

from appliance.section.section import Section
from appliance.section.settings import Settings, settingsFor

__all__ = ["Section", "Settings", "settingsFor"]
