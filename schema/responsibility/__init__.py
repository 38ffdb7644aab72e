"""The responsibility list and the suggestions made of it, as the API shows them."""
