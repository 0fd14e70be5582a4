"""Who may see and say what: users, proxies, tokens, sessions, and what every request is held to."""
