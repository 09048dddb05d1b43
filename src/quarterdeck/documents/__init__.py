"""What can be read out of a document that a person sent?

    formats.py   which media types are documents, and what reads each
    reader.py    a child process for one file, with limits; implements what flow/services.py asks for
    child.py     what runs in it (never imported by the gateway)

A document comes from anybody, and the libraries that open it are large: so it is opened in a process that may use
only so much memory and time, has no descriptor of ours, and ends with one JSON line.
"""
