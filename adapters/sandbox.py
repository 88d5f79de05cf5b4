"""The cage of a validation child: limits, Landlock, seccomp, put on before the first byte of a partner; it starts no process.

Three independent layers (reliability.md 1.1, row 30). *rlimits* bound memory, CPU, open files and forbid writing and core dumps.
*Landlock* leaves the file system readable below the given folders only, and nothing writable. *seccomp* answers EPERM to whatever
reaches outside: network, other programs, other processes, mounts, renames, removals. A layer that the kernel does not offer is
reported, not hidden: `enter` says what is in force and `report` says what this machine can do.

Limits: named calls are denied, all others pass, so that a new interpreter or libc goes on working; Landlock and the limits stand
behind. Linux on x86_64 and aarch64; elsewhere only the rlimits hold and the report says so. The process must be single-threaded.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import resource
import signal
import struct
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

_PR_SET_PDEATHSIG, _PR_GET_SECCOMP, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _PR_SET_DUMPABLE = 1, 21, 22, 38, 4
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same numbers on every architecture
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3

_FS_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}  # number of file rights by Landlock ABI; 16 from ABI 5 on

ABSENT = "absent"
IN_FORCE = "in force"

# name: (x86_64, aarch64); None where the architecture has no such call
_DENIED: dict[str, tuple[int | None, int | None]] = {
    "socket": (41, 198), "socketpair": (53, 199), "connect": (42, 203), "bind": (49, 200), "listen": (50, 201), "accept": (43, 202),
    "accept4": (288, 242), "sendto": (44, 206), "sendmsg": (46, 211), "sendmmsg": (307, 269),
    "execve": (59, 221), "execveat": (322, 281), "fork": (57, None), "vfork": (58, None), "clone": (56, 220), "clone3": (435, 435),
    "kill": (62, 129), "tkill": (200, 130), "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240),
    "pidfd_open": (434, 434), "pidfd_send_signal": (424, 424), "pidfd_getfd": (438, 438),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "process_madvise": (440, 440),
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "bpf": (321, 280),
    "perf_event_open": (298, 241), "userfaultfd": (323, 282), "memfd_create": (319, 279), "personality": (135, 92),
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41),
    "chroot": (161, 51), "unshare": (272, 97), "setns": (308, 268), "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430),
    "fsmount": (432, 432), "mount_setattr": (442, 442), "unlink": (87, None), "unlinkat": (263, 35), "rename": (82, None),
    "renameat": (264, 38), "renameat2": (316, 276), "mkdir": (83, None), "mkdirat": (258, 34), "rmdir": (84, None), "link": (86, None),
    "linkat": (265, 37), "symlink": (88, None), "symlinkat": (266, 36), "mknod": (133, None), "mknodat": (259, 33), "creat": (85, None),
    "truncate": (76, 45), "ftruncate": (77, 46), "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "chown": (92, None),
    "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54), "utimensat": (280, 88), "setxattr": (188, 5),
    "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218), "shmget": (29, 194), "msgget": (68, 186), "semget": (64, 190),
    "mq_open": (240, 180), "setuid": (105, 146), "setgid": (106, 144), "init_module": (175, 105), "finit_module": (313, 273),
    "delete_module": (176, 106), "kexec_load": (246, 104), "reboot": (169, 142), "swapon": (167, 224),
}  # fmt: skip
_OWN_ONLY = {"tgkill": (234, 131), "prlimit64": (302, 261)}  # allowed on the caller itself: abort() and our rolling CPU limit need them
_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column of the table, AUDIT_ARCH_*

_ALLOW, _DENY, _KILL = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x80000000
_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_NR, _ARCH, _ARG0 = 0, 4, 16  # offsets in struct seccomp_data


def enter(readable: Iterable[Path], *, memory_bytes: int, open_files: int = 64) -> dict[str, str]:
    """Put every layer on the calling process, for good; what is in force, by layer.

    `readable`: folders and files that stay readable. `memory_bytes`: RLIMIT_AS. Raises `OSError` or `ValueError` only when a plain limit
    cannot be set: then nothing of a partner may be read.
    """
    _limits(memory_bytes, open_files)
    libc = _libc()
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    privileges = libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    return {
        "limits": IN_FORCE,
        "no_new_privs": IN_FORCE if privileges else ABSENT,
        "landlock": _landlock(libc, readable),
        "seccomp": _seccomp(libc),
    }


def die_with_parent(parent: int) -> bool:
    """Ask the kernel for SIGKILL when the parent goes; False when `parent` (a process id) is gone already."""
    _libc().prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    return os.getppid() == parent


def allow_cpu(seconds: float) -> None:
    """Move the rolling CPU limit: SIGXCPU after `seconds` of CPU from now (whole seconds, rounded up)."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


def library_folders() -> tuple[Path, ...]:
    """What an interpreter reads to go on importing: its library folders, wherever its path names them, and our own packages.

    A `.pth` file, system packages seen from a virtual environment or PYTHONPATH put libraries outside of sysconfig's folders. The folder
    of a checkout and the working directory are never opened whole: keys and sites may lie there.
    """
    named = [sysconfig.get_path(n) for n in ("stdlib", "platstdlib", "purelib", "platlib")]
    ours = Path(__file__).resolve().parent.parent
    searched = [path.resolve() for path in map(Path, filter(None, sys.path)) if path.is_dir()]
    libraries = [path for path in searched if path not in (ours, Path.cwd()) or path.name in ("site-packages", "dist-packages")]
    packages = [ours / name for name in ("gateway", "adapters", "schemas")]
    return tuple(dict.fromkeys([*(Path(n) for n in named if n), *libraries, *packages]))


def report() -> dict[str, str]:
    """What this machine offers, without entering anything: for `gateway check`."""
    abi = _landlock_abi(_libc())
    filters = platform.machine() in _ARCHITECTURES and _libc().prctl(_PR_GET_SECCOMP, 0, 0, 0, 0) == 0
    landlock = f"available, ABI {abi}" if abi > 0 else f"{ABSENT}: {os.strerror(-abi)}; a kernel of 5.13 or later with Landlock enabled"
    return {
        "limits": "available",
        "landlock": landlock,
        "seccomp": "available" if filters else f"{ABSENT}: {platform.machine()}; Linux with seccomp on x86_64 or aarch64",
    }


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _limits(memory_bytes: int, open_files: int) -> None:
    for what, value in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_NOFILE, open_files),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (value, value))


def _landlock_abi(libc: ctypes.CDLL) -> int:
    """The ABI version, or minus errno."""
    version = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), 1)
    return int(version) if version > 0 else -ctypes.get_errno()


def _landlock(libc: ctypes.CDLL, readable: Iterable[Path]) -> str:
    abi = _landlock_abi(libc)
    if abi <= 0:
        return f"{ABSENT}: {os.strerror(-abi)}"
    ruleset = _ruleset(libc, abi)
    if ruleset < 0:
        return f"{ABSENT}: {os.strerror(ctypes.get_errno())}"
    try:
        for path in readable:
            _allow_reading(libc, ruleset, path)
        refused = libc.syscall(_RESTRICT_SELF, ruleset, 0) != 0
    finally:
        os.close(ruleset)
    return f"{ABSENT}: {os.strerror(ctypes.get_errno())}" if refused else f"{IN_FORCE}, ABI {abi}"


def _ruleset(libc: ctypes.CDLL, abi: int) -> int:
    """All file rights handled, TCP from ABI 4, signals and abstract sockets scoped from ABI 6: the descriptor, or -1."""
    handled = [(1 << _FS_RIGHTS.get(abi, 16)) - 1, *([3] if abi >= 4 else []), *([3] if abi >= 6 else [])]
    attributes = struct.pack(f"{len(handled)}Q", *handled)
    return int(libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0))


def _allow_reading(libc: ctypes.CDLL, ruleset: int, path: Path) -> None:
    try:
        folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return  # nothing to read there
    try:
        rights = _READ_FILE | (_READ_DIR if path.is_dir() else 0)
        if libc.syscall(_ADD_RULE, ruleset, 1, struct.pack("=Qi", rights, folder), 0) != 0:
            raise OSError(ctypes.get_errno(), f"{path}: Landlock takes no rule for it")
    finally:
        os.close(folder)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def _seccomp(libc: ctypes.CDLL) -> str:
    machine = platform.machine()
    if machine not in _ARCHITECTURES:
        return f"{ABSENT}: no table for {machine}"
    code = b"".join(_filter(*_ARCHITECTURES[machine], os.getpid()))
    buffer = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(code) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    if libc.prctl(_PR_SET_SECCOMP, 2, ctypes.byref(program), 0, 0) != 0:
        return f"{ABSENT}: {os.strerror(ctypes.get_errno())}"
    return IN_FORCE


def _filter(column: int, architecture: int, pid: int) -> list[bytes]:
    """The BPF program: another architecture or the x32 calls kill, a denied call answers EPERM, everything else passes."""
    code = [_step(_LOAD, _ARCH), _step(_JUMP_EQUAL, architecture, 1, 0), _step(_RETURN, _KILL), _step(_LOAD, _NR)]
    if column == 0:
        code += [_step(_JUMP_AT_LEAST, 0x40000000, 0, 1), _step(_RETURN, _KILL)]
    for numbers in _DENIED.values():
        number = numbers[column]
        if number is not None:
            code += [_step(_JUMP_EQUAL, number, 0, 1), _step(_RETURN, _DENY)]
    for name, own in (("tgkill", pid), ("prlimit64", 0)):
        code += [
            _step(_JUMP_EQUAL, _OWN_ONLY[name][column], 0, 4), _step(_LOAD, _ARG0), _step(_JUMP_EQUAL, own, 1, 0),
            _step(_RETURN, _DENY), _step(_RETURN, _ALLOW),
        ]  # fmt: skip
    return [*code, _step(_RETURN, _ALLOW)]


def _step(code: int, value: int, jump_true: int = 0, jump_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, jump_true, jump_false, value)
