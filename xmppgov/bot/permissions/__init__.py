"""Who may ask a bot for what: deny by default, by person, role, body and room of the directory."""
