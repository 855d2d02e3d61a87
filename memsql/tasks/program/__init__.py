"""Everything in which memsql differs from Invoke: start, command line, exit codes, and chains of tasks."""
