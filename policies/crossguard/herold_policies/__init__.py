"""Rules for what the stacks declare: each names its source, and fails on what is left unset."""
