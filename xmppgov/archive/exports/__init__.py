"""Records that leave the archive: exports that verify, and a member's proof of one message."""
