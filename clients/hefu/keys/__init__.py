"""Who may sign for a depositor: enrolment, and keys requested, added and ended."""
