"""The web page: what a browser is given. Whatever it shows and changes goes through /api/v1.

pages.py      the routes: chat, sign-in, assets
assets.py     the files below static/, under an address that changes with their content
templates/    the pages' frames (Jinja2); they hold no data of anybody
static/       modules as browsers load them, without a build step:
              app (wires the rest), api (requests), stream (events), transcript (from events to what is seen),
              messages (how one message looks), markdown, outbox (what is not yet acknowledged), composer,
              attachments, commands (the menu behind "/"), conversations, theme, signin, dom
"""
