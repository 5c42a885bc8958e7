"""The read service beside the operator: what only the ledger knows, for people who come through the Kubernetes API."""
