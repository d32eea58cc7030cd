"""What leaves the archive: exports in four formats, people as pseudonyms."""
