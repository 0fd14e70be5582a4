"""Rules that keep known false alarms quiet for a while: what they match, what they would hide, which are refused."""
