"""Does any test fail when memsql decides otherwise? mutmut changes the code; docs/mutation.md says what came out."""
