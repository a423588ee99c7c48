"""Test deployment of the chaos tests, and how it is driven and queried."""
