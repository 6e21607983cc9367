"""Messages to people and systems: their contents, when they are owed, and how they are delivered."""
