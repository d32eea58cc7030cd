"""CAP 1.2, the Common Alerting Protocol: what an alert says, read and written strictly.

`reading.read(bytes)` and `writing.write(Alert)` are the two doors; `model` is what lies between.
"""
