"""The Invoke entry point."""

from memsql.tasks import ns

__all__ = ["ns"]
