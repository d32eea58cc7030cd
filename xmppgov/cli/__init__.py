"""The `xmppgov` command."""
