"""What tests of several folders share: services, clients, databases, samples."""
