"""Google's Gemini API: POST /models/{model}:streamGenerateContent, streamed; vectors by :batchEmbedContents.

    settings.py   what of it can be configured
    models.py     what a model can do, by its name; the list of models
    wire.py       how a request is written (pure)
    contents.py   how a history becomes contents (pure)
    files.py      which files go along, and as what (pure)
    schema.py     how a JSON Schema is put into the part of it that the API knows (pure)
    names.py      under which names tools go out and come back (pure)
    marks.py      what the model wants back with its message: signatures and ids (pure)
    answer.py     how events, or JSON, become an answer (pure)
    failure.py    what an error answer means for whoever asked (pure)
    vectors.py    how texts become vectors (pure)
    adapter.py    the wire as one value, for providers/http

Facts about the API are cited as: "types.py" for google-genai 3.6.1, google/genai/types.py, whose docstrings restate
the vendor's reference; addresses for pages of the vendor; owner/name #number for issue threads that quote it.
"""
