/*
 * A run from a sparse image (layout.h), in which every page is out of reach at first: each access brings in one, and is noted in a
 * file that all processes of the run share: the page's number, doubled, plus one when it was written to. A page may come twice.
 */
#include <signal.h>
#include <ucontext.h>

#define TRAIN_NOTES (1u << 18)

static struct { uint32_t count, note[TRAIN_NOTES]; } *train_log;
static size_t train_size;

static void train_note(void *at, int written)
{
    size_t page = ((uint8_t *)at - ARENA_BASE) / ARENA_PAGE;
    uint32_t n = __atomic_fetch_add(&train_log->count, 1, __ATOMIC_RELAXED);
    if (n < TRAIN_NOTES) train_log->note[n] = page << 1 | written;
    mprotect(ARENA_BASE + page * ARENA_PAGE, ARENA_PAGE, written ? PROT_READ | PROT_WRITE : PROT_READ);
}

static int train_inside(const void *at)
{
    return train_log && (uint8_t *)at >= ARENA_BASE + ARENA_PAGE && (uint8_t *)at < ARENA_BASE + train_size;
}

static void train_fault(int signal, siginfo_t *info, void *context)
{
    if (!train_inside(info->si_addr)) _exit(139);
    train_note(info->si_addr, ((ucontext_t *)context)->uc_mcontext.gregs[REG_ERR] >> 1 & 1);
}

static const struct applet *train(int image, const char *log)
{
    static struct applet loose;
    struct stat st;
    int fd = open(log, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (image < 0 || fd < 0 || fstat(image, &st) || ftruncate(fd, sizeof(*train_log))) return &loose;
    train_log = mmap(NULL, sizeof(*train_log), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (train_log == MAP_FAILED) _exit(125);
    train_size = loose.size = st.st_size;
    g_self = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return &loose;
}

static void train_begin(void)
{
    struct sigaction act = { .sa_sigaction = train_fault, .sa_flags = SA_SIGINFO | SA_NODEFER };
    sigaction(SIGSEGV, &act, NULL);
    mprotect(ARENA_BASE + ARENA_PAGE, train_size - ARENA_PAGE, PROT_NONE);
}

/* A system call of the run's. The kernel raises no signal for what it cannot reach but says EFAULT: then what is passed comes within
   reach and it is asked again; if that does not help, for a pointer lies in what was passed, everything does. */
static long train_syscall(long nr, const long *words)
{
    if (nr == SYS_rt_sigaction && words[0] == SIGSEGV) return 0;
    long r = raw_syscall(nr, words);
    if (r == -EFAULT) {
        for (int i = 0; i < 6; i++) if (train_inside((void *)words[i])) train_note((void *)words[i], 1);
        r = raw_syscall(nr, words);
    }
    if (r == -EFAULT) {
        mprotect(ARENA_BASE, train_size, PROT_READ | PROT_WRITE);
        r = raw_syscall(nr, words);
    }
    if (nr == SYS_rt_sigprocmask) {
        sigset_t fault;
        sigemptyset(&fault);
        sigaddset(&fault, SIGSEGV);
        sigprocmask(SIG_UNBLOCK, &fault, NULL);
    }
    return r;
}
