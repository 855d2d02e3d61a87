/* Makes the n-th file operation of a process go wrong. Loaded with LD_PRELOAD; shim.py builds it and writes the order.

   An order is "KIND NUMBER SEED LOG ROOT[:ROOT...]", given to campaign_arm(), or in CAMPAIGN_ORDER to a process that is
   to be armed from its start. Operations on files below a ROOT are counted from 1 on, as far as the KIND applies to
   them; at the one with NUMBER the fault happens. The other files, and other processes (those that the armed one forks
   too), are left alone. Every operation is written to the file LOG ("-": none), with the bytes of each write where KIND
   is "record" or "power", so that crash.py can tell what a disk holds that lost what was not synced.

   Functions of libc that write, name or remove files are replaced, and open(), read() and mmap() because of what they
   lead to. Both Python and SQLite call these through the dynamic linker; test_files.py tries that they are seen. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define MAX_FD 4096
#define MAX_ROOTS 8
#define SECTOR 512

enum operation { OPEN = 1, CREATE = 2, WRITE = 4, TRUNCATE = 8, SYNC = 16, NAME = 32, REMOVE = 64, MODE = 128, READ = 256 };

enum fault { RECORD, KILL, TEAR, FAIL, FAIL_ON, SHORTEN };

struct kind {
    const char *name;
    enum fault fault;
    int error;
    int applies_to;
};

#define CHANGES (CREATE | WRITE | TRUNCATE | SYNC | NAME | REMOVE | MODE)

static const struct kind KINDS[] = {
    {"record", RECORD, 0, CHANGES},
    {"power", KILL, 0, CHANGES},
    {"kill", KILL, 0, CHANGES},
    {"torn", TEAR, 0, WRITE},
    {"eio", FAIL, EIO, CHANGES},
    {"unreadable", FAIL, EIO, OPEN | READ},
    {"enospc", FAIL, ENOSPC, CREATE | WRITE | TRUNCATE | SYNC | NAME},
    {"short", SHORTEN, 0, WRITE},
    {"eintr", FAIL, EINTR, OPEN | CREATE | WRITE | TRUNCATE | READ},
    /* From the n-th on each one fails: the disk stays full; the disk takes nothing any more. */
    {"full", FAIL_ON, ENOSPC, CREATE | WRITE | TRUNCATE | SYNC | NAME},
    {"dead", FAIL_ON, EIO, CHANGES},
};

static const struct kind *kind;
static pid_t armed;
static long target, count;
static uint64_t seed;
static int log_fd = -1;
static bool logs_data;
static char *roots[MAX_ROOTS];
static int root_count;
static bool followed[MAX_FD];

/* ---- The real functions */

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define KEEP(name)                                                                                                     \
    static __typeof__(&name) real;                                                                                     \
    if (!real)                                                                                                         \
        real = REAL(name);

static void note(const char *operation, long number, long a, long b, const char *path, const char *path2);

/* ---- Orders */

static void put(int fd, const void *data, size_t size)
{
    const char *at = data;
    while (size > 0) {
        long done = syscall(SYS_write, fd, at, size);
        if (done <= 0)
            return;
        at += done;
        size -= (size_t)done;
    }
}

int campaign_arm(const char *order)
{
    char name[32], log[PATH_MAX], folders[PATH_MAX * 2];
    unsigned long long drawn;
    if (sscanf(order, "%31s %ld %llu %4095s %8191[^\n]", name, &target, &drawn, log, folders) != 5)
        return 1;
    for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++)
        if (strcmp(KINDS[i].name, name) == 0)
            kind = &KINDS[i];
    if (!kind)
        return 2;
    seed = drawn * 2862933555777941757ULL + (uint64_t)target * 3037000493ULL + 1;
    root_count = 0;
    for (char *folder = strtok(strdup(folders), ":"); folder && root_count < MAX_ROOTS; folder = strtok(NULL, ":"))
        roots[root_count++] = folder;
    if (strcmp(log, "-") != 0) {
        int fd = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
        /* Out of the way of the numbers that a program expects. */
        log_fd = (int)syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 900);
        syscall(SYS_close, fd);
        if (log_fd < 0)
            return 3;
    }
    logs_data = strcmp(name, "record") == 0 || strcmp(name, "power") == 0;
    memset(followed, 0, sizeof followed);
    count = 0;
    armed = getpid();
    return 0;
}

/* Write how many operations there were: the last line of the log. */
void campaign_end(void) { note("end", count, 0, 0, "", ""); }

__attribute__((constructor)) static void arm_from_start(void)
{
    const char *order = getenv("CAMPAIGN_ORDER");
    if (order && campaign_arm(order)) {
        fprintf(stderr, "shim: bad order: %s\n", order);
        _exit(99);
    }
    unsetenv("CAMPAIGN_ORDER");
}

static uint64_t draw(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

/* ---- Which files are followed */

/* The absolute path of what a function was given, with "." and ".." worked out; false for what cannot be told. */
static bool resolve(int folder, const char *path, char *out)
{
    char joined[PATH_MAX * 2];
    if (!path)
        return false;
    if (path[0] == '/') {
        snprintf(joined, sizeof joined, "%s", path);
    } else {
        char base[PATH_MAX];
        if (folder == AT_FDCWD) {
            if (!getcwd(base, sizeof base))
                return false;
        } else {
            char link[64];
            snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
            ssize_t size = readlink(link, base, sizeof base - 1);
            if (size < 0)
                return false;
            base[size] = 0;
        }
        snprintf(joined, sizeof joined, "%s/%s", base, path);
    }
    size_t end = 0;
    char *rest = NULL;
    for (char *part = strtok_r(joined, "/", &rest); part; part = strtok_r(NULL, "/", &rest)) {
        if (strcmp(part, ".") == 0)
            continue;
        if (strcmp(part, "..") == 0) {
            while (end > 0 && out[--end] != '/')
                ;
            continue;
        }
        size_t size = strlen(part);
        if (end + size + 2 > PATH_MAX)
            return false;
        out[end++] = '/';
        memcpy(out + end, part, size);
        end += size;
    }
    out[end] = 0;
    return true;
}

static bool is_armed(void) { return armed && armed == getpid(); }

static bool is_below_root(const char *path)
{
    for (int i = 0; i < root_count; i++) {
        size_t size = strlen(roots[i]);
        if (strncmp(path, roots[i], size) == 0 && (path[size] == '/' || path[size] == 0))
            return true;
    }
    return false;
}

static bool follows(int fd) { return is_armed() && fd >= 0 && fd < MAX_FD && followed[fd]; }

static bool follows_path(int folder, const char *path, char *out)
{
    return is_armed() && resolve(folder, path, out) && is_below_root(out);
}

/* ---- The log: a line "OPERATION\tNUMBER\tA\tB\tPATH\tPATH2", behind which B bytes follow where it is a write. */

static void note(const char *operation, long number, long a, long b, const char *path, const char *path2)
{
    if (log_fd < 0)
        return;
    char line[PATH_MAX * 2 + 128];
    int size = snprintf(line, sizeof line, "%s\t%ld\t%ld\t%ld\t%s\t%s\n", operation, number, a, b, path, path2);
    put(log_fd, line, (size_t)size);
}

static void note_data(int fd, long offset, const void *data, size_t size)
{
    if (log_fd < 0)
        return;
    note("write", fd, offset, logs_data ? (long)size : -(long)size, "", "");
    if (logs_data)
        put(log_fd, data, size);
}

/* ---- The fault */

static void end_here(void)
{
    syscall(SYS_kill, getpid(), SIGKILL);
    for (;;)
        pause();
}

enum answer { GO, REFUSE, PART };

/* Count an operation; kill the process, or say whether it is to be refused (with errno set), done in part, or done. */
static enum answer begin(enum operation operation)
{
    if (!(kind->applies_to & (int)operation))
        return GO;
    long number = __atomic_add_fetch(&count, 1, __ATOMIC_SEQ_CST);
    if (kind->fault == RECORD || number < target || (number > target && kind->fault != FAIL_ON))
        return GO;
    if (number == target)
        note("fault", number, 0, 0, "", "");
    switch (kind->fault) {
    case KILL:
        end_here();
        return GO;
    case TEAR:
    case SHORTEN:
        return PART;
    default:
        errno = kind->error;
        return REFUSE;
    }
}

/* ---- Writes */

static long offset_of(int fd)
{
    if (fcntl(fd, F_GETFL) & O_APPEND)
        return (long)lseek(fd, 0, SEEK_END);
    return (long)lseek(fd, 0, SEEK_CUR);
}

/* Write a part of what is to be written: its sectors by lot, its first half, or all but the last byte. Then end. */
static void tear(int fd, const char *data, size_t size, long offset)
{
    KEEP(pwrite64)
    uint64_t manner = draw() % 3;
    if (manner == 0 && size > SECTOR) {
        for (size_t at = 0; at < size; at += SECTOR)
            if (draw() % 2)
                real(fd, data + at, size - at < SECTOR ? size - at : SECTOR, offset + (long)at);
    } else if (size > 1) {
        real(fd, data, manner == 1 ? size / 2 : size - 1, offset);
    }
    end_here();
}

static ssize_t write_some(int fd, const void *data, size_t size, long offset, ssize_t (*really)(int, const void *, size_t, long))
{
    switch (begin(WRITE)) {
    case REFUSE:
        /* A disk that is full or broken may have taken the beginning. */
        if (kind->error != EINTR && size > 1 && draw() % 2) {
            int error = errno;
            KEEP(pwrite64)
            real(fd, data, size / 2, offset);
            note_data(fd, offset, data, size / 2);
            errno = error;
        }
        return -1;
    case PART:
        if (kind->fault == TEAR)
            tear(fd, data, size, offset);
        size = size > 1 ? size / 2 : size;
        break;
    case GO:
        break;
    }
    ssize_t done = really(fd, data, size, offset);
    if (done > 0) {
        int error = errno;
        note_data(fd, offset, data, (size_t)done);
        errno = error;
    }
    return done;
}

static ssize_t at_offset(int fd, const void *data, size_t size, long offset)
{
    KEEP(pwrite64)
    return real(fd, data, size, offset);
}

static ssize_t at_end(int fd, const void *data, size_t size, long offset)
{
    (void)offset;
    KEEP(write)
    return real(fd, data, size);
}

ssize_t write(int fd, const void *data, size_t size)
{
    if (follows(fd))
        return write_some(fd, data, size, offset_of(fd), at_end);
    return at_end(fd, data, size, 0);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
    if (follows(fd))
        return write_some(fd, data, size, offset, at_offset);
    return at_offset(fd, data, size, offset);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) { return pwrite(fd, data, size, offset); }

/* One write of the first part alone: whoever calls writev() must be ready for that. */
ssize_t writev(int fd, const struct iovec *parts, int number)
{
    KEEP(writev)
    if (follows(fd) && number > 0)
        return write(fd, parts[0].iov_base, parts[0].iov_len);
    return real(fd, parts, number);
}

/* The kernel copies: read what it would, and write it, so that the log has it. */
static ssize_t copy(int out, int in, off_t *from, off_t *to, size_t size)
{
    char buffer[65536];
    long start = from ? *from : (long)lseek(in, 0, SEEK_CUR);
    ssize_t got = pread(in, buffer, size < sizeof buffer ? size : sizeof buffer, start);
    if (got <= 0)
        return got;
    ssize_t done = to ? pwrite(out, buffer, (size_t)got, *to) : write(out, buffer, (size_t)got);
    if (done <= 0)
        return done;
    if (from)
        *from += done;
    else
        lseek(in, start + done, SEEK_SET);
    if (to)
        *to += done;
    return done;
}

ssize_t sendfile(int out, int in, off_t *offset, size_t size)
{
    KEEP(sendfile)
    return follows(out) ? copy(out, in, offset, NULL, size) : real(out, in, offset, size);
}

ssize_t sendfile64(int out, int in, off64_t *offset, size_t size) { return sendfile(out, in, offset, size); }

ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t size, unsigned flags)
{
    KEEP(copy_file_range)
    return follows(out) ? copy(out, in, from, to, size) : real(in, from, out, to, size, flags);
}

/* ---- Reads, which only "unreadable" and "eintr" count */

ssize_t read(int fd, void *data, size_t size)
{
    KEEP(read)
    if (follows(fd) && begin(READ) == REFUSE)
        return -1;
    return real(fd, data, size);
}

ssize_t pread(int fd, void *data, size_t size, off_t offset)
{
    KEEP(pread)
    if (follows(fd) && begin(READ) == REFUSE)
        return -1;
    return real(fd, data, size, offset);
}

ssize_t pread64(int fd, void *data, size_t size, off64_t offset) { return pread(fd, data, size, offset); }

/* ---- Files: opening, closing, sizes, syncing, mapping */

static int open_at(int folder, const char *path, int flags, mode_t mode)
{
    KEEP(openat)
    char full[PATH_MAX];
    if (!follows_path(folder, path, full))
        return real(folder, path, flags, mode);
    struct stat there;
    bool is_nameless = (flags & O_TMPFILE) == O_TMPFILE;
    bool is_new = is_nameless || ((flags & O_CREAT) && fstatat(folder, path, &there, 0) != 0);
    bool empties = !is_new && (flags & O_TRUNC);
    if (begin(is_new ? CREATE : empties ? TRUNCATE : OPEN) == REFUSE)
        return -1;
    int fd = real(folder, path, flags, mode);
    if (fd >= 0 && fd < MAX_FD) {
        int error = errno;
        followed[fd] = true;
        note(is_nameless ? "nameless" : is_new ? "create" : empties ? "empty" : "open", fd, 0, 0, full, "");
        errno = error;
    }
    return fd;
}

#define OPEN_WITH_MODE(folder, path, flags)                                                                            \
    va_list more;                                                                                                      \
    va_start(more, flags);                                                                                             \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;                                             \
    va_end(more);                                                                                                      \
    return open_at(folder, path, flags, mode);

int open(const char *path, int flags, ...) { OPEN_WITH_MODE(AT_FDCWD, path, flags) }
int open64(const char *path, int flags, ...) { OPEN_WITH_MODE(AT_FDCWD, path, flags) }
int openat(int folder, const char *path, int flags, ...) { OPEN_WITH_MODE(folder, path, flags) }
int openat64(int folder, const char *path, int flags, ...) { OPEN_WITH_MODE(folder, path, flags) }

int close(int fd)
{
    KEEP(close)
    if (follows(fd)) {
        followed[fd] = false;
        note("close", fd, 0, 0, "", "");
    }
    return real(fd);
}

int ftruncate(int fd, off_t size)
{
    KEEP(ftruncate)
    if (!follows(fd))
        return real(fd, size);
    if (begin(TRUNCATE) == REFUSE)
        return -1;
    int done = real(fd, size);
    if (done == 0)
        note("truncate", fd, size, 0, "", "");
    return done;
}

int ftruncate64(int fd, off64_t size) { return ftruncate(fd, size); }

/* By a file descriptor, so that the log knows of which file. */
int truncate(const char *path, off_t size)
{
    KEEP(truncate)
    char full[PATH_MAX];
    if (!follows_path(AT_FDCWD, path, full))
        return real(path, size);
    int fd = open(path, O_WRONLY);
    if (fd < 0)
        return -1;
    int done = ftruncate(fd, size), error = errno;
    close(fd);
    errno = error;
    return done;
}

int truncate64(const char *path, off64_t size) { return truncate(path, size); }

int posix_fallocate(int fd, off_t offset, off_t size)
{
    KEEP(posix_fallocate)
    if (!follows(fd))
        return real(fd, offset, size);
    struct stat now;
    if (begin(TRUNCATE) == REFUSE)
        return errno;
    int done = real(fd, offset, size);
    if (done == 0 && fstat(fd, &now) == 0)
        note("truncate", fd, now.st_size, 0, "", "");
    return done;
}

int posix_fallocate64(int fd, off64_t offset, off64_t size) { return posix_fallocate(fd, offset, size); }

static int sync_with(int fd, int (*really)(int))
{
    if (!follows(fd))
        return really(fd);
    if (begin(SYNC) == REFUSE)
        return -1;
    /* The loss of power is simulated: waiting for a disk would prove nothing. */
    note("sync", fd, 0, 0, "", "");
    return 0;
}

int fsync(int fd)
{
    KEEP(fsync)
    return sync_with(fd, real);
}

int fdatasync(int fd)
{
    KEEP(fdatasync)
    return sync_with(fd, real);
}

/* Writes through a mapping are not seen. SQLite maps the index of a WAL, which it makes anew after a crash. */
void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
    KEEP(mmap)
    if (follows(fd) && (protection & PROT_WRITE) && (flags & MAP_SHARED))
        note("map", fd, offset, (long)size, "", "");
    return real(address, size, protection, flags, fd, offset);
}

void *mmap64(void *address, size_t size, int protection, int flags, int fd, off64_t offset)
{
    return mmap(address, size, protection, flags, fd, offset);
}

/* ---- Names */

#define ON_PATH(folder, path, operation, word, call)                                                                   \
    char full[PATH_MAX];                                                                                               \
    if (!follows_path(folder, path, full))                                                                             \
        return call;                                                                                                   \
    if (begin(operation) == REFUSE)                                                                                    \
        return -1;                                                                                                     \
    int done = call;                                                                                                   \
    if (done == 0)                                                                                                     \
        note(word, 0, 0, 0, full, "");                                                                                 \
    return done;

#define ON_TWO_PATHS(folder, path, folder2, path2, word, call)                                                         \
    char full[PATH_MAX], full2[PATH_MAX];                                                                              \
    bool first = follows_path(folder, path, full), second = follows_path(folder2, path2, full2);                       \
    if (!first && !second)                                                                                             \
        return call;                                                                                                   \
    if (begin(NAME) == REFUSE)                                                                                         \
        return -1;                                                                                                     \
    int done = call;                                                                                                   \
    if (done == 0)                                                                                                     \
        note(word, 0, 0, 0, full, full2);                                                                              \
    return done;

int renameat2(int folder, const char *old, int folder2, const char *new, unsigned flags)
{
    KEEP(renameat2)
    ON_TWO_PATHS(folder, old, folder2, new, "rename", real(folder, old, folder2, new, flags))
}

int renameat(int folder, const char *old, int folder2, const char *new) { return renameat2(folder, old, folder2, new, 0); }
int rename(const char *old, const char *new) { return renameat2(AT_FDCWD, old, AT_FDCWD, new, 0); }

int linkat(int folder, const char *old, int folder2, const char *new, int flags)
{
    KEEP(linkat)
    ON_TWO_PATHS(folder, old, folder2, new, "link", real(folder, old, folder2, new, flags))
}

int link(const char *old, const char *new) { return linkat(AT_FDCWD, old, AT_FDCWD, new, 0); }

int symlinkat(const char *to, int folder, const char *path)
{
    KEEP(symlinkat)
    ON_PATH(folder, path, NAME, "symlink", real(to, folder, path))
}

int symlink(const char *to, const char *path) { return symlinkat(to, AT_FDCWD, path); }

int unlinkat(int folder, const char *path, int flags)
{
    KEEP(unlinkat)
    ON_PATH(folder, path, REMOVE, flags & AT_REMOVEDIR ? "rmdir" : "unlink", real(folder, path, flags))
}

int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

int mkdirat(int folder, const char *path, mode_t mode)
{
    KEEP(mkdirat)
    ON_PATH(folder, path, CREATE, "mkdir", real(folder, path, mode))
}

int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

int fchmodat(int folder, const char *path, mode_t mode, int flags)
{
    KEEP(fchmodat)
    ON_PATH(folder, path, MODE, "mode", real(folder, path, mode, flags))
}

int chmod(const char *path, mode_t mode) { return fchmodat(AT_FDCWD, path, mode, 0); }

int fchmod(int fd, mode_t mode)
{
    KEEP(fchmod)
    if (follows(fd) && begin(MODE) == REFUSE)
        return -1;
    return real(fd, mode);
}
