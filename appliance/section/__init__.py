"""One C{[section]} at work."""

from appliance.section.section import Section
from appliance.section.settings import Settings, serverName, settingsFor

__all__ = ["Section", "Settings", "serverName", "settingsFor"]
