"""What every room may use: errors, digests, records, ledgers, atomic files."""
