"""The web process: the server, its application, and clients that stall."""
