"""Which lines there are, by what they are about."""
