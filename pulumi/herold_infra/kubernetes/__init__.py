"""Components inside a Kubernetes cluster: what holds data there, and what Git can't make."""
