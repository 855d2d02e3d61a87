"""Everything that memsql does otherwise than Invoke: its start, its command line, its exit codes, and its chains of tasks."""
