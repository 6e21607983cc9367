"""Messages to people and systems: what they say, when they are owed, and how they are delivered."""
