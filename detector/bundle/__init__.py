"""The bundle: what training hands to the daemon, as files that are checked before use."""
