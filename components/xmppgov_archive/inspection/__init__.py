"""What is read beside the running archive: status, verification, proofs, questions."""
