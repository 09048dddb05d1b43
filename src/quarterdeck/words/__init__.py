"""What the system itself says to people who chat, in their language. What a model is told is not here: it is English.

    sentences.py     which sentences there are; a sentence with what fills its blanks, in no language yet
    languages.py     which languages we speak, and which of them a person's app asked for
    book.py          from a sentence to the text of one language
    en.toml, ...     the sentences of one language, one line each

Every text for people is a `Told`, made by `say` of a sentence here or by `quoted` of a model's or a person's words, so
that the type checker finds a sentence that was written anywhere else.
"""
