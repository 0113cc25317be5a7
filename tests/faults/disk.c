/* A disk that fails on demand: every call with which a process changes a file is seen, and one of
 * them may be struck. Preloaded (LD_PRELOAD), and controlled by the process itself with the
 * functions at the end, through ctypes: see disk.py.
 *
 * Counted are the calls on names below one folder, each a step with a number from 1 on and a name
 * "OP file". A change anywhere else is noted as one outside. Descriptors are named by
 * /proc/self/fd, so that those opened before are known too. The log lies in memory that is shared
 * with the parent of a forked child: it outlives the child.
 *
 * Not seen: writing through a mapping (SQLite's -shm file, which no one relies on after a crash),
 * system calls that go past libc, and what stdio writes by itself (libstdc++ writes itself, after
 * an fopen, which is seen).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define REAL(name) ({ \
    static __typeof__(&name) real; \
    if (!real) real = (__typeof__(&name)) dlsym(RTLD_NEXT, #name); \
    real; })

enum action { NOTHING, KILL_BEFORE, KILL_AFTER, TORN, SHORT, FAIL };
enum verdict { GO, DIE_AFTER, HALF_AND_DIE, HALF, REFUSE };
enum needs { NO_SPACE, SPACE };

struct record {
    long steps;
    long struck;
    size_t log_used, outside_used;
    char log[4 << 20], outside[1 << 16];
};

static struct record *record;  /* shared with forked children */
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

/* What this process asked for. */
static int armed;
static char folder[PATH_MAX];
static size_t folder_length;
static long wanted_step, wanted_occurrence, occurrences;
static char wanted_name[2 * PATH_MAX];
static enum action action;
static int failure, lasting, struck, skip_sync;
static double clock_offset;

__attribute__((constructor)) static void start(void)
{
    void *memory = mmap(NULL, sizeof(struct record), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    record = memory == MAP_FAILED ? NULL : memory;
}

/* Names */

static int begins(const char *path, const char *with)
{
    return strncmp(path, with, strlen(with)) == 0;
}

/* The absolute path of an open descriptor; 0 where it has none (a pipe, a socket). */
static int path_of(int descriptor, char *path)
{
    char link[64];
    if (descriptor == AT_FDCWD)
        strcpy(link, "/proc/self/cwd");
    else
        snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length <= 0 || path[0] != '/')
        return 0;
    path[length] = 0;
    char *gone = strstr(path, " (deleted)");
    if (gone && gone[10] == 0)
        *gone = 0;
    return 1;
}

static int absolute(int directory, const char *name, char *path)
{
    if (name[0] == '/') {
        snprintf(path, PATH_MAX, "%s", name);
        return 1;
    }
    if (!path_of(directory, path))
        return 0;
    size_t length = strlen(path);
    snprintf(path + length, PATH_MAX - length, "/%s", name);
    return 1;
}

/* The part of a path below the folder; NULL where it lies elsewhere. */
static const char *below(const char *path)
{
    if (strncmp(path, folder, folder_length) != 0)
        return NULL;
    if (path[folder_length] == 0)
        return ".";
    return path[folder_length] == '/' ? path + folder_length + 1 : NULL;
}

/* Steps */

static void note(char *text, size_t *used, size_t size, const char *line)
{
    size_t length = strlen(line);
    if (*used + length + 2 < size) {
        memcpy(text + *used, line, length);
        text[*used + length] = '\n';
        *used += length + 1;
        text[*used] = 0;
    }
}

__attribute__((noreturn)) static void die(void)
{
    syscall(SYS_kill, getpid(), SIGKILL);
    for (;;)
        pause();
}

static int refused(enum needs needs)
{
    return failure == EIO || needs == SPACE;  /* a full disk still lets files be removed */
}

static enum verdict counted(const char *name, long bytes, enum needs needs)
{
    char line[2 * PATH_MAX + 32];
    long number = ++record->steps;
    snprintf(line, sizeof line, "%s\t%ld", name, bytes);
    note(record->log, &record->log_used, sizeof record->log, line);
    if (struck && lasting && action == FAIL && refused(needs)) {
        record->struck++;
        errno = failure;
        return REFUSE;
    }
    int hit = number == wanted_step;
    if (wanted_name[0] && strcmp(name, wanted_name) == 0)
        hit = ++occurrences == wanted_occurrence;
    if (!hit || action == NOTHING)
        return GO;
    struck = 1;
    if (action == FAIL && !refused(needs))
        return GO;
    record->struck++;
    switch (action) {
    case KILL_BEFORE:
        die();
    case KILL_AFTER:
        return DIE_AFTER;
    case TORN:
        return HALF_AND_DIE;
    case SHORT:
        return HALF;
    default:
        errno = failure;
        return REFUSE;
    }
}

/* What is to become of a call that changes `path` (and `to`), by `bytes` bytes. */
static enum verdict step(const char *op, const char *path, const char *to, long bytes,
                         enum needs needs)
{
    const char *from_inside = below(path), *to_inside = to ? below(to) : NULL;
    char name[2 * PATH_MAX];
    int saved = errno;
    if (!from_inside && !to_inside) {
        if (strcmp(op, "open") == 0 || begins(path, "/dev/") || begins(path, "/proc/") ||
            begins(path, "/memfd:"))
            return GO;
        pthread_mutex_lock(&one_at_a_time);
        snprintf(name, sizeof name, "%s %s", op, path);
        note(record->outside, &record->outside_used, sizeof record->outside, name);
        pthread_mutex_unlock(&one_at_a_time);
        errno = saved;
        return GO;
    }
    if (to)
        snprintf(name, sizeof name, "%s %s -> %s", op, from_inside ? from_inside : path,
                 to_inside ? to_inside : to);
    else
        snprintf(name, sizeof name, "%s %s", op, from_inside);
    pthread_mutex_lock(&one_at_a_time);
    errno = saved;
    enum verdict verdict = counted(name, bytes, needs);
    pthread_mutex_unlock(&one_at_a_time);
    return verdict;
}

static enum verdict step_at(const char *op, int directory, const char *name, enum needs needs)
{
    char path[PATH_MAX];
    int saved = errno;
    if (!armed || !name || !absolute(directory, name, path)) {
        errno = saved;
        return GO;
    }
    errno = saved;
    return step(op, path, NULL, 0, needs);
}

static enum verdict step_on(const char *op, int descriptor, long bytes, enum needs needs)
{
    char path[PATH_MAX];
    int saved = errno;
    if (!armed || !path_of(descriptor, path)) {
        errno = saved;
        return GO;
    }
    errno = saved;
    return step(op, path, NULL, bytes, needs);
}

static enum verdict step_between(const char *op, int from, const char *name, int to,
                                 const char *new_name)
{
    char path[PATH_MAX], new_path[PATH_MAX];
    int saved = errno;
    if (!armed || !absolute(from, name, path) || !absolute(to, new_name, new_path)) {
        errno = saved;
        return GO;
    }
    errno = saved;
    return step(op, path, new_path, 0, SPACE);
}

static void after(enum verdict verdict)
{
    if (verdict == DIE_AFTER || verdict == HALF_AND_DIE)
        die();
}

/* A call that is made whole or not at all. */
#define WHOLE(verdict_of, failed, call) \
    enum verdict verdict = (verdict_of); \
    if (verdict == REFUSE) \
        return (failed); \
    __typeof__(call) result = (call); \
    after(verdict); \
    return result;

/* Opening */

static enum verdict opening(int directory, const char *name, int flags)
{
    if ((flags & O_ACCMODE) == O_RDONLY && !(flags & (O_CREAT | O_TRUNC)))
        return GO;
    return step_at(flags & (O_CREAT | O_TRUNC) ? "create" : "open", directory, name,
                   flags & O_CREAT ? SPACE : NO_SPACE);
}

#define MODE(flags) ({ \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | O_TMPFILE)) { \
        va_list list; \
        va_start(list, flags); \
        mode = va_arg(list, mode_t); \
        va_end(list); \
    } \
    mode; })

#define OPEN(open) \
    int open(const char *name, int flags, ...) \
    { \
        mode_t mode = MODE(flags); \
        WHOLE(opening(AT_FDCWD, name, flags), -1, REAL(open)(name, flags, mode)) \
    }
#define OPENAT(openat) \
    int openat(int directory, const char *name, int flags, ...) \
    { \
        mode_t mode = MODE(flags); \
        WHOLE(opening(directory, name, flags), -1, REAL(openat)(directory, name, flags, mode)) \
    }
#define CREAT(creat) \
    int creat(const char *name, mode_t mode) \
    { \
        WHOLE(opening(AT_FDCWD, name, O_WRONLY | O_CREAT | O_TRUNC), -1, REAL(creat)(name, mode)) \
    }
#define FOPEN(fopen) \
    FILE *fopen(const char *name, const char *how) \
    { \
        int flags = how[0] == 'r' ? (strchr(how, '+') ? O_RDWR : O_RDONLY) : O_WRONLY | O_CREAT; \
        WHOLE(opening(AT_FDCWD, name, flags), NULL, REAL(fopen)(name, how)) \
    }
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)
CREAT(creat)
CREAT(creat64)
FOPEN(fopen)
FOPEN(fopen64)

/* Writing */

#define WRITING(descriptor, count, all, half) \
    enum verdict verdict = step_on("write", descriptor, (long) (count), SPACE); \
    if (verdict == REFUSE) \
        return -1; \
    ssize_t result = (verdict == HALF || verdict == HALF_AND_DIE) && (count) > 1 ? (half) : (all); \
    after(verdict); \
    return result;

ssize_t write(int descriptor, const void *data, size_t count)
{
    WRITING(descriptor, count, REAL(write)(descriptor, data, count),
            REAL(write)(descriptor, data, count / 2))
}

#define PWRITE(pwrite, off_t) \
    ssize_t pwrite(int descriptor, const void *data, size_t count, off_t place) \
    { \
        WRITING(descriptor, count, REAL(pwrite)(descriptor, data, count, place), \
                REAL(pwrite)(descriptor, data, count / 2, place)) \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

static size_t total(const struct iovec *parts, int count)
{
    size_t sum = 0;
    for (int i = 0; i < count; i++)
        sum += parts[i].iov_len;
    return sum;
}

/* The first half of what the parts hold, in one piece; for the caller to free. */
static char *first_half(const struct iovec *parts, int count)
{
    size_t left = total(parts, count) / 2, used = 0;
    char *data = malloc(left + 1);
    for (int i = 0; i < count && left; i++) {
        size_t taken = parts[i].iov_len < left ? parts[i].iov_len : left;
        memcpy(data + used, parts[i].iov_base, taken);
        used += taken;
        left -= taken;
    }
    return data;
}

static ssize_t write_half(int descriptor, const struct iovec *parts, int count, off_t place)
{
    char *data = first_half(parts, count);
    size_t length = total(parts, count) / 2;
    ssize_t result = place < 0 ? REAL(write)(descriptor, data, length)
                               : REAL(pwrite)(descriptor, data, length, place);
    free(data);
    return result;
}

ssize_t writev(int descriptor, const struct iovec *parts, int count)
{
    WRITING(descriptor, total(parts, count), REAL(writev)(descriptor, parts, count),
            write_half(descriptor, parts, count, -1))
}

#define PWRITEV(pwritev, off_t) \
    ssize_t pwritev(int descriptor, const struct iovec *parts, int count, off_t place) \
    { \
        WRITING(descriptor, total(parts, count), REAL(pwritev)(descriptor, parts, count, place), \
                write_half(descriptor, parts, count, place)) \
    }
PWRITEV(pwritev, off_t)
PWRITEV(pwritev64, off64_t)

#define PWRITEV2(pwritev2, off_t) \
    ssize_t pwritev2(int descriptor, const struct iovec *parts, int count, off_t place, int flags) \
    { \
        WRITING(descriptor, total(parts, count), \
                REAL(pwritev2)(descriptor, parts, count, place, flags), \
                write_half(descriptor, parts, count, place)) \
    }
PWRITEV2(pwritev2, off_t)
PWRITEV2(pwritev64v2, off64_t)

#define SENDFILE(sendfile, off_t) \
    ssize_t sendfile(int to, int from, off_t *place, size_t count); \
    ssize_t sendfile(int to, int from, off_t *place, size_t count) \
    { \
        WRITING(to, count, REAL(sendfile)(to, from, place, count), \
                REAL(sendfile)(to, from, place, count / 2)) \
    }
SENDFILE(sendfile, off_t)
SENDFILE(sendfile64, off64_t)

ssize_t copy_file_range(int from, off64_t *from_place, int to, off64_t *to_place, size_t count,
                        unsigned flags)
{
    WRITING(to, count, REAL(copy_file_range)(from, from_place, to, to_place, count, flags),
            REAL(copy_file_range)(from, from_place, to, to_place, count / 2, flags))
}

/* Syncing: a killed process loses nothing that it has written, so it may be left out to save time */

#define SYNC(fsync) \
    int fsync(int descriptor) \
    { \
        WHOLE(step_on("fsync", descriptor, 0, SPACE), -1, skip_sync ? 0 : REAL(fsync)(descriptor)) \
    }
SYNC(fsync)
SYNC(fdatasync)
SYNC(syncfs)

int sync_file_range(int descriptor, off64_t place, off64_t count, unsigned flags)
{
    WHOLE(step_on("fsync", descriptor, 0, SPACE), -1,
          skip_sync ? 0 : REAL(sync_file_range)(descriptor, place, count, flags))
}

/* Sizes */

#define FTRUNCATE(ftruncate, off_t) \
    int ftruncate(int descriptor, off_t length) \
    { \
        WHOLE(step_on("truncate", descriptor, 0, NO_SPACE), -1, \
              REAL(ftruncate)(descriptor, length)) \
    }
FTRUNCATE(ftruncate, off_t)
FTRUNCATE(ftruncate64, off64_t)

#define TRUNCATE(truncate, off_t) \
    int truncate(const char *name, off_t length) \
    { \
        WHOLE(step_at("truncate", AT_FDCWD, name, NO_SPACE), -1, REAL(truncate)(name, length)) \
    }
TRUNCATE(truncate, off_t)
TRUNCATE(truncate64, off64_t)

#define FALLOCATE(fallocate, off_t) \
    int fallocate(int descriptor, int how, off_t place, off_t length) \
    { \
        WHOLE(step_on("allocate", descriptor, 0, SPACE), -1, \
              REAL(fallocate)(descriptor, how, place, length)) \
    }
FALLOCATE(fallocate, off_t)
FALLOCATE(fallocate64, off64_t)

#define POSIX_FALLOCATE(posix_fallocate, off_t) \
    int posix_fallocate(int descriptor, off_t place, off_t length) \
    { \
        WHOLE(step_on("allocate", descriptor, 0, SPACE), errno, \
              REAL(posix_fallocate)(descriptor, place, length)) \
    }
POSIX_FALLOCATE(posix_fallocate, off_t)
POSIX_FALLOCATE(posix_fallocate64, off64_t)

/* Names of files */

int rename(const char *name, const char *to)
{
    WHOLE(step_between("rename", AT_FDCWD, name, AT_FDCWD, to), -1, REAL(rename)(name, to))
}

int renameat(int from, const char *name, int to, const char *new_name)
{
    WHOLE(step_between("rename", from, name, to, new_name), -1,
          REAL(renameat)(from, name, to, new_name))
}

int renameat2(int from, const char *name, int to, const char *new_name, unsigned flags)
{
    WHOLE(step_between("rename", from, name, to, new_name), -1,
          REAL(renameat2)(from, name, to, new_name, flags))
}

int link(const char *name, const char *to)
{
    WHOLE(step_between("link", AT_FDCWD, name, AT_FDCWD, to), -1, REAL(link)(name, to))
}

int linkat(int from, const char *name, int to, const char *new_name, int flags)
{
    WHOLE(step_between("link", from, name, to, new_name), -1,
          REAL(linkat)(from, name, to, new_name, flags))
}

int symlink(const char *target, const char *name)
{
    WHOLE(step_at("symlink", AT_FDCWD, name, SPACE), -1, REAL(symlink)(target, name))
}

int symlinkat(const char *target, int directory, const char *name)
{
    WHOLE(step_at("symlink", directory, name, SPACE), -1, REAL(symlinkat)(target, directory, name))
}

int unlink(const char *name)
{
    WHOLE(step_at("unlink", AT_FDCWD, name, NO_SPACE), -1, REAL(unlink)(name))
}

int remove(const char *name)
{
    WHOLE(step_at("unlink", AT_FDCWD, name, NO_SPACE), -1, REAL(remove)(name))
}

int unlinkat(int directory, const char *name, int flags)
{
    WHOLE(step_at(flags & AT_REMOVEDIR ? "rmdir" : "unlink", directory, name, NO_SPACE), -1,
          REAL(unlinkat)(directory, name, flags))
}

int rmdir(const char *name)
{
    WHOLE(step_at("rmdir", AT_FDCWD, name, NO_SPACE), -1, REAL(rmdir)(name))
}

int mkdir(const char *name, mode_t mode)
{
    WHOLE(step_at("mkdir", AT_FDCWD, name, SPACE), -1, REAL(mkdir)(name, mode))
}

int mkdirat(int directory, const char *name, mode_t mode)
{
    WHOLE(step_at("mkdir", directory, name, SPACE), -1, REAL(mkdirat)(directory, name, mode))
}

/* What is said about files */

int chmod(const char *name, mode_t mode)
{
    WHOLE(step_at("chmod", AT_FDCWD, name, NO_SPACE), -1, REAL(chmod)(name, mode))
}

int fchmod(int descriptor, mode_t mode)
{
    WHOLE(step_on("chmod", descriptor, 0, NO_SPACE), -1, REAL(fchmod)(descriptor, mode))
}

int fchmodat(int directory, const char *name, mode_t mode, int flags)
{
    WHOLE(step_at("chmod", directory, name, NO_SPACE), -1,
          REAL(fchmodat)(directory, name, mode, flags))
}

int fchown(int descriptor, uid_t user, gid_t group)
{
    WHOLE(step_on("chown", descriptor, 0, NO_SPACE), -1, REAL(fchown)(descriptor, user, group))
}

int utimensat(int directory, const char *name, const struct timespec times[2], int flags)
{
    WHOLE(step_at("utime", directory, name, NO_SPACE), -1,
          REAL(utimensat)(directory, name, times, flags))
}

int futimens(int descriptor, const struct timespec times[2])
{
    WHOLE(step_on("utime", descriptor, 0, NO_SPACE), -1, REAL(futimens)(descriptor, times))
}

/* The clock */

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int result = REAL(clock_gettime)(clock, now);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += (time_t) clock_offset;
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    int result = REAL(gettimeofday)(now, zone);
    if (result == 0)
        now->tv_sec += (time_t) clock_offset;
    return result;
}

time_t time(time_t *now)
{
    struct timespec precise;
    clock_gettime(CLOCK_REALTIME, &precise);
    if (now)
        *now = precise.tv_sec;
    return precise.tv_sec;
}

/* Control */

void disk_reset(void);
void disk_arm(const char *, long, const char *, long, int, int, int, int);
void disk_disarm(void);
void disk_shift_clock(double);
long disk_steps(void);
long disk_struck(void);
const char *disk_log(void);
const char *disk_outside(void);

void disk_reset(void)
{
    record->steps = record->struck = 0;
    record->log_used = record->outside_used = 0;
    record->log[0] = record->outside[0] = 0;
}

/* Strike step `number`, or the `occurrence`th of that `name` (either may be nothing). */
void disk_arm(const char *below_folder, long number, const char *name, long occurrence, int what,
              int error, int for_good, int without_sync)
{
    snprintf(folder, sizeof folder, "%s", below_folder);
    snprintf(wanted_name, sizeof wanted_name, "%s", name);
    folder_length = strlen(folder);
    wanted_step = number;
    wanted_occurrence = occurrence;
    action = what;
    failure = error;
    lasting = for_good;
    skip_sync = without_sync;
    struck = 0;
    occurrences = 0;
    armed = 1;
}

void disk_disarm(void)
{
    armed = skip_sync = 0;
}

void disk_shift_clock(double seconds)
{
    clock_offset = seconds;
}

long disk_steps(void)
{
    return record->steps;
}

long disk_struck(void)
{
    return record->struck;
}

const char *disk_log(void)
{
    return record->log;
}

const char *disk_outside(void)
{
    return record->outside;
}
