"""The live room: sockets, clock, mixing desk, recorder, HTTP."""
