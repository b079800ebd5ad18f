/**
 * The schema of meta.db, and how it grows: each entry of MIGRATIONS takes the version before it one further (`PRAGMA user_version`).
 * Entries are never changed once released, only added.
 *
 *     meta ─ key → value                      server uuid …
 *     namespaces ─ name                       labels
 *     content ─ namespace, digest             size, labels, times; the file is <root>/content/blobs/<alg>/<hex>
 *     ingests ─ namespace, ref                id (file <root>/content/ingest/<id>), total, expected, shared (blob of another
 *                                             namespace that is simply taken over), expire_at (0: a lease holds it)
 *     images ─ namespace, name                target (OCI descriptor as JSON), labels, times
 *     containers ─ namespace, id              image, runtime, spec, snapshotter + snapshot_key, sandbox, labels, times
 *     container_extensions ─ namespace, container, name → Any
 *     snapshots ─ id                          (namespace, snapshotter, key) unique; kind, parent (a key), labels, times, usage;
 *                                             the directory is <root>/snapshots/<id>; ids are never used twice; backend: the name
 *                                             that another program's snapshotter itself gave a snapshot it had already
 *     leases ─ namespace, id                  labels, time
 *     lease_resources ─ namespace, lease, type, id
 *     trash ─ path                            directories whose snapshot is gone and which the agent has yet to delete
 *     tasks ─ namespace, id                   bundle, shim (binary, address, version), stdio, boot id, sandbox whose shim it is in
 *     exits ─ namespace, task, exec           how a process ended (exec '' is the init process), and whether an event told it
 *     sandboxes ─ namespace, id               runtime, spec, sandboxer, labels, extensions (JSON, values in base64), times
 *     pods ─ namespace, id                    running sandboxes: bundle, shim, pid, boot id; exited_at is empty while it lives
 *     podsandboxes ─ namespace, id            running sandboxes that a container of that id holds: its process, boot id; exited_at as with pods
 *
 * Times are RFC 3339 text with nanoseconds, labels JSON objects.
 */

export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE namespaces (name TEXT PRIMARY KEY, labels TEXT NOT NULL DEFAULT '{}') STRICT, WITHOUT ROWID;

  CREATE TABLE content (
    namespace TEXT NOT NULL, digest TEXT NOT NULL, size INTEGER NOT NULL, labels TEXT NOT NULL,
    created_at TEXT NOT NULL, updated_at TEXT NOT NULL,
    PRIMARY KEY (namespace, digest)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX content_digest ON content (digest);

  CREATE TABLE ingests (
    id INTEGER PRIMARY KEY AUTOINCREMENT, namespace TEXT NOT NULL, ref TEXT NOT NULL,
    total INTEGER NOT NULL, expected TEXT, shared TEXT, media_type TEXT NOT NULL,
    started_at TEXT NOT NULL, expire_at TEXT NOT NULL,
    UNIQUE (namespace, ref)
  ) STRICT;
  CREATE INDEX ingests_shared ON ingests (shared) WHERE shared IS NOT NULL;

  CREATE TABLE images (
    namespace TEXT NOT NULL, name TEXT NOT NULL, target TEXT NOT NULL, labels TEXT NOT NULL,
    created_at TEXT NOT NULL, updated_at TEXT NOT NULL,
    PRIMARY KEY (namespace, name)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE containers (
    namespace TEXT NOT NULL, id TEXT NOT NULL, image TEXT NOT NULL,
    runtime TEXT NOT NULL, options_type TEXT, options BLOB, spec_type TEXT, spec BLOB,
    snapshotter TEXT NOT NULL, snapshot_key TEXT NOT NULL, sandbox TEXT NOT NULL, labels TEXT NOT NULL,
    created_at TEXT NOT NULL, updated_at TEXT NOT NULL,
    PRIMARY KEY (namespace, id)
  ) STRICT;
  CREATE TABLE container_extensions (
    namespace TEXT NOT NULL, container TEXT NOT NULL, name TEXT NOT NULL, type_url TEXT NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (namespace, container, name),
    FOREIGN KEY (namespace, container) REFERENCES containers (namespace, id) ON DELETE CASCADE
  ) STRICT;

  CREATE TABLE snapshots (
    id INTEGER PRIMARY KEY AUTOINCREMENT, namespace TEXT NOT NULL, snapshotter TEXT NOT NULL, key TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('active', 'view', 'committed')), parent TEXT NOT NULL, labels TEXT NOT NULL,
    created_at TEXT NOT NULL, updated_at TEXT NOT NULL, size INTEGER, inodes INTEGER,
    UNIQUE (namespace, snapshotter, key)
  ) STRICT;
  CREATE INDEX snapshots_parent ON snapshots (namespace, snapshotter, parent) WHERE parent <> '';

  CREATE TABLE leases (
    namespace TEXT NOT NULL, id TEXT NOT NULL, labels TEXT NOT NULL, created_at TEXT NOT NULL,
    PRIMARY KEY (namespace, id)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE lease_resources (
    namespace TEXT NOT NULL, lease TEXT NOT NULL, type TEXT NOT NULL, id TEXT NOT NULL,
    PRIMARY KEY (namespace, lease, type, id),
    FOREIGN KEY (namespace, lease) REFERENCES leases (namespace, id) ON DELETE CASCADE
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX lease_resources_id ON lease_resources (namespace, type, id);

  CREATE TABLE trash (path TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;

  CREATE TABLE tasks (
    namespace TEXT NOT NULL, id TEXT NOT NULL, boot TEXT NOT NULL, bundle TEXT NOT NULL, binary TEXT NOT NULL,
    address TEXT NOT NULL, version INTEGER NOT NULL, pid INTEGER NOT NULL,
    stdin TEXT NOT NULL, stdout TEXT NOT NULL, stderr TEXT NOT NULL, terminal INTEGER NOT NULL,
    PRIMARY KEY (namespace, id)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE exits (
    namespace TEXT NOT NULL, task TEXT NOT NULL, exec TEXT NOT NULL,
    pid INTEGER NOT NULL, exit_status INTEGER NOT NULL, exited_at TEXT NOT NULL, told INTEGER NOT NULL,
    PRIMARY KEY (namespace, task, exec),
    FOREIGN KEY (namespace, task) REFERENCES tasks (namespace, id) ON DELETE CASCADE
  ) STRICT, WITHOUT ROWID;
  `,
  `
  CREATE TABLE sandboxes (
    namespace TEXT NOT NULL, id TEXT NOT NULL,
    runtime TEXT NOT NULL, options_type TEXT, options BLOB, spec_type TEXT, spec BLOB,
    sandboxer TEXT NOT NULL, labels TEXT NOT NULL, extensions TEXT NOT NULL,
    created_at TEXT NOT NULL, updated_at TEXT NOT NULL,
    PRIMARY KEY (namespace, id)
  ) STRICT;
  CREATE TABLE pods (
    namespace TEXT NOT NULL, id TEXT NOT NULL, boot TEXT NOT NULL, bundle TEXT NOT NULL, binary TEXT NOT NULL,
    address TEXT NOT NULL, version INTEGER NOT NULL, pid INTEGER NOT NULL,
    exit_status INTEGER NOT NULL, exited_at TEXT NOT NULL,
    PRIMARY KEY (namespace, id)
  ) STRICT, WITHOUT ROWID;
  ALTER TABLE tasks ADD COLUMN sandbox TEXT NOT NULL DEFAULT '';
  `,
  `
  ALTER TABLE snapshots ADD COLUMN backend TEXT;
  CREATE INDEX snapshots_backend ON snapshots (snapshotter, backend) WHERE backend IS NOT NULL;
  `,
  `
  CREATE TABLE podsandboxes (
    namespace TEXT NOT NULL, id TEXT NOT NULL, boot TEXT NOT NULL, pid INTEGER NOT NULL,
    exit_status INTEGER NOT NULL, exited_at TEXT NOT NULL,
    PRIMARY KEY (namespace, id)
  ) STRICT, WITHOUT ROWID;
  `,
];

/** `PRAGMA application_id`: "Whrf". */
export const APPLICATION_ID = 0x57687266;
