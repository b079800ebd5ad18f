/*
 * Where the engine's blocks come to lie in a memory image. Evaluating the same modules asks for the same blocks in the same order,
 * so a block is known by its number in that order. The build (tools/lib/layout.ts) makes an image twice:
 *
 * 1. sparse: each block on pages of its own. A run that starts from it (`--train`) tells which blocks it touches, and in which order.
 * 2. placed: each block where the build wants it, what is written to first, then what is read, then the rest, and no gaps of what
 *    was freed again.
 *
 * Without either the blocks lie as they come: images of tests.
 */
#include "region.h"

/* tools/lib/layout.ts and images.ts know these. */
_Static_assert(sizeof(struct arena_root) == 2120 && offsetof(struct arena_root, written) == 40 && sizeof(struct arena_block) == 8, "layout");
struct place { uint32_t number, cls, at; };                 /* at: in steps of 16 bytes from the image's beginning */
enum layout_kind { LAYOUT_PLAIN, LAYOUT_SPARSE, LAYOUT_PLACED };

#define LAYOUT_SCRATCH (ARENA_SIZE / 2)                     /* placed: from here on lies what is freed again */

static struct {
    enum layout_kind kind;
    uint32_t number;                                        /* of the block that was asked for last */
    struct place *places, *next;                            /* placed: in order of their numbers; ends with one of number 0, whose `at` is
                                                               the number of pages that every run writes to */
} layout;

static inline size_t layout_size(uint32_t cls)
{
    size_t size = arena_class_size(cls);
    return layout.kind == LAYOUT_SPARSE ? (size + sizeof(struct arena_block) + ARENA_PAGE - 1) & -ARENA_PAGE : size;
}

static struct arena_block *layout_block(struct place *at) { return (struct arena_block *)(ARENA_BASE + 16ul * at->at) - 1; }

/* While an image is made: a block's number stands in its header as long as it is in use. */
void *layout_malloc(uint32_t cls)
{
    struct arena_root *root = arena_root();
    struct arena_block *b;
    uint32_t number = ++layout.number;
    if (layout.kind == LAYOUT_PLACED && layout.next->number == number) {
        if (layout.next->cls != cls) { dprintf(2, "block %u is another one than before\n", number); _exit(1); }
        b = layout_block(layout.next++);
    } else if (root->free[cls]) {
        b = (struct arena_block *)root->free[cls] - 1;
        root->free[cls] = *(void **)(b + 1);
    } else {
        b = (struct arena_block *)root->run.next;
        root->run.next += layout_size(cls);
        if (root->run.next > ARENA_BASE + ARENA_SIZE) return NULL;
    }
    b->cls = cls;
    b->pages = number;
    return b + 1;
}

void layout_free(struct arena_block *b)
{
    void **head = &arena_root()->free[b->cls];
    b->pages = 0;
    *(void **)(b + 1) = *head;
    *head = b + 1;
}

static int layout_begin(enum layout_kind kind, const char *places)
{
    uint8_t *first = ARENA_BASE + sizeof(struct arena_root);
    layout.kind = kind;
    if (kind == LAYOUT_SPARSE) first = ARENA_BASE + ARENA_PAGE + sizeof(struct arena_block);
    if (kind == LAYOUT_PLACED) {
        struct stat st;
        int fd = open(places, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st)) return 1;
        layout.places = layout.next = mmap(NULL, st.st_size + ARENA_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (layout.places == MAP_FAILED || read(fd, layout.places, st.st_size) != st.st_size) return 1;
        close(fd);
        first = ARENA_BASE + LAYOUT_SCRATCH + sizeof(struct arena_block);
    }
    arena_root()->run.next = first;
    return 0;
}

/* Calls `what` for each block that is in use. */
static void layout_each(void (*what)(struct arena_block *, void *), void *opaque)
{
    if (layout.kind == LAYOUT_PLACED) {
        for (struct place *p = layout.places; p->number; p++) what(layout_block(p), opaque);
        return;
    }
    size_t skip = layout.kind == LAYOUT_SPARSE ? ARENA_PAGE + sizeof(struct arena_block) : sizeof(struct arena_root);
    for (uint8_t *at = ARENA_BASE + skip; at < arena_root()->run.next; ) {
        struct arena_block *b = (struct arena_block *)at;
        if (b->pages) what(b, opaque);
        at += layout_size(b->cls);
    }
}

/* Every block of the engine starts with its 8-byte header, which holds the reference count in its upper half. A count of
   ARENA_IMMORTAL or more is never changed (tools/lib/engine.ts): what came with the image does not die, and using it does not
   write to its pages. `runtime` is the one block without such a header. */
#define ARENA_IMMORTAL 0x40000000
static void layout_immortal(struct arena_block *b, void *runtime)
{
    if ((void *)(b + 1) != runtime) ((int32_t *)(b + 1))[1] = ARENA_IMMORTAL;
}

static int layout_put(int fd, const void *from, size_t n, off_t at)
{
    for (size_t done = 0; done < n; ) {
        ssize_t k = pwrite(fd, (const uint8_t *)from + done, n - done, at + done);
        if (k <= 0) return 1;
        done += k;
    }
    return 0;
}

struct sparse { int image, blocks, failed; off_t at; };
static void layout_put_block(struct arena_block *b, void *opaque)
{
    struct sparse *to = opaque;
    off_t at = (uint8_t *)b - ARENA_BASE;
    struct place p = { b->pages, b->cls, (at + sizeof(*b)) / 16 };
    to->failed |= layout_put(to->image, b, arena_class_size(b->cls), at) | layout_put(to->blocks, &p, sizeof(p), to->at);
    to->at += sizeof(p);
}

/* Writes the image to `path`; a sparse one's blocks to `blocks`, too. Free blocks are forgotten: new ones go behind the image. */
static int layout_write(const char *path, const char *blocks)
{
    struct arena_root *root = arena_root();
    struct sparse to = { open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644), -1, 0, 0 };
    uint8_t *end = root->run.next;
    if (layout.kind == LAYOUT_SPARSE) {
        to.blocks = open(blocks, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        layout_each(layout_put_block, &to);
        if (close(to.blocks)) return 1;
    } else if (layout.kind == LAYOUT_PLACED) {
        if (layout.next->number) { dprintf(2, "block %u was not asked for\n", layout.next->number); return 1; }
        root->written = layout.next->at * ARENA_PAGE;
        end = ARENA_BASE;
        for (struct place *p = layout.places; p->number; p++) {
            uint8_t *behind = (uint8_t *)layout_block(p) + arena_class_size(p->cls);
            if (behind > end) end = behind;
        }
    }
    size_t size = (end - ARENA_BASE + ARENA_PAGE - 1) & -ARENA_PAGE;
    root->building = 0;
    memset(root->free, 0, sizeof(root->free));
    root->image_end = ARENA_BASE + size;
    root->large = (struct arena_run){ root->image_end, root->image_end + ARENA_WARM_LARGE };
    root->run = (struct arena_run){ root->large.end, ARENA_BASE + ARENA_SIZE };
    to.failed |= layout_put(to.image, ARENA_BASE, layout.kind == LAYOUT_SPARSE ? ARENA_PAGE : size, 0);
    return to.failed || ftruncate(to.image, size) || close(to.image);
}
