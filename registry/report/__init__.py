"""Results as JSON objects (answers) and as tables for a terminal (tables).

Pure: nothing is printed here.
"""
