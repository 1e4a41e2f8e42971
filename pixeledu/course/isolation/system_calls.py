"""The system calls that no answer may make, as a filter for the kernel made by libseccomp."""

import errno
import tempfile

# Ways to other namespaces, mounts, processes and keys; ways to memory that no limit counts; and
# parts of the kernel that a learner's answer has no use for.
_DENIED = (
    *("unshare", "setns", "chroot", "pivot_root", "mount", "umount", "umount2", "mount_setattr"),
    *("move_mount", "open_tree", "fsopen", "fsconfig", "fsmount", "fspick", "swapon", "swapoff"),
    *("ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "kcmp"),
    *("process_madvise", "keyctl", "add_key", "request_key", "open_by_handle_at", "quotactl"),
    *("memfd_create", "memfd_secret", "shmget", "msgget", "semget", "mq_open"),
    *("io_uring_setup", "io_uring_enter", "io_uring_register", "userfaultfd", "bpf"),
    *("perf_event_open", "fanotify_init", "kexec_load", "kexec_file_load", "init_module"),
    *("finit_module", "delete_module", "reboot", "acct", "syslog", "settimeofday"),
    *("clock_settime", "clock_adjtime", "adjtimex", "iopl", "ioperm", "modify_ldt"),
)
_NEW_NAMESPACES = (
    *(0x00020000, 0x02000000, 0x04000000, 0x08000000),  # mounts, cgroup, host name, IPC
    *(0x10000000, 0x20000000, 0x40000000),  # users, processes, network
)
_FAMILIES = (1, 2, 10, 16)  # of sockets: local, IPv4, IPv6 and routing; AF_VSOCK leads out
PARENT_DEATH_SIGNAL, DUMPABLE = 1, 4  # what `prctl` sets


def filter_program() -> bytes:
    """Make the filter: a denied call fails with EPERM.

    Returns:
        The program, in the form that `bwrap --seccomp` takes.
    Raises:
        ImportError: pyseccomp is not installed.
        RuntimeError: libseccomp is not.
    """
    from pyseccomp import ALLOW, EQ, ERRNO, GT, MASKED_EQ, Arg, SyscallFilter

    made, refuse = SyscallFilter(ALLOW), ERRNO(errno.EPERM)
    for name in _DENIED:
        made.add_rule(refuse, name)
    for flag in _NEW_NAMESPACES:
        made.add_rule(refuse, "clone", Arg(0, MASKED_EQ, flag, flag))
    # Its flags lie in memory, where a filter cannot look: the C library then takes `clone`.
    made.add_rule(ERRNO(errno.ENOSYS), "clone3")
    made.add_rule(refuse, "prctl", Arg(0, EQ, PARENT_DEATH_SIGNAL))
    made.add_rule(refuse, "prctl", Arg(0, EQ, DUMPABLE), Arg(1, GT, 0))
    for family in set(range(max(_FAMILIES))) - set(_FAMILIES):
        made.add_rule(refuse, "socket", Arg(0, EQ, family))
    made.add_rule(refuse, "socket", Arg(0, GT, max(_FAMILIES)))
    with tempfile.TemporaryFile() as file:
        made.export_bpf(file)
        file.seek(0)
        return file.read()
