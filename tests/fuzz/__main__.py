"""Run one target until its options say stop, or until it breaks."""

from __future__ import annotations

import importlib
import sys
from random import Random

import atheris


def main() -> None:
    """Fuzz the target that the first argument names."""
    _, name, *options = sys.argv
    packages = importlib.import_module(f"tests.fuzz.{name}").INSTRUMENTED
    for module in [m for m in sys.modules if m.startswith((*packages, f"tests.fuzz.{name}"))]:
        del sys.modules[module]  # to be imported again, with its branches marked
    with atheris.instrument_imports(include=list(packages)):
        target = importlib.import_module(f"tests.fuzz.{name}")

    def mutated(data: bytes, largest: int, seed: int) -> bytes:
        """Change bytes as the fuzzer does, or words as the target does."""
        if seed % 2:
            return bytes(atheris.Mutate(data, largest))
        return bytes(target.mutated(data, Random(seed))[:largest])

    atheris.Setup([name, *options], target.check, custom_mutator=mutated)
    atheris.Fuzz()


main()
