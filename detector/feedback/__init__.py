"""What people say of what was found: labels as documents, files and a topic, and which word counts."""
