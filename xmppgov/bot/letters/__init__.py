"""Letters: texts that a bot's functions send of themselves, each once to each person.

The text lies sealed in the bot's database until it is encrypted for its recipient, no longer.
"""
