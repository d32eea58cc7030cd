"""A framework for bots: commands, OMEMO, a durable outbox, each in the bot's own database."""
