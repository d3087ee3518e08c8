"""Results as JSON objects, tables for a terminal and pages of HTML. Pure: nothing is printed here.

wording    every English sentence about a verdict or a line of evidence; change_wording about
           a change
answers    results as JSON objects; docs/json.md is the contract
page       a verdict as one page of HTML
tables     numbers and tables for a terminal

The other modules have the tables and JSON of what they are named after.
"""
