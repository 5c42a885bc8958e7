"""The infrastructure of Herold: components of Pulumi, each with its settings, its arguments and its typed outputs."""
