"""What is known of networks: addresses, directions, protocols, states of connections, Community ID."""
