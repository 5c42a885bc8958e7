"""The operator: Herold's resources in a Kubernetes cluster, reconciled with the ledger, and what it says of them."""
