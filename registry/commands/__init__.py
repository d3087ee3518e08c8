"""What is typed after `registry`: a function a command, which parses, calls and prints."""
