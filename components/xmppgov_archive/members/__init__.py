"""A member's proof that a message was logged on a day, or was not."""
