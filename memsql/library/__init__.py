"""What an application calls: the names that ``import memsql`` offers. It returns and raises; it prints nothing, ends no
process, and sets no signal handler."""
