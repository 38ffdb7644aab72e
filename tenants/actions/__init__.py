"""What is done to tenants, a verb a file."""
