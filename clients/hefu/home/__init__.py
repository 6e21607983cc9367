"""What lies in the home folder: configuration, index, labels, recovery sheet."""
