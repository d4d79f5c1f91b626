"""A registry: a core without a transport, its ASGI face, a store on SQLite and files, and uvicorn to run it."""
