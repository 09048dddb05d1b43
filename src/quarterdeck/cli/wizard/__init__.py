"""The questions of `quarterdeck init`: a source of models that answers, and a first assistant.

- `asking`    how a question is answered: at the terminal, or by an option
- `source`    the course from a service to a model that has answered

What is done with the answers stands in `actions/setup`, which the pages use too.
"""
