"""A day at the desk, worked from outside: a client of the running demonstration, as a frontend team would write it.

It knows the documents of the API and nothing of the code behind it: `client` speaks HTTP and WebSocket, `ways` are the
roads that tickets take, `desk` walks them and looks at everything from outside afterwards.
"""
