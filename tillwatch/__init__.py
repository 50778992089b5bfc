"""The command line and the settings: where everything is put together."""
