/*
 * The native host: one static program that carries the QuickJS engine and Wharf's linux-world applets.
 *
 * It has no logic of containers. It gives TypeScript raw system calls, memory by address and a table of
 * library functions; everything else, struct layouts included, is TypeScript (src/linux/sys).
 *
 * Start-up is a memory image, not bytecode: at build time `host --snapshot ENTRY OUT` evaluates an applet's modules once
 * and writes the engine's whole heap to a file; at run time that file, appended to this very program, is mapped
 * privately at the same fixed address and execution goes on as if it had just been loaded. Nothing is parsed or copied:
 * the kernel brings in the pages that are touched. It works because the program is linked at fixed addresses, all
 * engine memory comes from the arena below, and modules may not touch the machine while they are being evaluated.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "arena.h"
#include "layout.h"
#include "quickjs.h"
#include "self.h"
#include "symbols.h"
#include "trim.h"

/* Appended to the engine's source by tools/lib/engine.ts: takes all objects out of the cycle collector's sight. */
void js_seal_heap(JSRuntime *rt);

/* Applets appended to the program. The build fills this table in place, found by its magic. `guarded` are the words, each
   with a space before and behind, that make an applet protect itself (self.h) when one is among its arguments; "*": always. */
#define MAX_APPLETS 16
struct applet { char name[40], guarded[40]; uint64_t offset, size, written; };
static volatile struct { char magic[16]; struct applet entry[MAX_APPLETS]; }
    applets __attribute__((section(".data"), used)) = { .magic = "WHARF-APPLETS-1" };

static char **g_argv, **g_envp;
static int g_argc;

static inline long raw_syscall(long n, const long *a)
{
    long r;
    register long r10 __asm__("r10") = a[3], r8 __asm__("r8") = a[4], r9 __asm__("r9") = a[5];
    __asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return r;
}

#include "shape.h"
#include "train.h"

/* The memory behind an ArrayBuffer, a typed array or a DataView; NULL without an exception for anything else. */
static uint8_t *buffer_of(JSContext *ctx, JSValueConst v, size_t *size)
{
    size_t whole, offset = 0, length = 0;
    uint8_t *p;
    if (JS_IsArrayBuffer(v)) return JS_GetArrayBuffer(ctx, size, v);
    if (JS_GetTypedArrayType(v) >= 0) {
        JSValue b = JS_GetTypedArrayBuffer(ctx, v, &offset, &length, NULL);
        if (JS_IsException(b)) return NULL;
        p = JS_GetArrayBuffer(ctx, &whole, b);
        JS_FreeValue(ctx, b);
        *size = length;
        return p ? p + offset : NULL;
    }
    return NULL;
}

/* One argument as a machine word: numbers, bigints, booleans, null, buffers (their address), strings (a C string that
   lives until the call returns, kept in *tmp). A string with a NUL inside is refused: the kernel would see another one. */
static int to_word(JSContext *ctx, JSValueConst v, long *out, const char **tmp)
{
    int64_t i;
    size_t n;
    if (JS_VALUE_GET_TAG(v) == JS_TAG_INT) { *out = JS_VALUE_GET_INT(v); return 0; }
    if (JS_IsNull(v) || JS_IsUndefined(v)) { *out = 0; return 0; }
    if (JS_IsString(v)) {
        *tmp = JS_ToCStringLen(ctx, &n, v);
        if (!*tmp) return -1;
        if (strlen(*tmp) != n) { JS_ThrowTypeError(ctx, "string with a NUL byte passed to the kernel"); return -1; }
        *out = (long)*tmp;
        return 0;
    }
    if (JS_IsObject(v)) {
        uint8_t *p = buffer_of(ctx, v, &n);
        if (!p && n) { JS_ThrowTypeError(ctx, "not a buffer"); return -1; }
        *out = (long)p;
        return 0;
    }
    if (JS_ToInt64Ext(ctx, &i, v)) return -1;
    *out = i;
    return 0;
}

static int to_words(JSContext *ctx, int argc, JSValueConst *argv, long *words, const char **tmp)
{
    for (int i = 0; i < 6; i++) { words[i] = 0; tmp[i] = NULL; }
    if (argc > 6) argc = 6;
    for (int i = 0; i < argc; i++)
        if (to_word(ctx, argv[i], &words[i], &tmp[i])) {
            for (int k = 0; k <= i; k++) if (tmp[k]) JS_FreeCString(ctx, tmp[k]);
            return -1;
        }
    return 0;
}

static void free_words(JSContext *ctx, const char **tmp)
{
    for (int i = 0; i < 6; i++) if (tmp[i]) JS_FreeCString(ctx, tmp[i]);
}

/* syscall(nr, ...up to 6) -> the kernel's answer, -errno on failure */
static JSValue js_syscall(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    long words[6], nr, r;
    const char *tmp[6], *none = NULL;
    if (to_word(ctx, argv[0], &nr, &none) || to_words(ctx, argc - 1, argv + 1, words, tmp)) return JS_EXCEPTION;
    r = __builtin_expect(train_log != NULL, 0) ? train_syscall(nr, words) : raw_syscall(nr, words);
    free_words(ctx, tmp);
    return JS_NewInt64(ctx, r);
}

/* symbol(name) -> address of a linked library function */
static JSValue js_symbol(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    const char *name = JS_ToCString(ctx, argv[0]);
    if (!name) return JS_EXCEPTION;
    for (size_t i = 0; i < sizeof(symbols) / sizeof(*symbols); i++)
        if (!strcmp(symbols[i].name, name)) { JS_FreeCString(ctx, name); return JS_NewInt64(ctx, (long)symbols[i].function); }
    JS_ThrowReferenceError(ctx, "no library function %s", name);
    JS_FreeCString(ctx, name);
    return JS_EXCEPTION;
}

/* call(address, ...up to 6) -> the C function's 64-bit result; integers and pointers only */
static JSValue js_call(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    long words[6], fn, r;
    const char *tmp[6], *none = NULL;
    if (to_word(ctx, argv[0], &fn, &none) || to_words(ctx, argc - 1, argv + 1, words, tmp)) return JS_EXCEPTION;
    r = ((long (*)(long, long, long, long, long, long))fn)(words[0], words[1], words[2], words[3], words[4], words[5]);
    free_words(ctx, tmp);
    return JS_NewInt64(ctx, r);
}

static JSValue js_address(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    size_t n;
    uint8_t *p = buffer_of(ctx, argv[0], &n);
    return p ? JS_NewInt64(ctx, (long)p) : JS_ThrowTypeError(ctx, "not a buffer");
}

/* view(address, length) -> ArrayBuffer over memory that the caller keeps mapped; nothing is copied */
static JSValue js_view(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    int64_t at, n;
    if (JS_ToInt64(ctx, &at, argv[0]) || JS_ToInt64(ctx, &n, argv[1])) return JS_EXCEPTION;
    return JS_NewArrayBuffer(ctx, (uint8_t *)at, n, 0, NULL, NULL, false);
}

/* utf8(buffer, offset = 0, length = to the end) -> string */
static JSValue js_utf8(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    size_t size;
    int64_t from = 0, n;
    uint8_t *p = buffer_of(ctx, argv[0], &size);
    if (!p) return JS_ThrowTypeError(ctx, "not a buffer");
    if (argc > 1 && !JS_IsUndefined(argv[1]) && JS_ToInt64(ctx, &from, argv[1])) return JS_EXCEPTION;
    n = (int64_t)size - from;
    if (argc > 2 && !JS_IsUndefined(argv[2]) && JS_ToInt64(ctx, &n, argv[2])) return JS_EXCEPTION;
    if (from < 0 || n < 0 || from + n > (int64_t)size) return JS_ThrowRangeError(ctx, "outside the buffer");
    return JS_NewStringLen(ctx, (char *)p + from, n);
}

/* bytes(string) -> Uint8Array of its UTF-8 */
static JSValue js_bytes(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    size_t n;
    const char *s = JS_ToCStringLen(ctx, &n, argv[0]);
    if (!s) return JS_EXCEPTION;
    JSValue r = JS_NewUint8ArrayCopy(ctx, (const uint8_t *)s, n);
    JS_FreeCString(ctx, s);
    return r;
}

/* environ() -> the "NAME=value" strings this process was started with */
static JSValue js_environ(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    JSValue list = JS_NewArray(ctx);
    for (uint32_t i = 0; g_envp[i]; i++) JS_SetPropertyUint32(ctx, list, i, JS_NewString(ctx, g_envp[i]));
    return list;
}

/* title() -> ArrayBuffer over the argument strings, which is what ps shows; writing there renames the process */
static JSValue js_title(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    char *end = g_argv[g_argc - 1] + strlen(g_argv[g_argc - 1]);
    return JS_NewArrayBuffer(ctx, (uint8_t *)g_argv[0], end - g_argv[0], 0, NULL, NULL, false);
}

/* self() -> the descriptor of the mount that this program was executed from, to be closed by who asks; -1 when there is none */
static JSValue js_self(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    int fd = g_self;
    g_self = -1;
    return JS_NewInt32(ctx, fd);
}

/* variable(name) -> the value of one environment variable; undefined when it is not set */
static JSValue js_variable(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    size_t n;
    JSValue value = JS_UNDEFINED;
    const char *name = JS_ToCStringLen(ctx, &n, argv[0]);
    if (!name) return JS_EXCEPTION;
    for (char **at = g_envp; *at; at++)
        if (!strncmp(*at, name, n) && (*at)[n] == '=') { value = JS_NewString(ctx, *at + n + 1); break; }
    JS_FreeCString(ctx, name);
    return value;
}

/* jsonEnd(text, at) -> the index behind the JSON object that begins at index `at`, spaces before it passed over; -1 when there is no
   whole object, or the text has characters beyond ASCII (an index would not be a place in memory then) */
static JSValue js_json_end(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    size_t n;
    int64_t at, length = -1, end = -1;
    if (JS_ToInt64(ctx, &at, argv[1])) return JS_EXCEPTION;
    const char *s = JS_ToCStringLen(ctx, &n, argv[0]);
    if (!s) return JS_EXCEPTION;
    int depth = 0, inside = 0;
    JS_GetLength(ctx, argv[0], &length);
    if (length == (int64_t)n) for (; at < (int64_t)n; at++) {
        char c = s[at];
        if (inside) {
            if (c == '\\') at++;
            else if (c == '"') inside = 0;
        } else if (c == '"') inside = 1;
        else if (c == '{' || c == '[') depth++;
        else if ((c == '}' || c == ']') && --depth <= 0) { end = depth ? -1 : at + 1; break; }
        if (!depth && c != ' ' && c != '\t' && c != '\n' && c != '\r') break;
    }
    JS_FreeCString(ctx, s);
    return JS_NewInt64(ctx, end);
}

/* find(text, part, from) -> String.indexOf for long texts of ASCII characters, which the engine searches slowly; -1 also for other texts */
static JSValue js_find(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    size_t n, m;
    int64_t from, length = -1, at = -1;
    if (JS_ToInt64(ctx, &from, argv[2])) return JS_EXCEPTION;
    const char *s = JS_ToCStringLen(ctx, &n, argv[0]), *part = s ? JS_ToCStringLen(ctx, &m, argv[1]) : NULL;
    if (part) {
        JS_GetLength(ctx, argv[0], &length);
        const char *found = length == (int64_t)n && from >= 0 && from <= length ? memmem(s + from, n - from, part, m) : NULL;
        if (found) at = found - s;
    }
    if (s) JS_FreeCString(ctx, s);
    if (part) JS_FreeCString(ctx, part);
    return part ? JS_NewInt64(ctx, at) : JS_EXCEPTION;
}

/* jobs() -> runs pending promise reactions; what a job throws is thrown on */
static JSValue js_jobs(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    JSContext *at;
    int r;
    while ((r = JS_ExecutePendingJob(JS_GetRuntime(ctx), &at)) > 0) { }
    return r < 0 ? JS_EXCEPTION : JS_UNDEFINED;
}

static JSValue js_collect(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    JS_RunGC(JS_GetRuntime(ctx));
    return JS_UNDEFINED;
}

/* trim() gives memory back that is not in use now: the stack below this frame, pages of the arena (trim.h) */
static JSValue js_trim(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    uintptr_t frame = (uintptr_t)__builtin_frame_address(0) - 1024, stack = (frame - (512 << 10)) & -4096;
    madvise((void *)stack, (frame & -4096) - stack, MADV_DONTNEED);
    arena_trim();
    return JS_UNDEFINED;
}

/* heap() -> bytes of the arena in use, from its start to the highest ever allocated */
static JSValue js_heap(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    return JS_NewInt64(ctx, arena_used());
}

static const JSCFunctionListEntry functions[] = {
    JS_CFUNC_DEF("syscall", 7, js_syscall), JS_CFUNC_DEF("symbol", 1, js_symbol), JS_CFUNC_DEF("call", 7, js_call),
    JS_CFUNC_DEF("address", 1, js_address), JS_CFUNC_DEF("view", 2, js_view), JS_CFUNC_DEF("utf8", 3, js_utf8),
    JS_CFUNC_DEF("bytes", 1, js_bytes), JS_CFUNC_DEF("environ", 0, js_environ), JS_CFUNC_DEF("variable", 1, js_variable), JS_CFUNC_DEF("self", 0, js_self),
    JS_CFUNC_DEF("jsonEnd", 2, js_json_end), JS_CFUNC_DEF("find", 3, js_find), JS_CFUNC_DEF("fits", 2, js_fits),
    JS_CFUNC_DEF("title", 0, js_title),
    JS_CFUNC_DEF("jobs", 0, js_jobs), JS_CFUNC_DEF("collect", 0, js_collect), JS_CFUNC_DEF("heap", 0, js_heap),
    JS_CFUNC_DEF("trim", 0, js_trim),
};

static void print_error(JSContext *ctx)
{
    JSValue e = JS_GetException(ctx), stack = JS_GetPropertyStr(ctx, e, "stack");
    const char *s = JS_ToCString(ctx, e), *t = JS_IsString(stack) ? JS_ToCString(ctx, stack) : NULL;
    dprintf(2, "%s\n%s", s ? s : "unknown error", t ? t : "");
}

/* A rejection nobody handles is a bug: say so where it happens, and end, as Node does. */
static void on_rejection(JSContext *ctx, JSValueConst promise, JSValueConst reason, bool handled, void *opaque)
{
    JSValue hook, global;
    if (handled) return;
    global = JS_GetGlobalObject(ctx);
    hook = JS_GetPropertyStr(ctx, global, "onUnhandledRejection");
    if (JS_IsFunction(ctx, hook)) {
        JSValue args[2] = { promise, reason };
        JS_FreeValue(ctx, JS_Call(ctx, hook, JS_UNDEFINED, 2, (JSValueConst *)args));
    }
    JS_FreeValue(ctx, hook);
    JS_FreeValue(ctx, global);
}

/* Build time: the file's text is the module; names are paths below the working directory, so stack traces show them. */
static JSModuleDef *load_module(JSContext *ctx, const char *name, void *opaque)
{
    struct stat st;
    int fd = open(name, O_RDONLY);
    if (fd < 0 || fstat(fd, &st)) { JS_ThrowReferenceError(ctx, "cannot read module %s: %s", name, strerror(errno)); return NULL; }
    char *text = malloc(st.st_size + 1);
    if (read(fd, text, st.st_size) != st.st_size) abort();
    text[st.st_size] = 0;
    close(fd);
    JSValue m = JS_Eval(ctx, text, st.st_size, name, JS_EVAL_TYPE_MODULE | JS_EVAL_FLAG_COMPILE_ONLY | JS_EVAL_FLAG_STRICT);
    free(text);
    if (JS_IsException(m)) return NULL;
    return JS_VALUE_GET_PTR(m);
}

/* --snapshot ENTRY OUT, --snapshot-sparse ENTRY OUT BLOCKS, --snapshot-placed ENTRY OUT PLACES (layout.h) */
static int snapshot(enum layout_kind kind, const char *entry, const char *out, const char *layout_file)
{
    JSMallocFunctions mf = { arena_calloc, arena_malloc, arena_free, arena_realloc, arena_usable };
    arena_create();
    if (layout_begin(kind, layout_file)) { dprintf(2, "cannot read %s: %s\n", layout_file, strerror(errno)); return 1; }
    JSRuntime *rt = JS_NewRuntime2(&mf, NULL);
    JS_SetMaxStackSize(rt, 4 << 20);
    JS_SetGCThreshold(rt, (size_t)-1);
    JSContext *ctx = JS_NewContext(rt);
    JSValue global = JS_GetGlobalObject(ctx), native = JS_NewObject(ctx);
    JS_SetPropertyFunctionList(ctx, native, functions, sizeof(functions) / sizeof(*functions));
    JS_SetPropertyStr(ctx, global, "native", native);
    JS_SetModuleLoaderFunc(rt, NULL, load_module, NULL);
    JS_SetHostPromiseRejectionTracker(rt, on_rejection, NULL);
    JSModuleDef *m = load_module(ctx, entry, NULL);
    if (!m) { print_error(ctx); return 1; }
    JSValue module = JS_MKPTR(JS_TAG_MODULE, m);
    if (JS_ResolveModule(ctx, module) < 0) { print_error(ctx); return 1; }
    JSValue done = JS_EvalFunction(ctx, module);
    JSContext *at;
    while (JS_ExecutePendingJob(rt, &at) > 0) { }
    if (JS_IsException(done)) { print_error(ctx); return 1; }
    if (JS_PromiseState(ctx, done) == JS_PROMISE_REJECTED) { JS_Throw(ctx, JS_PromiseResult(ctx, done)); print_error(ctx); return 1; }
    JSValue exports = JS_GetModuleNamespace(ctx, m), entry_fn = JS_GetPropertyStr(ctx, exports, "main");
    if (!JS_IsFunction(ctx, entry_fn)) { dprintf(2, "%s exports no function main\n", entry); return 1; }
    JS_FreeValue(ctx, done);
    JS_RunGC(rt);
    js_seal_heap(rt);
    layout_each(layout_immortal, rt);
    arena_root()->context = ctx;
    arena_root()->main = JS_VALUE_GET_PTR(entry_fn);
    return layout_write(out, layout_file);
}

static int is_guarded(const struct applet *a, char **argv)
{
    if (a->guarded[0] == '*') return 1;
    for (argv++; *argv && a->guarded[0]; argv++) {
        size_t n = strlen(*argv);
        for (const char *at = a->guarded; n && (at = strstr(at, *argv)); at++)
            if (at > a->guarded && at[-1] == ' ' && at[n] == ' ') return 1;
    }
    return 0;
}

static const struct applet *find_applet(const char *name)
{
    for (int i = 0; i < MAX_APPLETS && applets.entry[i].name[0]; i++)
        if (!strcmp((const char *)applets.entry[i].name, name)) return (const struct applet *)&applets.entry[i];
    return NULL;
}

int main(int argc, char **argv, char **envp)
{
    char *slash = strrchr(argv[0], '/');
    const char *name = slash ? slash + 1 : argv[0];
    g_argc = argc; g_argv = argv; g_envp = envp;
    const struct applet *a = find_applet(name);
    int fd = -1;
    if (a) {
        if (is_guarded(a, argv)) protect_self(argv, envp);
        fd = open(SELF, O_RDONLY | O_CLOEXEC);
        if (fd < 0) fd = open((const char *)getauxval(AT_EXECFN), O_RDONLY | O_CLOEXEC);
    } else if (argc == 4 && !strcmp(argv[1], "--snapshot")) {
        return snapshot(LAYOUT_PLAIN, argv[2], argv[3], NULL);
    } else if (argc == 5 && !strncmp(argv[1], "--snapshot-", 11)) {
        return snapshot(!strcmp(argv[1] + 11, "sparse") ? LAYOUT_SPARSE : LAYOUT_PLACED, argv[2], argv[3], argv[4]);
    } else if (argc >= 5 && !strcmp(argv[1], "--train")) {  /* IMAGE LOG NAME [ARGUMENT]...: as --image, and notes what is touched (train.h) */
        fd = open(argv[2], O_RDONLY | O_CLOEXEC);
        a = train(fd, argv[3]);
        argv += 4; argc -= 4;
    } else if (argc >= 3 && !strcmp(argv[1], "--image")) {  /* an image from a file of its own: development and tests */
        static struct applet loose;
        struct stat st;
        fd = open(argv[2], O_RDONLY | O_CLOEXEC);
        if (fd >= 0 && !fstat(fd, &st)) loose.size = st.st_size;
        a = &loose;
        argv += 2; argc -= 2;
    } else {
        dprintf(2, "%s: no such applet; there are:", name);
        for (int i = 0; i < MAX_APPLETS && applets.entry[i].name[0]; i++) dprintf(2, " %s", (const char *)applets.entry[i].name);
        dprintf(2, "\n");
        return 127;
    }
    if (fd < 0 || arena_map(fd, a->offset, a->size, a->written)) { dprintf(2, "%s: cannot map the applet's image: %s\n", name, strerror(errno)); return 125; }
    close(fd);
    JSContext *ctx = arena_root()->context;
    if (train_log) train_begin();
    JS_UpdateStackTop(JS_GetRuntime(ctx));
    JSValue args = JS_NewArray(ctx);
    for (int i = 0; i < argc; i++) JS_SetPropertyUint32(ctx, args, i, JS_NewString(ctx, argv[i]));
    JSValue r = JS_Call(ctx, JS_MKPTR(JS_TAG_OBJECT, arena_root()->main), JS_UNDEFINED, 1, (JSValueConst *)&args);
    int32_t code = 1;
    if (JS_IsException(r)) print_error(ctx);
    else JS_ToInt32(ctx, &code, r);
    _exit(code);
}
