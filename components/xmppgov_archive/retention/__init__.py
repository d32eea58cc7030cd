"""How long records are kept: classes and periods, holds, elimination slips, erasure."""
