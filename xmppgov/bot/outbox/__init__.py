"""The durable outbox: each text reaches each person once, or its owner knows for whom it did not.

`outbox` is what owners use; `ledger` commits every change of state and tells it; `turn` encrypts;
`sending` is the connection's part; `recovery` settles what a lost one left; `replies` answers.
OMEMO 1:1 messages with XEP-0359 ids; XEP-0198 and XEP-0313 say what the server has, XEP-0184 what a
device has. The steps for a text, and what a crash after each one means:

1. `queued` is committed with the owner's own rows. A crash: it is encrypted after the start.
2. `encrypted`: ratchet, ciphertext and state are one commit. A crash: the archive does not have it,
   and the same ciphertext is sent.
3. It is handed to the stream; `sent` is committed. A crash or a lost connection: the archive is
   asked, and the same ciphertext is sent again if it is not there, or if nobody answers, or if the
   server knows that its recipient never got it.
4. The server acknowledges: `accepted` is committed, the ciphertext erased. A crash before the
   commit: the archive has it.
5. A receipt or an answer arrives: committed with the ratchet step, if there is one. A crash before
   the commit: the message is read again from the archive.

Nothing is ever encrypted a second time, because a ratchet that went on cannot go back.
"""
