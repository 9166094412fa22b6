"""trace.py PROGRAM: runs a program that no other process uses, and prints the pages of its file that it touched.

The file must be on a file system whose device reads nothing ahead: then the page cache holds what was touched.
"""
import ctypes, json, mmap, os, sys

program = sys.argv[1]
file = os.open(program, os.O_RDONLY)
os.fsync(file)
os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
size = os.fstat(file).st_size
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
address = libc.mmap(None, size, mmap.PROT_READ, mmap.MAP_SHARED, file, 0)


def cached():
    pages = (ctypes.c_ubyte * ((size + mmap.PAGESIZE - 1) // mmap.PAGESIZE))()
    if libc.mincore(ctypes.c_void_p(address), ctypes.c_size_t(size), pages) != 0:
        raise OSError(ctypes.get_errno(), 'mincore')
    return [page for page, flags in enumerate(pages) if flags & 1]


if cached():
    sys.exit('the file is still in the page cache')
child = os.posix_spawn(program, [program], dict(os.environ), file_actions=[(os.POSIX_SPAWN_DUP2, 2, 1)])
status = os.waitstatus_to_exitcode(os.wait4(child, 0)[1])
if status != 0:
    sys.exit(f'the program ended with {status}')
print(json.dumps(cached()))
