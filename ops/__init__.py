"""How it is run and looked at: command line, settings, launcher, demo. Imported by nothing."""
