"""Messages about incidents to programs and people outside: webhook, Slack, syslog; never in the way of the pipeline."""
