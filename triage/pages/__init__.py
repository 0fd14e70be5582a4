"""What people see in a browser: pages made on the server, and the few scripts and styles that they need."""
