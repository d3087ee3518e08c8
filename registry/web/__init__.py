"""The web page: `registry serve`. Read-only, on this machine alone unless asked, without scripts.

listening    where the page is served
serving      a server that answers until a signal ends it
app          the application: its guards, pages, failures and files
guards       what every request and answer passes: hosts, addresses, headers
pages        how a page is made: one route is one record and one template, and its twin in JSON
drawing      templates, and how text of unknown origin is written into them
addresses    the address of every model, pair, edge and layer
failures     errors as pages of one sentence, or as JSON
search       models that a search finds
models       one model, and its layers
evidence     a verdict as pages show it, with bars
recent       what takes long to make, kept for who asks again
trees        trees, families, edges
adapters     adapters beside their base
pairs        two models compared
identify     a source's verdict, where it is allowed to ask
log          what was changed
fallback     names with slashes, as people write them
home         the way in, the description of addresses, the stylesheet
templates/   the words

How a page is added: a frozen record that says what is on it; a function, in a module of this room,
that asks the door for the record; a template that shows it; one line in `app.PARTS` where the
module is new. `pages` shows it in full.
"""
