"""The DICOM upper layer as pure values and bytes: no sockets, no Twisted."""
