"""The HTTP surface: thin views that parse, call one use case, and render. No rule of the ledger lives here."""
