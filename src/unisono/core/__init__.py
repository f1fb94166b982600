"""The pure heart: bytes, arrays and `now` in; events and bytes out. It knows no clock, socket, file or thread."""
