/* The library functions that TypeScript may call by address: their arguments and results are integers and pointers. */
#include <crc.h>
#include <igzip_lib.h>
#include <openssl/err.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <seccomp.h>
#include <string.h>
#include <zstd.h>

/* Layouts that TypeScript relies on (src/linux/layer/decompress.ts, compress.ts, sha256.ts). */
#include <stddef.h>
_Static_assert(sizeof(struct inflate_state) == 87368 && offsetof(struct inflate_state, next_in) == 16 &&
               offsetof(struct inflate_state, avail_in) == 32 && offsetof(struct inflate_state, block_state) == 21160 &&
               offsetof(struct inflate_state, crc_flag) == 21172 && ISAL_BLOCK_FINISH == 5, "inflate_state");
_Static_assert(sizeof(struct isal_zstream) == 82384 && offsetof(struct isal_zstream, next_out) == 16 &&
               offsetof(struct isal_zstream, level_buf) == 48 && offsetof(struct isal_zstream, end_of_stream) == 56 &&
               offsetof(struct isal_zstream, gzip_flag) == 60, "isal_zstream");
_Static_assert(sizeof(SHA256_CTX) == 112, "SHA256_CTX");

/* libcrypto would ask the processor what it can do at every start, some ten instructions that each trap in a virtual machine. The
   build takes that out of the start-up (tools/lib/native.ts); who hashes much calls it first, the others get the plain code. */
void OPENSSL_cpuid_setup(void);

static const struct { const char *name; void *function; } symbols[] = {
#define S(f) { #f, (void *)f }
    S(seccomp_init), S(seccomp_reset), S(seccomp_release), S(seccomp_arch_add), S(seccomp_arch_remove), S(seccomp_attr_set),
    S(seccomp_rule_add_array), S(seccomp_syscall_resolve_name), S(seccomp_syscall_resolve_name_arch), S(seccomp_export_bpf), S(seccomp_export_pfc),
    S(seccomp_api_get), S(seccomp_api_set), S(seccomp_arch_resolve_name), S(seccomp_version),
    S(strcspn),
    S(OPENSSL_cpuid_setup), S(SHA256_Init), S(SHA256_Update), S(SHA256_Final),
    S(ZSTD_createDStream), S(ZSTD_freeDStream), S(ZSTD_decompressStream), S(ZSTD_isError), S(ZSTD_getErrorName),
    S(ZSTD_createCStream), S(ZSTD_freeCStream), S(ZSTD_CCtx_setParameter), S(ZSTD_compressStream2),
    S(isal_inflate_init), S(isal_inflate_reset), S(isal_inflate), S(isal_adler32), S(isal_deflate_init), S(isal_deflate),
    S(TLS_client_method), S(SSL_CTX_new), S(SSL_CTX_load_verify_locations), S(SSL_CTX_set_default_verify_paths),
    S(SSL_CTX_use_certificate_chain_file), S(SSL_CTX_use_PrivateKey_file), S(SSL_CTX_set_verify), S(SSL_CTX_ctrl),
    S(SSL_new), S(SSL_set_fd), S(SSL_ctrl), S(SSL_set1_host), S(SSL_get0_param), S(X509_VERIFY_PARAM_set1_ip_asc),
    S(SSL_connect), S(SSL_read), S(SSL_write), S(SSL_pending), S(SSL_shutdown), S(SSL_get_error), S(SSL_get_verify_result),
    S(X509_verify_cert_error_string), S(ERR_peek_last_error), S(ERR_error_string_n), S(ERR_clear_error),
    S(strnlen), S(memcpy), S(memcmp),
#undef S
};
