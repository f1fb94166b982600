"""What Unisono remembers: the ledger (who, when), stems as they arrive, finished files."""
