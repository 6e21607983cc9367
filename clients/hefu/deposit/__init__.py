"""From documents to evidence: plan, describe, sign, send, finish; each step survives a crash."""
