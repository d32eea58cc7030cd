"""The directory as everyone but its server process knows it: people, bodies, posts, and how to ask."""
