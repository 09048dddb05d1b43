"""The questions of `quarterdeck init` and `connections add`: a model that answers, an assistant, a first person.

- `asking`    how a question is answered: at the terminal, or by an option
- `source`    the course from a service to a model that has answered
- `bot`       whose token this is
- `link`      how the first person comes in

What is done with the answers stands in `actions/setup`, which the pages use too.
"""
