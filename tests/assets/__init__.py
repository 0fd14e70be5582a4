"""Tests of what is known of hosts beforehand."""
