"""The engine: artifact store, plan, run, lineage. It knows no concrete stage."""
