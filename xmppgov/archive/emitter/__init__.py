"""How a service that is no server tells the archive what happened: spool, mark and drain.

An event is one row of the service's own database, written in the transaction of its effect, and is
deleted when the archive has committed it (docs/protocol/archive.md, "Emitters").
"""
