"""One module per kind of source.

What belongs here: a module for each kind, with the settings class, a subclass of `SourceSettings`
whose `type` is a `Literal`, and the reader that the settings open; modules are discovered, so
adding a kind is adding a module. What does not: checks that hold for every source, which are in
`sources.ingest`.
"""
