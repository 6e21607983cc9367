"""Evidence files and bundles: read, compared with documents, verified, cut."""
