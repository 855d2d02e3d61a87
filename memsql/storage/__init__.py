"""The files and folders that memsql writes: who may read them, and how one replaces another."""
