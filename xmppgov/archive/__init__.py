"""The archive of who exchanged with whom and when: records, the wire, the proof."""
