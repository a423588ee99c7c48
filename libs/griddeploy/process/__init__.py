"""One service as a child process: started, watched, restarted, ended with its parent."""
