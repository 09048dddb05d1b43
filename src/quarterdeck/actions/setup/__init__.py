"""From a service and a key to a configuration that answers; the terminal and the pages ask, this does.

- `service`   what can be chosen
- `reach`     what a key reaches: models, prices, the service's clock
- `trouble`   what is wrong, and what to do about it
- `starters`  the first assistants that can be chosen
- `text`      the configuration file's text
- `draft`     what is written, and where; nothing that is there is touched
- `course`    the steps of one setup while a gateway runs
- `bot`       a Telegram bot while a gateway runs, and the first person let in
"""
