"""The directory by chat: the door for clients that have no search form (Conversations, Dino, …)."""
