"""The console: what is wrong, what waits, what was said and sent, for whoever operates the gateway.

table.py      the routes: address, who may, who answers
frame.py      what every page has: who looks, the bar, errors, proof that a form was ours
visit.py      one request: who asks, what is asked, parsed once
words.py      how times, states and amounts are written
lists.py      filters and places of lists, in the address
home.py ...   one file for each page; templates/console/NAME.html beside it

A page is a whole document. htmx swaps parts of it: what is inside of `#live` whenever something happens, and the
answer to a form. Pages work without any script. What a page shows and changes goes through `actions/`.
"""
