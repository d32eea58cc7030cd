"""The directory as all but its own process know it: people, bodies, posts, and how to ask."""
