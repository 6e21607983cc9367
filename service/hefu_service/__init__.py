"""The service: takes deposits, seals them into batches and publishes the ledger."""
