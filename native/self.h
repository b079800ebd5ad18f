/*
 * This program's own file, kept from being written to by what it starts (CVE-2019-5736). A process that is about to become a
 * container's, or lives where a container's processes see it, shows them /proc/<pid>/exe: opened there, the file could be
 * overwritten as soon as nobody executes it any more. Executed from a read-only mount that is attached nowhere, it cannot be:
 * whoever follows the link arrives on that mount, and nobody can change a mount that lies in no mount namespace.
 *
 * It is done here and not in TypeScript because it comes before everything else: the first of the two starts then costs
 * little more than an exec, for no image is mapped and no engine entered.
 */
#include <linux/mount.h>
#include <sys/sendfile.h>
#include <sys/statfs.h>

#define SELF "/proc/self/exe"
#define TMPFS_MAGIC 0x01021994
#define PROC_SUPER_MAGIC 0x9fa0
#define ST_RDONLY 1

/* True when this process runs from a file that nobody can write to by way of the process. */
static int is_protected(void)
{
    struct statfs fs;
    char name[8] = "";
    if (statfs(SELF, &fs)) return 0;
    if (fs.f_flags & ST_RDONLY) return 1;
    return fs.f_type == TMPFS_MAGIC && readlink(SELF, name, sizeof(name)) == sizeof(name) && !memcmp(name, "/memfd:", 7);
}

/* The file on a detached read-only mount of its own. */
static int readonly_mount(void)
{
    struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV };
    int tree = syscall(SYS_open_tree, AT_FDCWD, SELF, OPEN_TREE_CLONE);
    if (tree >= 0 && syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attr, sizeof(attr))) {
        int cause = errno;
        close(tree);
        errno = cause;
        return -1;
    }
    return tree;
}

/* A copy in sealed memory, for who may not mount. */
static int sealed_copy(void)
{
    ssize_t n = -1;
    int file = open(SELF, O_RDONLY | O_CLOEXEC), copy = syscall(SYS_memfd_create, "wharf", 3 /* CLOEXEC | ALLOW_SEALING */);
    if (file >= 0 && copy >= 0) while ((n = sendfile(copy, file, NULL, 1 << 30)) > 0) { }
    if (n || fcntl(copy, 1033 /* F_ADD_SEALS */, 0xf)) return -1;
    close(file);
    return copy;
}

/* The descriptor of the mount that this program was executed from, where it executed itself: letting go of it dissolves the mount,
   for which the kernel waits until all processors have taken notice. So it is kept until there is nothing else to do
   (native.self() gives it away). The kernel tells it in the name of what was executed. */
static int g_self = -1;
static void keep_self(void)
{
    const char *name = (const char *)getauxval(AT_EXECFN);
    if (!name || strncmp(name, "/dev/fd/", 8)) return;
    g_self = atoi(name + 8);
    if (fcntl(g_self, F_SETFD, FD_CLOEXEC)) g_self = -1;
}

/* Executes the program anew, with the same arguments, from a protected file; returns when it is protected already, or could
   not be written to by this user anyway. Where it cannot be done nothing is started: exit code 1. */
static void protect_self(char **argv, char **envp)
{
    struct statfs proc;
    /* what else would tell whose file this is could name any */
    if (statfs("/proc/self", &proc) || proc.f_type != PROC_SUPER_MAGIC) {
        dprintf(2, "%s: \"/proc/self\" is not the kernel's: no procfs is mounted on /proc, or something over it\n", argv[0]);
        _exit(1);
    }
    if (is_protected()) { keep_self(); return; }
    if (geteuid() && faccessat(AT_FDCWD, SELF, W_OK, 0)) return;
    int file = readonly_mount();
    if (file < 0 && (errno == EPERM || errno == ENOSYS || errno == EINVAL || errno == EACCES)) file = sealed_copy();
    if (file >= 0) syscall(SYS_execveat, file, "", argv, envp, AT_EMPTY_PATH);
    dprintf(2, "%s: cannot execute myself anew from a read-only mount or from memory: %s\n", argv[0], strerror(errno));
    _exit(1);
}
