"""Butterfly-TLS: a DICOM-TLS appliance in front of a PACS that speaks no TLS."""

__version__ = "0.1.0"
