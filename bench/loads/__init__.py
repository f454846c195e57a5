"""The load generator: each module is a process of its own, on cores of its own.

They use the standard library alone, say one line of JSON when they are ready and one for each
step they are told to take, and end when their standard input does.
"""
