"""What runs in AWS Lambda: one module a function, with nothing but Python's own library."""
