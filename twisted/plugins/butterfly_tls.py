"""The twistd plugin; it only names the module that does the work."""

from twisted.application.service import ServiceMaker

butterflyTLS = ServiceMaker(
    "Butterfly-TLS",
    "appliance.tap",
    "A DICOM-TLS appliance: one TLS listener and PACS proxy per section of a stunnel-style file.",
    "butterfly-tls",
)
