"""What the README's figures come from: each benchmark measures against a limit or a peer in one run."""
