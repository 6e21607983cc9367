"""RFC 3161 timestamps: the CMS around them and the token in it."""
