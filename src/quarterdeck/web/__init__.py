"""The web pages: what a browser is given.

pages.py      the chat and the sign-in: frames without data, which ask /api/v1 for what they show
console/      the console: pages with their data, for whoever operates the gateway
assets.py     the files below static/, under an address that changes with their content
templates/    the pages' frames (Jinja2); console/ has one for each page
static/       modules as browsers load them, without a build step:
              app (wires the rest), api (requests), stream (events), transcript (from events to what is seen),
              messages (how one message looks), markdown, outbox (what is not yet acknowledged), composer,
              attachments, commands (the menu behind "/"), conversations, theme, signin, dom;
              console/ has those of the console, and htmx
"""
