"""Intake: deposits, enrolments, key events and vault files. Each moves the intake head, under one lock."""
