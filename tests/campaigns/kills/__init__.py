"""The server is killed (SIGKILL) while a command runs, and perhaps started again at once."""
