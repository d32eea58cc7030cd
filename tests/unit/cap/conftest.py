"""CAP's own schema, from the real public data."""

from __future__ import annotations

from pathlib import Path

import pytest
import xmlschema


@pytest.fixture(scope="session")
def samples(shared_data: Path) -> Path:
    """The folder of samples that others wrote."""
    return shared_data / "cap_samples"


@pytest.fixture(scope="session")
def schema(samples: Path) -> xmlschema.XMLSchema:
    """The schema of CAP 1.2."""
    return xmlschema.XMLSchema(samples / "CAP-v1.2.xsd")
