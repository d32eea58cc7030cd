"""Of which events an archive is told, and which archive: as the server's own policy says.

docs/protocol/capture.md, "What a service asks".
"""
