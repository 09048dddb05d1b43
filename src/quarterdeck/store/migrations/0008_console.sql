-- What people change from the console: pauses of connections, and the versions of instruction files.

CREATE TABLE paused_connections (
    tenant TEXT NOT NULL, connection TEXT NOT NULL,
    paused_at REAL NOT NULL, actor TEXT NOT NULL, reason TEXT NOT NULL,
    PRIMARY KEY (tenant, connection)
);

CREATE TABLE file_versions (                 -- what an instruction file held, and since when
    tenant TEXT NOT NULL, id TEXT NOT NULL,
    assistant TEXT NOT NULL, name TEXT NOT NULL,
    digest TEXT NOT NULL, size BIGINT NOT NULL,
    state TEXT NOT NULL,                     -- begun | written | unwritten
    actor TEXT NOT NULL,                     -- who wrote it; empty: somebody on the machine's disk
    created_at REAL NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX file_versions_of ON file_versions (tenant, assistant, name, id);
