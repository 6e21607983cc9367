"""The database: tables, the SQL of the ``Store`` port, and migrations. Rows and connections stay in here."""
