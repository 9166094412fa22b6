"""Reads env files with python-dotenv ("dotenv") or systemd's own reader ("systemd"): names as JSON on standard input, values as JSON on standard output."""

import ctypes
import json
import sys


def with_dotenv(name):
    from dotenv import dotenv_values

    # With interpolation, its default, a ${NAME} in a value is replaced whatever quotes stand around it.
    return dotenv_values(name, interpolate=False)


def with_systemd(name):
    """What EnvironmentFile= is read with: load_env_file() of src/basic/env-file.c, in systemd's shared library."""
    load = ctypes.CDLL(sys.argv[2]).load_env_file
    load.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.POINTER(ctypes.POINTER(ctypes.c_char_p))]
    lines = ctypes.POINTER(ctypes.c_char_p)()
    status = load(None, name.encode(), ctypes.byref(lines))
    if status < 0:
        raise OSError(-status, name)
    found = {}
    at = 0
    while lines and lines[at]:
        key, _, value = lines[at].decode().partition("=")
        found[key] = value
        at += 1
    return found


read = {"dotenv": with_dotenv, "systemd": with_systemd}[sys.argv[1]]
json.dump([read(name) for name in json.load(sys.stdin)], sys.stdout)
