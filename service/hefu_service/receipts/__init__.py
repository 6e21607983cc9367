"""Receipts and the records that they carry."""
