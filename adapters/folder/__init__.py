"""Folders as exit and entrance for a document-management system that knows nothing but folders."""
