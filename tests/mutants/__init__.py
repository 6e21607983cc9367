"""Mutation testing: each small change to the verifier must turn a test red; ``make mutants``."""
