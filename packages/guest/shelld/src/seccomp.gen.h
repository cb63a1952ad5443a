/* Generated from packages/guest/seccomp/profile.json by `npm run generate`. Do not edit. */
#ifndef SOVEREIGN_SECCOMP_GEN_H
#define SOVEREIGN_SECCOMP_GEN_H
#include <stdint.h>
#include <sys/syscall.h>

/* 0, what a number without a row has, is the profile's default. */
enum { VERDICT_EPERM, VERDICT_ALLOW, VERDICT_ENOSYS, VERDICT_BY_RULES };

/* Holds when (argument & mask) == value; the first rule of a system call that holds decides, else EPERM. */
struct seccomp_rule {
    uint32_t syscall;
    uint8_t argument;
    uint8_t verdict;
    uint32_t mask;
    uint32_t value;
};

/* What is numbered above was unknown when the profile was written. */
enum { SECCOMP_HIGHEST = 469 };

static const uint8_t seccomp_verdicts[SECCOMP_HIGHEST + 1] = {
#ifdef __NR_accept
    [__NR_accept] = VERDICT_ALLOW,
#endif
#ifdef __NR_accept4
    [__NR_accept4] = VERDICT_ALLOW,
#endif
#ifdef __NR_access
    [__NR_access] = VERDICT_ALLOW,
#endif
#ifdef __NR_alarm
    [__NR_alarm] = VERDICT_ALLOW,
#endif
#ifdef __NR_arch_prctl
    [__NR_arch_prctl] = VERDICT_ALLOW,
#endif
#ifdef __NR_bind
    [__NR_bind] = VERDICT_ALLOW,
#endif
#ifdef __NR_brk
    [__NR_brk] = VERDICT_ALLOW,
#endif
    [451] = VERDICT_ALLOW, /* cachestat */
#ifdef __NR_capget
    [__NR_capget] = VERDICT_ALLOW,
#endif
#ifdef __NR_capset
    [__NR_capset] = VERDICT_ALLOW,
#endif
#ifdef __NR_chdir
    [__NR_chdir] = VERDICT_ALLOW,
#endif
#ifdef __NR_chmod
    [__NR_chmod] = VERDICT_ALLOW,
#endif
#ifdef __NR_chown
    [__NR_chown] = VERDICT_ALLOW,
#endif
#ifdef __NR_chroot
    [__NR_chroot] = VERDICT_ALLOW,
#endif
#ifdef __NR_clock_getres
    [__NR_clock_getres] = VERDICT_ALLOW,
#endif
#ifdef __NR_clock_gettime
    [__NR_clock_gettime] = VERDICT_ALLOW,
#endif
#ifdef __NR_clock_nanosleep
    [__NR_clock_nanosleep] = VERDICT_ALLOW,
#endif
#ifdef __NR_clone
    [__NR_clone] = VERDICT_BY_RULES,
#endif
    [435] = VERDICT_ENOSYS, /* clone3 */
#ifdef __NR_close
    [__NR_close] = VERDICT_ALLOW,
#endif
    [436] = VERDICT_ALLOW, /* close_range */
#ifdef __NR_connect
    [__NR_connect] = VERDICT_ALLOW,
#endif
#ifdef __NR_copy_file_range
    [__NR_copy_file_range] = VERDICT_ALLOW,
#endif
#ifdef __NR_creat
    [__NR_creat] = VERDICT_ALLOW,
#endif
#ifdef __NR_dup
    [__NR_dup] = VERDICT_ALLOW,
#endif
#ifdef __NR_dup2
    [__NR_dup2] = VERDICT_ALLOW,
#endif
#ifdef __NR_dup3
    [__NR_dup3] = VERDICT_ALLOW,
#endif
#ifdef __NR_epoll_create
    [__NR_epoll_create] = VERDICT_ALLOW,
#endif
#ifdef __NR_epoll_create1
    [__NR_epoll_create1] = VERDICT_ALLOW,
#endif
#ifdef __NR_epoll_ctl
    [__NR_epoll_ctl] = VERDICT_ALLOW,
#endif
#ifdef __NR_epoll_pwait
    [__NR_epoll_pwait] = VERDICT_ALLOW,
#endif
    [441] = VERDICT_ALLOW, /* epoll_pwait2 */
#ifdef __NR_epoll_wait
    [__NR_epoll_wait] = VERDICT_ALLOW,
#endif
#ifdef __NR_eventfd
    [__NR_eventfd] = VERDICT_ALLOW,
#endif
#ifdef __NR_eventfd2
    [__NR_eventfd2] = VERDICT_ALLOW,
#endif
#ifdef __NR_execve
    [__NR_execve] = VERDICT_ALLOW,
#endif
#ifdef __NR_execveat
    [__NR_execveat] = VERDICT_ALLOW,
#endif
#ifdef __NR_exit
    [__NR_exit] = VERDICT_ALLOW,
#endif
#ifdef __NR_exit_group
    [__NR_exit_group] = VERDICT_ALLOW,
#endif
#ifdef __NR_faccessat
    [__NR_faccessat] = VERDICT_ALLOW,
#endif
    [439] = VERDICT_ALLOW, /* faccessat2 */
#ifdef __NR_fadvise64
    [__NR_fadvise64] = VERDICT_ALLOW,
#endif
#ifdef __NR_fallocate
    [__NR_fallocate] = VERDICT_ALLOW,
#endif
#ifdef __NR_fchdir
    [__NR_fchdir] = VERDICT_ALLOW,
#endif
#ifdef __NR_fchmod
    [__NR_fchmod] = VERDICT_ALLOW,
#endif
#ifdef __NR_fchmodat
    [__NR_fchmodat] = VERDICT_ALLOW,
#endif
    [452] = VERDICT_ALLOW, /* fchmodat2 */
#ifdef __NR_fchown
    [__NR_fchown] = VERDICT_ALLOW,
#endif
#ifdef __NR_fchownat
    [__NR_fchownat] = VERDICT_ALLOW,
#endif
#ifdef __NR_fcntl
    [__NR_fcntl] = VERDICT_ALLOW,
#endif
#ifdef __NR_fdatasync
    [__NR_fdatasync] = VERDICT_ALLOW,
#endif
#ifdef __NR_fgetxattr
    [__NR_fgetxattr] = VERDICT_ALLOW,
#endif
    [468] = VERDICT_ALLOW, /* file_getattr */
    [469] = VERDICT_ALLOW, /* file_setattr */
#ifdef __NR_flistxattr
    [__NR_flistxattr] = VERDICT_ALLOW,
#endif
#ifdef __NR_flock
    [__NR_flock] = VERDICT_ALLOW,
#endif
#ifdef __NR_fork
    [__NR_fork] = VERDICT_ALLOW,
#endif
#ifdef __NR_fremovexattr
    [__NR_fremovexattr] = VERDICT_ALLOW,
#endif
#ifdef __NR_fsetxattr
    [__NR_fsetxattr] = VERDICT_ALLOW,
#endif
#ifdef __NR_fstat
    [__NR_fstat] = VERDICT_ALLOW,
#endif
#ifdef __NR_fstatfs
    [__NR_fstatfs] = VERDICT_ALLOW,
#endif
#ifdef __NR_fsync
    [__NR_fsync] = VERDICT_ALLOW,
#endif
#ifdef __NR_ftruncate
    [__NR_ftruncate] = VERDICT_ALLOW,
#endif
#ifdef __NR_futex
    [__NR_futex] = VERDICT_ALLOW,
#endif
    [456] = VERDICT_ALLOW, /* futex_requeue */
    [455] = VERDICT_ALLOW, /* futex_wait */
    [449] = VERDICT_ALLOW, /* futex_waitv */
    [454] = VERDICT_ALLOW, /* futex_wake */
#ifdef __NR_futimesat
    [__NR_futimesat] = VERDICT_ALLOW,
#endif
#ifdef __NR_get_robust_list
    [__NR_get_robust_list] = VERDICT_ALLOW,
#endif
#ifdef __NR_getcpu
    [__NR_getcpu] = VERDICT_ALLOW,
#endif
#ifdef __NR_getcwd
    [__NR_getcwd] = VERDICT_ALLOW,
#endif
#ifdef __NR_getdents
    [__NR_getdents] = VERDICT_ALLOW,
#endif
#ifdef __NR_getdents64
    [__NR_getdents64] = VERDICT_ALLOW,
#endif
#ifdef __NR_getegid
    [__NR_getegid] = VERDICT_ALLOW,
#endif
#ifdef __NR_geteuid
    [__NR_geteuid] = VERDICT_ALLOW,
#endif
#ifdef __NR_getgid
    [__NR_getgid] = VERDICT_ALLOW,
#endif
#ifdef __NR_getgroups
    [__NR_getgroups] = VERDICT_ALLOW,
#endif
#ifdef __NR_getitimer
    [__NR_getitimer] = VERDICT_ALLOW,
#endif
#ifdef __NR_getpeername
    [__NR_getpeername] = VERDICT_ALLOW,
#endif
#ifdef __NR_getpgid
    [__NR_getpgid] = VERDICT_ALLOW,
#endif
#ifdef __NR_getpgrp
    [__NR_getpgrp] = VERDICT_ALLOW,
#endif
#ifdef __NR_getpid
    [__NR_getpid] = VERDICT_ALLOW,
#endif
#ifdef __NR_getppid
    [__NR_getppid] = VERDICT_ALLOW,
#endif
#ifdef __NR_getpriority
    [__NR_getpriority] = VERDICT_ALLOW,
#endif
#ifdef __NR_getrandom
    [__NR_getrandom] = VERDICT_ALLOW,
#endif
#ifdef __NR_getresgid
    [__NR_getresgid] = VERDICT_ALLOW,
#endif
#ifdef __NR_getresuid
    [__NR_getresuid] = VERDICT_ALLOW,
#endif
#ifdef __NR_getrlimit
    [__NR_getrlimit] = VERDICT_ALLOW,
#endif
#ifdef __NR_getrusage
    [__NR_getrusage] = VERDICT_ALLOW,
#endif
#ifdef __NR_getsid
    [__NR_getsid] = VERDICT_ALLOW,
#endif
#ifdef __NR_getsockname
    [__NR_getsockname] = VERDICT_ALLOW,
#endif
#ifdef __NR_getsockopt
    [__NR_getsockopt] = VERDICT_ALLOW,
#endif
#ifdef __NR_gettid
    [__NR_gettid] = VERDICT_ALLOW,
#endif
#ifdef __NR_gettimeofday
    [__NR_gettimeofday] = VERDICT_ALLOW,
#endif
#ifdef __NR_getuid
    [__NR_getuid] = VERDICT_ALLOW,
#endif
#ifdef __NR_getxattr
    [__NR_getxattr] = VERDICT_ALLOW,
#endif
    [464] = VERDICT_ALLOW, /* getxattrat */
#ifdef __NR_inotify_add_watch
    [__NR_inotify_add_watch] = VERDICT_ALLOW,
#endif
#ifdef __NR_inotify_init
    [__NR_inotify_init] = VERDICT_ALLOW,
#endif
#ifdef __NR_inotify_init1
    [__NR_inotify_init1] = VERDICT_ALLOW,
#endif
#ifdef __NR_inotify_rm_watch
    [__NR_inotify_rm_watch] = VERDICT_ALLOW,
#endif
#ifdef __NR_io_cancel
    [__NR_io_cancel] = VERDICT_ALLOW,
#endif
#ifdef __NR_io_destroy
    [__NR_io_destroy] = VERDICT_ALLOW,
#endif
#ifdef __NR_io_getevents
    [__NR_io_getevents] = VERDICT_ALLOW,
#endif
#ifdef __NR_io_pgetevents
    [__NR_io_pgetevents] = VERDICT_ALLOW,
#endif
#ifdef __NR_io_setup
    [__NR_io_setup] = VERDICT_ALLOW,
#endif
#ifdef __NR_io_submit
    [__NR_io_submit] = VERDICT_ALLOW,
#endif
#ifdef __NR_ioctl
    [__NR_ioctl] = VERDICT_BY_RULES,
#endif
#ifdef __NR_ioprio_get
    [__NR_ioprio_get] = VERDICT_ALLOW,
#endif
#ifdef __NR_ioprio_set
    [__NR_ioprio_set] = VERDICT_ALLOW,
#endif
#ifdef __NR_kcmp
    [__NR_kcmp] = VERDICT_ALLOW,
#endif
#ifdef __NR_kill
    [__NR_kill] = VERDICT_ALLOW,
#endif
    [445] = VERDICT_ALLOW, /* landlock_add_rule */
    [444] = VERDICT_ALLOW, /* landlock_create_ruleset */
    [446] = VERDICT_ALLOW, /* landlock_restrict_self */
#ifdef __NR_lchown
    [__NR_lchown] = VERDICT_ALLOW,
#endif
#ifdef __NR_lgetxattr
    [__NR_lgetxattr] = VERDICT_ALLOW,
#endif
#ifdef __NR_link
    [__NR_link] = VERDICT_ALLOW,
#endif
#ifdef __NR_linkat
    [__NR_linkat] = VERDICT_ALLOW,
#endif
#ifdef __NR_listen
    [__NR_listen] = VERDICT_ALLOW,
#endif
#ifdef __NR_listxattr
    [__NR_listxattr] = VERDICT_ALLOW,
#endif
    [465] = VERDICT_ALLOW, /* listxattrat */
#ifdef __NR_llistxattr
    [__NR_llistxattr] = VERDICT_ALLOW,
#endif
#ifdef __NR_lremovexattr
    [__NR_lremovexattr] = VERDICT_ALLOW,
#endif
#ifdef __NR_lseek
    [__NR_lseek] = VERDICT_ALLOW,
#endif
#ifdef __NR_lsetxattr
    [__NR_lsetxattr] = VERDICT_ALLOW,
#endif
#ifdef __NR_lstat
    [__NR_lstat] = VERDICT_ALLOW,
#endif
#ifdef __NR_madvise
    [__NR_madvise] = VERDICT_ALLOW,
#endif
    [453] = VERDICT_ALLOW, /* map_shadow_stack */
#ifdef __NR_membarrier
    [__NR_membarrier] = VERDICT_ALLOW,
#endif
#ifdef __NR_memfd_create
    [__NR_memfd_create] = VERDICT_ALLOW,
#endif
    [447] = VERDICT_ALLOW, /* memfd_secret */
#ifdef __NR_mincore
    [__NR_mincore] = VERDICT_ALLOW,
#endif
#ifdef __NR_mkdir
    [__NR_mkdir] = VERDICT_ALLOW,
#endif
#ifdef __NR_mkdirat
    [__NR_mkdirat] = VERDICT_ALLOW,
#endif
#ifdef __NR_mknod
    [__NR_mknod] = VERDICT_ALLOW,
#endif
#ifdef __NR_mknodat
    [__NR_mknodat] = VERDICT_ALLOW,
#endif
#ifdef __NR_mlock
    [__NR_mlock] = VERDICT_ALLOW,
#endif
#ifdef __NR_mlock2
    [__NR_mlock2] = VERDICT_ALLOW,
#endif
#ifdef __NR_mlockall
    [__NR_mlockall] = VERDICT_ALLOW,
#endif
#ifdef __NR_mmap
    [__NR_mmap] = VERDICT_ALLOW,
#endif
#ifdef __NR_mprotect
    [__NR_mprotect] = VERDICT_ALLOW,
#endif
#ifdef __NR_mq_getsetattr
    [__NR_mq_getsetattr] = VERDICT_ALLOW,
#endif
#ifdef __NR_mq_notify
    [__NR_mq_notify] = VERDICT_ALLOW,
#endif
#ifdef __NR_mq_open
    [__NR_mq_open] = VERDICT_ALLOW,
#endif
#ifdef __NR_mq_timedreceive
    [__NR_mq_timedreceive] = VERDICT_ALLOW,
#endif
#ifdef __NR_mq_timedsend
    [__NR_mq_timedsend] = VERDICT_ALLOW,
#endif
#ifdef __NR_mq_unlink
    [__NR_mq_unlink] = VERDICT_ALLOW,
#endif
#ifdef __NR_mremap
    [__NR_mremap] = VERDICT_ALLOW,
#endif
    [462] = VERDICT_ALLOW, /* mseal */
#ifdef __NR_msgctl
    [__NR_msgctl] = VERDICT_ALLOW,
#endif
#ifdef __NR_msgget
    [__NR_msgget] = VERDICT_ALLOW,
#endif
#ifdef __NR_msgrcv
    [__NR_msgrcv] = VERDICT_ALLOW,
#endif
#ifdef __NR_msgsnd
    [__NR_msgsnd] = VERDICT_ALLOW,
#endif
#ifdef __NR_msync
    [__NR_msync] = VERDICT_ALLOW,
#endif
#ifdef __NR_munlock
    [__NR_munlock] = VERDICT_ALLOW,
#endif
#ifdef __NR_munlockall
    [__NR_munlockall] = VERDICT_ALLOW,
#endif
#ifdef __NR_munmap
    [__NR_munmap] = VERDICT_ALLOW,
#endif
#ifdef __NR_name_to_handle_at
    [__NR_name_to_handle_at] = VERDICT_ALLOW,
#endif
#ifdef __NR_nanosleep
    [__NR_nanosleep] = VERDICT_ALLOW,
#endif
#ifdef __NR_newfstatat
    [__NR_newfstatat] = VERDICT_ALLOW,
#endif
#ifdef __NR_open
    [__NR_open] = VERDICT_ALLOW,
#endif
#ifdef __NR_openat
    [__NR_openat] = VERDICT_ALLOW,
#endif
    [437] = VERDICT_ALLOW, /* openat2 */
#ifdef __NR_pause
    [__NR_pause] = VERDICT_ALLOW,
#endif
#ifdef __NR_personality
    [__NR_personality] = VERDICT_BY_RULES,
#endif
    [438] = VERDICT_ALLOW, /* pidfd_getfd */
    [434] = VERDICT_ALLOW, /* pidfd_open */
    [424] = VERDICT_ALLOW, /* pidfd_send_signal */
#ifdef __NR_pipe
    [__NR_pipe] = VERDICT_ALLOW,
#endif
#ifdef __NR_pipe2
    [__NR_pipe2] = VERDICT_ALLOW,
#endif
#ifdef __NR_pkey_alloc
    [__NR_pkey_alloc] = VERDICT_ALLOW,
#endif
#ifdef __NR_pkey_free
    [__NR_pkey_free] = VERDICT_ALLOW,
#endif
#ifdef __NR_pkey_mprotect
    [__NR_pkey_mprotect] = VERDICT_ALLOW,
#endif
#ifdef __NR_poll
    [__NR_poll] = VERDICT_ALLOW,
#endif
#ifdef __NR_ppoll
    [__NR_ppoll] = VERDICT_ALLOW,
#endif
#ifdef __NR_prctl
    [__NR_prctl] = VERDICT_ALLOW,
#endif
#ifdef __NR_pread64
    [__NR_pread64] = VERDICT_ALLOW,
#endif
#ifdef __NR_preadv
    [__NR_preadv] = VERDICT_ALLOW,
#endif
#ifdef __NR_preadv2
    [__NR_preadv2] = VERDICT_ALLOW,
#endif
#ifdef __NR_prlimit64
    [__NR_prlimit64] = VERDICT_ALLOW,
#endif
    [440] = VERDICT_ALLOW, /* process_madvise */
    [448] = VERDICT_ALLOW, /* process_mrelease */
#ifdef __NR_process_vm_readv
    [__NR_process_vm_readv] = VERDICT_ALLOW,
#endif
#ifdef __NR_process_vm_writev
    [__NR_process_vm_writev] = VERDICT_ALLOW,
#endif
#ifdef __NR_pselect6
    [__NR_pselect6] = VERDICT_ALLOW,
#endif
#ifdef __NR_ptrace
    [__NR_ptrace] = VERDICT_ALLOW,
#endif
#ifdef __NR_pwrite64
    [__NR_pwrite64] = VERDICT_ALLOW,
#endif
#ifdef __NR_pwritev
    [__NR_pwritev] = VERDICT_ALLOW,
#endif
#ifdef __NR_pwritev2
    [__NR_pwritev2] = VERDICT_ALLOW,
#endif
#ifdef __NR_read
    [__NR_read] = VERDICT_ALLOW,
#endif
#ifdef __NR_readahead
    [__NR_readahead] = VERDICT_ALLOW,
#endif
#ifdef __NR_readlink
    [__NR_readlink] = VERDICT_ALLOW,
#endif
#ifdef __NR_readlinkat
    [__NR_readlinkat] = VERDICT_ALLOW,
#endif
#ifdef __NR_readv
    [__NR_readv] = VERDICT_ALLOW,
#endif
#ifdef __NR_recvfrom
    [__NR_recvfrom] = VERDICT_ALLOW,
#endif
#ifdef __NR_recvmmsg
    [__NR_recvmmsg] = VERDICT_ALLOW,
#endif
#ifdef __NR_recvmsg
    [__NR_recvmsg] = VERDICT_ALLOW,
#endif
#ifdef __NR_remap_file_pages
    [__NR_remap_file_pages] = VERDICT_ALLOW,
#endif
#ifdef __NR_removexattr
    [__NR_removexattr] = VERDICT_ALLOW,
#endif
    [466] = VERDICT_ALLOW, /* removexattrat */
#ifdef __NR_rename
    [__NR_rename] = VERDICT_ALLOW,
#endif
#ifdef __NR_renameat
    [__NR_renameat] = VERDICT_ALLOW,
#endif
#ifdef __NR_renameat2
    [__NR_renameat2] = VERDICT_ALLOW,
#endif
#ifdef __NR_restart_syscall
    [__NR_restart_syscall] = VERDICT_ALLOW,
#endif
#ifdef __NR_rmdir
    [__NR_rmdir] = VERDICT_ALLOW,
#endif
#ifdef __NR_rseq
    [__NR_rseq] = VERDICT_ALLOW,
#endif
#ifdef __NR_rt_sigaction
    [__NR_rt_sigaction] = VERDICT_ALLOW,
#endif
#ifdef __NR_rt_sigpending
    [__NR_rt_sigpending] = VERDICT_ALLOW,
#endif
#ifdef __NR_rt_sigprocmask
    [__NR_rt_sigprocmask] = VERDICT_ALLOW,
#endif
#ifdef __NR_rt_sigqueueinfo
    [__NR_rt_sigqueueinfo] = VERDICT_ALLOW,
#endif
#ifdef __NR_rt_sigreturn
    [__NR_rt_sigreturn] = VERDICT_ALLOW,
#endif
#ifdef __NR_rt_sigsuspend
    [__NR_rt_sigsuspend] = VERDICT_ALLOW,
#endif
#ifdef __NR_rt_sigtimedwait
    [__NR_rt_sigtimedwait] = VERDICT_ALLOW,
#endif
#ifdef __NR_rt_tgsigqueueinfo
    [__NR_rt_tgsigqueueinfo] = VERDICT_ALLOW,
#endif
#ifdef __NR_sched_get_priority_max
    [__NR_sched_get_priority_max] = VERDICT_ALLOW,
#endif
#ifdef __NR_sched_get_priority_min
    [__NR_sched_get_priority_min] = VERDICT_ALLOW,
#endif
#ifdef __NR_sched_getaffinity
    [__NR_sched_getaffinity] = VERDICT_ALLOW,
#endif
#ifdef __NR_sched_getattr
    [__NR_sched_getattr] = VERDICT_ALLOW,
#endif
#ifdef __NR_sched_getparam
    [__NR_sched_getparam] = VERDICT_ALLOW,
#endif
#ifdef __NR_sched_getscheduler
    [__NR_sched_getscheduler] = VERDICT_ALLOW,
#endif
#ifdef __NR_sched_rr_get_interval
    [__NR_sched_rr_get_interval] = VERDICT_ALLOW,
#endif
#ifdef __NR_sched_setaffinity
    [__NR_sched_setaffinity] = VERDICT_ALLOW,
#endif
#ifdef __NR_sched_setattr
    [__NR_sched_setattr] = VERDICT_ALLOW,
#endif
#ifdef __NR_sched_setparam
    [__NR_sched_setparam] = VERDICT_ALLOW,
#endif
#ifdef __NR_sched_setscheduler
    [__NR_sched_setscheduler] = VERDICT_ALLOW,
#endif
#ifdef __NR_sched_yield
    [__NR_sched_yield] = VERDICT_ALLOW,
#endif
#ifdef __NR_seccomp
    [__NR_seccomp] = VERDICT_ALLOW,
#endif
#ifdef __NR_select
    [__NR_select] = VERDICT_ALLOW,
#endif
#ifdef __NR_semctl
    [__NR_semctl] = VERDICT_ALLOW,
#endif
#ifdef __NR_semget
    [__NR_semget] = VERDICT_ALLOW,
#endif
#ifdef __NR_semop
    [__NR_semop] = VERDICT_ALLOW,
#endif
#ifdef __NR_semtimedop
    [__NR_semtimedop] = VERDICT_ALLOW,
#endif
#ifdef __NR_sendfile
    [__NR_sendfile] = VERDICT_ALLOW,
#endif
#ifdef __NR_sendmmsg
    [__NR_sendmmsg] = VERDICT_ALLOW,
#endif
#ifdef __NR_sendmsg
    [__NR_sendmsg] = VERDICT_ALLOW,
#endif
#ifdef __NR_sendto
    [__NR_sendto] = VERDICT_ALLOW,
#endif
#ifdef __NR_set_robust_list
    [__NR_set_robust_list] = VERDICT_ALLOW,
#endif
#ifdef __NR_set_tid_address
    [__NR_set_tid_address] = VERDICT_ALLOW,
#endif
#ifdef __NR_setfsgid
    [__NR_setfsgid] = VERDICT_ALLOW,
#endif
#ifdef __NR_setfsuid
    [__NR_setfsuid] = VERDICT_ALLOW,
#endif
#ifdef __NR_setgid
    [__NR_setgid] = VERDICT_ALLOW,
#endif
#ifdef __NR_setgroups
    [__NR_setgroups] = VERDICT_ALLOW,
#endif
#ifdef __NR_setitimer
    [__NR_setitimer] = VERDICT_ALLOW,
#endif
#ifdef __NR_setpgid
    [__NR_setpgid] = VERDICT_ALLOW,
#endif
#ifdef __NR_setpriority
    [__NR_setpriority] = VERDICT_ALLOW,
#endif
#ifdef __NR_setregid
    [__NR_setregid] = VERDICT_ALLOW,
#endif
#ifdef __NR_setresgid
    [__NR_setresgid] = VERDICT_ALLOW,
#endif
#ifdef __NR_setresuid
    [__NR_setresuid] = VERDICT_ALLOW,
#endif
#ifdef __NR_setreuid
    [__NR_setreuid] = VERDICT_ALLOW,
#endif
#ifdef __NR_setrlimit
    [__NR_setrlimit] = VERDICT_ALLOW,
#endif
#ifdef __NR_setsid
    [__NR_setsid] = VERDICT_ALLOW,
#endif
#ifdef __NR_setsockopt
    [__NR_setsockopt] = VERDICT_ALLOW,
#endif
#ifdef __NR_setuid
    [__NR_setuid] = VERDICT_ALLOW,
#endif
#ifdef __NR_setxattr
    [__NR_setxattr] = VERDICT_ALLOW,
#endif
    [463] = VERDICT_ALLOW, /* setxattrat */
#ifdef __NR_shmat
    [__NR_shmat] = VERDICT_ALLOW,
#endif
#ifdef __NR_shmctl
    [__NR_shmctl] = VERDICT_ALLOW,
#endif
#ifdef __NR_shmdt
    [__NR_shmdt] = VERDICT_ALLOW,
#endif
#ifdef __NR_shmget
    [__NR_shmget] = VERDICT_ALLOW,
#endif
#ifdef __NR_shutdown
    [__NR_shutdown] = VERDICT_ALLOW,
#endif
#ifdef __NR_sigaltstack
    [__NR_sigaltstack] = VERDICT_ALLOW,
#endif
#ifdef __NR_signalfd
    [__NR_signalfd] = VERDICT_ALLOW,
#endif
#ifdef __NR_signalfd4
    [__NR_signalfd4] = VERDICT_ALLOW,
#endif
#ifdef __NR_socket
    [__NR_socket] = VERDICT_BY_RULES,
#endif
#ifdef __NR_socketpair
    [__NR_socketpair] = VERDICT_BY_RULES,
#endif
#ifdef __NR_splice
    [__NR_splice] = VERDICT_ALLOW,
#endif
#ifdef __NR_stat
    [__NR_stat] = VERDICT_ALLOW,
#endif
#ifdef __NR_statfs
    [__NR_statfs] = VERDICT_ALLOW,
#endif
#ifdef __NR_statx
    [__NR_statx] = VERDICT_ALLOW,
#endif
#ifdef __NR_symlink
    [__NR_symlink] = VERDICT_ALLOW,
#endif
#ifdef __NR_symlinkat
    [__NR_symlinkat] = VERDICT_ALLOW,
#endif
#ifdef __NR_sync
    [__NR_sync] = VERDICT_ALLOW,
#endif
#ifdef __NR_sync_file_range
    [__NR_sync_file_range] = VERDICT_ALLOW,
#endif
#ifdef __NR_syncfs
    [__NR_syncfs] = VERDICT_ALLOW,
#endif
#ifdef __NR_sysinfo
    [__NR_sysinfo] = VERDICT_ALLOW,
#endif
#ifdef __NR_tee
    [__NR_tee] = VERDICT_ALLOW,
#endif
#ifdef __NR_tgkill
    [__NR_tgkill] = VERDICT_ALLOW,
#endif
#ifdef __NR_time
    [__NR_time] = VERDICT_ALLOW,
#endif
#ifdef __NR_timer_create
    [__NR_timer_create] = VERDICT_ALLOW,
#endif
#ifdef __NR_timer_delete
    [__NR_timer_delete] = VERDICT_ALLOW,
#endif
#ifdef __NR_timer_getoverrun
    [__NR_timer_getoverrun] = VERDICT_ALLOW,
#endif
#ifdef __NR_timer_gettime
    [__NR_timer_gettime] = VERDICT_ALLOW,
#endif
#ifdef __NR_timer_settime
    [__NR_timer_settime] = VERDICT_ALLOW,
#endif
#ifdef __NR_timerfd_create
    [__NR_timerfd_create] = VERDICT_ALLOW,
#endif
#ifdef __NR_timerfd_gettime
    [__NR_timerfd_gettime] = VERDICT_ALLOW,
#endif
#ifdef __NR_timerfd_settime
    [__NR_timerfd_settime] = VERDICT_ALLOW,
#endif
#ifdef __NR_times
    [__NR_times] = VERDICT_ALLOW,
#endif
#ifdef __NR_tkill
    [__NR_tkill] = VERDICT_ALLOW,
#endif
#ifdef __NR_truncate
    [__NR_truncate] = VERDICT_ALLOW,
#endif
#ifdef __NR_umask
    [__NR_umask] = VERDICT_ALLOW,
#endif
#ifdef __NR_uname
    [__NR_uname] = VERDICT_ALLOW,
#endif
#ifdef __NR_unlink
    [__NR_unlink] = VERDICT_ALLOW,
#endif
#ifdef __NR_unlinkat
    [__NR_unlinkat] = VERDICT_ALLOW,
#endif
#ifdef __NR_utime
    [__NR_utime] = VERDICT_ALLOW,
#endif
#ifdef __NR_utimensat
    [__NR_utimensat] = VERDICT_ALLOW,
#endif
#ifdef __NR_utimes
    [__NR_utimes] = VERDICT_ALLOW,
#endif
#ifdef __NR_vfork
    [__NR_vfork] = VERDICT_ALLOW,
#endif
#ifdef __NR_vmsplice
    [__NR_vmsplice] = VERDICT_ALLOW,
#endif
#ifdef __NR_wait4
    [__NR_wait4] = VERDICT_ALLOW,
#endif
#ifdef __NR_waitid
    [__NR_waitid] = VERDICT_ALLOW,
#endif
#ifdef __NR_write
    [__NR_write] = VERDICT_ALLOW,
#endif
#ifdef __NR_writev
    [__NR_writev] = VERDICT_ALLOW,
#endif
};

static const struct seccomp_rule seccomp_rules[] = {
#ifdef __NR_clone
    {__NR_clone, 0, VERDICT_ALLOW, 0x7e020000u, 0x0u},
#endif
#ifdef __NR_ioctl
    {__NR_ioctl, 1, VERDICT_EPERM, 0xffffffffu, 0x5412u},
    {__NR_ioctl, 1, VERDICT_EPERM, 0xffffffffu, 0x541cu},
    {__NR_ioctl, 0, VERDICT_ALLOW, 0x0u, 0x0u},
#endif
#ifdef __NR_personality
    {__NR_personality, 0, VERDICT_ALLOW, 0xffffffffu, 0x0u},
    {__NR_personality, 0, VERDICT_ALLOW, 0xffffffffu, 0x8u},
    {__NR_personality, 0, VERDICT_ALLOW, 0xffffffffu, 0x20000u},
    {__NR_personality, 0, VERDICT_ALLOW, 0xffffffffu, 0x20008u},
    {__NR_personality, 0, VERDICT_ALLOW, 0xffffffffu, 0x40000u},
    {__NR_personality, 0, VERDICT_ALLOW, 0xffffffffu, 0xffffffffu},
#endif
#ifdef __NR_socket
    {__NR_socket, 0, VERDICT_ALLOW, 0xffffffffu, 0x1u},
    {__NR_socket, 0, VERDICT_ALLOW, 0xffffffffu, 0x2u},
    {__NR_socket, 0, VERDICT_ALLOW, 0xffffffffu, 0xau},
    {__NR_socket, 0, VERDICT_ALLOW, 0xffffffffu, 0x10u},
#endif
#ifdef __NR_socketpair
    {__NR_socketpair, 0, VERDICT_ALLOW, 0xffffffffu, 0x1u},
#endif
};

#endif
