"""The bridge to yoyo's own command: a backend for yoyo over the connections of memsql."""
