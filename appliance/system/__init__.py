"""The operating system's edge: listening sockets and service notification."""
