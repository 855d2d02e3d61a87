"""Fuzzing: readers of text and their promises for any bytes.

``targets/`` has a module for each kind of reader, ``grammar`` makes inputs, ``test_targets`` tries them with
hypothesis, ``coverage_guided`` with atheris (``invoke fuzz``), ``corpus/`` keeps what broke a promise once.
docs/fuzzing.md says more.
"""
