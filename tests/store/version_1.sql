-- A store as genba made it with schema version 1, with one call in it. It stays as it is: such files are out there.
PRAGMA page_size = 16384;
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA journal_mode = WAL;
PRAGMA application_id = 1734700642;
PRAGMA user_version = 1;
CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL UNIQUE,
    pid INTEGER,
    started_ns INTEGER,
    python TEXT,
    genba TEXT,
    command TEXT,
    parent_run_id TEXT
);
CREATE TABLE resources (
    id INTEGER PRIMARY KEY,
    attributes TEXT NOT NULL UNIQUE
);
CREATE TABLE spans (
    id INTEGER PRIMARY KEY,
    trace_id BLOB NOT NULL,
    span_id BLOB NOT NULL,
    parent_span_id BLOB,
    start_ns INTEGER NOT NULL,
    end_ns INTEGER NOT NULL,
    status TEXT NOT NULL,
    run INTEGER REFERENCES runs (id),
    sequence INTEGER,
    operation TEXT,
    provider TEXT,
    request_model TEXT,
    response_model TEXT,
    conversation_id TEXT,
    user_id TEXT,
    input_tokens INTEGER,
    output_tokens INTEGER,
    time_to_first_chunk REAL,
    error_type TEXT,
    outcome TEXT,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    scope TEXT NOT NULL,
    status_description TEXT,
    resource INTEGER REFERENCES resources (id),
    attributes TEXT NOT NULL,
    events TEXT,
    links TEXT,
    content TEXT,
    exchange TEXT
);
CREATE UNIQUE INDEX spans_by_trace ON spans (id >> 13, trace_id, span_id);
CREATE INDEX spans_by_start ON spans (start_ns);
CREATE TABLE content (
    id INTEGER PRIMARY KEY,
    key INTEGER,
    sha256 BLOB,
    bytes INTEGER NOT NULL,
    encoding TEXT NOT NULL,
    deleted_ns INTEGER,
    deleted_because TEXT,
    body
);
CREATE INDEX content_by_key ON content (id >> 15, key) WHERE key IS NOT NULL;
CREATE TABLE losses (
    at_ns INTEGER NOT NULL,
    reason TEXT NOT NULL,
    count INTEGER NOT NULL,
    bytes INTEGER,
    run INTEGER REFERENCES runs (id),
    first_sequence INTEGER,
    last_sequence INTEGER
);
CREATE TABLE tallies (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO tallies VALUES ('content_ids', 0), ('content_bytes', 0), ('span_ids', 0);
INSERT INTO runs VALUES (1, 'r1', 7, 1790000000000000000, '3.11.7', '0.1.0', '["python","app.py"]', NULL);
INSERT INTO resources VALUES (1, '{}');
INSERT INTO content VALUES (1, 5069345427540198204, X'4659EECECC48C33C37C4087F214850C916EAAEB23A75C725125D1DF60C8B5F7A', 55, 'json', NULL, NULL,
    '{"role":"user","parts":[{"type":"text","content":"q"}]}');
INSERT INTO content VALUES (2, 5792782756889969367, X'50641939D56F42D706CE55A032237E23DE17E3E400494EFB00FC006481584A6E', 60, 'json', NULL, NULL,
    '{"role":"assistant","parts":[{"type":"text","content":"a"}]}');
INSERT INTO spans (id, trace_id, span_id, start_ns, end_ns, status, run, sequence, operation, request_model, outcome, name, kind, scope, resource,
    attributes, content) VALUES (1, X'CD963101B79A7874D362AE588356A932', X'D26125ADE045A9F8', 1790000000000000000, 1790000001000000000, 'unset', 1, 1,
    'chat', 'm', 'completed', 'chat m', 'client', 'genba', 1, '{}', '{"gen_ai.input.messages":[1],"gen_ai.output.messages":[2]}');
UPDATE tallies SET value = 115 WHERE name = 'content_bytes';
UPDATE tallies SET value = 2 WHERE name = 'content_ids';
UPDATE tallies SET value = 1 WHERE name = 'span_ids';
