"""One module for each group of jobs; every module here is loaded at start."""
