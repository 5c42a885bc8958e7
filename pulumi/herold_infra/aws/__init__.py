"""The stacks on AWS. Previewed with a stand-in for the provider; nothing of them was ever applied to a cloud."""
