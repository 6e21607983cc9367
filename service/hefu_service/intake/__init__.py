"""What comes in: enrolments, key events and deposits; all of it moves the intake head, under one lock."""
