"""What is known of hosts beforehand: their names, roles and worth, and who may scan until when."""
