"""The home folder: configuration, index, labels, recovery sheet."""
