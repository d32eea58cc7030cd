"""Parsers of what strangers send, fed by a fuzzer that follows their branches (atheris).

    python -m tests.fuzz cap CORPUS -max_total_time=600

A target is a module here with `INSTRUMENTED`, the packages whose branches are followed, with
`check(data)`, which raises where a parser does what it must not, and with `mutated(data, random)`,
which changes an input in its own language. The options are libFuzzer's.
"""
