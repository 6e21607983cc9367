"""What people read: language, catalogue of texts, escaping, progress."""
