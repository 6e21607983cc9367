"""The formats of a deposit: card, statement, acceptance, receipt, evidence, bundle, vault upload."""
