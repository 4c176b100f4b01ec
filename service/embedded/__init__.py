"""The whole service on one machine: database file, private broker, API and workers under one command."""
