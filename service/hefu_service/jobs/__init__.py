"""Background work: sealing, publishing and sending messages, as soon as it is owed."""
