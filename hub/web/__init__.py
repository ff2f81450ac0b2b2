"""The HTTP entrance: REST under /api/v1, OpenAPI, health, and the start page."""
