"""A proxy that lies, in front of a real libSQL server: each fault of ``kinds`` at each request of each command."""
