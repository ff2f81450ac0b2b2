"""A simulated DMS: letters that look real, credentials, and calls to the API."""
