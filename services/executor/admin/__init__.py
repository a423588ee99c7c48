"""What the database commands of the executor work on."""
