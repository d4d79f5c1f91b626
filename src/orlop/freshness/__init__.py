"""Is an image up to date: decisions from documents and observations to verdicts, and what asks for the documents.

``values`` has the nouns, ``verdict`` the decision, ``inquiry`` asks for what the decision needs. They do no I/O and know
no clock and no environment.
"""
