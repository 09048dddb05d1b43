"""The questions of `quarterdeck init`: a source of models that answers, and a first assistant.

- `services`  which services can be chosen
- `asking`    how a question is answered: at the terminal, or by an option
- `reach`     what a key reaches: models, prices, the service's clock
- `trouble`   what is wrong, and what to do about it
- `source`    the course from a service to a model that has answered
- `starters`  the first assistants that can be chosen
- `draft`     what is written, and where; nothing that is there is touched
"""
