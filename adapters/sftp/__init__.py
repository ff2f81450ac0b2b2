"""The folder adapter over SFTP."""
