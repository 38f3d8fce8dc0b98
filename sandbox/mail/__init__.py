"""A mail server that delivers nothing: it keeps every mail and shows it. Run by `python -m sandbox.mail`."""
