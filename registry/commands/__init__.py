"""What is typed after `registry`: one function a command, which parses, calls one function and prints."""
