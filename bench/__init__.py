"""What the README's figures come from: each measures against a limit or a peer in one run."""
