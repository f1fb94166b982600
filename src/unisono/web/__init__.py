"""The page: templates, plain modules and words. Nothing here knows of rooms or sound on the server."""
