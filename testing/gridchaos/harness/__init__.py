"""The services that chaos plays with, and how it drives and asks them."""
